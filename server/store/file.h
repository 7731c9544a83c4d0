/* SPDX-License-Identifier: MIT */
/* file.h - creates, checks and locks a file: that of a store in SQLite, or the spool.
 *
 * The file contains paid results, personal data, the journal, or the ids of paid batches. Only its
 * owner may read it, and no other user may redirect the daemon to another file. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>

#define STORE_FILE_NONE ":memory:" /* SQLite's name of a database in memory; never a path here */

/* Checks that the file exists in a folder that this user may write in, or that the folder could be
 * created, and creates nothing. Does not look at the file. Returns ERR_STORE_REFUSED if `path` is
 * not a file path, ERR_STORAGE_UNAVAILABLE if the folder cannot be used; `why` has the message. */
enum err store_file_check(const char *path, struct errmsg *why);

/* If `create`, creates what is missing (folders 0700, the file 0600, durably). Then checks that it
 * is a regular file of this user that no other user may open. Returns ERR_STORE_REFUSED if it is
 * not, ERR_NO_ENTRY if it is missing and `create` is false, ERR_STORAGE_UNAVAILABLE if the system
 * fails; `why` then has the message. */
enum err store_file_prepare(const char *path, bool create, struct errmsg *why);

/* Takes the owner's lock, which lasts until *ret_fd is closed or the process ends in any way.
 * Returns ERR_STORE_BUSY if another process has it, or an error as above. */
enum err store_file_own(const char *path, int *ret_fd, struct errmsg *why);

/* Returns whether a process owns the store. */
bool store_file_is_owned(const char *path);

#endif
