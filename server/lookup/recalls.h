/* SPDX-License-Identifier: MIT */
/* recalls.h - the first phase of a request that memory cannot answer: it waits until the store was
 * read for a result of its question.
 *
 * Requests with the same question share a read. Each waits until its own deadline. One that will
 * not wait for a lookup waits for at most RECALL_MS, and needs no waiter slot; neither does one for
 * which no slot is free, so that stored results are served also while all slots are used, nor a
 * request of a list.
 *
 * Engine thread only. */
#ifndef LOOKUP_RECALLS_H
#define LOOKUP_RECALLS_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct clock;
struct lookup_request;
struct reads;
struct recalls;
struct result;
struct timers;
struct waiter_limit;

/* The store's time for a request that does not wait. */
#define RECALL_MS INT64_C(500)

/* Continues with the request: ERR_OK with the stored result, borrowed for the call; ERR_NO_ENTRY
 * if there is none, and nothing was paid for since; else what ended the wait. */
typedef void recall_done_fn(struct lookup_request *request, enum err err,
                            const struct result *stored);

/* What the recalls use; borrowed for their lifetime. */
struct recall_tools {
    const struct clock *clock;
    struct timers *timers;
    struct reads *reads;
    struct waiter_limit *waiters;
    recall_done_fn *done;
};

struct recalls *recalls_new(const struct recall_tools *tools);
void recalls_free(struct recalls *recalls); /* no request may wait; NULL is a no-op */

/* Reads the stored result of the request's question. `done` runs exactly once, later. Until then
 * the request may hold a waiter slot, and keeps it for its lookup. Besides those of reads_find(),
 * errors are ERR_STORAGE_UNAVAILABLE at its deadline, and those of the next functions. */
void recalls_add(struct recalls *recalls, struct lookup_request *request);

/* Ends a waiting request with ERR_CANCELLED, because its client has left. No-op if no request with
 * that ticket waits here. */
void recalls_abandon(struct recalls *recalls, uint64_t ticket);

/* Returns the request with that ticket, if it waits here; else NULL. */
struct lookup_request *recalls_find(const struct recalls *recalls, uint64_t ticket);

/* Ends every waiting request with `err`. From now on none waits for longer than RECALL_MS. */
void recalls_drain(struct recalls *recalls, enum err err);

/* Return the number of requests that wait: without those of lists, and of lists. */
size_t recalls_count(const struct recalls *recalls);
size_t recalls_count_listed(const struct recalls *recalls);

#endif
