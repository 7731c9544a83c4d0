/* SPDX-License-Identifier: MIT */
/* batch_payment.c - see batch_payment.h. */
#include "lookup/batching/batch_payment.h"

#include "base/mem.h"

#include <stdlib.h>
#include <utlist.h>

static void refund_all(struct budget *budget, struct credit *credits, size_t n)
{
    for (size_t i = 0; i < n; i++)
        budget_refund(budget, &credits[i]);
}

/* Reserves a second credit for every task of the batch, or for none. */
static enum err reserve_again(const struct batch *batch, struct credit *credits)
{
    struct budget *budget = batch->tools->budget;
    size_t n = 0;
    int unused_s;

    for (const struct task *task = batch->tasks; task; task = task->next, n++) {
        enum err err = budget_reserve(budget, &task->payer, &credits[n], &unused_s);
        if (err) {
            refund_all(budget, credits, n);
            return err;
        }
    }
    return ERR_OK;
}

/* ---- intents ---- */

/* An intent in flight. */
struct batch_intent {
    struct journal_intent intent;
    struct batch *batch;
    bool pays_again;
    struct credit second[OPENMART_BATCH_MAX]; /* if it does: reserved for the tasks, in order */
};

/* From now on the first credits are spent, and the second ones pending. After a failure this is
 * recorded again, because the journal may have it or not: then how the batch ends decides about the
 * second ones. */
static void take_second_credits(const struct batch_intent *intent, enum err err)
{
    struct batch *batch = intent->batch;
    const struct batch_tools *tools = batch->tools;
    const struct credit *second = intent->second;
    struct task *task;

    if (err)
        journal_repeat_resubmitted(tools->journal, batch->number, second->day);
    DL_FOREACH (batch->tasks, task) {
        budget_commit(tools->budget, &task->credit);
        task->credit = *second++;
    }
    batch->risk = RISK_TAKEN;
}

static void returned(struct journal_intent *posted, enum err err)
{
    struct batch_intent *intent = container_of(posted, struct batch_intent, intent);
    struct batch *batch = intent->batch;
    bool pays_again = intent->pays_again;

    batch->intent = NULL;
    if (pays_again)
        take_second_credits(intent, err);
    free(intent);
    batch_intent_returned(batch, err, pays_again);
}

static struct batch_intent *intent_new(struct batch *batch)
{
    struct batch_intent *intent = xcalloc(1, sizeof *intent);

    intent->batch = batch;
    intent->intent.done = returned;
    batch->intent = intent;
    return intent;
}

/* Pays again for tasks that may exist: the journal keeps the batch as "being sent", because it may
 * have been accepted. */
static enum err record_second_payment(struct batch *batch)
{
    struct batch_intent *intent = intent_new(batch);
    enum err err = reserve_again(batch, intent->second);

    if (err) {
        batch->intent = NULL;
        free(intent);
        return err;
    }
    intent->pays_again = true;
    journal_mark_resubmitted(batch->tools->journal, &intent->intent, batch->number,
                             intent->second[0].day);
    return ERR_OK;
}

static void record_submit(struct batch *batch)
{
    struct journal *journal = batch->tools->journal;
    struct batch_intent *intent = intent_new(batch);

    if (batch->number) {
        journal_sending(journal, &intent->intent, batch->number, batch->tasks->credit.day,
                        batch->notify_token);
        return;
    }
    batch->number = store_new_number();
    journal_begin_batch(journal, &intent->intent, batch->number, batch->tasks, batch->notify_token);
}

bool batch_must_not_repeat(const struct batch *batch)
{
    return batch->risk != RISK_NONE && (batch->is_proven || batch->lost->is_proven);
}

enum err batch_record_submit(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    char token[ID_TEXT];
    struct task *task;

    if (batch_must_not_repeat(batch))
        return ERR_UPSTREAM_OUTCOME_UNKNOWN;
    if (batch->risk == RISK_DUE)
        return record_second_payment(batch);
    DL_FOREACH (batch->tasks, task)
        budget_stamp(tools->budget, &task->credit);
    if (tools->notify_url && !*batch->notify_token) {
        id_new(token);
        batch_set_token(batch, token);
    }
    record_submit(batch);
    return ERR_OK;
}
