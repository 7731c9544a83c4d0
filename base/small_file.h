/* SPDX-License-Identifier: MIT */
/* small_file.h - reads a whole file of limited size, such as a list that an operator wrote.
 *
 * Files with secrets have readers of their own, which also check who may read or write them. Any
 * thread. */
#ifndef BASE_SMALL_FILE_H
#define BASE_SMALL_FILE_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stddef.h>

/* Reads at most `max` bytes. *ret_text is heap, with a NUL behind its *ret_len bytes; the caller
 * frees it. Returns ERR_SYSTEM if the file cannot be read, ERR_TOO_BIG if it is longer; `why` then
 * says so, with the path. Does not wait for the writer of a FIFO. */
enum err small_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
                         struct errmsg *why);

#endif
