/* SPDX-License-Identifier: MIT */
/* bulk_results.c - what readers pull.
 *
 * A result that was read by one reader is not held any more. Others get it from the cache, or from
 * the store: then the pull waits for it, at most FETCH_MS. */
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"
#include "lookup/lookups.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FETCH_MS    INT64_C(5000)
#define PROGRESS_MS INT64_C(1000) /* least interval of pulls that return for progress alone */

#define OPEN_DETAIL                                                                                \
    "the lookup continues in the background; send the list again to join it at no cost"
#define GONE_DETAIL "the result is not stored any more; send the list again to look it up"

/* The reads of the store for one pull. */
struct bulk_fetch {
    struct bulk_reader *reader;
    struct timer deadline;
    size_t n_waiting;
    size_t n;
    struct fetch_read {
        struct result_read read;
        struct bulk_fetch *fetch;
        struct bulk_result *result;
        bool has_returned;
    } reads[];
};

static struct engine *engine_of(const struct bulk_reader *reader)
{
    return reader->bulk->owner->engine;
}

/* ---- one result ---- */

static void fail(struct bulk_result *result, enum err err, const char *detail)
{
    result->outcome = BULK_FAILED;
    result->err = err;
    result->detail = detail ? xstrdup(detail) : NULL;
}

/* Fills the result with what is stored about its question now. */
static void fill_stored(struct bulk_result *result, enum err err, const struct result *stored)
{
    if (err)
        fail(result, err == ERR_NO_ENTRY ? ERR_NOT_CACHED : err,
             err == ERR_NO_ENTRY ? GONE_DETAIL : NULL);
    else if (stored->err)
        fail(result, stored->err, stored->detail);
    else
        result->result = result_ref(stored);
}

/* Fills the result of an entry. Returns false if the store has to be read for it. */
static bool fill(struct bulk_reader *reader, size_t index, struct bulk_result *result)
{
    struct bulk *bulk = reader->bulk;
    struct bulk_record *record = &bulk->records[index];

    *result = (struct bulk_result){.index = index,
                                   .input = record->input,
                                   .tracking_id = record->tracking_id,
                                   .outcome = (enum bulk_outcome)record->outcome,
                                   .charged = (enum charged)record->charged,
                                   .err = (enum err)record->err};
    if (reader->view && reader->view->open[index]) {
        fail(result, ERR_STILL_PROCESSING, OPEN_DETAIL);
        result->charged = (enum charged)(reader->view->open[index] - 1);
    } else if (record->err) {
        result->detail = record->detail ? xstrdup(record->detail) : NULL;
    } else if (record->held) {
        result->result = bulk_take_held(bulk, index);
    } else {
        const struct result *cached = cache_find(engine_of(reader)->results.cache, record->key);
        if (!cached)
            return false;
        fill_stored(result, ERR_OK, cached);
        result_unref(cached);
    }
    return true;
}

/* ---- returning ---- */

static size_t n_readable(const struct bulk_reader *reader)
{
    const struct bulk *bulk = reader->bulk;

    if (bulk->is_over || reader->view)
        return bulk->n;
    return reader->pull->order == BULK_AS_ENDED ? bulk->n_ended : 0;
}

static void return_pull(struct bulk_reader *reader)
{
    struct bulk_pull_call *pull = TAKE(reader->pull);
    const struct bulk *bulk = reader->bulk;

    pull->progress = reader->view ? reader->view->progress : bulk_progress_of(bulk);
    timer_disarm(&engine_of(reader)->timers, &reader->timer);
    reader->seen = bulk->version;
    reader->returned_ms = engine_of(reader)->clock.now_ms;
    engine_call_return(&pull->call);
}

/* ---- reads of the store ---- */

static void end_fetch(struct bulk_reader *reader)
{
    struct bulk_fetch *fetch = TAKE(reader->fetch);

    for (size_t i = 0; i < fetch->n; i++)
        reads_cancel(&fetch->reads[i].read);
    timer_disarm(&engine_of(reader)->timers, &fetch->deadline);
    free(fetch);
}

