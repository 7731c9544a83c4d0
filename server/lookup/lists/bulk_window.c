/* SPDX-License-Identifier: MIT */
/* bulk_window.c - which entry of a bulk starts next, and how it ends.
 *
 * Entries start in the order of the list. At most options.window of their lookups are not accepted
 * by the upstream yet; the batcher limits what is unread after that. An entry that meets a passing
 * condition waits again, and so does the bulk: one entry at a time tries whether it is over. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/lists/bulk_state.h"

#include <stdlib.h>
#include <utlist.h>

#define RETRY_MIN_S 1
#define RETRY_MAX_S 15
#define WATCH_MS    (RETRY_MAX_S * INT64_C(1000))

static struct engine *engine_of(const struct bulk *bulk)
{
    return bulk->owner->engine;
}

static int64_t now_ms(const struct bulk *bulk)
{
    return engine_of(bulk)->clock.now_ms;
}

/* ---- the end of an entry ---- */

struct ending {
    enum bulk_outcome outcome;
    enum charged charged;
    enum err err;
    const struct result *result; /* borrowed; NULL if `err` is set */
    const char *detail;          /* borrowed; NULL = none */
};

static void end_one(struct bulk *bulk, size_t index, const struct ending *ending)
{
    struct bulk_record *record = &bulk->records[index];

    record->state = RECORD_ENDED;
    record->outcome = (uint8_t)ending->outcome;
    record->charged = (uint8_t)ending->charged;
    record->err = (uint16_t)ending->err;
    if (ending->err && ending->detail)
        record->detail = xstrdup(ending->detail);
    if (!ending->err && !bulk->is_async && bulk->n_held < BULK_UNREAD_MAX) {
        record->held = result_ref(ending->result);
        bulk->n_held++;
    }
    bulk->ended[bulk->n_ended++] = (uint32_t)index;
    bulk->n_ok += !ending->err;
    bulk->n_charged[ending->charged]++;
    metrics_add(&metrics_mine()->bulk_entries[ending->outcome], 1);
}

/* Ends an entry, and those that repeat it. */
static void end_entry(struct bulk *bulk, size_t index, struct ending ending)
{
    end_one(bulk, index, &ending);
    ending.outcome = BULK_DUPLICATE;
    ending.charged = CHARGED_NO;
    while ((index = bulk->records[index].next_same))
        end_one(bulk, index, &ending);
    bulk_changed(bulk);
}

static void reject(struct bulk *bulk, size_t index, enum err err, const char *detail)
{
    end_entry(bulk, index, (struct ending){BULK_REJECTED, CHARGED_NO, err, NULL, detail});
}

void bulk_stop_waiting(struct bulk *bulk)
{
    for (; bulk->first < bulk->n; bulk->first++) {
        const struct bulk_record *record = &bulk->records[bulk->first];
        if (record->state != RECORD_WAITING)
            continue;
        if (record->domain)
            end_entry(bulk, bulk->first,
                      (struct ending){BULK_FAILED, CHARGED_NO, bulk->stop, NULL, NULL});
        else
            reject(bulk, bulk->first, bulk->list->entries[bulk->first].err,
                   bulk->list->entries[bulk->first].detail);
    }
}

/* ---- conditions ---- */

static bool is_condition(enum err err)
{
    return err == ERR_OVERLOADED || err == ERR_CIRCUIT_OPEN || err == ERR_PAUSED ||
           err == ERR_STORAGE_UNAVAILABLE;
}

/* Returns what blocks requests that are queued already. */
static enum err blocked_by(const struct bulk *bulk)
{
    enum err stopped_by;

    if (bulk->n_idle + bulk->n_unsent == 0)
        return ERR_OK;
    if (!journal_state(engine_of(bulk)->journal).is_usable)
        return ERR_STORAGE_UNAVAILABLE;
    stopped_by = batcher_stats(engine_of(bulk)->batcher).stopped_by;
    return is_condition(stopped_by) ? stopped_by : ERR_OK;
}

