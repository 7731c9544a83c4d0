/* SPDX-License-Identifier: MIT */
/* bulk.c - the life of a bulk: the calls that open, close and cancel it, and its end. */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define TOO_MANY_DETAIL     "as many lists are being looked up as the server allows (--bulks)"
#define TOO_MANY_OWN_DETAIL "as many lists of this client are being looked up as the server allows"

static int64_t now_ms(const struct bulks *bulks)
{
    return bulks->engine->clock.now_ms;
}

/* ---- work ---- */

/* Starts entries, one of each bulk in turn. Returns whether more could start. */
static bool start_entries(struct bulks *bulks)
{
    size_t left = BULK_STARTS_MAX;
    struct bulk *bulk;
    bool has_started = true;

    while (left && has_started) {
        has_started = false;
        DL_FOREACH (bulks->running, bulk) {
            if (!left || !bulk_start_next(bulk))
                continue;
            has_started = true;
            left--;
        }
    }
    if (bulks->running && bulks->running->next) { /* another one is first in the next iteration */
        bulk = bulks->running;
        DL_DELETE(bulks->running, bulk);
        DL_APPEND(bulks->running, bulk);
    }
    return !left;
}

static void log_bulk(const struct bulk *bulk, const char *event)
{
    log_event(LOG_INFO, event, LOG_STR("bulk", bulk->id), LOG_STR("client", bulk->account),
              LOG_INT("entries", bulk->n), LOG_INT("done", bulk->n_ended),
              LOG_INT("ok", bulk->n_ok), LOG_INT("charged", bulk->n_charged[CHARGED_YES]),
              LOG_INT("charged_maybe", bulk->n_charged[CHARGED_MAYBE]),
              LOG_INT("ms", now_ms(bulk->owner) - bulk->started_ms));
}

static void end_bulk(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    assert(!bulk->lookups);
    bulk->is_over = true;
    bulk->has_changed = true;
    if (bulk->state == BULK_RUNNING)
        bulk->state = BULK_ENDED;
    bulk->ended_ms = now_ms(bulks);
    bulk->ended_wall_ms = bulks->engine->clock.wall_ms;
    timer_disarm(&bulks->engine->timers, &bulk->watch);
    DL_DELETE(bulks->running, bulk);
    bulks->n_running--;
    log_bulk(bulk, "bulk_finished");
    bulk_keep(bulk);
}

static void look_at_readers(struct bulk *bulk)
{
    struct bulk_reader *reader;

    if (!bulk->has_changed)
        return;
    bulk->has_changed = false;
    DL_FOREACH (bulk->readers, reader)
        bulk_reader_look(reader);
}

static void settle(struct bulks *bulks)
{
    struct bulk *bulk, *next;

    DL_FOREACH_SAFE (bulks->running, bulk, next) {
        bool has_ended = bulk->n_ended == bulk->n;
        if (has_ended)
            end_bulk(bulk);
        look_at_readers(bulk);
        if (has_ended && !bulk->readers)
            bulk_release(bulk);
    }
}

/* A timer that is due runs in the same iteration, so the rest waits for a later one. */
static void work(struct timer *timer)
{
    struct bulks *bulks = container_of(timer, struct bulks, work);
    bool is_more = start_entries(bulks);

    settle(bulks);
    timer_disarm(&bulks->engine->timers, &bulks->work); /* what was started has changed its bulk */
    if (is_more)
        timer_arm(&bulks->engine->timers, &bulks->work, now_ms(bulks) + 1, work);
}

void bulk_wake(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    if (!timer_armed(&bulks->work))
        timer_arm(&bulks->engine->timers, &bulks->work, now_ms(bulks), work);
}

void bulk_changed(struct bulk *bulk)
{
    bulk->has_changed = true;
    bulk->version++;
    bulk_wake(bulk);
}

/* ---- a bulk ---- */

static struct bulk *find(const struct bulks *bulks, const char *id)
{
    struct bulk *bulk;

    HASH_FIND_STR(bulks->by_id, id, bulk);
    return bulk;
}

void bulk_hide(struct bulk *bulk)
{
    if (bulk->is_known)
        HASH_DEL(bulk->owner->by_id, bulk);
    bulk->is_known = false;
}

/* The time of the start, later than that of the last one. */
static int64_t next_run(struct bulks *bulks)
{
    int64_t now_wall_ms = bulks->engine->clock.wall_ms;

    bulks->last_run = now_wall_ms > bulks->last_run ? now_wall_ms : bulks->last_run + 1;
    return bulks->last_run;
}

