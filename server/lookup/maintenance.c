/* SPDX-License-Identifier: MIT */
/* maintenance.c - see maintenance.h. If the store cannot be read or written, the next run tries
 * again; nothing here is urgent. */
#include "lookup/maintenance.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lookup/batching/batcher.h"
#include "lookup/records/results.h"
#include "lookup/resolver.h"

#include <stddef.h>
#include <string.h>

#define POLL_MS     INT64_C(1000)
#define TRIM_MS     INT64_C(3600000)
#define REJECTED_MS INT64_C(60000) /* after a confirmation that the store did not accept */
#define DAY_MS      INT64_C(86400000)
#define KEEP_RAW_MS (90 * DAY_MS)

/* ---- the pause ---- */

/* Returns true if the value changed. */
static bool set_paused(struct maintenance *maintenance, bool paused)
{
    if (paused == maintenance->paused)
        return false;
    maintenance->paused = paused;
    batcher_pause(maintenance->batcher, paused);
    return true;
}

static void log_pause(const struct maintenance *maintenance)
{
    log_event(
        LOG_WARN, maintenance->paused ? "paused" : "resumed",
        LOG_BOOL("persisted", !maintenance->is_unwritten && store_is_durable(maintenance->store)));
}

static void pause_written(struct store_call *call);

/* No-op if there is nothing to write, or a write is in flight: pause_written() follows it. */
static void write_pause(struct maintenance *maintenance)
{
    if (!maintenance->is_unwritten || maintenance->is_writing)
        return;
    maintenance->is_writing = true;
    maintenance->write.call.done = pause_written;
    maintenance->write.paused = maintenance->paused;
    store_post_set_paused(maintenance->calls, &maintenance->write);
}

/* If the write failed, the next poll repeats it. */
static void pause_written(struct store_call *call)
{
    struct maintenance *maintenance = container_of(call, struct maintenance, write.call);
    bool is_latest = maintenance->write.paused == maintenance->paused;

    maintenance->is_writing = false;
    maintenance->is_unwritten = call->err || !is_latest;
    if (is_latest && maintenance->is_unlogged) {
        maintenance->is_unlogged = false;
        log_pause(maintenance);
    }
    if (!call->err)
        write_pause(maintenance);
}

/* Applies immediately, and is logged after it was persisted: an operator who reads the line can
 * rely on it even if the process is killed, unless the line says otherwise. */
void maintenance_set_paused(struct maintenance *maintenance, bool paused)
{
    if (set_paused(maintenance, paused))
        maintenance->is_unlogged = true;
    maintenance->is_unwritten = true;
    maintenance->may_read = false;
    write_pause(maintenance);
}

/* A pause that was read before one was set here, or before that was written, is outdated. */
static void apply_pause(struct maintenance *maintenance, bool paused)
{
    if (maintenance->may_read && set_paused(maintenance, paused))
        log_pause(maintenance);
}

/* ---- the news ---- */

static void news_read(struct store_call *call);

static void read_news(struct maintenance *maintenance)
{
    maintenance->is_due = maintenance->news_state != NEWS_IDLE;
    if (maintenance->is_due)
        return;
    maintenance->news_state = NEWS_READING;
    maintenance->may_read = !maintenance->is_unwritten;
    maintenance->read.call.done = news_read;
    maintenance->read.since_ms = maintenance->started_ms;
    store_post_read_news(maintenance->calls, &maintenance->read);
}

static void end_news(struct maintenance *maintenance)
{
    arena_free(&maintenance->read.arena);
    maintenance->news_state = NEWS_IDLE;
    if (maintenance->is_due)
        read_news(maintenance);
}

static void forget_changed(const struct maintenance *maintenance)
{
    const struct store_news *news = &maintenance->read.news;

    for (size_t i = 0; i < news->n_changed; i++)
        results_forget_key(maintenance->results, news->changed[i]);
}

