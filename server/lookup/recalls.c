/* SPDX-License-Identifier: MIT */
/* recalls.c - see recalls.h. */
#include "lookup/recalls.h"

#include "base/clock.h"
#include "base/mem.h"
#include "lookup/lookup_request.h"
#include "lookup/records/reads.h"
#include "lookup/waiter_limit.h"
#include "model/question.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

struct recalls {
    struct recall_tools tools;
    struct lookup_request *waiting; /* by ticket */
    size_t n_listed;                /* of them, those of lists */
    bool is_drained;
};

struct recalls *recalls_new(const struct recall_tools *tools)
{
    struct recalls *recalls = xcalloc(1, sizeof *recalls);

    recalls->tools = *tools;
    return recalls;
}

void recalls_free(struct recalls *recalls)
{
    if (!recalls)
        return;
    assert(!recalls->waiting);
    free(recalls);
}

static void end(struct lookup_request *request, enum err err, const struct result *stored)
{
    struct recalls *recalls = request->recalls;

    reads_cancel(&request->read);
    timer_disarm(recalls->tools.timers, &request->deadline);
    HASH_DEL(recalls->waiting, request);
    recalls->n_listed -= request->is_listed;
    recalls->tools.done(request, err, stored);
}

static void was_read(struct result_read *read, enum err err, const struct result *stored)
{
    end(container_of(read, struct lookup_request, read), err, stored);
}

static void deadline_is_over(struct timer *timer)
{
    end(container_of(timer, struct lookup_request, deadline), ERR_STORAGE_UNAVAILABLE, NULL);
}

/* Takes a waiter slot if the request waits and one is free. Returns until when it waits here. */
static int64_t take_slot(const struct recalls *recalls, struct lookup_request *request)
{
    int64_t now_ms = recalls->tools.clock->now_ms, least_ms = now_ms + RECALL_MS;
    bool waits = !request->directives.only_cached && !recalls->is_drained &&
                 request->wait_until_ms > least_ms;
    const char *unused;

    if (!waits || waiter_limit_acquire(recalls->tools.waiters, request, now_ms, &unused))
        return least_ms;
    return request->wait_until_ms;
}

void recalls_add(struct recalls *recalls, struct lookup_request *request)
{
    request->recalls = recalls;
    request->read = (struct result_read){.done = was_read};
    request->deadline = (struct timer){0};
    timer_arm(recalls->tools.timers, &request->deadline, take_slot(recalls, request),
              deadline_is_over);
    HASH_ADD(hh, recalls->waiting, ticket, sizeof request->ticket, request);
    recalls->n_listed += request->is_listed;
    reads_find(recalls->tools.reads, request->question->key, request->question->parts.domain,
               &request->read);
}

struct lookup_request *recalls_find(const struct recalls *recalls, uint64_t ticket)
{
    struct lookup_request *request;

    HASH_FIND(hh, recalls->waiting, &ticket, sizeof ticket, request);
    return request;
}

void recalls_abandon(struct recalls *recalls, uint64_t ticket)
{
    struct lookup_request *request = recalls_find(recalls, ticket);

    if (request)
        end(request, ERR_CANCELLED, NULL);
}

void recalls_drain(struct recalls *recalls, enum err err)
{
    struct lookup_request *request, *next;

    recalls->is_drained = true;
    HASH_ITER (hh, recalls->waiting, request, next)
        end(request, err, NULL);
}

size_t recalls_count(const struct recalls *recalls)
{
    return HASH_COUNT(recalls->waiting) - recalls->n_listed;
}

size_t recalls_count_listed(const struct recalls *recalls)
{
    return recalls->n_listed;
}
