/* SPDX-License-Identifier: MIT */
/* fuzz.h - what the fuzz targets share: their interface, how they fail, how they split an input.
 *
 * A target is one file, fuzz_NAME.c, with one LLVMFuzzerTestOneInput() that calls the real
 * module. It checks more than "does not crash": each FUZZ_WANT() is a promise of the module's
 * header. The same file is linked twice: with libFuzzer, which invents inputs, and with
 * replay.c, which reads the corpus on every `make check`. For one thread. */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs one input; the name is libFuzzer's. `data` has exactly `size` bytes and no NUL. Returns
 * 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Prints the broken promise and aborts: an abort is a finding for libFuzzer. */
_Noreturn void fuzz_fail(const char *file, int line, const char *promise);

#define FUZZ_WANT(promise)                                                                         \
    do {                                                                                           \
        if (!(promise))                                                                            \
            fuzz_fail(__FILE__, __LINE__, #promise);                                               \
    } while (0)

/* The rest of an input. */
struct input {
    const char *at;
    size_t left;
};

struct input input_of(const uint8_t *data, size_t size);

/* Returns the next byte, or 0 after the end. */
unsigned input_byte(struct input *input);

/* Returns the bytes up to the next line feed, without it, as a copy that ends with a NUL; NULL
 * at the end. The line may contain NULs: *ret_len is its length. The caller frees it. */
char *input_line(struct input *input, size_t *ret_len);

/* Returns the rest as a C string, which ends at its first NUL. The caller frees it. */
char *input_text(const uint8_t *data, size_t size);

/* Returns the text with the case of every ASCII letter inverted. The caller frees it. */
char *input_other_case(const char *text);

/* Returns whether all bytes are printable ASCII. */
bool input_is_printable(const char *text, size_t len);

#endif
