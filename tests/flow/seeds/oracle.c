/* SPDX-License-Identifier: MIT */
/* oracle.c - see oracle.h: what is checked while a seed runs. oracle_end.c checks its end. */
#include "oracle.h"

#include "books.h"
#include "defect.h"
#include "ledger.h"
#include "lookup/recalls.h"
#include "model/question.h"
#include "slow_calls.h"
#include "tests/flow/weak_store.h"
#include "trace.h"

#include "base/mem.h"
#include <string.h>

/* ---- paying ---- */

/* Returns whether the question of a task that was paid for may be paid for again. */
static bool is_over(const struct task_book *task)
{
    const struct question_book *question = &books.questions[task->question];
    struct task_row row = books_row(task->tracking_id);
    enum store_task_state state = task->has_ended ? task->state : row.state;
    int64_t ended_ms = task->has_ended ? task->ended_ms : row.ended_ms;
    int64_t unknown_ms = task->unknown_ms < 0 ? row.ended_ms : task->unknown_ms;
    int64_t now_ms = flow_now_ms();

    if (task->unknown_ms >= 0 && now_ms >= unknown_ms + books.options->unknown_hold_ms)
        return true; /* a lookup may have started before it was settled */
    if (state == STORE_UNKNOWN && row.is_known) { /* it may have been settled since */
        state = row.state;
        ended_ms = row.ended_ms;
    }
    bool is_replaceable = question->n_deleting || question->deleted_ms >= ended_ms ||
                          question->refreshed_ms >= ended_ms;

    switch (state) {
    case STORE_OPEN:
        return false;
    case STORE_ANSWERED:
        return is_replaceable;
    case STORE_FAILED:
        return is_replaceable || now_ms >= ended_ms + books.options->ttl_failed_ms;
    case STORE_UNKNOWN:
        return now_ms >= unknown_ms + books.options->unknown_hold_ms;
    default:
        return false; /* it exists, so "not created" is wrong */
    }
}

static void check_intent(const struct task_book *task)
{
    struct task_row row = books_row(task->tracking_id);
    int n_allowed = books.options->retries_unknown && row.is_risked ? 2 : 1;

    if (!row.is_known || row.batch_state != STORE_SENDING || row.state != STORE_OPEN)
        trace_fail("task %s was sent although no intent is stored", task->tracking_id);
    if (task->n_created > n_allowed)
        trace_fail("task %s was created twice", task->tracking_id);
    if (task->is_called_free)
        trace_fail("task %s was created although its lookup has ended", task->tracking_id);
}

/* Returns whether anything required the lookup of that question when its submit left. */
static bool is_wanted(size_t question, int64_t sent_ms)
{
    for (size_t i = 0; i < books.n_requests; i++) {
        const struct request_book *request = &books.requests[i];
        const struct caller *caller = request->caller;
        if (request->question == question &&
            (!caller->answers || !request->is_seen || caller->err == ERR_STILL_PROCESSING ||
             caller->answered_ms >= sent_ms))
            return true;
    }
    return books.questions[question].is_refreshed || books.options->retries_unknown;
}

static void check_sending(const struct task_book *task)
{
    int64_t sent_ms = flow_now_ms() - books.options->submit_ms; /* or later */

    if (books.paused_ms >= 0 && books.paused_ms < sent_ms)
        trace_fail("task %s was sent during a pause", task->tracking_id);
    if (!is_wanted(task->question, sent_ms))
        trace_fail("task %s was sent although its callers have left", task->tracking_id);
}

static void created(const char *tracking_id, const char *domain)
{
    struct task_book *task = books_task(tracking_id);

    trace_add("  created %s for %s", tracking_id, domain);
    if (!task)
        trace_fail("task %s was sent without an intent", tracking_id);
    task->n_created++;
    task->created_ms = flow_now_ms();
    check_intent(task);
    check_sending(task);
    for (size_t i = 0; i < books.n_tasks; i++) {
        const struct task_book *other = &books.tasks[i];
        if (other != task && other->question == task->question && other->n_created &&
            !is_over(other))
            trace_fail("%s is paid for again, although task %s is not over", domain,
                       other->tracking_id);
    }
}

/* ---- answers ---- */

