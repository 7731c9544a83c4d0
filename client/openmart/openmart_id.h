/* SPDX-License-Identifier: MIT */
/* openmart_id.h - the ids of batches and tasks: which are usable, and how they become a part of a
 * path.
 *
 * Openmart's page calls the id of a batch a UUID. Its format is not relied on: a batch with another
 * id was paid for all the same. Pure functions; any thread. */
#ifndef CLIENT_OPENMART_OPENMART_ID_H
#define CLIENT_OPENMART_OPENMART_ID_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "client/openmart/openmart_types.h"

#include <stdbool.h>

/* Returns whether the id has 1 to OPENMART_ID_MAX printable ASCII characters, without a space at
 * either end. */
bool openmart_id_ok(const char *id);

/* Reads an id from a string, whose surrounding blanks are removed, or from an integer. Returns
 * false if `value` (NULL = absent) holds none. `ret_id` holds OPENMART_ID_MAX + 1 bytes. */
bool openmart_id_read(const struct json *value, char *ret_id);

/* Appends the id as one segment of a path: everything but the unreserved characters of RFC 3986
 * (2.3) percent-encoded, and the dots of "." and ".." too, so that they remove no segment. */
enum err openmart_id_add_segment(struct buf *out, const char *id);

#endif
