/* SPDX-License-Identifier: MIT */
/* file.h - may this file be used, and is it ours alone? Any implementation on files.
 *
 * The file holds what was bought, addresses of people, and the books: only its owner may read it,
 * and nobody may lead us elsewhere. */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H

#include "base/err.h"

#include <stdbool.h>

/* Makes what is missing (folders 0700, the file 0600, durably) when `create`; then checks that it
 * is a plain file of this user that nobody else may open. ERR_STORE_REFUSED when it is not,
 * ERR_ABSENT when it is missing and not to be made, ERR_STORAGE_UNAVAILABLE when the system
 * refuses; `why` (STORE_WHY bytes) then says it in words. */
enum err store_file_prepare(const char *path, bool create, char *why);

/* Takes the owner's lock, which lasts until *ret_fd is closed or the process ends, however it ends.
 * ERR_STORE_BUSY when another process has it. */
enum err store_file_own(const char *path, int *ret_fd, char *why);

/* Does some process own it? */
bool store_file_is_owned(const char *path);

#endif
