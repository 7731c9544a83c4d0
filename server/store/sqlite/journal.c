/* SPDX-License-Identifier: MIT */
/* journal.c - see sqlite.h. State transitions of batches and tasks, each one a durable
 * transaction. A write that finds nothing to change checks whether it was made before. */
#include "store/sqlite/sqlite.h"

#define DROPPED_AT_ONCE INT64_C(200) /* old tasks per end of a task or batch; others wait */

/* ---- before a submit ---- */

/* Returns ERR_OK if the batch is SENDING with these tasks. */
static enum err is_begun(struct sqlite_store *s, const struct store_new_batch *new)
{
    enum err err = sql_is(s, SQL_IS_SENDING, "iti", new->number, store_or_empty(new->notify_token),
                          (int64_t) new->n);

    for (size_t i = 0; i < new->n && !err; i++)
        err = sql_is(s, SQL_HAS_TASK, "ti", new->tasks[i].tracking_id, new->number);
    return err;
}

static enum err add_batch(struct sqlite_store *s, const struct store_new_batch *new)
{
    int64_t changes = 0;
    enum err err = sql_exec(s, &changes, SQL_ADD_BATCH, "iti", new->number,
                            store_or_empty(new->notify_token), new->wall_ms);

    if (!err && changes == 0)
        return is_begun(s, new);
    for (size_t i = 0; i < new->n && !err; i++) {
        const struct store_task *task = &new->tasks[i];
        err = sql_exec(s, NULL, SQL_ADD_TASK, "ittktttttti", new->number, task->tracking_id,
                       task->lookup_id, task->key, task->parts.domain, task->parts.company_name,
                       task->parts.city, task->parts.state, task->parts.country, task->client,
                       task->day);
    }
    return err ? err : sql_exec(s, NULL, SQL_CHARGE_OPEN, "i", new->number);
}

enum err sqlite_begin_batch(struct store *store, const struct store_new_batch *new)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, add_batch(s, new));
}

static enum err charge_again(struct sqlite_store *s, int64_t batch, int64_t day)
{
    enum err err = sql_exec(s, NULL, SQL_SET_DAY, "ii", day, batch);

    return err ? err : sql_exec(s, NULL, SQL_CHARGE_OPEN, "i", batch);
}

enum err sqlite_sending(struct store *store, int64_t batch, int64_t day, const char *notify_token)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t changes = 0;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, NULL, SQL_REFUND_OPEN, "i", batch);
    if (!err)
        err = charge_again(s, batch, day);
    if (!err && *store_or_empty(notify_token))
        err = sql_exec(s, NULL, SQL_SET_TOKEN, "ti", notify_token, batch);
    if (!err)
        err = sql_exec(s, &changes, SQL_SET_STATE, "ti", store_batch_words[STORE_SENDING], batch);
    return sql_end(s, !err && changes == 0 ? ERR_NO_ENTRY : err);
}

enum err sqlite_mark_not_sent(struct store *store, int64_t batch)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t changes = 0;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, &changes, SQL_SET_STATE, "ti", store_batch_words[STORE_RESTING], batch);
    if (!err && changes == 0)
        err = sql_is(s, SQL_IS_NOT_SENT, "i", batch);
    return sql_end(s, err);
}

static enum err take_risk(struct sqlite_store *s, int64_t batch, int64_t day)
{
    int64_t changes = 0;
    enum err err = sql_exec(s, &changes, SQL_SET_RISKED, "i", batch);

    if (err)
        return err;
    return changes ? charge_again(s, batch, day) : sql_is(s, SQL_IS_RISKED, "ii", batch, day);
}

enum err sqlite_mark_resubmitted(struct store *store, int64_t batch, int64_t day)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, take_risk(s, batch, day));
}

enum err sqlite_submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t changes = 0;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, &changes, SQL_SET_SUBMITTED, "tii", batch_id, wall_ms, batch);
    if (!err && changes == 0)
        err = sql_is(s, SQL_IS_SUBMITTED, "it", batch, batch_id);
    return sql_end(s, err);
}

/* A batch that is split, and the tasks to move. */
struct split {
    int64_t batch, half, wall_ms;
    const char *const *tracking_ids;
    size_t n;
};

static enum err move_tasks(struct sqlite_store *s, const struct split *split)
{
    int64_t changes = 0;
    enum err err =
        sql_exec(s, &changes, SQL_ADD_HALF, "iii", split->half, split->wall_ms, split->batch);

    if (!err && changes != 1)
        return ERR_NO_ENTRY;
    for (size_t i = 0; i < split->n && !err; i++) {
        err = sql_exec(s, &changes, SQL_MOVE_TASK, "iti", split->half, split->tracking_ids[i],
                       split->batch);
        if (!err && changes != 1)
            err = ERR_NO_ENTRY;
    }
    return err;
}

