/* SPDX-License-Identifier: MIT */
/* inquiry.c - see inquiry.h.
 *
 * An inquiry goes over its candidates in rounds, one read at a time, with growing pauses:
 *
 *     AS_BATCH   lists the tasks of the batch, then reads one of them
 *     AS_TASK    reads the task; again in later rounds until it has ended
 *
 * A candidate is rejected if the upstream does not know it, or if it belongs to another submit.
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

#define DENIALS_MAX    5   /* responses 404 to one id; the first may come before it is visible */
#define EMPTY_MAX      100 /* empty lists of one id: about eight hours */
#define FIRST_PAUSE_MS INT64_C(2000)
#define PAUSE_MAX_MS   INT64_C(300000)
#define LEAST_PAUSE_MS INT64_C(1000)    /* between two rounds, whatever arrives */
#define IDLE_MS        INT64_C(3600000) /* how long rejected ids are remembered */

/* What an id is tried as. */
enum trial { AS_BATCH, AS_LISTED_TASK, AS_TASK, REJECTED };

struct candidate {
    char id[OPENMART_ID_MAX + 1];
    char listed[OPENMART_ID_MAX + 1]; /* AS_LISTED_TASK: the task of it that is read */
    enum trial trial;
    bool was_other; /* the other of AS_BATCH and AS_TASK was tried */
    bool is_tried;  /* in this round */
    unsigned n_denied, n_empty, n_lists;
    struct candidate *prev, *next;
};

static void next_step(struct inquiry *inquiry);
static void end_round(struct inquiry *inquiry);

/* ---- life ---- */

static void drop_lost(struct inquiry *inquiry, size_t i)
{
    question_free(inquiry->lost[i].question);
    inquiry->lost[i] = inquiry->lost[--inquiry->n_lost];
}

void inquiry_close(struct inquiry *inquiry)
{
    struct inquiries *all = inquiry->all;

    if (inquiry->call)
        openmart_cancel(inquiry->call);
    read_limiter_release(all->tools.limiter, &inquiry->slot);
    timer_disarm(all->tools.timers, &inquiry->timer);
    while (inquiry->candidates) {
        struct candidate *first = inquiry->candidates;
        DL_DELETE(inquiry->candidates, first);
        free(first);
    }
    while (inquiry->n_lost)
        drop_lost(inquiry, 0);
    free(inquiry->lost);
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

static void add_candidate(struct inquiry *inquiry, const struct openmart_found_id *found)
{
    struct candidate *candidate;

    DL_FOREACH (inquiry->candidates, candidate)
        if (strcmp(candidate->id, found->id) == 0)
            return;
    if (inquiry->n_candidates == CANDIDATES_MAX)
        return;
    candidate = xcalloc(1, sizeof *candidate);
    memcpy(candidate->id, found->id, sizeof candidate->id);
    candidate->trial = found->kind == OPENMART_FOUND_TASK ? AS_TASK : AS_BATCH;
    DL_APPEND(inquiry->candidates, candidate);
    inquiry->n_candidates++;
}

/* Tries the id as the other kind, or rejects it. */
static void reject(struct candidate *candidate)
{
    bool as_task = candidate->trial == AS_TASK;

    candidate->trial = candidate->was_other ? REJECTED : as_task ? AS_BATCH : AS_TASK;
    candidate->was_other = true;
    candidate->n_denied = 0;
    candidate->is_tried = false;
}

/* Judges a response that is not a success. A 4xx about this id rejects it, after some tries if the
 * id may only not be visible yet. Everything else concerns the upstream: returns false. */
static bool note_failure(struct candidate *candidate, const struct openmart_reply *reply)
{
    bool is_denied = reply->status == 400 || reply->status == 404 || reply->status == 422;

    if (candidate->trial == AS_LISTED_TASK)
        candidate->trial = AS_BATCH; /* another of its tasks next time */
    else if (is_denied && (reply->status != 404 || ++candidate->n_denied == DENIALS_MAX))
        reject(candidate);
    return is_denied;
}

static struct lost_task *find_lost(const struct inquiry *inquiry, const char *tracking_id)
{
    for (size_t i = 0; i < inquiry->n_lost; i++)
        if (strcmp(inquiry->lost[i].tracking_id, tracking_id) == 0)
            return &inquiry->lost[i];
    return NULL;
}

/* ---- what was lost ---- */

/* Reads the tasks of the batch that are unknown now. */
static void note_batch(void *arg, const struct store_batch *batch)
{
    struct inquiry *inquiry = arg;

    inquiry->number = batch->number;
    while (inquiry->n_lost)
        drop_lost(inquiry, 0);
    free(inquiry->lost);
    inquiry->lost = xcalloc(batch->n + 1, sizeof *inquiry->lost);
    for (size_t i = 0; i < batch->n; i++) {
        const struct store_task *task = &batch->tasks[i];
        struct lost_task *lost = &inquiry->lost[inquiry->n_lost];
        if (task->task_state != STORE_UNKNOWN)
            continue;
        lost->question = question_restore(task->key, &task->parts);
        snprintf(lost->tracking_id, sizeof lost->tracking_id, "%s", task->tracking_id);
        snprintf(lost->lookup_id, sizeof lost->lookup_id, "%s", task->lookup_id);
        inquiry->n_lost++;
    }
}

static void resume(void *arg, const struct store_batch *batch)
{
    const struct inquiry *inquiry = arg;

    recover_resolved(&inquiry->all->tools.recovery, batch, inquiry->by);
}

/* The batch exists under this id. Ends the inquiry, unless the store fails now. If it fails between
 * the two calls, the next start resumes the batch. */
static void resolve_batch(struct inquiry *inquiry, const char *batch_id)
{
    const struct recover_tools *tools = &inquiry->all->tools.recovery;
    enum err err =
        store_resolve_batch(tools->store, inquiry->number, batch_id, tools->clock->wall_ms);

    if (!err)
        err = store_read_batch(tools->store, inquiry->number, resume, inquiry);
    if (err == ERR_STORAGE_UNAVAILABLE) {
        next_step(inquiry);
    } else {
        inquiry_close(inquiry); /* ERR_NO_ENTRY: nothing of it is unknown any more */
    }
}

static void log_task(const struct inquiry *inquiry, const struct lost_task *lost,
                     const struct task_end *end)
{
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("lookup", lost->lookup_id),
              LOG_STR("domain", lost->question->parts.domain),
              LOG_STR("outcome", end->err ? err_row(end->err)->code : "answered"),
              LOG_STR("by", inquiry->by));
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
        add_candidate(inquiry, &found.ids[i]);
}

