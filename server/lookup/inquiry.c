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

#define DENIALS_MAX    5 /* responses 404 to one id; the first may come before it is visible */
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
    unsigned n_denied, n_lists;
    struct candidate *prev, *next;
};

static void next_step(struct inquiry *c);

/* ---- life ---- */

static void drop_lost(struct inquiry *c, size_t i)
{
    question_free(c->lost[i].question);
    c->lost[i] = c->lost[--c->n_lost];
}

void inquiry_close(struct inquiry *c)
{
    struct inquiries *all = c->all;

    if (c->call)
        openmart_cancel(c->call);
    read_limiter_release(all->tools.limiter, &c->slot);
    timer_disarm(all->tools.timers, &c->timer);
    while (c->candidates) {
        struct candidate *first = c->candidates;
        DL_DELETE(c->candidates, first);
        free(first);
    }
    while (c->n_lost)
        drop_lost(c, 0);
    free(c->lost);
    DL_DELETE(all->first, c);
    all->n--;
    free(c);
}

static void wake(struct timer *timer)
{
    next_step(container_of(timer, struct inquiry, timer));
}

/* Changes the state; the only function that does. `ms` is the time until the next step, except for
 * INQUIRY_READING. */
static void set_state(struct inquiry *c, enum inquiry_state state, int64_t ms)
{
    int64_t now_ms = c->all->tools.recovery.clock->now_ms;

    c->state = state;
    if (state == INQUIRY_READING)
        timer_disarm(c->all->tools.timers, &c->timer);
    else
        timer_arm(c->all->tools.timers, &c->timer, now_ms + ms, wake);
}

struct inquiry *inquiry_open(struct inquiries *all, const char *token, int64_t number)
{
    if (all->n == INQUIRIES_MAX)
        return NULL;
    struct inquiry *c = xcalloc(1, sizeof *c);
    c->all = all;
    c->opened_ms = all->tools.recovery.clock->now_ms;
    c->number = number;
    snprintf(c->token, sizeof c->token, "%s", token);
    DL_APPEND(all->first, c);
    all->n++;
    set_state(c, INQUIRY_PAUSING, 0);
    return c;
}

/* ---- candidates ---- */