/* An error that is not the disk's would return each second. It is logged once, and the news are
 * applied and confirmed again after a longer time. */
static void note_confirmation(struct maintenance *maintenance, enum err err)
{
    bool was_rejected = maintenance->is_rejected;

    if (err == ERR_STORAGE_UNAVAILABLE)
        return;
    maintenance->is_rejected = err != ERR_OK;
    if (!err)
        return;
    maintenance->apply_from_ms = maintenance->clock->now_ms + REJECTED_MS;
    if (!was_rejected)
        log_event(LOG_ERROR, "news_not_confirmed", LOG_STR("error", err_words(err)));
}

/* A result that was stored before the deletion may have returned, and may have been cached, only
 * after the news were applied. By now it has. */
static void news_confirmed(struct store_call *call)
{
    struct maintenance *maintenance = container_of(call, struct maintenance, confirm.call);

    note_confirmation(maintenance, call->err);
    forget_changed(maintenance);
    maintenance->is_due = maintenance->is_due || (!call->err && maintenance->read.news.has_more);
    end_news(maintenance);
}

static bool is_to_be_confirmed(const struct maintenance *maintenance)
{
    const struct store_news *news = &maintenance->read.news;

    return news->last_change || news->last_not_taken || news->has_settled || news->n_responses ||
           maintenance->confirm.n_rejected;
}

/* What was read is applied before it is confirmed: `emailsd forget` may rely on the confirmation.
 *
 * That command deletes an address, waits until its record is confirmed, and does both a second
 * time, because the first deletion misses a result that is in memory only. The second one must find
 * it. It does: the record was read after the first deletion, so a result that arrived before that
 * deletion was recorded in the journal before this confirmation is posted. Both are calls of the
 * class STORE_JOURNAL, so the result is stored before the record is deleted, also if it arrived
 * while the news were being read. If the result cannot be stored, the confirmation fails too. While
 * results wait for a disk that failed, nothing is confirmed; see news_read().
 *
 * The news are read again only after the confirmation has returned: then the first deletion is
 * complete in memory too. */
static void apply_news(struct maintenance *maintenance)
{
    const struct store_news *news = &maintenance->read.news;
    struct store_confirm_news_call *confirm = &maintenance->confirm;

    forget_changed(maintenance);
    *confirm = (struct store_confirm_news_call){.call.done = news_confirmed, .news = news};
    resolver_read_news(maintenance->resolver, news, &maintenance->read.arena, confirm);
}

static void news_read(struct store_call *call)
{
    struct maintenance *maintenance = container_of(call, struct maintenance, read.call);

    if (!call->err)
        apply_pause(maintenance, maintenance->read.news.paused);
    if (call->err || results_wait(maintenance->results) ||
        maintenance->clock->now_ms < maintenance->apply_from_ms) {
        end_news(maintenance);
        return;
    }
    apply_news(maintenance);
    if (!is_to_be_confirmed(maintenance)) {
        end_news(maintenance);
        return;
    }
    maintenance->news_state = NEWS_CONFIRMING;
    store_post_confirm_news(maintenance->calls, &maintenance->confirm);
}

/* ---- the heartbeat ---- */

#define STORE_CONNECTED_EVENT "store_connected"

/* Returns what the heartbeat shows. */
static const char *event_of(const struct store_heartbeat_call *heartbeat, enum log_level *ret_level)
{
    *ret_level = LOG_ERROR;
    if (heartbeat->link == STORE_LOST)
        return "store_ownership_lost";
    *ret_level = heartbeat->call.err ? LOG_WARN : LOG_INFO;
    if (!heartbeat->call.err)
        return STORE_CONNECTED_EVENT;
    return heartbeat->link == STORE_DISCONNECTED ? "store_disconnected" : "store_write_failed";
}