/* Returns ERR_OK if none of the tasks is in the batch any more. They may have left its half too. */
static enum err has_moved(struct sqlite_store *s, const struct split *split)
{
    for (size_t i = 0; i < split->n; i++) {
        enum err err = sql_is(s, SQL_HAS_TASK, "ti", split->tracking_ids[i], split->batch);
        if (err != ERR_NO_ENTRY)
            return err ? err : ERR_NO_ENTRY;
    }
    return ERR_OK;
}

static enum err split_once(struct sqlite_store *s, const struct split *split)
{
    int64_t n_halves = 0;
    enum err err = sql_int(s, &n_halves, SQL_HAS_BATCH, "i", split->half);

    if (err)
        return err;
    return n_halves ? has_moved(s, split) : move_tasks(s, split);
}

enum err sqlite_split(struct store *store, int64_t batch, int64_t half,
                      const char *const *tracking_ids, size_t n, int64_t wall_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    const struct split split = {batch, half, wall_ms, tracking_ids, n};
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, split_once(s, &split));
}

/* ---- completion ---- */

/* Runs for the batch of each deleted task. */
static enum err task_dropped(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    (void)arg;
    s->n_ended--;
    return sql_exec(s, NULL, SQL_DROP_EMPTY_BATCH, "i", sqlite3_column_int64(row, 0));
}

/* Limits the journal: deletes the oldest completed tasks, and their batches if these are empty
 * then. Looks at no other batch: other writes wait, and there are as many batches as tasks. */
static enum err drop_oldest_ends(struct sqlite_store *s)
{
    int64_t too_many = s->n_ended - (int64_t)s->max_ended;

    if (too_many <= 0)
        return ERR_OK;
    if (too_many > DROPPED_AT_ONCE)
        too_many = DROPPED_AT_ONCE;
    return sql_each(s, sql_query(s, SQL_DROP_ENDED, "i", too_many), task_dropped, NULL);
}

enum err sqlite_has_ended(struct sqlite_store *s, const char *tracking_id,
                          const struct store_end *end)
{
    return sql_is(s, SQL_HAS_ENDED, "tttt", tracking_id, store_task_words[end->state],
                  store_or_empty(end->task_id), store_code_of(end->err));
}

static enum err end_task(struct sqlite_store *s, const char *tracking_id,
                         const struct store_end *end, const struct result *keep)
{
    int64_t batch = 0;
    enum err err = sql_int(s, &batch, SQL_END_TASK, "ttttit", store_task_words[end->state],
                           store_or_empty(end->task_id), store_code_of(end->err),
                           store_or_empty(end->detail), end->wall_ms, tracking_id);

    if (err == ERR_NO_ENTRY)
        return sqlite_has_ended(s, tracking_id, end);
    if (!err)
        err = sql_exec(s, NULL, SQL_CLOSE_BATCH, "i", batch);
    if (!err && keep)
        err = sqlite_keep(s, keep);
    if (!err && end->raw_len)
        err = sqlite_keep_raw(s, tracking_id, end);
    if (!err)
        s->n_ended++;
    return err ? err : drop_oldest_ends(s);
}

static size_t response_len(const struct store_end *end)
{
    return end->raw_len < STORE_RESPONSE_MAX ? end->raw_len : STORE_RESPONSE_MAX;
}

static enum err end_batch(struct sqlite_store *s, int64_t batch, const struct store_end *end)
{
    int64_t changes = 0;
    enum err err = ERR_OK;

    if (end->state == STORE_NOT_CREATED || end->refunds_last)
        err = sql_exec(s, NULL, SQL_REFUND_OPEN, "i", batch);
    if (err)
        return err;
    err = sql_exec(s, &changes, SQL_END_OPEN, "ttttii", store_task_words[end->state],
                   store_or_empty(end->task_id), store_code_of(end->err),
                   store_or_empty(end->detail), end->wall_ms, batch);
    if (!err && changes && end->raw_len) /* else it may have been deleted since */
        err = sql_exec(s, NULL, SQL_SET_RESPONSE, "bi", end->raw, response_len(end), batch);
    if (!err)
        err = sql_exec(s, NULL, SQL_CLOSE_BATCH, "i", batch);
    if (!err && changes == 0)
        err = sql_exec(s, NULL, SQL_DROP_EMPTY_BATCH, "i", batch); /* all were moved by splits */
    if (!err)
        s->n_ended += changes;
    return err ? err : drop_oldest_ends(s);
}

enum err sqlite_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *keep, bool *ret_stored)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    int64_t n_results = 0; /* that a failure does not replace */
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    if (keep && keep->err)
        err = sql_int(s, &n_results, SQL_HAS_RESULT, "k", keep->key);
    if (!err)
        err = end_task(s, tracking_id, end, keep);
    err = sql_end_counted(s, err, before);
    if (!err && ret_stored)
        *ret_stored = keep && n_results == 0;
    return err;
}

enum err sqlite_end_batch(struct store *store, int64_t batch, const struct store_end *end)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end_counted(s, end_batch(s, batch, end), before);
}
