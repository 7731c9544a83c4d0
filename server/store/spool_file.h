/* SPDX-License-Identifier: MIT */
/* spool_file.h - the file of the spool: lines of a fixed length, each in a slot.
 *
 * A new line is written into a free slot, so no line that is in use is ever overwritten, and the
 * file is at most as long as the most lines that were in use together. A line that is removed
 * becomes blank; after the last one, the file is empty. Only new lines are synced: one that comes
 * back after a power failure is handed in twice, which changes nothing.
 *
 * A line that is damaged stays in its slot, for the operator. An incomplete line at the end is one
 * whose write was interrupted before its sync: it is overwritten.
 *
 * One thread at a time. */
#ifndef STORE_SPOOL_FILE_H
#define STORE_SPOOL_FILE_H

#include "base/err.h"
#include "base/errmsg.h"
#include "store/spool_line.h"

#include <stddef.h>

#define SPOOL_SLOTS_MAX 2000 /* the file is at most 1 MB long */

struct spool_file;

/* Creates what is missing (folders 0700, the file 0600), locks the file until it is closed or the
 * process ends, and reads it. The caller closes *ret_file. Errors as store_open(), also if the file
 * is longer than SPOOL_SLOTS_MAX lines; `why` has the message. */
enum err spool_file_open(const char *path, struct spool_file **ret_file, struct errmsg *why);
void spool_file_close(struct spool_file *file); /* NULL is a no-op */

/* Runs `each` for every line, which may remove it. NULL = a line that is damaged. */
typedef void spool_line_fn(void *arg, const struct spool_line *line);
void spool_file_each(struct spool_file *file, spool_line_fn *each, void *arg);

/* Adds a line to be written by spool_file_sync(). No-op if there is one with this number and id.
 * Returns ERR_TOO_BIG if no slot is free, ERR_SYNTAX if spool_line_write() does not accept it. */
enum err spool_file_add(struct spool_file *file, const struct spool_line *line);

/* Writes the lines that were added, and syncs them together. Returns 0, or the errno of the system
 * call that failed: then the same lines are written again next time. */
int spool_file_sync(struct spool_file *file);

/* Returns the number of lines that are not synced. */
size_t spool_file_unsynced(const struct spool_file *file);

/* Removes the line with this number and id, if there is one. */
void spool_file_remove(struct spool_file *file, const struct spool_line *line);

#endif
