/* SPDX-License-Identifier: MIT */
/* collector.c - one batch after its submit: status, then ids, then tasks, until no more can come.
 *
 * One call for the batch itself (status or a list) is in flight at a time; reads of tasks run
 * concurrently (task_reader.c). Every event ends in plan_next_step(), which also ends the
 * collector.
 *
 * Of the lists of ids, COMPLETED is documented, and requested whenever more tasks are completed
 * than were listed. It is also requested if the status fails, has no counts, or shows no progress
 * for a while. ERRORED is requested when `errored` grows early, so that a failed task need not wait
 * for the batch. If the upstream ignores or rejects that filter, it is not used again. The list of
 * all ids is requested once the batch is ready and COMPLETED did not account for every task; before
 * that only if few tasks are missing, and neither status nor ERRORED can say why. */
#include "lookup/batching/collector.h"

#include "base/mem.h"
#include "lookup/batching/task_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST_MS    86400000 /* how long a known batch may return 404 */
#define STALLED_MS 120000   /* without progress; then the counts are not trusted */
#define FOREIGN_MS 120000   /* how long late ids are awaited if all results name other tasks */
#define RESUMED_MS                                                                                 \
    600000 /* a resumed batch is polled at least this long: it was not polled meanwhile */
#define FEW_TASKS     10   /* reading so many unfinished tasks costs little */
#define POLL_LEAST_MS 1000 /* between two calls of which the upstream asked for the last */

enum list { LIST_NONE, LIST_COMPLETED, LIST_ERRORED, LIST_ALL };

struct collector {
    const struct poll_tools *tools;
    struct collector_owner owner;
    char batch_id[OPENMART_ID_MAX + 1];
    size_t n_tasks;
    size_t n_matched, n_unnamed, n_foreign; /* tasks that ended, by what the owner made of them */
    size_t n_failed;                        /* of n_matched, those that the upstream could not do */
    struct read_order order;
    int64_t submitted_ms;
    int64_t end_ms;        /* when its lifetime is over */
    int64_t progress_ms;   /* when the counts last changed */
    int64_t ready_ms;      /* when the batch was first reported as ready; -1 = not yet */
    int64_t lost_since_ms; /* since when calls for it return 404; -1 = they do not */
    bool errored_filter_useless, needs_filter; /* as the upstream treats its lists */
    bool all_listed;                           /* since the batch is ready, as far as possible */
    struct openmart_counts counts;             /* from the last status */
    int64_t listed_completed, listed_errored;  /* counts covered by the last lists */
    int failures;                              /* of calls for the batch, in a row */
    enum list next, requested; /* next list, and the one in flight; NONE = the status */
    struct read_slot slot;
    struct openmart_call *call;
    struct timer next_call;
    int64_t called_ms; /* when the last call was sent; 0 = never */
    bool is_notified;  /* while a call is in flight: another must follow soon */
    struct task_reader *reader;
};

static void plan_next_step(struct collector *c);

/* ---- end ---- */

void collector_cancel(struct collector *c)
{
    if (!c)
        return;
    task_reader_free(c->reader);
    if (c->call)
        openmart_cancel(c->call);
    read_limiter_release(c->tools->limiter, &c->slot);
    timer_disarm(c->tools->timers, &c->next_call);
    free(c);
}

static void finish(struct collector *c, enum err err, const char *detail)
{
    struct collector_owner owner = c->owner;

    collector_cancel(c);
    owner.collector_ended(owner.arg, err, detail);
}

/* ---- reading tasks ---- */

static bool is_expected(void *arg, const struct task_result *result)
{
    const struct collector *c = arg;

    return c->owner.is_expected(c->owner.arg, result);
}

/* Counts a task that ended. One that stayed unfinished has no result. */
static void count_result(struct collector *c, const struct task_result *result)
{
    if (!result->task)
        return;
    switch (c->owner.task_ended(c->owner.arg, result)) { /* GCOVR_EXCL_BR_LINE: no other values */
    case RESULT_OURS:
        c->n_matched++;
        c->n_failed +=
            result->task->state == OPENMART_ERRORED || result->task->state == OPENMART_CANCELLED;
        break;
    case RESULT_UNNAMED:
        c->n_unnamed++;
        break;
    case RESULT_FOREIGN:
        c->n_foreign++;
        break;
    }
}

