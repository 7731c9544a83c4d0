/* SPDX-License-Identifier: MIT */
/* resolve.c - see sqlite.h. Settles what an unknown outcome was: the upstream accepted the batch
 * under an id, or it never accepted the task. */
#include "store/sqlite/sqlite.h"

enum err sqlite_batch_of(struct store *store, const char *tracking_id, int64_t *ret_batch)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t batch = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &batch, SQL_BATCH_OF, "t", tracking_id);
    if (!err)
        *ret_batch = batch;
    return err;
}

static enum err resume(struct sqlite_store *s, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    int64_t batches = 0, tasks = 0;
    enum err err = sql_exec(s, &batches, SQL_RESUME_BATCH, "tii", batch_id, wall_ms, batch);

    if (!err)
        err = sql_exec(s, &tasks, SQL_REOPEN_TASKS, "i", batch);
    if (err)
        return err;
    s->n_ended -= tasks;
    return batches == 0 || tasks == 0 ? ERR_NO_ENTRY : ERR_OK;
}

enum err sqlite_resolve_batch(struct store *store, int64_t batch, const char *batch_id,
                              int64_t wall_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    enum err err = sql_begin(s, SQL_BEGIN);

    if (!err)
        err = sql_is(s, SQL_IS_RESUMED, "iti", batch, batch_id, wall_ms);
    if (err == ERR_NO_ENTRY)
        err = resume(s, batch, batch_id, wall_ms);
    return sql_end_counted(s, err, before);
}

static enum err not_taken(struct sqlite_store *s, const char *tracking_id, int64_t wall_ms)
{
    int64_t changes = 0;
    enum err err =
        sql_exec(s, &changes, SQL_SET_NOT_TAKEN, "ttit", store_code_of(ERR_UPSTREAM_ERROR),
                 STORE_NOT_TAKEN_DETAIL, wall_ms, tracking_id);

    if (err)
        return err;
    if (changes == 0)
        return sql_is(s, SQL_IS_NOT_TAKEN, "tt", tracking_id, STORE_NOT_TAKEN_DETAIL);
    err = sql_exec(s, NULL, SQL_REFUND_UNKNOWN, "t", tracking_id);
    return err || s->is_owner ? err : sql_exec(s, NULL, SQL_ADD_NOT_TAKEN, "t", tracking_id);
}

enum err sqlite_resolve_not_taken(struct store *store, const char *tracking_id, int64_t wall_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, not_taken(s, tracking_id, wall_ms));
}

/* ---- one task ---- */

static enum err end_unknown(struct sqlite_store *s, const char *tracking_id,
                            const struct store_end *end, const struct result *keep)
{
    int64_t changes = 0;
    enum err err = sql_exec(s, &changes, SQL_END_UNKNOWN, "ttttit", store_task_words[end->state],
                            store_or_empty(end->task_id), store_code_of(end->err),
                            store_or_empty(end->detail), end->wall_ms, tracking_id);

    if (err)
        return err;
    if (changes == 0)
        return sqlite_has_ended(s, tracking_id, end);
    return keep ? sqlite_keep(s, keep) : ERR_OK;
}

enum err sqlite_resolve_task(struct store *store, const char *tracking_id,
                             const struct store_end *end, const struct result *keep)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end_counted(s, end_unknown(s, tracking_id, end, keep), before);
}