static void was_read(struct result_read *read, enum err err, const struct result *stored)
{
    struct fetch_read *one = container_of(read, struct fetch_read, read);
    struct bulk_reader *reader = one->fetch->reader;

    one->has_returned = true;
    fill_stored(one->result, err, stored);
    if (--one->fetch->n_waiting > 0)
        return;
    end_fetch(reader);
    return_pull(reader);
}

static void fetch_is_late(struct timer *timer)
{
    struct bulk_fetch *fetch = container_of(timer, struct bulk_fetch, deadline);
    struct bulk_reader *reader = fetch->reader;

    for (size_t i = 0; i < fetch->n; i++)
        if (!fetch->reads[i].has_returned)
            fail(fetch->reads[i].result, ERR_STORAGE_UNAVAILABLE, NULL);
    end_fetch(reader);
    return_pull(reader);
}

static void start_fetch(struct bulk_reader *reader, const size_t *missing, size_t n)
{
    struct bulk_fetch *fetch = xcalloc(1, sizeof *fetch + n * sizeof *fetch->reads);
    struct engine *engine = engine_of(reader);

    fetch->reader = reader;
    fetch->n = fetch->n_waiting = n;
    reader->fetch = fetch;
    timer_arm(&engine->timers, &fetch->deadline, engine->clock.now_ms + FETCH_MS, fetch_is_late);
    for (size_t i = 0; i < n; i++) {
        struct bulk_result *result = &reader->pull->results[missing[i]];
        const struct bulk_record *record = &reader->bulk->records[result->index];
        fetch->reads[i] =
            (struct fetch_read){.read = {.done = was_read}, .fetch = fetch, .result = result};
        reads_find(engine->results.reads, record->key, record->domain, &fetch->reads[i].read);
    }
}

/* ---- a pull ---- */

static size_t index_at(const struct bulk_reader *reader, size_t place)
{
    if (reader->pull->order == BULK_AS_LISTED)
        return place;
    return reader->view ? reader->view->order[place] : reader->bulk->ended[place];
}

static void return_results(struct bulk_reader *reader, size_t n_ready)
{
    struct bulk_pull_call *pull = reader->pull;
    size_t missing[BULK_PULL_MAX], n_missing = 0, n = n_ready - pull->after;

    pull->n = n < BULK_PULL_MAX ? n : BULK_PULL_MAX;
    pull->is_last = (reader->bulk->is_over || reader->view) && pull->n == n;
    for (size_t i = 0; i < pull->n; i++)
        if (!fill(reader, index_at(reader, pull->after + i), &pull->results[i]))
            missing[n_missing++] = i;
    if (n_missing)
        start_fetch(reader, missing, n_missing);
    else
        return_pull(reader);
}

/* From now on the reader sees the bulk as it is at this instant. */
static void close_view(struct bulk_reader *reader)
{
    const struct bulk *bulk = reader->bulk;
    struct bulk_view *view = xcalloc(1, sizeof *view);
    const struct bulk_lookup *lookup;
    size_t n = bulk->n_ended;

    view->n_ended = n;
    view->progress = bulk_progress_of(bulk);
    view->order = xcalloc(bulk->n, sizeof *view->order);
    view->open = xcalloc(bulk->n, 1);
    memcpy(view->order, bulk->ended, n * sizeof *view->order);
    for (size_t i = 0; i < bulk->n; i++) {
        if (bulk->records[i].state == RECORD_ENDED)
            continue;
        view->open[i] = 1 + CHARGED_NO;
        view->order[n++] = (uint32_t)i;
    }
    DL_FOREACH (bulk->lookups, lookup) {
        enum charged charged = lookups_charged(&lookup->request);
        view->open[lookup->index] = (unsigned char)(1 + charged);
        view->progress.charged_maybe += charged == CHARGED_MAYBE;
    }
    reader->view = view;
}