static void read_event(void *arg, const struct task_result *result)
{
    struct collector *c = arg;

    if (result)
        count_result(c, result);
    plan_next_step(c);
}

void collector_skip(struct collector *c, const char *task_id, bool has_failed)
{
    task_reader_skip(c->reader, task_id);
    c->n_tasks++;
    c->n_matched++;
    c->n_failed += has_failed;
}

/* ---- the batch's own calls ---- */

static bool is_ready(const struct collector *c)
{
    return c->ready_ms >= 0;
}

static void send_call(struct read_slot *slot);

static int64_t rank_of(const struct collector *c)
{
    return read_rank(c->order.oldest_ms, c->order.is_listed);
}

void collector_reorder(struct collector *c, struct read_order order)
{
    c->order = order;
    read_limiter_reorder(c->tools->limiter, &c->slot, rank_of(c));
    task_reader_reorder(c->reader, order);
}

static void next_call_is_due(struct timer *timer)
{
    struct collector *c = container_of(timer, struct collector, next_call);

    read_limiter_acquire(c->tools->limiter, &c->slot, READ_POLL, rank_of(c), send_call);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Plans the next call, not later than the end of the lifetime. */
static void call_in(struct collector *c, int64_t ms)
{
    timer_arm(c->tools->timers, &c->next_call, least(c->tools->clock->now_ms + ms, c->end_ms),
              next_call_is_due);
}

/* Once a second is enough for a hint, however many of them come: each task of a batch may cause
 * one. */
void collector_poll_now(struct collector *c)
{
    int64_t at_ms = c->called_ms ? c->called_ms + POLL_LEAST_MS : c->tools->clock->now_ms;

    if (!timer_armed(&c->next_call))
        c->is_notified = true; /* a call is in flight, or only reads are left */
    else if (at_ms < c->next_call.at_ms)
        timer_arm(c->tools->timers, &c->next_call, at_ms, next_call_is_due);
}

static int64_t age_ms(const struct collector *c)
{
    return c->tools->clock->now_ms - c->submitted_ms;
}

/* Continues later after a failed call for the batch: with the list of COMPLETED if the status
 * failed, which may be the only call that fails; else with the status. After 429, all reads pause
 * and the same call follows. */
static void call_failed(struct collector *c, const struct openmart_reply *reply)
{
    int64_t now_ms = c->tools->clock->now_ms;

    if (reply->status == 429) {
        read_limiter_slow_down(c->tools->limiter, reply->retry_after_s);
        c->next = c->requested;
        call_in(c, 0);
        plan_next_step(c);
        return;
    }
    c->next = c->requested == LIST_NONE ? LIST_COMPLETED : LIST_NONE;
    if (reply->status != 404)
        c->lost_since_ms = -1;
    else if (c->lost_since_ms < 0)
        c->lost_since_ms = now_ms;
    if (c->lost_since_ms >= 0 && now_ms - c->lost_since_ms >= LOST_MS) {
        finish(c, ERR_UPSTREAM_OUTCOME_UNKNOWN, "the upstream no longer has the batch");
        return;
    }
    call_in(c, poll_back_off_ms(++c->failures, age_ms(c), reply));
    plan_next_step(c);
}

/* Returns whether the counts do not say what is worth listing. */
static bool is_stalled(const struct collector *c)
{
    return !c->counts.known || c->tools->clock->now_ms - c->progress_ms >= STALLED_MS;
}

static enum list list_after_status(const struct collector *c)
{
    if (is_ready(c) && c->all_listed && !c->needs_filter)
        return LIST_ALL; /* late ids */
    if (is_ready(c) || c->counts.completed > c->listed_completed || is_stalled(c))
        return LIST_COMPLETED;
    if (c->counts.errored > c->listed_errored && !c->errored_filter_useless)
        return LIST_ERRORED;
    return LIST_NONE;
}

static void got_counts(void *arg, const struct openmart_reply *reply,
                       const struct openmart_counts *counts)
{
    struct collector *c = arg;

    c->call = NULL;
    read_limiter_release(c->tools->limiter, &c->slot);
    circuit_record_read(c->tools->breaker, reply);
    if (reply->verdict != VERDICT_DONE) {
        call_failed(c, reply);
        return;
    }
    c->lost_since_ms = -1;
    if (counts->completed != c->counts.completed || counts->errored != c->counts.errored)
        c->progress_ms = c->tools->clock->now_ms;
    c->counts = *counts;
    if (counts->ready && !is_ready(c)) {
        c->ready_ms = c->tools->clock->now_ms; /* final, whatever later polls report */
        c->all_listed = false;
        task_reader_set_batch_ready(c->reader);
        c->owner.batch_is_ready(c->owner.arg);
    }
    c->next = list_after_status(c);
    if (c->next == LIST_NONE) /* otherwise the list failed, and may fail again */
        c->failures = 0;
    plan_next_step(c);
}

/* Returns how many ids are or may be those of our tasks. An id that cannot be read may belong to
 * another batch, and must not prevent listing the ids that are still missing. */
static size_t accounted(const struct collector *c)
{
    return c->n_matched + task_reader_n_readable(c->reader);
}

static enum list list_after(const struct collector *c, enum list listed)
{
    bool is_listable = !c->needs_filter && accounted(c) < c->n_tasks;

    if (listed != LIST_COMPLETED)
        return LIST_NONE;
    if (is_ready(c))
        return is_listable ? LIST_ALL : LIST_NONE;
    if (!is_stalled(c) && c->counts.errored <= c->listed_errored)
        return LIST_NONE;
    if (!c->errored_filter_useless)
        return LIST_ERRORED;
    return is_listable && is_stalled(c) && c->n_tasks - c->n_matched <= FEW_TASKS ? LIST_ALL
                                                                                  : LIST_NONE;
}

/* More ids than failures (the counts are slightly older than the list), and more than can have
 * failed: the filter was ignored. Reading a hundred unfinished tasks to find the failed one is not
 * worth it; the list of all ids will show it at the end. */
static bool is_unfiltered(const struct collector *c, size_t n)
{
    if (is_stalled(c))
        return n > FEW_TASKS && n >= c->n_tasks;
    return (int64_t)n > c->counts.errored &&
           (n >= c->n_tasks || (int64_t)n + c->counts.completed > (int64_t)c->n_tasks);
}

static void add_ids(struct collector *c, enum list listed, const char *const *ids, size_t n)
{
    if (listed == LIST_ERRORED && is_unfiltered(c, n)) {
        c->errored_filter_useless = true;
        return;
    }
    for (size_t i = 0; i < n; i++)
        task_reader_add(c->reader, ids[i]);
    /* A list may lag behind the counts; then it is requested again. */
    if (listed == LIST_COMPLETED)
        c->listed_completed = least((int64_t)n, c->counts.completed);
    else
        c->listed_errored = least((int64_t)n, c->counts.errored);
    if (listed == LIST_ALL || (listed == LIST_COMPLETED && c->needs_filter))
        c->all_listed = true;
}

/* Only the COMPLETED filter is documented. Notes that the upstream rejects another list. */
static void list_rejected(struct collector *c, enum list listed)
{
    if (listed == LIST_ERRORED)
        c->errored_filter_useless = true;
    else
        c->needs_filter = true;
    c->all_listed = c->needs_filter && is_ready(c); /* COMPLETED was all */
}

static void got_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct collector *c = arg;
    enum list listed = c->requested;

    c->call = NULL;
    read_limiter_release(c->tools->limiter, &c->slot);
    circuit_record_read(c->tools->breaker, reply);
    if (listed != LIST_COMPLETED && (reply->status == 400 || reply->status == 422)) {
        list_rejected(c, listed);
    } else if (reply->verdict != VERDICT_DONE) {
        call_failed(c, reply);
        return;
    } else {
        c->lost_since_ms = -1;
        add_ids(c, listed, ids, n);
        c->next = list_after(c, listed);
        if (c->next == LIST_NONE) /* as in got_counts() */
            c->failures = 0;
    }
    plan_next_step(c);
}