/* Takes the list. */
static struct bulk *bulk_new(struct bulks *bulks, struct bulk_list *list)
{
    struct bulk *bulk = xcalloc(1, sizeof *bulk);

    bulk->owner = bulks;
    bulk->list = list;
    memcpy(bulk->id, list->id, sizeof bulk->id);
    snprintf(bulk->account, sizeof bulk->account, "%s", list->account);
    bulk->quota = list->quota;
    bulk->run = next_run(bulks);
    bulk->is_async = list->is_async;
    bulk->records = TAKE(list->records);
    bulk->n = list->n;
    bulk->n_unique = list->n_unique;
    bulk->ended = xcalloc(list->n ? list->n : 1, sizeof *bulk->ended);
    bulk->started_ms = now_ms(bulks);
    bulk->started_wall_ms = bulks->engine->clock.wall_ms;
    bulk->is_known = true;
    HASH_ADD_STR(bulks->by_id, id, bulk);
    DL_APPEND(bulks->running, bulk);
    bulks->n_running++;
    return bulk;
}

void bulk_free(struct bulk *bulk)
{
    struct bulks *bulks = bulk->owner;

    assert(!bulk->readers && !bulk->lookups);
    bulk_hide(bulk);
    if (bulk->is_over) {
        bulk_unkeep(bulk);
    } else {
        DL_DELETE(bulks->running, bulk);
        bulks->n_running--;
    }
    timer_disarm(&bulks->engine->timers, &bulk->watch);
    bulk_drop_held(bulk);
    for (size_t i = 0; bulk->list && i < bulk->n; i++)
        free(bulk->records[i].detail);
    free(bulk->records);
    free(bulk->ended);
    bulk_list_free(bulk->list);
    arena_free(&bulk->texts);
    arena_free(&bulk->lent);
    free(bulk);
}

/* Its last reader has left: what was submitted continues as lookups without a caller. */
static void drop(struct bulk *bulk)
{
    log_bulk(bulk, "bulk_dropped");
    bulk->is_dropped = true;
    bulk_abandon(bulk, TASK_ENDED, ERR_CANCELLED);
    bulk_free(bulk);
}

/* ---- readers ---- */

static struct bulk_reader *reader_new(struct bulk *bulk)
{
    struct bulk_reader *reader = xcalloc(1, sizeof *reader);

    reader->bulk = bulk;
    reader->seen = bulk->version;
    reader->returned_ms = now_ms(bulk->owner);
    DL_APPEND(bulk->readers, reader);
    return reader;
}

static void close_reader(struct bulk_reader *reader)
{
    struct bulk *bulk = reader->bulk;

    bulk_reader_return(reader);
    DL_DELETE(bulk->readers, reader);
    bulk_reader_free(reader);
    if (bulk->readers)
        return;
    if (bulk->is_over)
        bulk_release(bulk);
    else if (!bulk->is_async && !bulk->is_promised)
        drop(bulk);
}

static void run_close(struct message *message)
{
    close_reader(container_of(message, struct bulk_reader, message));
}

void bulk_close(struct engine *engine, struct bulk_reader *reader)
{
    inbox_post(engine->inbox, &reader->message, run_close);
}

/* ---- opening ---- */

/* Returns the number of ended bulks that are being read, of one account or of all (NULL). */
static size_t count_read(const struct bulks *bulks, const char *account)
{
    const struct bulk *bulk;
    size_t n = 0;

    DL_FOREACH (bulks->kept, bulk)
        n += bulk->readers && (!account || strcmp(bulk->account, account) == 0);
    return n;
}

static size_t count_of(const struct bulks *bulks, const char *account)
{
    const struct bulk *bulk;
    size_t n = count_read(bulks, account);

    DL_FOREACH (bulks->running, bulk)
        n += strcmp(bulk->account, account) == 0;
    return n;
}

/* Returns ERR_OK if another bulk of the account may run. Those that have ended count as long as
 * they are read, since they need the memory. */
static enum err check_limits(const struct bulks *bulks, struct bulk_open_call *open)
{
    size_t max = bulks->options.max, max_own = max / 4 ? max / 4 : 1;
    bool is_full = bulks->n_running + count_read(bulks, NULL) >= max;

