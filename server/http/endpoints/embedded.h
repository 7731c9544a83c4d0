/* SPDX-License-Identifier: MIT */
/* embedded.h - embeds files of the source tree in the read-only data, so that a document always
 * matches the daemon that serves it.
 *
 * The assembler's .incbin does it. The compiler must run in the root of the source tree, and does
 * not report the files: the Makefile lists them as prerequisites. Any thread. */
#ifndef HTTP_ENDPOINTS_EMBEDDED_H
#define HTTP_ENDPOINTS_EMBEDDED_H

#include "base/slice.h"

/* Embeds `file`, a literal path, and declares its bytes: from NAME_text to before NAME_end. */
#define EMBED(name, file)                                                                          \
    __asm__(".section .rodata\n"                                                                   \
            ".global " #name "_text, " #name "_end\n" #name "_text:\n"                             \
            ".incbin \"" file "\"\n" #name "_end:\n"                                               \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char name##_text[], name##_end[]

/* Returns the bytes between the two labels of a file. */
static inline struct slice embedded(const char *text, const char *end)
{
    return (struct slice){text, (size_t)(end - text)};
}

#endif