static void send_call(struct read_slot *slot)
{
    static const char *const filters[] = {NULL, "COMPLETED", "ERRORED", NULL};
    struct collector *c = container_of(slot, struct collector, slot);
    struct openmart *openmart = c->tools->openmart;

    c->requested = c->next;
    c->next = LIST_NONE;
    c->called_ms = c->tools->clock->now_ms;
    if (c->requested == LIST_NONE)
        c->call = openmart_batch_status(openmart, c->batch_id, got_counts, c);
    else
        c->call = openmart_task_ids(openmart, c->batch_id, filters[c->requested], got_ids, c);
}

/* ---- next step ---- */

/* The batch is ready, all its ids were listed and read, and some tasks are missing. Not before all
 * ids were listed: the list of COMPLETED may lag, and hold ids that are not ours. According to the
 * upstream's documentation, an id missing from COMPLETED is a failed task; if as many failed as are
 * missing, they are. If as many results name no task, they are theirs. If exactly as many name
 * other tasks, the upstream may have changed the tracking ids, or the ids of ours are late: these
 * get some time. Returns true if the collector ended. */
static bool finish_if_nothing_comes(struct collector *c)
{
    size_t n_missing = c->n_tasks - c->n_matched;
    int64_t waited_ms = c->tools->clock->now_ms - c->ready_ms;

    if (!is_ready(c) || !c->all_listed || task_reader_n_open(c->reader))
        return false;
    if (c->counts.errored >= (int64_t)(n_missing + c->n_failed))
        finish(c, ERR_LOOKUP_FAILED, "the upstream reports this lookup as failed");
    else if (c->n_unnamed >= n_missing ||
             (c->n_unnamed + c->n_foreign == n_missing && waited_ms >= FOREIGN_MS))
        finish(c, ERR_UPSTREAM_INVALID_RESPONSE, "upstream results carry no matching tracking id");
    else if (waited_ms >= POLL_STRAGGLERS_MS)
        finish(c, ERR_UPSTREAM_INVALID_RESPONSE,
               "the upstream finished the batch without a result for this lookup");
    else
        return false;
    return true;
}

