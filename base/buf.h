/* SPDX-License-Identifier: MIT */
/* buf.h - a byte buffer that grows up to a limit given at its birth.
 *
 * Appending past the limit fails with ERR_TOO_BIG, leaves the content as it was and marks the
 * buffer, so that a run of appends may be checked once at its end. Up to BUF_SMALL bytes, memory is
 * there or the process ends, as in mem.h. Beyond, where strangers choose how much it is, an append
 * for which there is no memory is one that does not fit. `data` is always followed by a NUL that
 * `len` does not count. One thread at a time. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define BUF_SMALL ((size_t)64 << 10)

struct buf {
    char *data; /* NULL until the first append */
    size_t len, room, max;
    bool overflowed;
};

#define BUF_INIT(limit) ((struct buf){.max = (limit)})

void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, forgets the overflow */

enum err buf_add(struct buf *buf, const void *data, size_t len);
enum err buf_add_str(struct buf *buf, const char *s);
/* No argument may point into the buffer itself. */
enum err buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ERR_TOO_BIG if any append since the last clear did not fit. */
enum err buf_check(const struct buf *buf);

/* The content as a C string; "" when nothing was appended. Valid until the next append. */
const char *buf_str(const struct buf *buf);

/* Hands the memory (NUL-terminated, heap, never NULL) to the caller and leaves the buffer empty. */
char *buf_take(struct buf *buf, size_t *ret_len);

#define autobuf __attribute__((cleanup(buf_done)))

#endif
