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
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define FIRST_PAUSE_MS INT64_C(2000)
#define PAUSE_MAX_MS   INT64_C(300000)
#define LEAST_PAUSE_MS INT64_C(1000)    /* between two rounds, whatever arrives */
#define IDLE_MS        INT64_C(3600000) /* how long rejected ids are remembered */

static void next_step(struct inquiry *inquiry);
static void end_round(struct inquiry *inquiry);

/* ---- life ---- */

static void drop_lost(struct inquiry *inquiry, size_t i)
{
    question_free(inquiry->lost[i].question);
    inquiry->lost[i] = inquiry->lost[--inquiry->n_lost];
}

static void drop_tasks(struct inquiry *inquiry)
{
    while (inquiry->n_lost)
        drop_lost(inquiry, 0);
    free(TAKE(inquiry->lost));
    free(TAKE(inquiry->others));
    inquiry->n_others = 0;
}

void inquiry_close(struct inquiry *inquiry)
{
    struct inquiries *all = inquiry->all;

    if (inquiry->call)
        openmart_cancel(inquiry->call);
    read_limiter_release(all->tools.limiter, &inquiry->slot);
    timer_disarm(all->tools.timers, &inquiry->timer);
    candidates_clear(&inquiry->candidates);
    drop_tasks(inquiry);
    DL_DELETE(all->first, inquiry);
    all->n--;
    free(inquiry);
}

static void wake(struct timer *timer)
{
    next_step(container_of(timer, struct inquiry, timer));
}

/* Changes the state; the only function that does. `ms` is the time until the next step, except for
 * INQUIRY_READING. */
static void set_state(struct inquiry *inquiry, enum inquiry_state state, int64_t ms)
{
    int64_t now_ms = inquiry->all->tools.recovery.clock->now_ms;

    inquiry->state = state;
    if (state == INQUIRY_READING)
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

/* ---- what was lost ---- */

static struct lost_task *find_lost(const struct inquiry *inquiry, const char *tracking_id)
{
    for (size_t i = 0; i < inquiry->n_lost; i++)
        if (strcmp(inquiry->lost[i].tracking_id, tracking_id) == 0)
            return &inquiry->lost[i];
    return NULL;
}

/* Returns whether the tracking id is of any task of the batch. */
static bool is_ours(const struct inquiry *inquiry, const char *tracking_id)
{
    for (size_t i = 0; i < inquiry->n_others; i++)
        if (strcmp(inquiry->others[i], tracking_id) == 0)
            return true;
    return find_lost(inquiry, tracking_id) != NULL;
}

static void note_lost(struct inquiry *inquiry, const struct store_task *task)
{
    struct lost_task *lost = &inquiry->lost[inquiry->n_lost++];

    lost->question = question_restore(task->key, &task->parts);
    snprintf(lost->tracking_id, sizeof lost->tracking_id, "%s", task->tracking_id);
    snprintf(lost->lookup_id, sizeof lost->lookup_id, "%s", task->lookup_id);
}

/* Reads which tasks of the batch are unknown now. */
static void note_batch(void *arg, const struct store_batch *batch)
{
    struct inquiry *inquiry = arg;

    inquiry->number = batch->number;
    drop_tasks(inquiry);
    inquiry->lost = xcalloc(batch->n + 1, sizeof *inquiry->lost);
    inquiry->others = xcalloc(batch->n + 1, sizeof *inquiry->others);
    for (size_t i = 0; i < batch->n; i++)
        if (batch->tasks[i].task_state == STORE_UNKNOWN)
            note_lost(inquiry, &batch->tasks[i]);
        else
            snprintf(inquiry->others[inquiry->n_others++], ID_TEXT, "%s",
                     batch->tasks[i].tracking_id);
}

static void resume(void *arg, const struct store_batch *batch)
{
    const struct inquiry *inquiry = arg;

    recover_resolved(&inquiry->all->tools.recovery, batch, inquiry->trying->by);
}

/* The store knows the batch's id. Ends the inquiry, unless the store fails now. */
static void resume_batch(struct inquiry *inquiry)
{
    struct store *store = inquiry->all->tools.recovery.store;

    if (store_read_batch(store, inquiry->number, resume, inquiry) == ERR_STORAGE_UNAVAILABLE)
        set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
    else
        inquiry_close(inquiry);
}

/* The batch exists under this id. */
static void resolve_batch(struct inquiry *inquiry, const char *batch_id)
{
    const struct recover_tools *tools = &inquiry->all->tools.recovery;
    enum err err =
        store_resolve_batch(tools->store, inquiry->number, batch_id, tools->clock->wall_ms);

    if (err == ERR_STORAGE_UNAVAILABLE) {
        next_step(inquiry);
    } else if (err) {
        inquiry_close(inquiry); /* nothing of it is unknown any more */
    } else {
        inquiry->is_resolved = true;
        resume_batch(inquiry);
    }
}

static void log_task(const struct inquiry *inquiry, const struct lost_task *lost,
                     const struct task_end *end)
{
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("lookup", lost->lookup_id),
              LOG_STR("domain", lost->question->parts.domain),
              LOG_STR("outcome", end->err ? err_row(end->err)->code : "answered"),
              LOG_STR("by", inquiry->trying->by));
}

