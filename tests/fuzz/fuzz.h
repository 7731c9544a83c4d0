/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share: how they are called, how they fail, how they take an input
 * apart.
 *
 * A target is one file, fuzz_NAME.c, with one LLVMFuzzerTestOneInput() that calls the real module.
 * It claims more than "does not crash": each FUZZ_WANT() is a promise of the module's header. The
 * same file is linked twice: with libFuzzer, which invents inputs, and with replay.c, which reads
 * those of the corpus on every `make check`. One thread. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libFuzzer's name for it. `data` is exactly `size` bytes, not NUL-terminated. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what was promised and not kept, and aborts: that is how libFuzzer learns of it. */
_Noreturn void fuzz_fail(const char *file, int line, const char *promise);

#define FUZZ_WANT(promise)                                                                         \
    do {                                                                                           \
        if (!(promise))                                                                            \
            fuzz_fail(__FILE__, __LINE__, #promise);                                               \
    } while (0)

/* What is left of an input. */
struct input {
    const char *at;
    size_t left;
};

struct input input_of(const uint8_t *data, size_t size);

/* The next byte, or 0 behind the end. */
unsigned input_byte(struct input *input);

/* The bytes up to the next line feed, without it, as a copy with a NUL behind them; NULL at the
 * end. The line may hold NULs: *ret_len is its length. The caller frees it. */
char *input_line(struct input *input, size_t *ret_len);

/* All of it as a C string that ends at the first NUL, if there is one. The caller frees it. */
char *input_text(const uint8_t *data, size_t size);

/* The same text with the case of every ASCII letter turned round. The caller frees it. */
char *input_other_case(const char *text);

/* Printable ASCII and nothing else. */
bool input_is_printable(const char *text, size_t len);

#endif