enum err bulk_waits_for(const struct bulk *bulk)
{
    bool is_entry_waiting = bulk->wait.condition && bulk->first < bulk->n;

    return is_entry_waiting ? bulk->wait.condition : blocked_by(bulk);
}

/* Ends what has waited for too long: for the condition, or for a store that does not return. */
static void end_late(struct bulk *bulk, enum err condition)
{
    struct bulk_wait *wait = &bulk->wait;
    int64_t late_ms = now_ms(bulk) - BULK_WAIT_MAX_MS;

    if (condition && wait->since_ms <= late_ms) {
        wait->is_over = true;
        wait->condition = ERR_OK;
        bulk_abandon(bulk, TASK_QUEUED, INT64_MAX, condition);
    }
    bulk_abandon(bulk, TASK_IDLE, late_ms, ERR_STORAGE_UNAVAILABLE);
}

/* Looks now and then at what blocks the bulk. */
static void watch(struct timer *timer)
{
    struct bulk *bulk = container_of(timer, struct bulk, watch);
    struct bulk_wait *wait = &bulk->wait;
    enum err condition = bulk_waits_for(bulk);

    timer_arm(&engine_of(bulk)->timers, timer, now_ms(bulk) + WATCH_MS, watch);
    if (!wait->is_waiting)
        wait->since_ms = now_ms(bulk);
    wait->is_waiting = condition || wait->is_over;
    end_late(bulk, condition);
    bulk_changed(bulk);
}

/* Returns the pause before the next attempt: the advice, within limits, or else longer each
 * time. */
static int64_t retry_after_ms(const struct bulk_wait *wait, int advice_s)
{
    int s = advice_s ? advice_s : RETRY_MIN_S << (wait->retries < 4 ? wait->retries : 4);

    return (s < RETRY_MIN_S ? RETRY_MIN_S : s > RETRY_MAX_S ? RETRY_MAX_S : s) * INT64_C(1000);
}

/* The entry waits again, as the first one if it was. */
static void put_back(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    struct bulk *bulk = lookup->bulk;
    struct bulk_wait *wait = &bulk->wait;
    size_t index = lookup->index;

    bulk->records[index].state = RECORD_WAITING;
    if (index < bulk->first)
        bulk->first = index;
    if (!wait->condition || lookup->is_trying) {
        wait->retry_ms = now_ms(bulk) + retry_after_ms(wait, outcome->retry_after_s);
        wait->retries++;
    }
    wait->condition = outcome->err;
    if (!wait->is_waiting)
        wait->since_ms = now_ms(bulk);
    wait->is_waiting = true;
    timer_arm(&engine_of(bulk)->timers, &bulk->watch, wait->retry_ms, watch);
}

/* ---- the end of a request ---- */

static size_t *counter_of(struct bulk *bulk, enum task_phase phase)
{
    switch (phase) {
    case TASK_IDLE:
        return &bulk->n_idle;
    case TASK_QUEUED:
    case TASK_SUBMITTING:
        return &bulk->n_unsent;
    case TASK_PROCESSING:
    case TASK_FETCHING:
    case TASK_ENDED:
        break;
    }
    return NULL;
}

static void set_phase(struct bulk_lookup *lookup, enum task_phase phase)
{
    size_t *before = counter_of(lookup->bulk, lookup->phase);
    size_t *now = counter_of(lookup->bulk, phase);

    if (before)
        --*before;
    if (now)
        ++*now;
    lookup->phase = phase;
}

/* One that has a lookup got past the condition; one that the upstream has accepted proves that
 * submits work. */
static void lookup_has_moved(struct lookup_request *request, enum task_phase phase)
{
    struct bulk_lookup *lookup = container_of(request, struct bulk_lookup, request);
    struct bulk *bulk = lookup->bulk;

    set_phase(lookup, phase);
    if (bulk->is_dropped)
        return;
    if (lookup->is_trying) {
        lookup->is_trying = bulk->wait.is_trying = false;
        bulk->wait.condition = ERR_OK;
        bulk->wait.retries = 0;
    }
    if (phase == TASK_PROCESSING)
        bulk->wait.is_waiting = bulk->wait.is_over = false;
    bulk_changed(bulk);
}

