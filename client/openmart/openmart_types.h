/* SPDX-License-Identifier: MIT */
/* openmart_types.h - what is sent to Openmart and what its responses say, as plain values.
 * openmart.h includes it for its callers. */
#ifndef CLIENT_OPENMART_OPENMART_TYPES_H
#define CLIENT_OPENMART_OPENMART_TYPES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPENMART_BATCH_MAX    100  /* tasks in one submit; Openmart's limit */
#define OPENMART_ID_MAX       128  /* bytes of a batch or task id: printable ASCII */
#define OPENMART_EMAILS_MAX   1000 /* entries used of one task; the rest is dropped and reported */
#define OPENMART_EXCERPT_MAX  512  /* bytes of a body that go to the log */
#define OPENMART_EXCERPT_TEXT (OPENMART_EXCERPT_MAX + 1)

/* Incremented whenever openmart_parse_task() understands more than before: results that an earlier
 * version could not understand are then parsed again. */
#define OPENMART_PARSER_VERSION 1

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
    bool timed_out;     /* no complete response within the timeout */
    const char *detail; /* Openmart's `detail`, or the transport's message: valid UTF-8, no control
                           characters, at most 200 bytes; "" if there is none */
    const char *body;   /* of the response, decoded, complete or not; NUL-terminated, "" if absent.
                           May contain any bytes, the key included */
    size_t body_len;
};

/* One task of a submit. Strings are borrowed; NULL or "" is left out. */
struct openmart_form {
    const char *domain, *company_name, *city, *state, *country, *tracking_id;
    const char *notify_url; /* Openmart sends a request to it when the task has ended */
};

/* `/status` of a batch. Counts are clamped to 0..1e6 and are hints; only `ready` is
 * authoritative. */
struct openmart_counts {
    int64_t processing, completed, errored, total;
    bool ready;
    bool known; /* at least one of the above was found; else the format is another */
};

enum openmart_state {
    OPENMART_PROCESSING,
    OPENMART_COMPLETED,
    OPENMART_ERRORED,
    OPENMART_CANCELLED,
    OPENMART_STATE_OTHER, /* a state that Openmart's pages do not list, or none. With addresses, the
                             task counts as completed: they were paid for */
};

struct openmart_email {
    const char *email;  /* valid UTF-8, no control characters, 1..320 bytes, no blanks around it */
    const char *status; /* as received if 1..64 such bytes, else "UNKNOWN" */
};

struct openmart_task {
    enum openmart_state state;
    const char *tracking_id; /* "" if absent, null or not a string */
    const struct openmart_email *emails;
    size_t n_emails;
    size_t n_dropped; /* entries without a valid address, beside those with one */
    bool truncated;   /* more than OPENMART_EMAILS_MAX entries */
    bool unreadable;  /* completed or other, and without an address although something is where
                         addresses should be, or the format is another: never "nothing found" */
};

#endif
