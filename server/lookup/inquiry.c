/* SPDX-License-Identifier: MIT */
/* inquiry.c - see inquiry.h.
 *
 * An inquiry goes over its candidates in rounds, one read at a time, with growing pauses:
 *
 *     AS_BATCH   lists the tasks of the batch, then reads one of them
 *     AS_TASK    reads the task; again in later rounds until it has ended
 *
 * When all are rejected, the inquiry stays for a while, so that the same ids are not tried again.
 */
#include "lookup/inquiry.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "lookup/batching/batcher.h"
#include "model/question.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FIRST_PAUSE_MS INT64_C(2000)
#define PAUSE_MAX_MS   INT64_C(300000)
#define LEAST_PAUSE_MS INT64_C(1000)    /* between two rounds, whatever arrives */
#define IDLE_MS        INT64_C(3600000) /* how long rejected ids are remembered */

static void next_step(struct inquiry *inquiry);
static void read_next(struct inquiry *inquiry);
static void end_round(struct inquiry *inquiry);

/* ---- life ---- */

void inquiry_close(struct inquiry *inquiry)
{
    struct inquiries *all = inquiry->all;

    assert(inquiry->state != INQUIRY_STORING);
    resolved_task_release(&inquiry->ending);
    if (inquiry->call)
        openmart_cancel(inquiry->call);
    read_limiter_release(all->tools.limiter, &inquiry->slot);
    timer_disarm(all->tools.timers, &inquiry->timer);
    candidates_clear(&inquiry->candidates);
    lost_tasks_clear(&inquiry->tasks);
    DL_DELETE(all->first, inquiry);
    all->n--;
    free(inquiry);
}

static void wake(struct timer *timer)
{
    next_step(container_of(timer, struct inquiry, timer));
}

/* Changes the state; the only function that does. `ms` is the time until the next step, except for
 * INQUIRY_READING and INQUIRY_STORING. */
static void set_state(struct inquiry *inquiry, enum inquiry_state state, int64_t ms)
{
    int64_t now_ms = inquiry->all->tools.recovery.clock->now_ms;

    inquiry->state = state;
    if (state == INQUIRY_READING || state == INQUIRY_STORING)
        timer_disarm(inquiry->all->tools.timers, &inquiry->timer);
    else
        timer_arm(inquiry->all->tools.timers, &inquiry->timer, now_ms + ms, wake);
}

struct inquiry *inquiry_open(struct inquiries *all, const char *token, int64_t number)
{
    if (all->n == INQUIRIES_MAX)
        return NULL;
    struct inquiry *inquiry = xcalloc(1, sizeof *inquiry);
    inquiry->all = all;
    inquiry->opened_ms = all->tools.recovery.clock->now_ms;
    inquiry->number = number;
    snprintf(inquiry->token, sizeof inquiry->token, "%s", token);
    DL_APPEND(all->first, inquiry);
    all->n++;
    set_state(inquiry, INQUIRY_PAUSING, 0);
    return inquiry;
}

/* ---- candidates ---- */

static void add_found(struct inquiry *inquiry, const struct openmart_found_id *found,
                      const char *by)
{
    enum trial trial = found->kind == OPENMART_FOUND_TASK ? AS_TASK : AS_BATCH;

    if (inquiry->candidates.n < CANDIDATES_MAX)
        candidates_add(&inquiry->candidates, found->id, trial, by);
}

/* ---- what is stored ---- */

static void batch_resolved(struct store_call *call)
{
    struct inquiry *inquiry = container_of(call, struct inquiry, resolve.call);
    bool has_failed = call->err == ERR_STORAGE_UNAVAILABLE;

    set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
    inquiry->repeat = has_failed ? REPEAT_BATCH : REPEAT_NOTHING;
    if (!call->err)
        recover_resolved(&inquiry->all->tools.recovery, &inquiry->resolve.batch,
                         inquiry->trying->by);
    arena_free(&inquiry->resolve.arena);
    if (!has_failed)
        inquiry_close(inquiry); /* it is resumed, or nothing of it is unknown any more */
}

