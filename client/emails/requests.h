/* SPDX-License-Identifier: MIT */
/* requests.h - the requests for results: GET /emails with events for one domain, POST /emails for
 * several. Main thread only. */
#ifndef CLIENT_EMAILS_REQUESTS_H
#define CLIENT_EMAILS_REQUESTS_H

#include "client/emails/http.h"
#include "client/emails/line.h"
#include "client/emails/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Some entries of the list, and what is asked about them. */
struct inquiry {
    struct session *session;
    size_t *indexes; /* of the entries */
    size_t n;
    bool is_alone;       /* the only entry of the list */
    bool has_no_lists;   /* the server takes none; there is one entry */
    bool cached;         /* spend nothing */
    bool refresh;        /* accept no known result */
    int64_t max_age_s;   /* -1 = any age */
    int64_t max_credits; /* -1 = no limit; of several entries only */
    bool has_phase;      /* the response said where the lookup is; set by requests_send() */
    /* Takes the result of an entry; `line` is borrowed for the call. */
    void (*take)(void *arg, size_t index, const struct line *line);
    void *arg;
};

/* Sends the inquiry, as a GET if it is alone and needs nothing that only lists have, and passes on
 * each result as it arrives. The caller calls http_reply_done(). */
enum http_end requests_send(struct inquiry *inquiry, struct http_reply *ret_reply);

/* Takes the problem document of a response as the result of the only entry. Returns false if the
 * response has another body. */
bool requests_take_problem(struct inquiry *inquiry, const struct http_reply *reply);

#endif