static bool is_permitted(const struct request_book *request, enum err err)
{
    switch (err) {
    case ERR_OK:
    case ERR_STILL_PROCESSING:
    case ERR_LOOKUP_FAILED:
    case ERR_UPSTREAM_OUTCOME_UNKNOWN:
    case ERR_UPSTREAM_INVALID_RESPONSE:
    case ERR_UPSTREAM_ERROR:
    case ERR_UPSTREAM_REJECTED:
    case ERR_CREDITS_EXHAUSTED:
    case ERR_QUOTA_EXCEEDED:
    case ERR_CIRCUIT_OPEN:
    case ERR_OVERLOADED:
    case ERR_STORAGE_UNAVAILABLE:
        return true;
    case ERR_NOT_CACHED:
        return request->caller->request.directives.only_cached;
    case ERR_CANCELLED:
        return request->is_abandoned;
    case ERR_PAUSED:
    case ERR_DRAINING:
        return books.is_blocked;
    default:
        return false;
    }
}

/* A caller received a result. It must be durable, unless the store is known to be unavailable. */
static void check_result(struct request_book *request, const struct result *result)
{
    struct question_book *question = &books.questions[request->question];
    bool was_deleted = question->n_deleting || question->deleted_ms >= request->asked_ms;

    request->fetched_ms = result->fetched_ms;
    request->was_stored = books_stored_ms(request->question) >= result->fetched_ms;
    if (!request->was_stored && !was_deleted && !slow_calls_are_suspect())
        trace_fail("a result was returned that is not durable");
    if (!request->was_stored && !was_deleted) {
        question->exposed_wall_ms = result->fetched_ms;
        question->exposed_ms = flow_now_ms();
    }
    if (request->asked_ms >= question->forgotten_ms &&
        result->fetched_ms < question->forgotten_wall_ms)
        trace_fail("a deleted result was returned");
    if (result->fetched_ms < question->newest_ms)
        trace_fail("an older result was returned than before");
    question->newest_ms = result->fetched_ms;
}

/* The lookup has ended, and its caller is not charged. */
static void check_free(const struct outcome *outcome)
{
    if (outcome->charged != CHARGED_NO || !*outcome->lookup_id)
        return;
    for (size_t i = 0; i < books.n_tasks; i++) {
        struct task_book *task = &books.tasks[i];
        if (strcmp(task->lookup_id, outcome->lookup_id) != 0)
            continue;
        task->is_called_free = true;
        if (task->n_created)
            trace_fail("a paid lookup was called free");
    }
}

static void answered(struct caller *caller, const struct outcome *outcome)
{
    struct request_book *request = books_request(caller);

    if (seeds_defect == DEFECT_RETURNS_TWICE)
        caller->answers++;
    trace_add("  caller %zu: %s, charged %s, lookup %.8s", (size_t)(request - books.requests),
              outcome->err ? err_words(outcome->err) : "ok", charged_word(outcome->charged),
              outcome->lookup_id);
    if (caller->answers != 1)
        trace_fail("a caller was answered %d times", caller->answers);
    if (!is_permitted(request, outcome->err))
        trace_fail("a caller was answered: %s", err_words(outcome->err));
    request->is_seen = true;
    request->n_restarts = books.n_restarts;
    if (!outcome->err)
        check_result(request, outcome->result);
    else if (outcome->err != ERR_CANCELLED && outcome->err != ERR_STILL_PROCESSING)
        check_free(outcome);
}

/* Returns whether the lookup for which the request waits has ended too long ago. While a read
 * waits, that is not known. An earlier lookup may have ended while the request was looking into the
 * store, and then it waits for the last one, whose task may still be in the queue. */
static bool is_kept_waiting(const struct request_book *request)
{
    const struct task_book *last = NULL;

    for (size_t i = 0; i < books.n_tasks; i++)
        if (books.tasks[i].question == request->question)
            last = &books.tasks[i];
    return last && last->has_ended && !slow_calls_read_waits() &&
           engine_status(flow.engine).queue_tasks == 0 && request->asked_ms < last->ended_ms &&
           flow_now_ms() > last->ended_ms + JOURNAL_SLOW_MS;
}

void oracle_check(void)
{
    for (size_t i = 0; i < books.n_requests; i++) {
        const struct request_book *request = &books.requests[i];
        if (request->caller->answers)
            continue;
        if (flow_now_ms() > request->until_ms)
            trace_fail("caller %zu is late", i);
        if (is_kept_waiting(request))
            trace_fail("caller %zu waits, although its lookup has ended", i);
    }
}

/* ---- the plan ---- */

