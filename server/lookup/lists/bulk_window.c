/* SPDX-License-Identifier: MIT */
/* bulk_window.c - which entry of a bulk starts next.
 *
 * Entries start in the order of the list. At most options.window of their lookups are not accepted
 * by the upstream yet; the batcher limits what is unread after that.
 *
 * Known results do not wait. While nothing may be paid for, because of a condition or the credits,
 * the entries ahead are looked for once each, with requests that start no lookup. */
#include "base/clock.h"
#include "base/mem.h"
#include "lookup/lists/bulk_state.h"
#include "lookup/lookups.h"

#include <stdlib.h>
#include <utlist.h>

/* ---- the end of a request ---- */

/* Puts the entry back among those that wait: it is the first of them again if it was. */
static void put_back(struct bulk *bulk, size_t index)
{
    bulk->records[index].state = RECORD_WAITING;
    if (index < bulk->first)
        bulk->first = index;
    bulk_changed(bulk);
}

static struct bulk_stage *stage_of(struct bulk *bulk, enum task_phase phase)
{
    switch (phase) {
    case TASK_IDLE:
        return &bulk->idle;
    case TASK_QUEUED:
        return &bulk->queued;
    case TASK_SUBMITTING:
        return &bulk->submitting;
    case TASK_PROCESSING:
    case TASK_FETCHING:
    case TASK_ENDED:
        break;
    }
    return NULL;
}

/* A bulk that has given up waits for a request that leaves the stage, not for one that enters it.
 */
static void enter_stage(struct bulk *bulk, struct bulk_stage *stage)
{
    if (stage->n++ == 0 && !bulk->wait.gave_up_on)
        stage->moved_ms = bulk_now_ms(bulk);
}

/* One that was abandoned has not moved. */
static void leave_stage(const struct bulk_lookup *lookup, struct bulk_stage *stage)
{
    stage->n--;
    if (!lookup->ends_with)
        stage->moved_ms = bulk_now_ms(lookup->bulk);
}

static void set_phase(struct bulk_lookup *lookup, enum task_phase phase)
{
    struct bulk_stage *before = stage_of(lookup->bulk, lookup->phase);
    struct bulk_stage *now = stage_of(lookup->bulk, phase);

    if (phase == lookup->phase)
        return;
    if (before)
        leave_stage(lookup, before);
    if (now)
        enter_stage(lookup->bulk, now);
    lookup->phase = phase;
}

static void set_may_pay(struct bulk_lookup *lookup, bool may_pay)
{
    lookup->bulk->n_may_pay += may_pay;
    lookup->bulk->n_may_pay -= lookup->may_pay;
    lookup->may_pay = may_pay;
}

/* Follows the lookup of an entry. If another caller has started it, the entry pays nothing. Once
 * there is a lookup, the condition has passed; once the upstream has accepted one, submits work. */
static void lookup_has_moved(struct lookup_request *request, enum task_phase phase)
{
    struct bulk_lookup *lookup = container_of(request, struct bulk_lookup, request);
    struct bulk *bulk = lookup->bulk;

    set_phase(lookup, phase);
    if (request->collapsed)
        set_may_pay(lookup, false);
    if (bulk->is_dropped)
        return;
    bulk->has_lookups = true;
    if (lookup->is_trying) {
        lookup->is_trying = bulk->wait.is_trying = false;
        bulk->wait.condition = ERR_OK;
        bulk->wait.retries = 0;
    }
    if (phase == TASK_PROCESSING) {
        bulk->wait.is_waiting = false;
        bulk->wait.gave_up_on = ERR_OK;
    }
    bulk_changed(bulk);
}

/* Returns whether an entry that was looked for ahead is not known, and has no lookup to join. An
 * older result, which may be served instead of an error, is served instead of waiting for a
 * condition. */
static bool is_unknown_ahead(const struct bulk_lookup *lookup, const struct outcome *outcome)
{
    return lookup->is_ahead && outcome->disposition == DISPOSITION_MISS && !*outcome->lookup_id &&
           outcome->err == ERR_CREDITS_EXHAUSTED &&
           !(outcome->fallback && bulk_condition(lookup->bulk));
}

static void request_is_done(struct lookup_request *request, const struct outcome *outcome)
{
    struct bulk_lookup *lookup = container_of(request, struct bulk_lookup, request);
    struct bulk *bulk = lookup->bulk;
    size_t index = lookup->index;

    DL_DELETE(bulk->lookups, lookup);
    bulk->n_lookups--;
    set_phase(lookup, TASK_ENDED);
    set_may_pay(lookup, false);
    if (lookup->is_trying) /* the next entry tries, unless this one has met the condition */
        bulk->wait.is_trying = false;
    if (bulk->is_dropped) {
        bulk_wake(bulk); /* another one may recall more */
        free(lookup);
        return;
    }
    if (is_unknown_ahead(lookup, outcome) && bulk->stopped_by) {
        bulk_stop_entry(bulk, index);
    } else if (is_unknown_ahead(lookup, outcome)) {
        put_back(bulk, index);
    } else if (bulk_must_wait(lookup, outcome)) {
        bulk_wait_for_condition(lookup, outcome);
        put_back(bulk, index);
    } else {
        bulk_end_entry(lookup, outcome);
    }
    free(lookup);
}

/* Returns the one before it; of NULL, the last one. */
static struct bulk_lookup *lookup_before(const struct bulk *bulk, const struct bulk_lookup *lookup)
{
    if (lookup)
        return lookup == bulk->lookups ? NULL : lookup->prev;
    return bulk->lookups ? bulk->lookups->prev : NULL;
}

/* From the last one again each time: the end of a request may end others. Those that were started
 * last are the least far. */
