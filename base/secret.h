/* SPDX-License-Identifier: MIT */
/* secret.h - the upstream's API key: read once, checked, wiped at the end.
 *
 * A key comes from a file or from an environment variable, never from argv. One trailing newline
 * (LF or CRLF) is stripped; what remains must be 1..512 bytes, each in 0x21..0x7E, because it goes
 * into an HTTP header as it is. Nothing here puts the key into an error text. Read by the main
 * thread at the start; afterwards one thread owns it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

#include <stdbool.h>

struct secret;

#define SECRET_WHY 256

/* From a regular file. Refused: empty, longer than the limit, bytes outside the range, readable by
 * group or others (unless it lies below $CREDENTIALS_DIRECTORY or /run/secrets, where the platform
 * sets the modes). On failure: ERR_SYSTEM or ERR_SYNTAX, and `why` (SECRET_WHY bytes) says what is
 * wrong in words for the operator, naming the file and never its content. */
enum err secret_from_file(const char *path, struct secret **ret_secret, char *why);

/* May that file hold a secret, by the rules above? ERR_OK, or what secret_from_file() would return
 * before it reads. */
enum err secret_check_file(const char *path, char *why);

/* From a string, such as the value of the environment variable `name`, under the same rules. The
 * caller wipes its own copy. */
enum err secret_from_text(const char *name, const char *text, struct secret **ret_secret,
                          char *why);

/* Reads the file again if it is another one than last time (inode, size or time of change). True
 * when there is a new key now. A file that is not valid is left alone and the old key stays; so
 * does a key that came from the environment. */
bool secret_refresh(struct secret *secret);

/* Wipes, then frees. */
void secret_free(struct secret *secret);

/* NUL-terminated; valid until secret_refresh() or secret_free(). */
const char *secret_text(const struct secret *secret);

#endif
