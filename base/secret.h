/* SPDX-License-Identifier: MIT */
/* secret.h - the upstream's API key: reads it, checks it, and wipes it after use.
 *
 * A key comes from a file or from an environment variable, never from argv. One trailing newline
 * (LF or CRLF) is stripped. The rest must be 1..512 bytes, each in 0x21..0x7E, because it is sent
 * in an HTTP header unchanged. Error texts never contain the key.
 *
 * The main thread reads the key at startup; afterwards one thread owns it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>

struct secret;

/* Reads a key from a regular file. Rejects a file that is empty, too long or contains bytes outside
 * the range. Also rejects one that is readable by group or others, unless it is below
 * $CREDENTIALS_DIRECTORY or /run/secrets, where the platform sets the modes.
 *
 * Returns ERR_SYSTEM or ERR_SYNTAX on failure; `why` is then a message for the operator that names
 * the file but never its content. The caller frees *ret_secret. */
enum err secret_from_file(const char *path, struct secret **ret_secret, struct errmsg *why);

/* Checks a file by the rules above without reading it. Returns ERR_OK, or the error that
 * secret_from_file() would return before it reads. */
enum err secret_check_file(const char *path, struct errmsg *why);

/* Reads a key from a string, such as the value of the environment variable `name`, under the same
 * rules. The caller wipes its own copy. */
enum err secret_from_text(const char *name, const char *text, struct secret **ret_secret,
                          struct errmsg *why);

/* Reads the file again if inode, size, mode or modification time changed. Returns true if the key
 * is a new one. If the file is invalid, the old key stays in use; a key that did not come from a
 * file never changes. */
bool secret_refresh(struct secret *secret);

/* Wipes, then frees. NULL is a no-op. */
void secret_free(struct secret *secret);

/* Returns the key, NUL-terminated; valid until secret_refresh() or secret_free(). */
const char *secret_text(const struct secret *secret);

#endif