/* Also to repeat it: it must be the same then. */
static void post_resolve(struct inquiry *inquiry)
{
    set_state(inquiry, INQUIRY_STORING, 0);
    store_post_resolve_batch(inquiry->all->tools.recovery.results->calls, &inquiry->resolve);
}

/* The batch exists under the id of the candidate. */
static void resolve_batch(struct inquiry *inquiry)
{
    inquiry->resolve =
        (struct store_resolve_batch_call){.call.done = batch_resolved,
                                          .number = inquiry->number,
                                          .batch_id = inquiry->trying->id,
                                          .wall_ms = inquiry->all->tools.recovery.clock->wall_ms};
    post_resolve(inquiry);
}

static void log_task(const struct inquiry *inquiry)
{
    enum err err = inquiry->ending.result->err;

    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("lookup", inquiry->ended->lookup_id),
              LOG_STR("domain", inquiry->ended->question->parts.domain),
              LOG_STR("outcome", err ? err_row(err)->code : "answered"),
              LOG_STR("by", inquiry->trying->by));
}

static void task_stored(struct resolved_task *task, enum err err)
{
    struct inquiry *inquiry = container_of(task, struct inquiry, ending);

    set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
    inquiry->repeat = err == ERR_STORAGE_UNAVAILABLE ? REPEAT_TASK : REPEAT_NOTHING;
    if (inquiry->repeat)
        return;
    if (!err)
        log_task(inquiry);
    resolved_task_release(task);
    lost_tasks_drop(&inquiry->tasks, inquiry->ended);
    read_next(inquiry);
}

/* A task of the batch has ended, and the batch's id is not known. */
static void resolve_task(struct inquiry *inquiry, struct lost_task *lost,
                         const struct openmart_task *answer)
{
    struct task_end end = {.answer = answer, .task_id = inquiry->trying->id};

    if (answer->state != OPENMART_COMPLETED)
        end = (struct task_end){.err = ERR_LOOKUP_FAILED,
                                .task_id = inquiry->trying->id,
                                .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    inquiry->trying->trial = REJECTED; /* it needs no other read */
    inquiry->ended = lost;
    inquiry->ending.done = task_stored;
    set_state(inquiry, INQUIRY_STORING, 0);
    resolved_task_post(&inquiry->ending, inquiry->all->tools.recovery.results, lost, &end);
}

/* Posts the call again that failed. */
static void repeat(struct inquiry *inquiry)
{
    if (inquiry->repeat == REPEAT_BATCH) {
        post_resolve(inquiry);
    } else {
        set_state(inquiry, INQUIRY_STORING, 0);
        resolved_task_repeat(&inquiry->ending);
    }
}

/* ---- reads ---- */

static bool has_ended(const struct openmart_task *task)
{
    return !task->unreadable &&
           (task->state == OPENMART_COMPLETED || task->state == OPENMART_ERRORED ||
            task->state == OPENMART_CANCELLED);
}

/* Adds what the upstream itself says about the batch of a task. */
static void add_named_batches(struct inquiry *inquiry, const struct openmart_reply *reply)
{
    struct openmart_found found = {0};

    openmart_find_ids(reply->body, reply->body_len, &found);
    for (size_t i = 0; i < found.n && found.ids[i].kind == OPENMART_FOUND_BATCH; i++)
        add_found(inquiry, &found.ids[i], inquiry->trying->by);
}

/* If the upstream is at fault, the other ids wait for the next round. */
static void failed(struct inquiry *inquiry, const struct openmart_reply *reply)
{
    if (reply->status == 429)
        read_limiter_slow_down(inquiry->all->tools.limiter, reply->retry_after_s);
    if (candidate_failed(inquiry->trying, reply))
        next_step(inquiry);
    else
        end_round(inquiry);
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct inquiry *inquiry = arg;
    struct candidate *candidate = inquiry->trying;
    bool is_proof = task && lost_tasks_are_named(&inquiry->tasks, task->tracking_id);
    struct lost_task *lost = is_proof ? lost_tasks_find(&inquiry->tasks, task->tracking_id) : NULL;

    inquiry->call = NULL;
    read_limiter_release(inquiry->all->tools.limiter, &inquiry->slot);
    if (is_proof && candidate->trial == AS_LISTED_TASK) {
        resolve_batch(inquiry);
        return;
    }
    if (is_proof) {
        candidate_confirmed(candidate);
        add_named_batches(inquiry, reply);
        if (lost && has_ended(task)) {
            resolve_task(inquiry, lost, task);
            return;
        }
        if (!lost)
            candidate->trial = REJECTED; /* its end is known */
    } else if (!task) {
        failed(inquiry, reply);
        return;
    } else if (*task->tracking_id) {
        candidate_reject(candidate); /* of another submit */
    } else if (candidate->trial == AS_LISTED_TASK) {
        candidate->trial = AS_BATCH;
    } else if (has_ended(task)) {
        candidate_reject(candidate); /* it will not say more */
    }
    next_step(inquiry);
}

static void got_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct inquiry *inquiry = arg;
    struct candidate *candidate = inquiry->trying;

    inquiry->call = NULL;
    read_limiter_release(inquiry->all->tools.limiter, &inquiry->slot);
    if (n > 0 || reply->verdict == VERDICT_DONE) {
        candidate_listed(candidate, ids, n);
    } else if (!inquiry->all->needs_filter && (reply->status == 400 || reply->status == 422)) {
        inquiry->all->needs_filter = true;
        candidate->is_tried = false;
    } else {
        failed(inquiry, reply);
        return;
    }
    next_step(inquiry);
}