/* If the upstream is at fault, the other ids wait for the next round. */
static void failed(struct inquiry *inquiry, const struct openmart_reply *reply)
{
    if (reply->status == 429)
        read_limiter_slow_down(inquiry->all->tools.limiter, reply->retry_after_s);
    if (note_failure(inquiry->trying, reply))
        next_step(inquiry);
    else
        end_round(inquiry);
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct inquiry *inquiry = arg;
    struct candidate *candidate = inquiry->trying;
    struct lost_task *lost = task ? find_lost(inquiry, task->tracking_id) : NULL;

    inquiry->call = NULL;
    read_limiter_release(inquiry->all->tools.limiter, &inquiry->slot);
    if (lost && candidate->trial == AS_LISTED_TASK) {
        resolve_batch(inquiry, candidate->id);
        return;
    }
    if (lost) {
        candidate->n_denied = 0;
        add_named_batches(inquiry, reply);
        if (has_ended(task))
            resolve_task(inquiry, lost, candidate->id, task);
    } else if (!task) {
        failed(inquiry, reply);
        return;
    } else if (*task->tracking_id) {
        reject(candidate); /* of another submit */
    } else if (candidate->trial == AS_LISTED_TASK) {
        candidate->trial = AS_BATCH;
    } else if (has_ended(task)) {
        reject(candidate); /* it will not say more */
    }
    next_step(inquiry);
}

static void got_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct inquiry *inquiry = arg;
    struct candidate *candidate = inquiry->trying;

    inquiry->call = NULL;
    read_limiter_release(inquiry->all->tools.limiter, &inquiry->slot);
    if (n > 0) {
        snprintf(candidate->listed, sizeof candidate->listed, "%s", ids[candidate->n_lists++ % n]);
        candidate->trial = AS_LISTED_TASK;
        candidate->is_tried = false;
    } else if (reply->verdict == VERDICT_DONE) {
        if (++candidate->n_empty == EMPTY_MAX) /* it may exist, and list no task yet */
            reject(candidate);
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
    struct candidate *candidate;
    int64_t pause_ms = FIRST_PAUSE_MS << (inquiry->round < 8 ? inquiry->round : 8);
    bool any = false;

    DL_FOREACH (inquiry->candidates, candidate) {
        candidate->is_tried = false;
        any = any || candidate->trial != REJECTED;
    }
    inquiry->round++;
    if (any)
        set_state(inquiry, INQUIRY_PAUSING, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    else
        set_state(inquiry, INQUIRY_IDLE, IDLE_MS);
}

static struct candidate *next_candidate(const struct inquiry *inquiry)
{
    struct candidate *candidate;

    DL_FOREACH (inquiry->candidates, candidate)
        if (candidate->trial != REJECTED && !candidate->is_tried)
            return candidate;
    return NULL;
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
    struct candidate *candidate = next_candidate(inquiry);
    if (inquiry->n_lost == 0)
        inquiry_close(inquiry);
    else if (candidate)
        read_candidate(inquiry, candidate);
    else
        end_round(inquiry);
}

/* ---- new ids ---- */

void inquiry_add(struct inquiry *inquiry, const struct openmart_found *found, const char *by)
{
    int64_t left_ms =
        inquiry->round_ms + LEAST_PAUSE_MS - inquiry->all->tools.recovery.clock->now_ms;
    size_t n_before = inquiry->n_candidates;

    inquiry->by = by;
    for (size_t i = 0; i < found->n; i++)
        add_candidate(inquiry, &found->ids[i]);
    bool rests = inquiry->state == INQUIRY_PAUSING || inquiry->state == INQUIRY_IDLE;
    if (!rests || inquiry->n_candidates == n_before)
        return;
    inquiry->round = 0;
    set_state(inquiry, INQUIRY_PAUSING, inquiry->round_ms && left_ms > 0 ? left_ms : 0);
}