void bulk_abandon(struct bulk *bulk, enum task_phase last, enum err ends_with)
{
    struct bulk_lookup *lookup;

    do {
        lookup = lookup_before(bulk, NULL);
        while (lookup && (lookup->phase > last || lookup->ends_with))
            lookup = lookup_before(bulk, lookup);
        if (lookup) {
            lookup->ends_with = ends_with;
            engine_abandon_now(bulk_engine(bulk), lookup->request.ticket);
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

/* Returns how many results may be unread or on the way. If lookups take long, more of them have to
 * be on the way, beside a portion that is being read, than would be unread otherwise. */
static size_t unread_max(const struct bulk *bulk)
{
    int64_t lookup_ms = lookups_expected_ms(bulk_engine(bulk)->lookups, true);
    size_t on_the_way = (size_t)(lookup_ms * bulk->owner->options.per_1000_s / 1000000);

    return on_the_way + BULK_PULL_MAX > BULK_UNREAD_MAX ? on_the_way + BULK_PULL_MAX
                                                        : BULK_UNREAD_MAX;
}

/* Returns whether nothing more is paid for before a reader reads on. A reader in the order of the
 * list reads when all have ended. What is on the way counts once it is known how long that takes.
 */
static bool is_stalled(const struct bulk *bulk)
{
    size_t unread = bulk->n_ended - bulk->n_read;

    if (bulk->is_async || bulk->is_promised || has_listed_pull(bulk))
        return false;
    return unread >= BULK_UNREAD_MAX ||
           (bulk->n_timed && unread + bulk->n_lookups >= unread_max(bulk));
}

size_t bulk_credits_left(const struct bulk *bulk)
{
    size_t spent = bulk->n_charged[CHARGED_YES] + bulk->n_charged[CHARGED_MAYBE] + bulk->n_may_pay;
    int64_t max = bulk->list->max_credits;

    return max < 0 ? SIZE_MAX : spent < (size_t)max ? (size_t)max - spent : 0;
}

static bool has_credit(const struct bulk *bulk)
{
    return bulk_credits_left(bulk) > 0;
}

/* Returns whether as many entries of all bulks wait for the store as may. */
static bool has_recalls(const struct bulk *bulk)
{
    return recalls_count_listed(bulk_engine(bulk)->recalls) >= BULK_RECALLS_MAX;
}

static bool may_start(const struct bulk *bulk)
{
    if (bulk->stopped_by || is_stalled(bulk) || has_recalls(bulk) ||
        bulk_n_unsent(bulk) >= bulk->owner->options.window)
        return false;
    if (bulk->wait.condition && (bulk->wait.is_trying || bulk_now_ms(bulk) < bulk->wait.retry_ms))
        return false;
    return has_credit(bulk) || bulk->n_may_pay == 0;
}

/* Returns whether entries ahead may be looked for: nothing may be paid for now. */
static bool may_look_ahead(const struct bulk *bulk)
{
    if (bulk->stopped_by || bulk->ahead == bulk->n || is_stalled(bulk) || has_recalls(bulk) ||
        bulk->list->directives.refresh)
        return false;
    return !has_credit(bulk) || bulk_waits_for(bulk);
}

static struct bulk_lookup *lookup_new(struct bulk *bulk, size_t index)
{
    const struct bulk_list *list = bulk->list;
    struct bulk_lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->bulk = bulk;
    lookup->index = (uint32_t)index;
    lookup->started_ms = bulk_now_ms(bulk);
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
        .pays_once = list->max_credits >= 0,
    };
    return lookup;
}

static void start(struct bulk *bulk, struct bulk_lookup *lookup)
{
    bulk->records[lookup->index].state = RECORD_STARTED;
    enter_stage(bulk, &bulk->idle);
    DL_APPEND(bulk->lookups, lookup);
    bulk->n_lookups++;
    bulk_watch(bulk);
    engine_lookup_now(bulk_engine(bulk), &lookup->request);
}

static void start_first(struct bulk *bulk, size_t index)
{
    struct bulk_lookup *lookup = lookup_new(bulk, index);

    lookup->request.never_starts = !has_credit(bulk);
    set_may_pay(lookup, has_credit(bulk) && !bulk->list->directives.only_cached);
    lookup->is_trying = bulk->wait.is_trying = bulk->wait.condition != ERR_OK;
    start(bulk, lookup);
}

static void start_ahead(struct bulk *bulk, size_t index)
{
    struct bulk_lookup *lookup = lookup_new(bulk, index);

    lookup->request.never_starts = lookup->is_ahead = true;
    start(bulk, lookup);
}

static void start_or_reject(struct bulk *bulk, size_t index,
                            void (*start_entry)(struct bulk *bulk, size_t index))
{
    if (bulk->records[index].domain)
        start_entry(bulk, index);
    else
        bulk_reject(bulk, index);
}

/* Returns the first entry that waits, not before `from`; bulk->n = none. */
static size_t next_waiting(const struct bulk *bulk, size_t from)
{
    while (from < bulk->n && bulk->records[from].state != RECORD_WAITING)
        from++;
    return from;
}

static bool look_ahead(struct bulk *bulk)
{
    if (!may_look_ahead(bulk))
        return false;
    bulk->ahead = next_waiting(bulk, bulk->ahead > bulk->first ? bulk->ahead : bulk->first);
    if (bulk->ahead == bulk->n)
        return false;
    start_or_reject(bulk, bulk->ahead++, start_ahead);
    return true;
}

bool bulk_start_next(struct bulk *bulk)
{
    bulk->first = next_waiting(bulk, bulk->first);
    if (bulk->first == bulk->n)
        return false;
    if (!may_start(bulk))
        return look_ahead(bulk);
    start_or_reject(bulk, bulk->first++, start_first);
    return true;
}
