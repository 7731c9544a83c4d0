/* SPDX-License-Identifier: MIT */
/* shapes.h - writes the bodies of responses, in the documented form or in one of those that other
 * clients of the upstream, its sibling routes or its own client suggest.
 *
 * Nearly every shape contains what the documented form contains. Exceptions: a frozen status
 * reports no progress, and "no_id" has no id. Pure functions; all append to `out`. */
#ifndef SIMULATOR_SHAPES_H
#define SIMULATOR_SHAPES_H

#include "base/buf.h"
#include "tests/simulator/upstream.h"

/* An id as JSON: text, or a number if it consists of digits. */
void shape_id(const char *id, struct buf *out);

/* The members that carry the mailboxes of a task. `data` is JSON; if it is not an array with
 * mailboxes, it is written as documented.
 *
 *   documented    "data": [{"email": "a@x", "status": "VALID"}]
 *   data_object   "data": {"page": 1, "found": [...]}
 *   strings       "data": ["a@x"]
 *   email_object  "data": [{"email": {"email": "a@x", "verified": true}}]
 *   result, results, emails   that name instead of "data"
 *   not_a_number  NaN, Infinity and -Infinity in further members
 *   blanks        white space, U+00A0, U+200B, U+FEFF or "mailto:" around the addresses
 *   text_numbers  a further number, as text
 *   large         a further member of 1.25 MiB
 *   address       "data": [{"address": "a@x"}], which is not documented anywhere */
void shape_data(enum task_shape shape, const char *data, struct buf *out);

/* The status of a batch as an object.
 *
 *   flat          as documented at /status
 *   nested, under_data   the same in a member "status" or "data"
 *   texts         numbers and the boolean as text
 *   frozen        always as at the submit; frozen_texts: the same as text
 *   other         {"state": "running"} or "done" */
void shape_counts(enum status_shape shape, const struct batch *batch, struct buf *out);

/* The response to a submit.
 *
 *   documented    "batch_id" at the top, counts in "status"
 *   under_data    all of it in a member "data"; under_status: "batch_id" in "status"
 *   no_id         no id at all */
void shape_submit(enum submit_shape shape, const struct batch *batch, const char *submit_for,
                  struct buf *out);

/* The balance. "missing" is the caller's business; under_data: in a member "data"; text: as text;
 * other: with another name. */
void shape_balance(enum balance_shape shape, int64_t balance, struct buf *out);

#endif