static void note_deadline(struct bulk_reader *reader)
{
    struct bulk_pull_call *pull = reader->pull;
    struct bulk *bulk = reader->bulk;

    pull->is_late = engine_of(reader)->clock.now_ms >= pull->until_ms;
    if (!pull->is_late || bulk->is_over)
        return;
    bulk->is_promised = bulk->is_promised || pull->promises || pull->closes_open;
    if (pull->closes_open && !reader->view)
        close_view(reader);
}

static void time_is_over(struct timer *timer)
{
    bulk_reader_look(container_of(timer, struct bulk_reader, timer));
}

/* Returns when the pull returns for the progress alone; INT64_MAX = not yet. */
static int64_t progress_due_ms(const struct bulk_reader *reader)
{
    if (!reader->pull->wants_progress || reader->seen == reader->bulk->version)
        return INT64_MAX;
    return reader->returned_ms + PROGRESS_MS;
}

void bulk_reader_look(struct bulk_reader *reader)
{
    struct bulk_pull_call *pull = reader->pull;

    if (!pull || reader->fetch)
        return;
    note_deadline(reader);
    size_t n_ready = n_readable(reader);
    int64_t now_ms = engine_of(reader)->clock.now_ms, due_ms = progress_due_ms(reader);
    bool is_over = reader->bulk->is_over || reader->view;
    if (pull->after < n_ready) {
        return_results(reader, n_ready);
        return;
    }
    pull->is_last = is_over;
    if (is_over || pull->is_late || due_ms <= now_ms) {
        return_pull(reader);
        return;
    }
    due_ms = due_ms < pull->until_ms ? due_ms : pull->until_ms;
    if (due_ms < INT64_MAX)
        timer_arm(&engine_of(reader)->timers, &reader->timer, due_ms, time_is_over);
}

/* What lies before the pull is read, so more may be paid for, and nothing is held for it. */
static void note_read(struct bulk_reader *reader)
{
    struct bulk *bulk = reader->bulk;
    size_t n_ended = reader->view ? reader->view->n_ended : bulk->n_ended;
    size_t n = reader->pull->after < n_ended ? reader->pull->after : n_ended;

    for (; reader->pull->order == BULK_AS_ENDED && bulk->n_read < n; bulk->n_read++)
        result_unref(bulk_take_held(bulk, bulk->ended[bulk->n_read]));
    if (!bulk->is_over)
        bulk_wake(bulk);
}

void bulk_pull(struct engine *engine, struct engine_call *call)
{
    struct bulk_pull_call *pull = container_of(call, struct bulk_pull_call, call);
    struct bulk_reader *reader = pull->reader;

    (void)engine;
    pull->n = 0;
    pull->is_last = pull->is_closed = false;
    reader->pull = pull;
    note_read(reader);
    bulk_reader_look(reader);
}

/* ---- closing ---- */

void bulk_reader_return(struct bulk_reader *reader)
{
    struct bulk_pull_call *pull = reader->pull;

    if (reader->fetch)
        end_fetch(reader);
    if (!pull)
        return;
    for (size_t i = 0; i < pull->n; i++) {
        result_unref(pull->results[i].result);
        free(pull->results[i].detail);
    }
    pull->n = 0;
    pull->is_last = false;
    pull->is_closed = true;
    return_pull(reader);
}

void bulk_reader_free(struct bulk_reader *reader)
{
    timer_disarm(&engine_of(reader)->timers, &reader->timer);
    if (reader->view) {
        free(reader->view->order);
        free(reader->view->open);
        free(reader->view);
    }
    free(reader);
}

void bulk_reader_forget(struct bulk_reader *reader, const unsigned char *key, const char *domain)
{
    struct bulk_pull_call *pull = reader->pull;

    for (size_t i = 0; reader->fetch && i < pull->n; i++) {
        struct bulk_result *result = &pull->results[i];
        const struct bulk_record *record = &reader->bulk->records[result->index];
        if (!result->result || !bulk_record_is_of(record, key, domain))
            continue;
        result_unref(TAKE(result->result));
        fail(result, ERR_NOT_CACHED, GONE_DETAIL);
    }
}