    if (bulks->is_draining)
        return ERR_DRAINING;
    if (!is_full && count_of(bulks, open->list->account) < max_own)
        return ERR_OK;
    open->detail = is_full ? TOO_MANY_DETAIL : TOO_MANY_OWN_DETAIL;
    open->retry_after_s = bulks_retry_after_s(bulks);
    return ERR_OVERLOADED;
}

/* Joins the bulk that runs with the list's id, or starts one. One that has ended, or is being
 * cancelled, is replaced. */
static enum err open_list(struct bulks *bulks, struct bulk_open_call *open, struct bulk **ret_bulk)
{
    struct bulk *bulk = find(bulks, open->list->id);
    bool joins = bulk && !bulk->is_over && !bulk->stopped_by;
    enum err err = joins ? ERR_OK : check_limits(bulks, open);

    if (!err && joins) {
        bulk->is_async = bulk->is_async || open->list->is_async;
    } else if (!err) {
        if (bulk && bulk->is_over && !bulk->readers)
            bulk_free(bulk);
        else if (bulk)
            bulk_hide(bulk);
        bulk = bulk_new(bulks, TAKE(open->list));
    }
    bulk_list_free(TAKE(open->list));
    *ret_bulk = bulk;
    return err;
}

static enum err open_known(const struct bulks *bulks, const struct bulk_open_call *open,
                           struct bulk **ret_bulk)
{
    *ret_bulk = find(bulks, open->id);
    return *ret_bulk && strcmp((*ret_bulk)->account, open->account) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* Returns how many results the reader has read of this bulk. */
static size_t read_before(const struct bulk *bulk, const struct bulk_open_call *open)
{
    bool is_this_run = open->run == 0 || open->run == bulk->run;

    return is_this_run && open->after <= bulk->n_ended ? open->after : 0;
}

void bulk_open(struct engine *engine, struct engine_call *call)
{
    struct bulk_open_call *open = container_of(call, struct bulk_open_call, call);
    struct bulk *bulk;

    open->err =
        open->list ? open_list(engine->bulks, open, &bulk) : open_known(engine->bulks, open, &bulk);
    if (!open->err) {
        open->reader = reader_new(bulk);
        open->progress = bulk_progress_of(bulk);
        open->after = read_before(bulk, open);
        if (!bulk->is_over)
            bulk_changed(bulk);
    }
    engine_call_return(call);
}

void bulk_cancel(struct engine *engine, struct engine_call *call)
{
    struct bulk_cancel_call *cancel = container_of(call, struct bulk_cancel_call, call);
    struct bulk *bulk = find(engine->bulks, cancel->id);
    bool is_running = bulk && !bulk->is_over && strcmp(bulk->account, cancel->account) == 0;

    cancel->err = is_running ? ERR_OK : ERR_NOT_FOUND;
    if (is_running && !bulk->stopped_by) {
        bulk->state = BULK_CANCELLED;
        bulk->stopped_by = ERR_CANCELLED_LOOKUP;
        bulk_stop_waiting(bulk);
        bulk_abandon(bulk, TASK_QUEUED, bulk->stopped_by);
    }
    engine_call_return(call);
}

/* ---- all bulks ---- */

struct bulks *bulks_new(struct engine *engine, const struct bulks_options *options)
{
    struct bulks *bulks = xcalloc(1, sizeof *bulks);

    bulks->engine = engine;
    bulks->options = *options;
    return bulks;
}

static void free_all(struct bulk *list)
{
    struct bulk *bulk, *next;
    struct bulk_reader *reader, *next_reader;

    DL_FOREACH_SAFE (list, bulk, next) {
        DL_FOREACH_SAFE (bulk->readers, reader, next_reader) {
            bulk_reader_return(reader);
            DL_DELETE(bulk->readers, reader);
            bulk_reader_free(reader);
        }
        if (bulk->is_over)
            bulk_free(bulk);
        else
            drop(bulk);
    }
}

void bulks_free(struct bulks *bulks)
{
    if (!bulks)
        return;
    free_all(bulks->running);
    free_all(bulks->kept);
    timer_disarm(&bulks->engine->timers, &bulks->work);
    timer_disarm(&bulks->engine->timers, &bulks->expiry);
    free(bulks);
}

void bulks_drain(struct bulks *bulks)
{
    struct bulk *bulk;

    bulks->is_draining = true;
    DL_FOREACH (bulks->running, bulk) {
        if (!bulk->stopped_by)
            bulk->stopped_by = ERR_DRAINING;
        bulk_stop_waiting(bulk);
    }
}

size_t bulks_count(const struct bulks *bulks)
{
    return bulks->n_running;
}
