/* SPDX-License-Identifier: MIT */
/* config_file.h - reads `key = value` lines; the only user of inih.
 *
 * `#` and `;` start a comment only at the start of a line. Sections, lines without a value and
 * lines longer than CONFIG_LINE are errors. The caller interprets the keys. Main thread: inih keeps
 * its settings in global variables. */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stddef.h>

#define CONFIG_LINE       1000
#define CONFIG_FILE_BYTES ((size_t)256 << 10)

/* Runs for each pair; strings are borrowed for the call. Any result but ERR_OK stops the
 * reading. */
typedef enum err config_file_fn(void *arg, const char *key, const char *value, int line);

/* Reads a file of at most CONFIG_FILE_BYTES. Returns ERR_OK, ERR_SYSTEM, ERR_SYNTAX, or the error
 * that `each` returned. For the first two errors, `why` says what is wrong, with file and line. */
enum err config_file_read(const char *path, config_file_fn *each, void *arg, struct errmsg *why);

/* The same for text in memory; `name` stands for the file name in `why`. */
enum err config_file_parse(const char *name, const char *text, config_file_fn *each, void *arg,
                           struct errmsg *why);

#endif
