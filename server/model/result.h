/* SPDX-License-Identifier: MIT */
/* result.h - the outcome of a lookup: immutable and shared, with prebuilt response bodies.
 *
 * A body is the same for all clients that ask the same question, so it is built once and served
 * from memory. Reference-counted; the last result_unref() frees. Immutable after creation, so any
 * thread may read a result that it holds a reference to. */
#ifndef MODEL_RESULT_H
#define MODEL_RESULT_H

#include "base/err.h"
#include "base/hash.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum result_format { RESULT_JSON, RESULT_TEXT, RESULT_CSV, RESULT_FORMATS };

#define RESULT_ETAG 35 /* two quotes, 32 hex digits, NUL */

struct result_body {
    const char *data;
    size_t len;
    char etag[RESULT_ETAG]; /* strong validator of these bytes, with its quotes */
};

struct result {
    atomic_uint refs;
    atomic_llong refresh_claimed_ms;           /* see result_claim_refresh() */
    unsigned char key[HASH_SIZE];              /* of the question */
    enum err err;                              /* ERR_OK: successful, perhaps without mailboxes */
    int64_t fetched_ms, expires_ms;            /* wall time */
    size_t n_emails;                           /* 0 if `err` is set */
    struct result_body bodies[RESULT_FORMATS]; /* empty if `err` is set */
    enum charged charged;
    char *domain; /* of the question; NULL if `err` is set */
    char *detail; /* message for the client if `err` is set, else NULL */
    size_t bytes; /* memory used, for the cache's limit */
};

/* The input of a successful result. Borrowed for the call. Strings are valid UTF-8. */
struct result_email {
    const char *email, *status;
};

struct result_facts {
    const unsigned char *key; /* HASH_SIZE bytes */
    const char *domain, *company_name;
    const struct result_email *emails; /* in the upstream's order */
    size_t n_emails;
    int64_t fetched_ms, ttl_found_ms, ttl_empty_ms;
    bool truncated; /* the upstream reported more entries than are used */
};

/* Builds a successful result. Repeated addresses (compared without ASCII case) are dropped; the
 * first stays. The time to live is ttl_found_ms or ttl_empty_ms, depending on what remains. Returns
 * one reference, owned by the caller. */
const struct result *result_new_answer(const struct result_facts *facts);

/* When a result was fetched and when it expires, wall time. */
struct result_times {
    int64_t fetched_ms, expires_ms;
};

/* Restores a result from its JSON body, byte for byte; without one address if `leave_out` is not
 * NULL (compared without ASCII case). Returns one reference, owned by the caller, or NULL if the
 * text is not such a body. Implemented in result_parse.c. */
const struct result *result_from_json(const unsigned char *key, const char *json, size_t len,
                                      const struct result_times *times, const char *leave_out);

/* Builds a failure; `detail` is copied and may be NULL. Returns one reference, owned by the
 * caller. */
const struct result *result_new_failure(const unsigned char *key, enum err err, const char *detail,
                                        enum charged charged, int64_t fetched_ms, int64_t ttl_ms);

/* Selects the one request that refreshes an expired result: true for one caller, and again
 * RESULT_REFRESH_MS later if the result is still in use. `now_ms` is monotonic. */
#define RESULT_REFRESH_MS 60000
bool result_claim_refresh(const struct result *result, int64_t now_ms);
/* Gives the claim back, so that the next request can have it. Call only if it was claimed. */
void result_unclaim_refresh(const struct result *result);

/* Adds a reference and returns `result`. */
const struct result *result_ref(const struct result *result);
void result_unref(const struct result *result); /* NULL is a no-op */

#endif
