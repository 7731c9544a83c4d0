/* SPDX-License-Identifier: MIT */
/* validate.h - the upstream's validator: from the body of a submit to its tasks, or to the
 * `detail` of the 400.
 *
 * The order is the upstream's: the JSON must bind, then the size of the batch is checked, then
 * each task, field by field. The first fault is returned, and one invalid task rejects the whole
 * batch. The messages on size, Domain and CompanyName are the upstream's. Those on binding and
 * NotifyURL imitate its style, since only their shape is known. */
#ifndef SIMULATOR_VALIDATE_H
#define SIMULATOR_VALIDATE_H

#include "base/err.h"
#include "base/json.h"

#define SUBMISSION_MAX 100

#define DETAIL_JSON  "invalid character in request body"
#define DETAIL_ARRAY "json: cannot unmarshal request body into a list of tasks"
#define DETAIL_TYPE  "json: cannot unmarshal field of task into Go value of type string"
#define DETAIL_SIZE  "the number of tasks in each batch should be between 1 and 100"
#define DETAIL_URL   "NotifyURL must be a valid URL"

/* One task of a submit. Strings are borrowed from the document; NULL = not given. */
struct wanted {
    const char *domain, *company_name, *city, *state, *country, *tracking_id, *notify_url;
};

struct submission {
    struct json *doc;
    struct wanted tasks[SUBMISSION_MAX];
    size_t n;
};

/* ERR_SYNTAX: rejected, and *ret_detail (static) has the reason. The caller frees the result
 * with submission_done(). */
enum err submission_read(const char *body, size_t len, struct submission *ret_submission,
                         const char **ret_detail);
void submission_done(struct submission *submission);

#endif