/* A task of the batch has ended, and the batch's id is not known. */
static void resolve_task(struct inquiry *inquiry, struct lost_task *lost, const char *task_id,
                         const struct openmart_task *answer)
{
    struct task_end end = {.answer = answer, .task_id = task_id};

    if (answer->state != OPENMART_COMPLETED)
        end = (struct task_end){.err = ERR_LOOKUP_FAILED,
                                .task_id = task_id,
                                .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    enum err err = results_put_resolved(inquiry->all->tools.recovery.results, lost, &end);
    if (err == ERR_STORAGE_UNAVAILABLE)
        return; /* the next round reads it again */
    if (!err)
        log_task(inquiry, lost, &end);
    inquiry->trying->trial = REJECTED;
    drop_lost(inquiry, (size_t)(lost - inquiry->lost));
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
    bool is_proof = task && is_ours(inquiry, task->tracking_id);
    struct lost_task *lost = is_proof ? find_lost(inquiry, task->tracking_id) : NULL;

    inquiry->call = NULL;
    read_limiter_release(inquiry->all->tools.limiter, &inquiry->slot);
    if (is_proof && candidate->trial == AS_LISTED_TASK) {
        resolve_batch(inquiry, candidate->id);
        return;
    }
    if (is_proof) {
        candidate_confirmed(candidate);
        add_named_batches(inquiry, reply);
        if (!lost)
            candidate->trial = REJECTED; /* its end is known */
        else if (has_ended(task))
            resolve_task(inquiry, lost, candidate->id, task);
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

/* Reads what the store knows of the batch. Returns false if the inquiry was closed, or waits. */
static bool find_lost_tasks(struct inquiry *inquiry)
{
    const struct recover_tools *tools = &inquiry->all->tools.recovery;
    enum batcher_notice notice =
        *inquiry->token ? batcher_notify(tools->batcher, inquiry->token) : NOTICE_NOT_OURS;

    if (notice == NOTICE_IN_FLIGHT || journal_check(tools->results->journal)) {
        set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
        return false;
    }
    enum err err = notice == NOTICE_POLLED ? ERR_NO_ENTRY
                   : inquiry->number
                       ? store_read_batch(tools->store, inquiry->number, note_batch, inquiry)
                       : store_find_batch(tools->store, inquiry->token, note_batch, inquiry);
    if (!err && inquiry->n_lost)
        return true;
    if (err == ERR_STORAGE_UNAVAILABLE)
        set_state(inquiry, INQUIRY_WAITING, LEAST_PAUSE_MS);
    else
        inquiry_close(inquiry);
    return false;
}

/* Starts the next read, or ends the round, or the inquiry. */
static void next_step(struct inquiry *inquiry)
{
    int64_t now_ms = inquiry->all->tools.recovery.clock->now_ms;

    if (inquiry->is_resolved) {
        resume_batch(inquiry);
        return;
    }
    if (inquiry->state == INQUIRY_IDLE ||
        now_ms - inquiry->opened_ms >= inquiry->all->tools.lifetime_ms) {
        inquiry_close(inquiry);
        return;
    }
    if (inquiry->state != INQUIRY_READING) { /* a round begins */
        inquiry->round_ms = now_ms;
        if (!find_lost_tasks(inquiry))
            return;
    }
    struct candidate *candidate = candidates_next(&inquiry->candidates);
    if (inquiry->n_lost == 0)
        inquiry_close(inquiry);
    else if (candidate)
        read_candidate(inquiry, candidate);
    else
        end_round(inquiry);
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
