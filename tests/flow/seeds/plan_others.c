/* SPDX-License-Identifier: MIT */
/* plan_others.c - the steps of a plan in which another process uses the store: `emailsd forget` and
 * `emailsd resolve --not-taken`. */
#include "books.h"
#include "plan_steps.h"
#include "tests/flow/flow.h"
#include "tests/flow/weak_store.h"
#include "trace.h"

#include "base/mem.h"

/* As `emailsd forget` does it: deletes, waits until the engine has confirmed that, and does both a
 * second time. The first deletion misses a result that is in memory only, and the engine stores
 * that result before it confirms. Only then the operator may rely on it. It waits for an engine
 * that is killed, too: the next one confirms. */
static struct other_deletion {
    int n_left; /* deletions that are not confirmed; 0 = it is over */
    size_t domain;
    int64_t since_wall_ms;
} deletions[WEAK_NEWS / 2];

static size_t n_deletions, n_not_taken;

void plan_start_others(void)
{
    n_deletions = n_not_taken = 0;
}

static void delete_in_store(size_t domain)
{
    trace_add("another process deletes %s", plan.options.domains[domain]);
    if (store_forget_key(flow.store, books.questions[domain].key))
        trace_fail("another process cannot delete");
    weak_store_note_change(flow.store, books.questions[domain].key);
}

void plan_note_confirmed(void)
{
    if (weak_store_unconfirmed(flow.store))
        return;
    for (size_t i = 0; i < n_deletions; i++) {
        struct other_deletion *deletion = &deletions[i];
        if (deletion->n_left == 0)
            continue;
        if (--deletion->n_left > 0)
            delete_in_store(deletion->domain);
        else
            oracle_deleted(deletion->domain, deletion->since_wall_ms);
    }
}

void plan_other_deletes(void)
{
    size_t domain = plan_below(plan.options.n_domains);

    if (n_deletions == ARRAY_LEN(deletions))
        return;
    deletions[n_deletions++] =
        (struct other_deletion){2, domain, engine_clock(flow.engine)->wall_ms};
    oracle_deleting(domain);
    delete_in_store(domain);
}

void plan_continue_others(void)
{
    for (size_t i = 0; i < n_deletions; i++)
        if (deletions[i].n_left > 0)
            oracle_deleting(deletions[i].domain);
}

/* The operator has found out that an unknown task was never created. */
void plan_not_taken(void)
{
    int64_t wall_ms = engine_clock(flow.engine)->wall_ms;

    for (size_t i = 0; i < books.n_tasks && n_not_taken < WEAK_NEWS; i++) {
        const struct task_book *task = &books.tasks[i];
        struct task_row row = books_row(task->tracking_id);
        if (task->n_created || row.state != STORE_UNKNOWN || !plan_happens(50))
            continue;
        n_not_taken++;
        trace_add("task %s was not taken", task->tracking_id);
        if (store_resolve_not_taken(flow.store, task->tracking_id, wall_ms))
            trace_fail("the operator cannot resolve a task");
        weak_store_note_not_taken(
            flow.store, &(struct store_not_taken){.key = books.questions[task->question].key,
                                                  .lookup_id = task->lookup_id,
                                                  .client = row.account,
                                                  .day = wall_ms / DAY_MS});
    }
}