static void add_timing(struct bulk *bulk, const struct lookup_timing *timing)
{
    bulk->timing.queue_ms += timing->queue_ms;
    bulk->timing.submit_ms += timing->submit_ms;
    bulk->timing.upstream_ms += timing->upstream_ms;
    bulk->timing.read_ms += timing->read_ms;
    bulk->n_timed++;
}

/* Returns what this bulk pays, or may pay, for a request that ended so: only the request that
 * started a lookup pays for it. */
static enum charged charged_of(const struct outcome *outcome)
{
    bool has_started =
        outcome->disposition == DISPOSITION_MISS && *outcome->lookup_id && !outcome->collapsed;

    return !has_started ? CHARGED_NO : outcome->err ? outcome->charged : CHARGED_YES;
}

static struct ending ending_of_stored(const struct outcome *outcome)
{
    enum bulk_outcome word = outcome->err                                ? BULK_FAILED
                             : outcome->disposition == DISPOSITION_FRESH ? BULK_HIT
                                                                         : BULK_STALE;

    return (struct ending){word, CHARGED_NO, outcome->err, outcome->result, outcome->detail};
}

static struct ending ending_of_failure(const struct bulk_lookup *lookup,
                                       const struct outcome *outcome)
{
    const struct bulk_list *list = lookup->bulk->list;
    struct ending ending = {BULK_FAILED, charged_of(outcome), outcome->err, NULL, outcome->detail};

    if (outcome->err == ERR_CANCELLED) {
        ending.err = lookup->ends_with;
    } else if (outcome->err == ERR_NOT_CACHED) {
        ending.outcome = BULK_REJECTED;
        ending.err = list->not_cached ? list->not_cached : ERR_NOT_CACHED;
        ending.detail = list->not_cached_detail;
    } else if (outcome->err == ERR_QUOTA_EXCEEDED || outcome->err == ERR_CREDITS_EXHAUSTED) {
        ending.outcome = BULK_REJECTED;
    }
    return ending;
}

static struct ending ending_of(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    if (outcome->disposition != DISPOSITION_MISS)
        return ending_of_stored(outcome);
    if (outcome->err && outcome->fallback)
        return (struct ending){BULK_STALE, charged_of(outcome), ERR_OK, outcome->fallback, NULL};
    if (outcome->err)
        return ending_of_failure(lookup, outcome);
    return (struct ending){outcome->collapsed ? BULK_JOINED : BULK_LOOKED_UP, charged_of(outcome),
                           ERR_OK, outcome->result, NULL};
}

/* Returns whether the entry waits for a condition to pass. */
static bool must_wait(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    const struct bulk *bulk = lookup->bulk;

    return is_condition(outcome->err) && outcome->disposition == DISPOSITION_MISS &&
           !outcome->fallback && !charged_of(outcome) && !bulk->stop && !bulk->wait.is_over;
}

static void request_is_done(struct lookup_request *request, const struct outcome *outcome)
{
    struct bulk_lookup *lookup = container_of(request, struct bulk_lookup, request);
    struct bulk *bulk = lookup->bulk;
    size_t index = lookup->index;

    DL_DELETE(bulk->lookups, lookup);
    set_phase(lookup, TASK_ENDED);
    bulk->n_may_pay -= lookup->may_pay;
    if (lookup->is_trying) /* the next entry tries, unless this one has met the condition */
        bulk->wait.is_trying = false;
    if (!bulk->is_dropped && must_wait(lookup, outcome)) {
        put_back(lookup, outcome);
        bulk_changed(bulk);
    } else if (!bulk->is_dropped) {
        struct ending ending = ending_of(lookup, outcome);
        if (ending.outcome == BULK_LOOKED_UP)
            add_timing(bulk, &outcome->timing);
        end_entry(bulk, index, ending);
    }
    free(lookup);
}

