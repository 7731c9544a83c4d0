/* SPDX-License-Identifier: MIT */
/* config_file.h - reads `key = value` lines; the one door to inih.
 *
 * `#` and `;` begin a comment at the start of a line and nowhere else. Sections, lines without a
 * value and lines beyond CONFIG_LINE are errors. What the keys mean is the caller's business.
 * Main thread: inih keeps its settings in variables of the process. */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "base/err.h"

#include <stddef.h>

#define CONFIG_LINE       1000
#define CONFIG_FILE_BYTES ((size_t)256 << 10)

/* Runs for each pair; strings are borrowed for the call. Anything but ERR_OK ends the reading. */
typedef enum err config_file_fn(void *arg, const char *key, const char *value, int line);

/* ERR_OK, ERR_SYSTEM, ERR_SYNTAX, or what `each` returned. In the first two failures `why` (of
 * `room` bytes) says what is wrong, with the file and the line. */
enum err config_file_read(const char *path, config_file_fn *each, void *arg, char *why,
                          size_t room);

/* The same of text in memory; `name` is what `why` calls it. */
enum err config_file_parse(const char *name, const char *text, config_file_fn *each, void *arg,
                           char *why, size_t room);

#endif