static void plan_next_step(struct collector *c)
{
    if (c->n_matched == c->n_tasks) {
        finish(c, ERR_OK, NULL);
        return;
    }
    if (c->next == LIST_NONE && finish_if_nothing_comes(c))
        return;
    if (c->tools->clock->now_ms >= c->end_ms) {
        finish(c, ERR_UPSTREAM_OUTCOME_UNKNOWN, "the upstream did not finish the batch in time");
        return;
    }
    bool call_is_planned = timer_armed(&c->next_call) || c->slot.state != READ_SLOT_IDLE;
    bool only_reads_are_left = is_ready(c) && c->next == LIST_NONE &&
                               task_reader_n_readable(c->reader) && accounted(c) >= c->n_tasks;
    if (call_is_planned || only_reads_are_left)
        return;
    call_in(c, c->next != LIST_NONE ? 0 : poll_pause_ms(age_ms(c)));
    if (c->is_notified && c->next == LIST_NONE)
        collector_poll_now(c);
    c->is_notified = false;
}

struct collector *collector_start(const struct poll_tools *tools,
                                  const struct collector_batch *batch,
                                  const struct collector_owner *owner)
{
    struct collector *c = xcalloc(1, sizeof *c);
    const struct task_reader_owner reader = {is_expected, read_event, c};
    int64_t now_ms = tools->clock->now_ms;
    int64_t end_ms = batch->submitted_ms + tools->lifetime_ms;
    int64_t least_end_ms = now_ms + least(tools->lifetime_ms, RESUMED_MS);

    c->tools = tools;
    c->owner = *owner;
    snprintf(c->batch_id, sizeof c->batch_id, "%s", batch->id);
    c->n_tasks = batch->n_tasks;
    c->order = batch->order;
    c->submitted_ms = c->progress_ms = batch->submitted_ms;
    c->end_ms = end_ms > least_end_ms ? end_ms : least_end_ms;
    c->ready_ms = c->lost_since_ms = -1;
    c->counts.known = true;
    /* More ids than twice the batch's size cannot be valid. */
    c->reader = task_reader_new(tools, c->order, c->submitted_ms, 2 * OPENMART_BATCH_MAX, &reader);
    call_in(c, 0);
    return c;
}