static void send_read(struct read_slot *slot)
{
    struct inquiry *inquiry = container_of(slot, struct inquiry, slot);
    struct openmart *openmart = inquiry->all->tools.openmart;
    const struct candidate *candidate = inquiry->trying;

    if (candidate->trial == AS_BATCH)
        inquiry->call =
            openmart_task_ids(openmart, candidate->id,
                              inquiry->all->needs_filter ? "COMPLETED" : NULL, got_ids, inquiry);
    else
        inquiry->call = openmart_read_task(
            openmart, candidate->trial == AS_TASK ? candidate->id : candidate->listed, got_task,
            inquiry);
}

/* ---- steps ---- */

static void read_candidate(struct inquiry *inquiry, struct candidate *candidate)
{
    candidate->is_tried = true;
    inquiry->trying = candidate;
    set_state(inquiry, INQUIRY_READING, 0);
    read_limiter_acquire(inquiry->all->tools.limiter, &inquiry->slot,
                         candidate->trial == AS_BATCH ? READ_POLL : READ_TASK,
                         inquiry->all->tools.recovery.clock->now_ms, send_read);
}

static void end_round(struct inquiry *inquiry)
{
    int64_t pause_ms = FIRST_PAUSE_MS << (inquiry->round < 8 ? inquiry->round : 8);

    inquiry->round++;
    if (candidates_end_round(&inquiry->candidates))
        set_state(inquiry, INQUIRY_PAUSING, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    else
        set_state(inquiry, INQUIRY_IDLE, IDLE_MS);
}

/* Returns whether the batch has ended and the store does not know that yet. */
static bool is_behind(const struct store_batch *batch)
{
    bool has_open = false;

    for (size_t i = 0; i < batch->n; i++)
        has_open = has_open || batch->tasks[i].task_state == STORE_OPEN;
    return has_open && (batch->state == STORE_SENDING || batch->state == STORE_RESTING);
}

static void found_batch(struct store_call *call)
{
    struct inquiry *inquiry = container_of(call, struct inquiry, find.call);
    bool is_later = call->err == ERR_STORAGE_UNAVAILABLE;

    set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
    if (!call->err) {
        inquiry->number = inquiry->find.batch.number;
        lost_tasks_read(&inquiry->tasks, &inquiry->find.batch);
        is_later = inquiry->tasks.n == 0 && is_behind(&inquiry->find.batch);
    }
    arena_free(&inquiry->find.arena);
    if (is_later)
        return;
    if (call->err)
        inquiry_close(inquiry);
    else
        read_next(inquiry);
}

/* Begins a round: reads what the store knows of the batch. */
static void find_lost_tasks(struct inquiry *inquiry)
{
    const struct recover_tools *tools = &inquiry->all->tools.recovery;
    enum batcher_notice notice =
        *inquiry->token ? batcher_notify(tools->batcher, inquiry->token) : NOTICE_NOT_OURS;

    inquiry->round_ms = tools->clock->now_ms;
    if (notice == NOTICE_POLLED) {
        inquiry_close(inquiry);
        return;
    }
    if (notice == NOTICE_IN_FLIGHT || journal_check(tools->results->journal)) {
        set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
        return;
    }
    set_state(inquiry, INQUIRY_STORING, 0);
    inquiry->find.call.done = found_batch;
    inquiry->find.number = inquiry->number;
    inquiry->find.notify_token = inquiry->token;
    store_post_read_batch(tools->results->calls, &inquiry->find);
}

/* Starts the next read, or ends the round, or the inquiry. */
static void read_next(struct inquiry *inquiry)
{
    struct candidate *candidate = candidates_next(&inquiry->candidates);

    if (inquiry->tasks.n == 0)
        inquiry_close(inquiry);
    else if (candidate)
        read_candidate(inquiry, candidate);
    else
        end_round(inquiry);
}

static void next_step(struct inquiry *inquiry)
{
    int64_t now_ms = inquiry->all->tools.recovery.clock->now_ms;

    if (inquiry->repeat)
        repeat(inquiry);
    else if (inquiry->state == INQUIRY_IDLE ||
             now_ms - inquiry->opened_ms >= inquiry->all->tools.lifetime_ms)
        inquiry_close(inquiry);
    else if (inquiry->state == INQUIRY_READING)
        read_next(inquiry);
    else
        find_lost_tasks(inquiry);
}

/* ---- new ids ---- */

/* Starts a round soon, unless one runs. */
static void hurry(struct inquiry *inquiry)
{
    int64_t left_ms =
        inquiry->round_ms + LEAST_PAUSE_MS - inquiry->all->tools.recovery.clock->now_ms;

    if (inquiry->state != INQUIRY_PAUSING && inquiry->state != INQUIRY_IDLE)
        return;
    inquiry->round = 0;
    set_state(inquiry, INQUIRY_PAUSING, inquiry->round_ms && left_ms > 0 ? left_ms : 0);
}

void inquiry_add(struct inquiry *inquiry, const struct openmart_found *found, const char *by)
{
    size_t n_before = inquiry->candidates.n;

    for (size_t i = 0; i < found->n; i++)
        add_found(inquiry, &found->ids[i], by);
    if (inquiry->candidates.n > n_before)
        hurry(inquiry);
}

/* No limit of candidates applies: a person typed the id. */
bool inquiry_propose(struct inquiry *inquiry, const char *batch_id)
{
    struct candidate *candidate =
        candidates_add(&inquiry->candidates, batch_id, AS_BATCH, "operator");

    bool is_read = inquiry->state == INQUIRY_READING && inquiry->trying == candidate;
    if (!is_read && strcmp(inquiry->proposed, batch_id) != 0) {
        snprintf(inquiry->proposed, sizeof inquiry->proposed, "%s", batch_id);
        candidate_insist(candidate);
        hurry(inquiry);
    }
    if (candidate->trial != REJECTED)
        return true;
    *inquiry->proposed = '\0';
    return false;
}
