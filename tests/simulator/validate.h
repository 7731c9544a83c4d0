/* SPDX-License-Identifier: MIT */
/* validate.h - the vendor's validator: from a submit's body to the tasks that it wants, or to the
 * `detail` text of the 400.
 *
 * The order is the vendor's: the JSON must bind, then the size of the batch, then each task, field
 * by field; the first fault found is the one told, and one bad task refuses the whole batch. Of the
 * texts, those on size, Domain and CompanyName are the vendor's own; the ones on binding and
 * NotifyURL are guesses after its style, since only their shape is known. */
#ifndef SIMULATOR_VALIDATE_H
#define SIMULATOR_VALIDATE_H

#include "base/err.h"
#include "base/json.h"

#define SUBMISSION_MAX 100

/* One task of a submit. Strings are borrowed from the document; NULL = not given. */
struct wanted {
    const char *domain, *company_name, *city, *state, *country, *tracking_id, *notify_url;
};

struct submission {
    struct json *doc;
    struct wanted tasks[SUBMISSION_MAX];
    size_t n;
};

/* ERR_SYNTAX: refused, and *ret_detail (static) says why. The caller ends what it got with
 * submission_done(). */
enum err submission_read(const char *body, size_t len, struct submission *ret_submission,
                         const char **ret_detail);
void submission_done(struct submission *submission);

#endif
