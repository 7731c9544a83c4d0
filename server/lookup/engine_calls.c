/* SPDX-License-Identifier: MIT */
/* engine_calls.c - the calls of engine.h, which return their results to the thread that posted
 * them.
 *
 * A call that needs the store is returned when the store has answered, and at the latest after
 * ENGINE_CALL_MS. What the store was asked for lives in an object of its own, so that it may take
 * longer. */
#include "lookup/engine_state.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static void return_call(struct message *message)
{
    struct engine_call *call = container_of(message, struct engine_call, message);

    call->done(call);
}

void engine_call_return(struct engine_call *call)
{
    inbox_post(call->reply_to, &call->message, return_call);
}

static void run_call(struct message *message)
{
    struct engine_call *call = container_of(message, struct engine_call, message);

    call->run(call->engine, call);
}

void engine_post(struct engine *engine, struct engine_call *call)
{
    call->engine = engine;
    inbox_post(engine->inbox, &call->message, run_call);
}

/* ---- a deletion ---- */

struct forgetting {
    struct engine *engine;
    struct forget_domain_call *forget; /* NULL: it was returned at its deadline */
    struct result_read read;           /* for the precondition */
    struct journal_receipt stored;     /* of results that the precondition has to see */
    struct results_deletion deletion;
    struct timer deadline;
};

/* Returns the call, if it was not returned before, and frees the object. */
static void finish_forgetting(struct forgetting *forgetting, enum err err)
{
    struct forget_domain_call *forget = forgetting->forget;

    if (forget) {
        forget->err = err;
        forget->n = forgetting->deletion.n;
        timer_disarm(&forgetting->engine->timers, &forgetting->deadline);
        engine_call_return(&forget->call);
    }
    free(forgetting);
}

static void forgetting_is_late(struct timer *timer)
{
    struct forgetting *forgetting = container_of(timer, struct forgetting, deadline);
    struct forget_domain_call *forget = TAKE(forgetting->forget);

    forget->err = ERR_STORAGE_UNAVAILABLE;
    engine_call_return(&forget->call);
}

static void was_deleted(struct results_deletion *deletion)
{
    finish_forgetting(container_of(deletion, struct forgetting, deletion), deletion->err);
}

static void start_deletion(struct forgetting *forgetting)
{
    forgetting->deletion.done = was_deleted;
    results_forget_domain(&forgetting->engine->results, forgetting->forget->domain,
                          &forgetting->deletion);
}

/* A result that is being stored replaces the one that was read, and the deletion would delete it
 * too. So it is the one that the precondition is about. */
static void read_again_when_stored(struct forgetting *forgetting)
{
    if (!journal_wait(forgetting->engine->journal, &forgetting->stored))
        finish_forgetting(forgetting, ERR_STORAGE_UNAVAILABLE);
}

/* Nothing comes between the check and the deletion: what is recorded later stays. */
static void check_precondition(struct result_read *read, enum err err, const struct result *result)
{
    struct forgetting *forgetting = container_of(read, struct forgetting, read);

    if (err && err != ERR_NO_ENTRY)
        finish_forgetting(forgetting, err);
    else if (!forgetting->forget)
        finish_forgetting(forgetting, ERR_STORAGE_UNAVAILABLE);
    else if (results_is_storing(&forgetting->engine->results, forgetting->forget->key))
        read_again_when_stored(forgetting);
    else if (!precondition_holds(&forgetting->forget->precondition, result, RESULT_FORMATS))
        finish_forgetting(forgetting, ERR_PRECONDITION_FAILED);
    else
        start_deletion(forgetting);
}

static void read_result(struct forgetting *forgetting)
{
    const struct forget_domain_call *forget = forgetting->forget;

    forgetting->read.done = check_precondition;
    reads_find(forgetting->engine->results.reads, forget->key, forget->domain, &forgetting->read);
}

static void was_stored(struct journal_receipt *receipt)
{
    struct forgetting *forgetting = container_of(receipt, struct forgetting, stored);

    if (forgetting->forget)
        read_result(forgetting);
    else
        finish_forgetting(forgetting, ERR_STORAGE_UNAVAILABLE);
}

void engine_forget_domain(struct engine *engine, struct engine_call *call)
{
    struct forget_domain_call *forget = container_of(call, struct forget_domain_call, call);
    struct forgetting *forgetting = xcalloc(1, sizeof *forgetting);

    forgetting->engine = engine;
    forgetting->forget = forget;
    forgetting->stored.done = was_stored;
    timer_arm(&engine->timers, &forgetting->deadline, engine->clock.now_ms + ENGINE_CALL_MS,
              forgetting_is_late);
    if (!precondition_is_given(&forget->precondition)) {
        start_deletion(forgetting);
        return;
    }
    read_result(forgetting);
}

/* ---- an account ---- */

void engine_read_account(struct engine *engine, struct engine_call *call)
{
    struct account_call *read = container_of(call, struct account_call, call);

    read->account =
        budget_account(engine->budget, &(struct account_ref){read->name, read->quota, 1});
    engine_call_return(call);
}
