/* SPDX-License-Identifier: MIT */
/* openmart.h - speaks Openmart's batch API: builds the five requests, parses the five responses,
 * classifies every failure.
 *
 * Contains no policy: it retries nothing and stores nothing. Source of all formats: Openmart's page
 * "Find company emails" and its sibling pages on batch status, task ids, task results and credit
 * balance. The submit is the only request that spends credits; it uses its own connection, which is
 * not reused. Parsers tolerate what Openmart leaves open: missing, extra, nested or null fields.
 *
 * Engine thread only. */
#ifndef CLIENT_OPENMART_OPENMART_H
#define CLIENT_OPENMART_OPENMART_H

#include "base/err.h"
#include "base/secret.h"
#include "client/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMART_BATCH_MAX  100  /* tasks in one submit; Openmart's limit */
#define OPENMART_ID_MAX     64   /* of a batch or task id: [A-Za-z0-9_-]{1,64} */
#define OPENMART_EMAILS_MAX 1000 /* entries used of one task; the rest is dropped and reported */

/* What a response means for the caller; decided by the table in openmart_verdict.c. */
enum verdict {
    VERDICT_DONE,      /* done, and the response is readable */
    VERDICT_REFUSED,   /* definitely not done, and a retry will not help */
    VERDICT_RETRYABLE, /* definitely not done, or free to repeat */
    VERDICT_UNKNOWN,   /* a submit that may have been done: credits may be spent */
};

/* Passed to every callback. Valid only during the call. */
struct openmart_reply {
    enum verdict verdict;
    enum err err;          /* ERR_OK when done; else the matching public error */
    int status;            /* HTTP; 0 = no status line */
    int64_t retry_after_s; /* -1 = absent; else within [1, 3600] */
    int64_t took_ms;
    const char *detail; /* Openmart's `detail`, or the transport's message: valid UTF-8, no control
                           characters, at most 200 bytes; "" if there is none */
};

/* One task of a submit. Strings are borrowed; NULL or "" is left out. */
struct openmart_form {
    const char *domain, *company_name, *city, *state, *country, *tracking_id;
};

/* `/status` of a batch. Counts are clamped to 0..1e6 and are hints; only `ready` is
 * authoritative. */
struct openmart_counts {
    int64_t processing, completed, errored, total;
    bool ready;
};

enum openmart_state {
    OPENMART_PROCESSING,
    OPENMART_COMPLETED,
    OPENMART_ERRORED,
    OPENMART_CANCELLED,
    OPENMART_STATE_OTHER, /* a state that Openmart's pages do not list */
};

struct openmart_email {
    const char *email;  /* valid UTF-8, no control characters, 1..320 bytes */
    const char *status; /* as received if 1..64 such bytes, else "UNKNOWN" */
};

struct openmart_task {
    enum openmart_state state;
    const char *tracking_id; /* "" if absent, null or not a string */
    const struct openmart_email *emails;
    size_t n_emails;
    size_t n_dropped; /* entries without a valid address */
    bool truncated;   /* more than OPENMART_EMAILS_MAX entries */
};

struct openmart;
struct openmart_call; /* one request in flight */

struct openmart_options {
    const char *base_url;     /* without a trailing slash; copied */
    const struct secret *key; /* borrowed; must outlive the openmart */
    int64_t submit_timeout_ms;
    int64_t read_timeout_ms;
};

/* Creates a client that uses `transport`, which must outlive it. Never NULL; the caller frees
 * it. */
struct openmart *openmart_new(const struct openmart_options *options, struct transport *transport);
void openmart_free(struct openmart *openmart); /* before its transport; no call may be in flight */

/* Each runs exactly once, never inside the function that took it, never after openmart_cancel().
 * The last argument is NULL (0) unless the verdict is DONE. All arguments are borrowed for the
 * call. */
typedef void openmart_submit_fn(void *arg, const struct openmart_reply *reply,
                                const char *batch_id);
typedef void openmart_counts_fn(void *arg, const struct openmart_reply *reply,
                                const struct openmart_counts *counts);
typedef void openmart_ids_fn(void *arg, const struct openmart_reply *reply, const char *const *ids,
                             size_t n);
typedef void openmart_task_fn(void *arg, const struct openmart_reply *reply,
                              const struct openmart_task *task);
typedef void openmart_balance_fn(void *arg, const struct openmart_reply *reply, int64_t balance);

/* Submits 1..OPENMART_BATCH_MAX forms (POST .../lookup_business_email). Spends credits. The forms
 * are copied. The call is valid until `done` or openmart_cancel(); so are those below. */
struct openmart_call *openmart_submit(struct openmart *openmart, const struct openmart_form *forms,
                                      size_t n, openmart_submit_fn *done, void *arg);

/* Reads: free, and safe to repeat. Ids are checked again before they are put into a path. */
struct openmart_call *openmart_batch_status(struct openmart *openmart, const char *batch_id,
                                            openmart_counts_fn *done, void *arg);

/* Lists the tasks of a batch in `state` ("COMPLETED", "ERRORED", ...); NULL = all. Ids are reported
 * without duplicates and without those that violate OPENMART_ID_MAX. */
struct openmart_call *openmart_task_ids(struct openmart *openmart, const char *batch_id,
                                        const char *state, openmart_ids_fn *done, void *arg);
/* Reads one task. */
struct openmart_call *openmart_read_task(struct openmart *openmart, const char *task_id,
                                         openmart_task_fn *done, void *arg);
/* Reads the balance of the account, in credits. */
struct openmart_call *openmart_credit_balance(struct openmart *openmart, openmart_balance_fn *done,
                                              void *arg);

/* Cancels a request in flight; its callback does not run. No-op inside its own callback. */
void openmart_cancel(struct openmart_call *call);

#endif