static bool must_abandon(const struct bulk_lookup *lookup, enum task_phase last, int64_t before_ms)
{
    return lookup->phase <= last && lookup->started_ms <= before_ms && !lookup->ends_with;
}

/* The end of one may end others. */
void bulk_abandon(struct bulk *bulk, enum task_phase last, int64_t before_ms, enum err ends_with)
{
    struct bulk_lookup *lookup;

    do {
        DL_FOREACH (bulk->lookups, lookup)
            if (must_abandon(lookup, last, before_ms))
                break;
        if (lookup) {
            lookup->ends_with = ends_with;
            engine_abandon_now(engine_of(bulk), lookup->request.ticket);
        }
    } while (lookup);
}

/* ---- the start of an entry ---- */

static bool has_listed_pull(const struct bulk *bulk)
{
    const struct bulk_reader *reader;

    DL_FOREACH (bulk->readers, reader)
        if (reader->pull && reader->pull->order == BULK_AS_LISTED)
            return true;
    return false;
}

/* Returns whether nothing more is paid for before a reader reads on. A reader in the order of the
 * list reads when all have ended. */
static bool is_stalled(const struct bulk *bulk)
{
    return bulk->n_ended - bulk->n_read >= BULK_UNREAD_MAX && !bulk->is_async &&
           !bulk->is_promised && !has_listed_pull(bulk);
}

/* Returns whether the limit on credits leaves some. */
static bool has_credit(const struct bulk *bulk)
{
    size_t spent = bulk->n_charged[CHARGED_YES] + bulk->n_charged[CHARGED_MAYBE] + bulk->n_may_pay;

    return bulk->list->max_credits < 0 || spent < (size_t)bulk->list->max_credits;
}

static bool may_start(const struct bulk *bulk)
{
    if (bulk->stop || is_stalled(bulk) || bulk->n_idle >= BULK_RECALLS_MAX ||
        bulk->n_idle + bulk->n_unsent >= bulk->owner->options.window)
        return false;
    if (bulk->wait.condition && (bulk->wait.is_trying || now_ms(bulk) < bulk->wait.retry_ms))
        return false;
    return has_credit(bulk) || bulk->n_may_pay == 0;
}

static void start(struct bulk *bulk, size_t index)
{
    const struct bulk_list *list = bulk->list;
    struct bulk_lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->bulk = bulk;
    lookup->index = (uint32_t)index;
    lookup->may_pay = has_credit(bulk) && !list->directives.only_cached;
    lookup->started_ms = now_ms(bulk);
    lookup->request = (struct lookup_request){
        .question = list->entries[index].question,
        .account = {bulk->account, list->quota, list->weight},
        .wait_until_ms = INT64_MAX,
        .directives = list->directives,
        .limits = list->limits,
        .asked_wall_ms = list->asked_wall_ms,
        .done = request_is_done,
        .moved = lookup_has_moved,
        .is_listed = true,
        .never_starts = !has_credit(bulk),
    };
    bulk->records[index].state = RECORD_STARTED;
    lookup->is_trying = bulk->wait.is_trying = bulk->wait.condition != ERR_OK;
    bulk->n_idle++;
    bulk->n_may_pay += lookup->may_pay;
    DL_APPEND(bulk->lookups, lookup);
    if (!timer_armed(&bulk->watch))
        timer_arm(&engine_of(bulk)->timers, &bulk->watch, lookup->started_ms + WATCH_MS, watch);
    engine_lookup_now(engine_of(bulk), &lookup->request);
}

bool bulk_start_next(struct bulk *bulk)
{
    while (bulk->first < bulk->n && bulk->records[bulk->first].state != RECORD_WAITING)
        bulk->first++;
    if (bulk->first == bulk->n || !may_start(bulk))
        return false;
    size_t index = bulk->first++;
    if (bulk->records[index].domain)
        start(bulk, index);
    else
        reject(bulk, index, bulk->list->entries[index].err, bulk->list->entries[index].detail);
    return true;
}
