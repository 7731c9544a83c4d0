/* SPDX-License-Identifier: MIT */
/* openmart.h - the dialect of the vendor's batch API, and nothing else: builds the five calls,
 * reads the five answers, classifies every failure. No policy: it retries nothing and remembers
 * nothing. Source of all shapes: the vendor's page "Find company emails" and its sibling pages on
 * batch status, task ids, task results and credit balance.
 *
 * The submit is the only call that costs credits. It goes over a connection of its own that is not
 * re-used. Readers tolerate what the vendor leaves open: missing, extra, nested or null fields.
 * Engine thread only. */
#ifndef CLIENT_OPENMART_OPENMART_H
#define CLIENT_OPENMART_OPENMART_H

#include "base/err.h"
#include "base/secret.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMART_BATCH_MAX  100  /* tasks in one submit; the vendor's limit */
#define OPENMART_ID_MAX     64   /* of a batch or task id: [A-Za-z0-9_-]{1,64} */
#define OPENMART_EMAILS_MAX 1000 /* entries kept of one task; the rest is cut and told */

/* What an answer means for the one who asked; one table in openmart_verdict.c. */
enum verdict {
    VERDICT_DONE,      /* it was done, and the answer could be read */
    VERDICT_REFUSED,   /* it was definitely not done, and asking again will not help by itself */
    VERDICT_RETRYABLE, /* it was definitely not done, or doing it again is free */
    VERDICT_UNKNOWN,   /* a submit that may have been done: credits may be spent */
};

/* Every callback gets one. Valid only during the call. */
struct openmart_reply {
    enum verdict verdict;
    enum err err;          /* ERR_OK when done; else the public error that fits */
    int status;            /* HTTP; 0 when there was none */
    int64_t retry_after_s; /* -1 = not told; else within [1, 3600] */
    int64_t took_ms;
    const char *detail; /* the vendor's `detail`, or the transport's words: valid UTF-8, no control
                           characters, at most 200 bytes; "" when there is none */
};

/* One task of a submit. Borrowed strings; NULL or "" is left out. */
struct openmart_form {
    const char *domain, *company_name, *city, *state, *country, *tracking_id;
};

/* `/status` of a batch. Counts are clamped to 0..1e6 and are hints: only `ready` is relied upon. */
struct openmart_counts {
    int64_t processing, completed, errored, total;
    bool ready;
};

enum openmart_state {
    OPENMART_PROCESSING,
    OPENMART_COMPLETED,
    OPENMART_ERRORED,
    OPENMART_CANCELLED,
    OPENMART_STATE_OTHER, /* a word that the vendor's pages do not hold */
};

struct openmart_email {
    const char *email;  /* valid UTF-8, no control characters, 1..320 bytes */
    const char *status; /* as sent if 1..64 such bytes, else "UNKNOWN" */
};

struct openmart_task {
    enum openmart_state state;
    const char *tracking_id; /* "" when absent, null, or no string */
    const struct openmart_email *emails;
    size_t n_emails;
    size_t n_dropped; /* entries without a usable address */
    bool truncated;   /* there were more than OPENMART_EMAILS_MAX */
};

struct openmart;
struct openmart_call; /* one on its way */

struct openmart_options {
    const char *base_url;     /* without a trailing slash; copied */
    const struct secret *key; /* borrowed for the life of the openmart */
    int64_t submit_timeout_ms;
    int64_t read_timeout_ms;
};

struct openmart *openmart_new(const struct openmart_options *options, struct transport *transport);
void openmart_free(struct openmart *openmart); /* before its transport; no call may be on its way */

/* Each runs exactly once, never inside the call that took it, never after openmart_cancel(). The
 * last argument is NULL (0) unless the verdict is DONE. All is borrowed for the call. */
typedef void openmart_submit_fn(void *arg, const struct openmart_reply *reply,
                                const char *batch_id);
typedef void openmart_counts_fn(void *arg, const struct openmart_reply *reply,
                                const struct openmart_counts *counts);
typedef void openmart_ids_fn(void *arg, const struct openmart_reply *reply, const char *const *ids,
                             size_t n);
typedef void openmart_task_fn(void *arg, const struct openmart_reply *reply,
                              const struct openmart_task *task);
typedef void openmart_balance_fn(void *arg, const struct openmart_reply *reply, int64_t balance);

/* POST .../lookup_business_email with 1..OPENMART_BATCH_MAX forms. Costs credits. */
struct openmart_call *openmart_submit(struct openmart *openmart, const struct openmart_form *forms,
                                      size_t n, openmart_submit_fn *done, void *arg);

/* The reads: free, and safe to repeat. Ids are checked again before they enter a path. */
struct openmart_call *openmart_batch_status(struct openmart *openmart, const char *batch_id,
                                            openmart_counts_fn *done, void *arg);

/* `state` "COMPLETED", "ERRORED", ... or NULL for all tasks of the batch. Ids come without repeats
 * and without those that break OPENMART_ID_MAX. */
struct openmart_call *openmart_task_ids(struct openmart *openmart, const char *batch_id,
                                        const char *state, openmart_ids_fn *done, void *arg);
struct openmart_call *openmart_read_task(struct openmart *openmart, const char *task_id,
                                         openmart_task_fn *done, void *arg);
struct openmart_call *openmart_credit_balance(struct openmart *openmart, openmart_balance_fn *done,
                                              void *arg);

void openmart_cancel(struct openmart_call *call);

#endif
