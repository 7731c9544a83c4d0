/* SPDX-License-Identifier: MIT */
/* result.h - how a lookup ended: immutable, shared, with its response bodies ready-made.
 *
 * The body is the same for everybody who asks the same question, so it is made once, here, and
 * served from memory as it is. Reference-counted; the last result_unref() frees. Immutable after
 * result_new_...(), so any thread may read one that it holds a reference to. */
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
    char etag[RESULT_ETAG]; /* strong, of these bytes, with its quotes */
};

struct result {
    atomic_uint refs;
    atomic_llong refresh_claimed_ms;           /* see result_claim_refresh() */
    unsigned char key[HASH_SIZE];              /* of the question */
    enum err err;                              /* ERR_OK: answered, perhaps with no mailbox */
    int64_t fetched_ms, expires_ms;            /* wall time */
    size_t n_emails;                           /* 0 when `err` is set */
    struct result_body bodies[RESULT_FORMATS]; /* empty when `err` is set */
    enum charged charged;
    char *domain; /* that it is about; NULL when `err` is set */
    char *detail; /* words for the caller when `err` is set, else NULL */
    size_t bytes; /* memory that it takes, for the cache's limit */
};

/* What a successful result is made of. Borrowed. Strings are valid UTF-8. */
struct result_email {
    const char *email, *status;
};

struct result_facts {
    const unsigned char *key; /* HASH_SIZE bytes */
    const char *domain, *company_name;
    const struct result_email *emails; /* in the vendor's order */
    size_t n_emails;
    int64_t fetched_ms, ttl_found_ms, ttl_empty_ms;
    bool truncated; /* the upstream had more entries than are kept */
};

/* Exact repeats of an address (compared without ASCII case) are dropped; the first stays. The time
 * to live is ttl_found_ms or ttl_empty_ms by what remains. One reference, the caller's. */
const struct result *result_new_answer(const struct result_facts *facts);

/* When an answer was fetched and when it expires, wall time. */
struct result_times {
    int64_t fetched_ms, expires_ms;
};

/* The answer whose JSON body this is, to the byte; without one address when `leave_out` is not NULL
 * (compared without ASCII case). NULL when that is no such body. result_parse.c. */
const struct result *result_from_json(const unsigned char *key, const char *json, size_t len,
                                      const struct result_times *times, const char *leave_out);

/* An end without an answer; `detail` is copied, may be NULL. */
const struct result *result_new_failure(const unsigned char *key, enum err err, const char *detail,
                                        enum charged charged, int64_t fetched_ms, int64_t ttl_ms);

/* Who serves an expired result has it asked for anew; this says who of the many that may serve it
 * at once: true for one of them, and again RESULT_REFRESH_MS later should it still be there.
 * `now_ms` is monotonic. */
#define RESULT_REFRESH_MS 60000
bool result_claim_refresh(const struct result *result, int64_t now_ms);

const struct result *result_ref(const struct result *result);
void result_unref(const struct result *result); /* NULL is fine */

#endif
