/* SPDX-License-Identifier: MIT */
/* lookup_watch.h - waits until a lookup enters another phase.
 *
 * A watch hangs on a lookup, or on a request, whose lookup it follows. It returns exactly once:
 * when the phase is not the one that was seen, when the lookup or the request ends, when the engine
 * drains, or at its deadline. TASK_ENDED does not count as a phase: the end follows when it is
 * recorded. Embedded in its owner. Engine thread only. */
#ifndef LOOKUP_LOOKUP_WATCH_H
#define LOOKUP_LOOKUP_WATCH_H

#include "base/err.h"
#include "base/timer.h"
#include "lookup/lookup_request.h"
#include "model/task_phase.h"

#include <stdbool.h>
#include <stdint.h>

struct lookups;

/* What a watch returns. Borrowed for the call. */
struct lookup_view {
    enum err err;                /* ERR_NOT_FOUND: dropped, or the request has ended;
                                    ERR_DRAINING: not known what becomes of the lookup */
    const struct result *result; /* how the lookup ended; else NULL, and unless `err`: */
    const char *id;              /* "" = the request waits for the store, and has no lookup yet */
    const char *domain;
    struct lookup_progress progress; /* TASK_IDLE without a lookup; also of one that has ended */
};

struct lookup_watch;
typedef void lookup_watch_fn(struct lookup_watch *watch, const struct lookup_view *view);

struct lookup_watch {
    lookup_watch_fn *done; /* set by the owner, and: */
    enum task_phase seen;  /* TASK_IDLE = any phase returns it */
    int64_t until_ms;      /* monotonic */
    /* Private to lookup_watch.c: */
    struct lookups *lookups;
    struct lookup_request *request; /* that it follows; NULL: */
    struct lookup *lookup;
    struct timer deadline;
    struct lookup_watch *prev, *next;
};

/* Watches the lookup of a request that has not ended. `done` may run inside. */
void lookups_watch_request(struct lookups *lookups, struct lookup_request *request,
                           struct lookup_watch *watch);

/* Watches the lookup with that id. Returns false, without `done`, if it is not in flight. `done`
 * may run inside. */
bool lookups_watch(struct lookups *lookups, const char *id, struct lookup_watch *watch);

/* The request ends now: returns its watches. */
void lookup_request_end_watches(struct lookup_request *request);

#endif
