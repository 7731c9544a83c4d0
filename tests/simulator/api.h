/* SPDX-License-Identifier: MIT */
/* api.h - the upstream's endpoints: maps a call to its endpoint, and makes its reply.
 *
 * Knows no socket and no HTTP library: a reply is not bytes yet, so that a fault can still change
 * it, and the flow tests can send it through their fake transport. The shapes are those of the
 * upstream's documentation and contract tests: counts are nested under `status` in the reply to
 * a submit but flat at /status, task ids are a bare array, a task has four keys; shapes.h has other
 * forms. Every error is {"detail": "..."}; a wrong method is a 404, as observed. */
#ifndef SIMULATOR_API_H
#define SIMULATOR_API_H

#include "base/buf.h"
#include "tests/simulator/upstream.h"

/* ---- calls ---- */

/* Kinds of calls, as faults and counters name them. */
enum call_kind {
    CALL_SUBMIT,
    CALL_STATUS,
    CALL_TASK_IDS,
    CALL_TASK,
    CALL_BALANCE,
    CALL_OTHER, /* unknown route: 404 */
    CALL_KINDS,
    CALL_ANY = CALL_KINDS, /* of faults, as the next */
    CALL_READ              /* status, task_ids and task */
};

extern const char *const call_names[CALL_READ + 2]; /* ends with NULL */

/* Strings are borrowed, but for `id`. */
struct api_call {
    enum call_kind kind;
    char *id; /* of a batch or task, from the path; NULL: none */
    bool authorized;
    size_t key;         /* index of the API key, when authorized */
    const char *status; /* the query's parameter of that name; NULL: none */
    const char *body;
    size_t body_len;
};

/* ---- replies ---- */

#define REPLY_MAX_BYTES ((size_t)512 << 20) /* large enough for the ledger of a long run */
#define REPLY_HEADERS   16

struct header {
    char *name, *value;
};

struct reply {
    int status;
    struct buf body;
    struct header headers[REPLY_HEADERS]; /* always contains a Content-Type */
    size_t n_headers;
    char batch_id[UUID_TEXT]; /* the batch id in this reply; "" = no id */
};

/* Initializes it: status 200, no body, application/json. */
void reply_init(struct reply *reply);
void reply_done(struct reply *reply);

/* Replaces the header of that name; ignores it if REPLY_HEADERS are set. */
void reply_header(struct reply *reply, const char *name, const char *value, size_t value_len);

/* Changes it into {"detail":"..."} with this status; keeps the headers. */
void reply_detail(struct reply *reply, int status, const char *detail);

/* ---- endpoints ---- */

/* Sets the kind and the id. `path` is as sent, with its percent-encoding, and has no query. */
void api_route(struct api_call *call, const char *method, const char *path);

/* Writes the reply. For a submit, this creates the batch. */
void api_handle(struct upstream *upstream, const struct api_call *call, struct reply *reply);

/* Returns whether the call is about a batch that has a task of that domain: a submit that contains
 * it, or a read of such a batch or of any of its tasks. */
bool api_concerns(const struct upstream *upstream, const struct api_call *call, const char *domain);

#endif