void oracle_start(const struct oracle_options *options)
{
    struct errmsg why;

    books = (struct books){.options = options, .paused_ms = -1};
    for (size_t i = 0; i < options->n_domains; i++) {
        struct slice fields[QUESTION_PARTS] = {{options->domains[i], strlen(options->domains[i])}};
        struct question *question;
        if (question_new(fields, &question, &why))
            trace_fail("a domain is not valid");
        books.questions[i] = (struct question_book){.deleted_ms = -1, .refreshed_ms = -1};
        memcpy(books.questions[i].key, question->key, HASH_SIZE);
        question_free(question);
    }
    flow.on_answer = answered;
    ledger_watch(flow.upstream, created);
}

/* A call that marks a batch as resubmitted may also repeat an intent that failed: then it pays for
 * nothing. */
static bool is_intent(const struct store_call *call)
{
    return strcmp(store_call_name(call), "begin_batch") == 0 ||
           strcmp(store_call_name(call), "sending") == 0;
}

/* Returns whether a caller has received a result that is still not in the store, nor deleted. */
static bool is_exposed(size_t i)
{
    const struct question_book *question = &books.questions[i];

    return question->exposed_wall_ms && !question->n_deleting &&
           question->deleted_ms < question->exposed_ms &&
           books_stored_ms(i) < question->exposed_wall_ms;
}

void oracle_posted(const struct store_call *call)
{
    for (size_t i = 0; i < books.options->n_domains && is_intent(call); i++)
        if (is_exposed(i))
            trace_fail("an intent follows a result of %s that was returned and is not stored",
                       books.options->domains[i]);
    books_add_call(call);
}

void oracle_asked(struct caller *caller, size_t domain)
{
    int64_t now_ms = flow_now_ms(), until_ms = caller->request.wait_until_ms;

    if (books.n_requests == BOOK_REQUESTS)
        trace_fail("too many requests");
    if (until_ms < now_ms + RECALL_MS)
        until_ms = now_ms + RECALL_MS;
    books.requests[books.n_requests++] = (struct request_book){
        .caller = caller, .question = domain, .asked_ms = now_ms, .until_ms = until_ms};
    if (caller->request.directives.refresh)
        oracle_refreshing(domain);
}

void oracle_refreshing_alone(size_t domain)
{
    books.questions[domain].is_refreshed = true;
    oracle_refreshing(domain);
}

void oracle_refreshing(size_t domain)
{
    books.questions[domain].refreshed_ms = flow_now_ms();
}

void oracle_abandoned(const struct caller *caller)
{
    books_request(caller)->is_abandoned = true;
}

void oracle_deleting(size_t domain)
{
    books.questions[domain].n_deleting++;
}

/* One that is not confirmed may still happen. */
void oracle_deleted(size_t domain, int64_t since_wall_ms)
{
    struct question_book *question = &books.questions[domain];

    question->n_deleting--;
    question->deleted_ms = flow_now_ms();
    question->forgotten_ms = flow_now_ms();
    if (since_wall_ms > question->forgotten_wall_ms)
        question->forgotten_wall_ms = since_wall_ms;
}

void oracle_not_deleted(size_t domain)
{
    books.questions[domain].n_deleting--;
}

void oracle_paused(bool is_paused)
{
    books.paused_ms = !is_paused ? -1 : books.paused_ms < 0 ? flow_now_ms() : books.paused_ms;
    oracle_blocks();
}

void oracle_blocks(void)
{
    books.is_blocked = true;
}

static void reread(struct task_book *task)
{
    struct task_row row = books_row(task->tracking_id);

    task->has_ended = false;
    if (row.is_known && row.state != STORE_OPEN)
        books_set_end(task, row.state, row.ended_ms);
}

void oracle_restarted(void)
{
    bool is_paused = false;

    books.n_restarts++;
    if (store_paused(flow.store, &is_paused))
        trace_fail("the store cannot be read");
    if (!is_paused) /* that it was may not have been written */
        books.paused_ms = -1;
    for (size_t i = 0; i < books.options->n_domains; i++) {
        struct question_book *question = &books.questions[i];
        if (question->n_deleting)
            question->deleted_ms = flow_now_ms();
        question->n_deleting = 0;
        question->newest_ms = question->exposed_wall_ms = 0; /* what was not durable is lost */
    }
    for (size_t i = 0; i < books.n_tasks; i++)
        reread(&books.tasks[i]);
}
