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

#include "base/secret.h"
#include "client/openmart/openmart_types.h"
#include "client/transport.h"

#include <stddef.h>
#include <stdint.h>

struct openmart;
struct openmart_call; /* one request in flight */

struct openmart_options {
    const char *base_url;     /* without a trailing slash; copied */
    const struct secret *key; /* borrowed; must outlive the openmart */
    int64_t submit_timeout_ms;
    int64_t read_timeout_ms; /* of the other calls */
    int64_t task_timeout_ms; /* of openmart_read_task(); 0 = as the others */
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

/* Reads: free, and safe to repeat. An id is checked and percent-encoded before it is put into a
 * path. */
struct openmart_call *openmart_batch_status(struct openmart *openmart, const char *batch_id,
                                            openmart_counts_fn *done, void *arg);

/* Lists the tasks of a batch in `state` ("COMPLETED", "ERRORED", ...); NULL = all. Ids are reported
 * without duplicates and without those that openmart_id.h does not allow. */
struct openmart_call *openmart_task_ids(struct openmart *openmart, const char *batch_id,
                                        const char *state, openmart_ids_fn *done, void *arg);
/* Reads one task. A response over the size limit is DONE too, with a task that is `unreadable`. */
struct openmart_call *openmart_read_task(struct openmart *openmart, const char *task_id,
                                         openmart_task_fn *done, void *arg);
/* Reads one task whose read timed out, with the timeout of the other reads. */
struct openmart_call *openmart_reread_task(struct openmart *openmart, const char *task_id,
                                           openmart_task_fn *done, void *arg);
/* Reads the balance of the account, in credits. */
struct openmart_call *openmart_credit_balance(struct openmart *openmart, openmart_balance_fn *done,
                                              void *arg);

/* Writes the start of a reply's body for the log, as one line of valid UTF-8 without the key and
 * without the addresses in it. `ret_excerpt` holds OPENMART_EXCERPT_TEXT bytes. */
void openmart_excerpt(const struct openmart *openmart, const struct openmart_reply *reply,
                      char *ret_excerpt);

/* Cancels a request in flight; its callback does not run. No-op inside its own callback. */
void openmart_cancel(struct openmart_call *call);

#endif
