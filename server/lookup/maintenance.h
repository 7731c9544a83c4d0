/* SPDX-License-Identifier: MIT */
/* maintenance.h - periodic work on the store.
 *
 * Every second: shows that the owner of the store is alive, if the store needs that, and logs if
 * the store was lost or can be used again; reads what other processes (emailsd forget, pause,
 * resume, resolve) have recorded, and applies it.
 *
 * Every hour: deletes results that expired long ago, old raw results and old accounts; a jump of
 * the wall clock does not count. Results were paid for and must not be deleted because of a clock
 * that may be wrong. Engine thread only. */
#ifndef LOOKUP_MAINTENANCE_H
#define LOOKUP_MAINTENANCE_H

#include "base/timer.h"
#include "store/calls_upkeep.h"

#include <stdbool.h>
#include <stdint.h>

struct batcher;
struct clock;
struct resolver;
struct results;

/* What happens with the news; see store_read_news(). */
enum news_state { NEWS_IDLE, NEWS_READING, NEWS_CONFIRMING };

/* Embedded in the engine, which sets the members up to keep_expired_ms; pointers are borrowed. */
struct maintenance {
    const struct clock *clock;
    struct timers *timers;
    struct store *store;
    struct store_calls *calls;
    struct results *results;
    struct batcher *batcher;
    struct resolver *resolver;
    int64_t keep_expired_ms; /* how long an expired result stays */
    /* Private: */
    int64_t started_ms; /* wall time */
    struct timer poll, trim;
    enum news_state news_state;
    bool is_due;           /* the news must be read again when that has ended */
    int64_t apply_from_ms; /* except the pause, news are not applied before */
    bool is_rejected;      /* the store did not accept the last confirmation */
    struct store_read_news_call read;
    struct store_confirm_news_call confirm;
    struct store_trim_call trimming;
    bool has_heartbeat_in_flight; /* it has not returned */
    struct store_heartbeat_call heartbeat;
    const char *store_event;    /* the last one that was logged; NULL = none */
    struct errmsg store_reason; /* and its reason */
    bool paused;
    bool is_unwritten; /* the pause was set here and is not persisted yet */
    bool is_writing;   /* it is being written, perhaps with an older value */
    bool is_unlogged;  /* it has not been logged */
    bool may_read;     /* the pause that is being read is not older than one that was set here */
    struct store_set_paused_call write;
};

/* Starts; reads the pause before it returns. */
void maintenance_start(struct maintenance *maintenance);

/* No call may be in flight. No-op if not started. */
void maintenance_stop(struct maintenance *maintenance);

/* Reads the news, and with them the pause, as soon as possible: the operator requests a reload. */
void maintenance_read_pause(struct maintenance *maintenance);

/* Applies the operator's pause or its end immediately, and persists it. If the store cannot be
 * written now, it still applies and is persisted as soon as possible. */
void maintenance_set_paused(struct maintenance *maintenance, bool paused);

#endif
