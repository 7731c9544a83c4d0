/* SPDX-License-Identifier: MIT */
/* bulk_request.h - a list that a request sends, and what the engine returns about it, on top of
 * list_request.h. */
#ifndef UNIT_BULK_REQUEST_H
#define UNIT_BULK_REQUEST_H

#include "http/endpoints/endpoints.h"
#include "list_request.h"

static struct bulk_reader *const reader = (struct bulk_reader *)&fake.clock; /* any address */

/* Returns a list of n domains. The caller frees it. */
static inline char *domains(int n)
{
    struct buf text = BUF_INIT(1 << 20);

    for (int i = 0; i < n; i++)
        buf_addf(&text, "company%d.com\n", i);
    return buf_take(&text, NULL);
}

/* Runs loop iterations until no message is left; returns how many. */
static inline int run_iterations(void)
{
    int n = 0;

    while (!fake.posted && !fake.status) {
        inbox_run_all(fake.inbox);
        n++;
    }
    return n;
}

/* Sends a list of n domains whose query has one argument, and opens its bulk. */
static inline void open_bulk(int n, const char *argument, const char *value)
{
    autofree char *body = domains(n);

    fake.request.body = body;
    fake.request.argument = argument;
    fake.request.value = value;
    emails_post(&fake.request);
    run_iterations();
    ck_assert(fake.has_dropped_body);
    fake.request.body = NULL;
}

static inline void return_opened(size_t n)
{
    struct bulk_open_call *open = posted_open();

    bulk_list_free(TAKE(open->list));
    open->reader = reader;
    open->progress = (struct bulk_progress){.run = 77, .total = n, .unique = n, .retry_after_s = 7};
    return_call();
}

/* Returns results of entries that failed, because they need no result. */
static inline void return_results(size_t n, bool is_last)
{
    struct bulk_pull_call *pull = posted_pull();

    for (size_t i = 0; i < n; i++)
        pull->results[i] = (struct bulk_result){.index = pull->after + i,
                                                .input = "a.com",
                                                .outcome = BULK_FAILED,
                                                .err = ERR_LOOKUP_FAILED,
                                                .detail = xstrdup("detail")};
    pull->n = n;
    pull->is_last = is_last;
    return_call();
}

static inline void return_late(void)
{
    posted_pull()->is_late = true;
    return_call();
}

#endif
