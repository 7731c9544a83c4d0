/* SPDX-License-Identifier: MIT */
/* buf.h - growable byte buffer with a maximum size fixed at initialization.
 *
 * An append that exceeds the limit fails with ERR_TOO_BIG, leaves the content unchanged and marks
 * the buffer. So a series of appends can be checked once at its end. Up to BUF_SMALL bytes,
 * allocation failure ends the process, as in mem.h. Beyond that, the size may depend on input from
 * outside; allocation failure is then reported as ERR_TOO_BIG.
 *
 * `data` is always followed by a NUL that `len` does not count. The embedding struct owns the
 * buffer and calls buf_done(). One thread at a time. */
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

/* Frees the memory; the limit stays, and the buffer can be used again. */
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory, resets the overflow mark */

/* Append bytes or a string, which must not point into the buffer. Return ERR_OK or ERR_TOO_BIG. */
enum err buf_add(struct buf *buf, const void *data, size_t len);
enum err buf_add_str(struct buf *buf, const char *s);
/* Appends formatted text. No argument may point into the buffer itself. */
enum err buf_addf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Returns ERR_TOO_BIG if any append since the last clear did not fit. */
enum err buf_check(const struct buf *buf);

/* Marks `buf` if an append to `part` did not fit: for a buffer that gets the content of others. */
void buf_copy_overflow(struct buf *buf, const struct buf *part);

/* Returns the content as a C string, "" if nothing was appended. Valid until the next append. */
const char *buf_str(const struct buf *buf);

/* Hands the memory (NUL-terminated, heap, never NULL) to the caller and leaves the buffer empty.
 * `ret_len` may be NULL. */
char *buf_take(struct buf *buf, size_t *ret_len);

#define autobuf __attribute__((cleanup(buf_done)))

#endif
