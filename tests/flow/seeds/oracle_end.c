/* SPDX-License-Identifier: MIT */
/* oracle_end.c - see oracle.h: what is checked at the end of a seed. */
#include "oracle.h"

#include "books.h"
#include "slow_calls.h"
#include "tests/flow/weak_store.h"
#include "trace.h"

#include <stdio.h>
#include <string.h>

static void note_state(void *arg, const struct store_batch *batch)
{
    if (batch->state != STORE_DONE)
        *(bool *)arg = true;
}

/* The engine may have to repeat a call for it. */
static bool has_open_batch(void)
{
    bool is_open = false;

    if (store_for_each_open_batch(flow.store, note_state, &is_open))
        trace_fail("the store cannot be read");
    return is_open;
}

const char *oracle_what_waits(void)
{
    struct status status = engine_status(flow.engine);

    for (size_t i = 0; i < books.n_requests; i++)
        if (!books.requests[i].caller->answers)
            return "a caller";
    return status.waiters                       ? "a waiter"
           : status.lookups                     ? "a lookup"
           : status.queue_tasks                 ? "a task in the queue"
           : status.submits                     ? "a submit"
           : status.batches                     ? "a batch"
           : status.journal_backlog             ? "an entry of the journal"
           : !status.store_usable               ? "the journal is unusable"
           : slow_calls_count()                 ? "a call to the store"
           : weak_store_unconfirmed(flow.store) ? "a record of another process"
           : has_open_batch()                   ? "a batch in the store"
                                                : NULL;
}

/* ---- tasks and credits ---- */

static int64_t credits_of_rows[BOOK_DOMAINS]; /* by account */

static void add_batch(void *arg, const struct store_batch *batch)
{
    (void)arg;
    if (batch->state != STORE_DONE)
        trace_fail("a batch is %s at the end", store_batch_words[batch->state]);
    for (size_t i = 0; i < batch->n; i++) {
        const struct store_task *task = &batch->tasks[i];
        if (task->task_state == STORE_OPEN)
            trace_fail("task %s is open at the end", task->tracking_id);
        credits_of_rows[books_account(task->client)] += task->task_state != STORE_NOT_CREATED;
    }
}

/* Returns when the task ended for the last time: what was unknown may have been found again. */
static int64_t over_ms(const struct task_book *task)
{
    const struct task_row row = books_row(task->tracking_id);

    return row.is_known ? row.ended_ms : task->ended_ms; /* it may never have been written */
}

/* Returns whether another lookup of the question was in flight when the task ended: one is until
 * its own end is durable, or the store is known to be unavailable. */
static bool had_rival(const struct task_book *task, int64_t ended_ms)
{
    for (size_t i = 0; i < books.n_tasks; i++) {
        const struct task_book *other = &books.tasks[i];
        if (other != task && other->question == task->question &&
            over_ms(other) + JOURNAL_SLOW_MS >= ended_ms)
            return true;
    }
    return false;
}

/* What was accepted is polled until it ends, also after a kill. It is given up if another lookup of
 * the question was in flight when its batch was found again. */
static void check_given_up(const struct task_book *task, const struct task_row *row)
{
    if (row->state == STORE_UNKNOWN && row->is_accepted &&
        row->err == ERR_UPSTREAM_OUTCOME_UNKNOWN && !had_rival(task, row->ended_ms))
        trace_fail("task %s was given up, although its batch id is known", task->tracking_id);
}

static void check_tasks(void)
{
    memset(credits_of_rows, 0, sizeof credits_of_rows);
    for (size_t i = 0; i < books.n_batches; i++) {
        enum err err = store_read_batch(flow.store, books.batches[i], add_batch, NULL);
        if (err && err != ERR_NO_ENTRY) /* it may never have been written */
            trace_fail("the store cannot be read");
    }
    for (size_t i = 0; i < books.n_tasks; i++) {
        const struct task_book *task = &books.tasks[i];
        struct task_row row = books_row(task->tracking_id);
        if (task->n_created && (!row.is_known || row.state == STORE_NOT_CREATED))
            trace_fail("created task %s is not in the store", task->tracking_id);
        check_given_up(task, &row);
    }
}

struct stored_account {
    const char *name;
    int64_t credits;
};

static void read_account(void *arg, const char *client, int64_t credits)
{
    struct stored_account *account = arg;

    if (strcmp(client, account->name) == 0)
        account->credits = credits;
}

static int64_t credits_in_memory(const char *name)
{
    struct account_call read = {.call.run = engine_read_account, .quota = ACCOUNT_NO_QUOTA};

    snprintf(read.name, sizeof read.name, "%s", name);
    flow_call(&read.call);
    return read.account.spent;
}

static void check_account(size_t i)
{
    const struct account_ref *account = &books.options->accounts[i];
    int64_t day = engine_clock(flow.engine)->wall_ms / DAY_MS, unused;
    struct stored_account stored = {.name = account->name};
    int64_t memory = credits_in_memory(account->name);

    if (store_accounts(flow.store, day, read_account, &stored, &unused))
        trace_fail("the accounts cannot be read");
    if (stored.credits != memory)
        trace_fail("%s: %lld credits in the store, %lld in memory", account->name,
                   (long long)stored.credits, (long long)memory);
    if (books.options->retries_unknown) /* and pays for some tasks twice */
        return;
    if (stored.credits != credits_of_rows[i])
        trace_fail("%s: %lld credits in the store, and %lld tasks", account->name,
                   (long long)stored.credits, (long long)credits_of_rows[i]);
    if (account->quota != ACCOUNT_NO_QUOTA && stored.credits > account->quota)
        trace_fail("%s: more credits than its quota", account->name);
}

static void check_accounts(void)
{
    int64_t all = 0;

    for (size_t i = 0; i < books.options->n_accounts; i++) {
        check_account(i);
        all += credits_of_rows[i];
    }
    if (books.options->credits_per_day && all > books.options->credits_per_day)
        trace_fail("more credits than the limit of the day");
}

/* ---- results ---- */

static void check_requests(void)
{
    for (size_t i = 0; i < books.n_requests; i++) {
        const struct request_book *request = &books.requests[i];
        const struct question_book *question = &books.questions[request->question];
        bool may_be_gone = question->deleted_ms >= request->asked_ms || question->n_deleting ||
                           (!request->was_stored && request->n_restarts != books.n_restarts);
        if (request->caller->answers != 1)
            trace_fail("caller %zu was answered %d times", i, request->caller->answers);
        if (request->is_seen && !request->caller->err && !may_be_gone &&
            books_stored_ms(request->question) < request->fetched_ms)
            trace_fail("the result that caller %zu received is not in the store", i);
    }
}

/* What was paid for, and not deleted since, is in the store. */
static void check_results(void)
{
    for (size_t i = 0; i < books.n_tasks; i++) {
        const struct task_book *task = &books.tasks[i];
        const struct question_book *question = &books.questions[task->question];
        struct task_row row = books_row(task->tracking_id);
        if (row.is_known && row.state == STORE_ANSWERED && !question->n_deleting &&
            question->deleted_ms < row.ended_ms && books_stored_ms(task->question) < 0)
            trace_fail("the result of task %s is not in the store", task->tracking_id);
    }
}

void oracle_check_end(void)
{
    check_tasks();
    check_accounts();
    check_requests();
    check_results();
}