static void add_candidate(struct inquiry *c, const struct openmart_found_id *found)
{
    struct candidate *candidate;

    DL_FOREACH (c->candidates, candidate)
        if (strcmp(candidate->id, found->id) == 0)
            return;
    if (c->n_candidates == CANDIDATES_MAX)
        return;
    candidate = xcalloc(1, sizeof *candidate);
    memcpy(candidate->id, found->id, sizeof candidate->id);
    candidate->trial = found->kind == OPENMART_FOUND_TASK ? AS_TASK : AS_BATCH;
    DL_APPEND(c->candidates, candidate);
    c->n_candidates++;
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
 * id may only not be visible yet. Everything else concerns the upstream, not the id. */
static void note_failure(struct candidate *candidate, const struct openmart_reply *reply)
{
    bool is_denied = reply->status == 400 || reply->status == 404 || reply->status == 422;

    if (candidate->trial == AS_LISTED_TASK)
        candidate->trial = AS_BATCH; /* another of its tasks next time */
    else if (is_denied && (reply->status != 404 || ++candidate->n_denied == DENIALS_MAX))
        reject(candidate);
}

static struct lost_task *find_lost(const struct inquiry *c, const char *tracking_id)
{
    for (size_t i = 0; i < c->n_lost; i++)
        if (strcmp(c->lost[i].tracking_id, tracking_id) == 0)
            return &c->lost[i];
    return NULL;
}

/* ---- what was lost ---- */

/* Reads the tasks of the batch that are unknown now. */
static void note_batch(void *arg, const struct store_batch *batch)
{
    struct inquiry *c = arg;

    c->number = batch->number;
    while (c->n_lost)
        drop_lost(c, 0);
    free(c->lost);
    c->lost = xcalloc(batch->n + 1, sizeof *c->lost);
    for (size_t i = 0; i < batch->n; i++) {
        const struct store_task *task = &batch->tasks[i];
        struct lost_task *lost = &c->lost[c->n_lost];
        if (task->task_state != STORE_UNKNOWN)
            continue;
        lost->question = question_restore(task->key, &task->parts);
        snprintf(lost->tracking_id, sizeof lost->tracking_id, "%s", task->tracking_id);
        snprintf(lost->lookup_id, sizeof lost->lookup_id, "%s", task->lookup_id);
        c->n_lost++;
    }
}

static void resume(void *arg, const struct store_batch *batch)
{
    const struct inquiry *c = arg;

    recover_resolved(&c->all->tools.recovery, batch, c->by);
}

/* The batch exists under this id. Ends the case, unless the store fails now. */
static void resolve_batch(struct inquiry *c, const char *batch_id)
{
    const struct recover_tools *tools = &c->all->tools.recovery;
    enum err err = store_resolve_batch(tools->store, c->number, batch_id, tools->clock->wall_ms);

    if (!err)
        err = store_read_batch(tools->store, c->number, resume, c);
    if (err == ERR_STORAGE_UNAVAILABLE) {
        next_step(c);
    } else {
        inquiry_close(c); /* ERR_NO_ENTRY: nothing of it is unknown any more */
    }
}

static void log_task(const struct inquiry *c, const struct lost_task *lost,
                     const struct task_end *end)
{
    metrics_add(&metrics_mine()->tasks_resolved, 1);
    log_event(LOG_INFO, "task_resolved", LOG_STR("lookup", lost->lookup_id),
              LOG_STR("domain", lost->question->parts.domain),
              LOG_STR("outcome", end->err ? err_row(end->err)->code : "answered"),
              LOG_STR("by", c->by));
}

/* A task of the batch has ended, and the batch's id is not known. */
static void resolve_task(struct inquiry *c, struct lost_task *lost, const char *task_id,
                         const struct openmart_task *answer)
{
    struct task_end end = {.answer = answer, .task_id = task_id};

    if (answer->state != OPENMART_COMPLETED)
        end = (struct task_end){.err = ERR_LOOKUP_FAILED,
                                .task_id = task_id,
                                .charged = err_row(ERR_LOOKUP_FAILED)->charged};
    enum err err = results_put_resolved(c->all->tools.recovery.results, lost, &end);
    if (err == ERR_STORAGE_UNAVAILABLE)
        return; /* the next round reads it again */
    if (!err)
        log_task(c, lost, &end);
    c->trying->trial = REJECTED;
    drop_lost(c, (size_t)(lost - c->lost));
}

/* ---- reads ---- */

static bool has_ended(const struct openmart_task *task)
{
    return !task->unreadable &&
           (task->state == OPENMART_COMPLETED || task->state == OPENMART_ERRORED ||
            task->state == OPENMART_CANCELLED);
}

/* Adds what the upstream itself says about the batch of a task. */
static void add_named_batches(struct inquiry *c, const struct openmart_reply *reply)
{
    struct openmart_found found = {0};

    openmart_find_ids(reply->body, reply->body_len, &found);
    for (size_t i = 0; i < found.n && found.ids[i].kind == OPENMART_FOUND_BATCH; i++)
        add_candidate(c, &found.ids[i]);
}

static void got_task(void *arg, const struct openmart_reply *reply,
                     const struct openmart_task *task)
{
    struct inquiry *c = arg;
    struct candidate *candidate = c->trying;
    struct lost_task *lost = task ? find_lost(c, task->tracking_id) : NULL;

    c->call = NULL;
    read_limiter_release(c->all->tools.limiter, &c->slot);
    if (lost && candidate->trial == AS_LISTED_TASK) {
        resolve_batch(c, candidate->id);
        return;
    }
    if (lost) {
        candidate->n_denied = 0;
        add_named_batches(c, reply);
        if (has_ended(task))
            resolve_task(c, lost, candidate->id, task);
    } else if (!task) {
        note_failure(candidate, reply);
    } else if (*task->tracking_id) {
        reject(candidate); /* of another submit */
    } else if (candidate->trial == AS_LISTED_TASK) {
        candidate->trial = AS_BATCH;
    } else if (has_ended(task)) {
        reject(candidate); /* it will not say more */
    }
    next_step(c);
}

static void got_ids(void *arg, const struct openmart_reply *reply, const char *const *ids, size_t n)
{
    struct inquiry *c = arg;
    struct candidate *candidate = c->trying;

    c->call = NULL;
    read_limiter_release(c->all->tools.limiter, &c->slot);
    if (n > 0) {
        snprintf(candidate->listed, sizeof candidate->listed, "%s", ids[candidate->n_lists++ % n]);
        candidate->trial = AS_LISTED_TASK;
        candidate->is_tried = false;
    } else if (reply->verdict == VERDICT_DONE) {
        candidate->n_denied = 0; /* it exists, and none of its tasks is listed yet */
    } else if (!c->all->needs_filter && (reply->status == 400 || reply->status == 422)) {
        c->all->needs_filter = true;
        candidate->is_tried = false;
    } else {
        note_failure(candidate, reply);
    }
    next_step(c);
}

static void send_read(struct read_slot *slot)
{
    struct inquiry *c = container_of(slot, struct inquiry, slot);
    struct openmart *openmart = c->all->tools.openmart;
    const struct candidate *candidate = c->trying;

    if (candidate->trial == AS_BATCH)
        c->call = openmart_task_ids(openmart, candidate->id,
                                    c->all->needs_filter ? "COMPLETED" : NULL, got_ids, c);
    else
        c->call = openmart_read_task(
            openmart, candidate->trial == AS_TASK ? candidate->id : candidate->listed, got_task, c);
}

/* ---- steps ---- */

static void read_candidate(struct inquiry *c, struct candidate *candidate)
{
    candidate->is_tried = true;
    c->trying = candidate;
    set_state(c, INQUIRY_READING, 0);
    read_limiter_acquire(c->all->tools.limiter, &c->slot, c->all->tools.recovery.clock->now_ms,
                         send_read);
}

static void end_round(struct inquiry *c)
{
    struct candidate *candidate;
    int64_t pause_ms = FIRST_PAUSE_MS << (c->round < 8 ? c->round : 8);
    bool any = false;

    DL_FOREACH (c->candidates, candidate) {
        candidate->is_tried = false;
        any = any || candidate->trial != REJECTED;
    }
    c->round++;
    if (any)
        set_state(c, INQUIRY_PAUSING, pause_ms < PAUSE_MAX_MS ? pause_ms : PAUSE_MAX_MS);
    else
        set_state(c, INQUIRY_IDLE, IDLE_MS);
}

static struct candidate *next_candidate(const struct inquiry *c)
{
    struct candidate *candidate;

    DL_FOREACH (c->candidates, candidate)
        if (candidate->trial != REJECTED && !candidate->is_tried)
            return candidate;
    return NULL;
}

/* Reads what the store knows of the batch. Returns false if the case was closed, or waits. */
static bool find_lost_tasks(struct inquiry *c)
{
    const struct recover_tools *tools = &c->all->tools.recovery;
    enum batcher_notice notice =
        *c->token ? batcher_notify(tools->batcher, c->token) : NOTICE_NOT_OURS;

    if (notice == NOTICE_IN_FLIGHT || journal_check(tools->results->journal)) {
        set_state(c, INQUIRY_WAITING, LEAST_PAUSE_MS);
        return false;
    }
    enum err err = notice == NOTICE_POLLED ? ERR_NO_ENTRY
                   : c->number ? store_read_batch(tools->store, c->number, note_batch, c)
                               : store_find_batch(tools->store, c->token, note_batch, c);
    if (!err && c->n_lost)
        return true;
    if (err == ERR_STORAGE_UNAVAILABLE)
        set_state(c, INQUIRY_WAITING, LEAST_PAUSE_MS);
    else
        inquiry_close(c);
    return false;
}

/* Starts the next read, or ends the round, or the case. */
static void next_step(struct inquiry *c)
{
    int64_t now_ms = c->all->tools.recovery.clock->now_ms;

    if (c->state == INQUIRY_IDLE || now_ms - c->opened_ms >= c->all->tools.lifetime_ms) {
        inquiry_close(c);
        return;
    }
    if (c->state != INQUIRY_READING) { /* a round begins */
        c->round_ms = now_ms;
        if (!find_lost_tasks(c))
            return;
    }
    struct candidate *candidate = next_candidate(c);
    if (c->n_lost == 0)
        inquiry_close(c);
    else if (candidate)
        read_candidate(c, candidate);
    else
        end_round(c);
}

/* ---- new ids ---- */

void inquiry_add(struct inquiry *c, const struct openmart_found *found, const char *by)
{
    int64_t left_ms = c->round_ms + LEAST_PAUSE_MS - c->all->tools.recovery.clock->now_ms;
    size_t n_before = c->n_candidates;

    c->by = by;
    for (size_t i = 0; i < found->n; i++)
        add_candidate(c, &found->ids[i]);
    bool rests = c->state == INQUIRY_PAUSING || c->state == INQUIRY_IDLE;
    if (!rests || c->n_candidates == n_before)
        return;
    c->round = 0;
    set_state(c, INQUIRY_PAUSING, c->round_ms && left_ms > 0 ? left_ms : 0);
}