/* Only a change, also of the reason; the engine starts with a store that is connected. */
static void log_store(struct maintenance *maintenance)
{
    const struct store_heartbeat_call *heartbeat = &maintenance->heartbeat;
    const char *before =
        maintenance->store_event ? maintenance->store_event : STORE_CONNECTED_EVENT;
    const char *reason = heartbeat->why.text;
    enum log_level level;

    maintenance->store_event = event_of(heartbeat, &level);
    if (strcmp(maintenance->store_event, before) == 0 &&
        strcmp(maintenance->store_reason.text, reason) == 0)
        return;
    maintenance->store_reason = heartbeat->why;
    log_event(level, maintenance->store_event, LOG_STR("reason", *reason ? reason : NULL));
}

static void heartbeat_returned(struct store_call *call)
{
    struct maintenance *maintenance = container_of(call, struct maintenance, heartbeat.call);

    maintenance->has_heartbeat_in_flight = false;
    log_store(maintenance);
}

/* Not with the news, because a reader reads those. */
static void send_heartbeat(struct maintenance *maintenance)
{
    if (maintenance->has_heartbeat_in_flight || !store_needs_heartbeat(maintenance->store))
        return;
    maintenance->has_heartbeat_in_flight = true;
    maintenance->heartbeat.call.done = heartbeat_returned;
    store_post_heartbeat(maintenance->calls, &maintenance->heartbeat);
}

/* ---- every second ---- */

static void poll(struct timer *timer)
{
    struct maintenance *maintenance = container_of(timer, struct maintenance, poll);

    send_heartbeat(maintenance);
    write_pause(maintenance);
    if (maintenance->news_state == NEWS_IDLE)
        read_news(maintenance);
    timer_arm(maintenance->timers, &maintenance->poll, maintenance->clock->now_ms + POLL_MS, poll);
}

void maintenance_read_pause(struct maintenance *maintenance)
{
    read_news(maintenance);
}

/* ---- age ---- */

static void trim(struct timer *timer);

static void trim_in(struct maintenance *maintenance, int64_t ms)
{
    timer_arm(maintenance->timers, &maintenance->trim, maintenance->clock->now_ms + ms, trim);
}

static void trimmed(struct store_call *call)
{
    struct maintenance *maintenance = container_of(call, struct maintenance, trimming.call);

    trim_in(maintenance, !call->err && maintenance->trimming.more ? POLL_MS : TRIM_MS);
}

/* If the wall clock jumped ahead, results expire by the time before the jump: nothing is deleted
 * because of the jump alone. */
static int64_t earliest_wall_ms(const struct clock *clock)
{
    return clock->jump_ms > 0 ? clock->wall_ms - clock->jump_ms : clock->wall_ms;
}

static void trim(struct timer *timer)
{
    struct maintenance *maintenance = container_of(timer, struct maintenance, trim);
    int64_t wall_ms = earliest_wall_ms(maintenance->clock);

    maintenance->trimming.call.done = trimmed;
    maintenance->trimming.ages =
        (struct store_ages){.expired_before_ms = wall_ms - maintenance->keep_expired_ms,
                            .raw_before_ms = wall_ms - KEEP_RAW_MS,
                            .day = wall_ms / DAY_MS};
    store_post_trim(maintenance->calls, &maintenance->trimming);
}

/* ---- start and stop ---- */

/* The engine does not serve yet, so it may wait for the store. */
void maintenance_start(struct maintenance *maintenance)
{
    bool paused;

    maintenance->started_ms = maintenance->clock->wall_ms;
    if (!store_paused(maintenance->store, &paused) && set_paused(maintenance, paused))
        log_pause(maintenance);
    timer_arm(maintenance->timers, &maintenance->poll, maintenance->clock->now_ms + POLL_MS, poll);
    trim_in(maintenance, TRIM_MS);
}

void maintenance_stop(struct maintenance *maintenance)
{
    timer_disarm(maintenance->timers, &maintenance->poll);
    timer_disarm(maintenance->timers, &maintenance->trim);
}
