/* SPDX-License-Identifier: MIT */
/* batch_payment.c - see batch_payment.h. */
#include "lookup/batching/batch_payment.h"

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

/* Pays again for tasks that may exist: reserves and journals second credits, then commits the
 * first ones. The journal keeps the batch as "being sent", because it may have been accepted. */
static enum err record_second_payment(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    struct credit second[OPENMART_BATCH_MAX] = {0};
    struct task *task;
    size_t n = 0;
    enum err err = batch->is_proven ? ERR_UPSTREAM_OUTCOME_UNKNOWN : reserve_again(batch, second);

    if (err)
        return err;
    err = journal_mark_resubmitted(tools->journal, batch->number, second[0].day);
    if (err) {
        refund_all(tools->budget, second, batch->n_tasks);
        return err;
    }
    DL_FOREACH (batch->tasks, task) {
        budget_commit(tools->budget, &task->credit);
        task->credit = second[n++];
    }
    batch->risk = RISK_TAKEN;
    return ERR_OK;
}

static enum err record_first_submit(struct batch *batch)
{
    int64_t number = store_new_number();
    enum err err =
        journal_begin_batch(batch->tools->journal, number, batch->tasks, batch->notify_token);

    if (!err)
        batch->number = number;
    return err;
}

enum err batch_record_submit(struct batch *batch)
{
    const struct batch_tools *tools = batch->tools;
    char token[ID_TEXT];
    struct task *task;

    if (batch->risk == RISK_DUE)
        return record_second_payment(batch);
    DL_FOREACH (batch->tasks, task)
        budget_stamp(tools->budget, &task->credit);
    if (tools->notify_url && !*batch->notify_token) {
        id_new(token);
        batch_set_token(batch, token);
    }
    if (batch->number)
        return journal_sending(tools->journal, batch->number, batch->tasks->credit.day,
                               batch->notify_token);
    return record_first_submit(batch);
}
