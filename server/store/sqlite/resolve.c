/* SPDX-License-Identifier: MIT */
/* resolve.c - see sqlite.h. Settles what an unknown outcome was: the upstream accepted the batch
 * under an id, or it never accepted the task. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- what other processes have recorded ---- */

/* Rows, copied before they are deleted. */
struct rows {
    struct store_not_taken *of;
    size_t n;
};

static enum err gather(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct rows *rows = arg;
    const unsigned char *key = sql_key(row, 0);

    (void)s;
    if (!key)
        return ERR_STORAGE_UNAVAILABLE;
    rows->of = xrealloc(rows->of, (rows->n + 1) * sizeof *rows->of);
    rows->of[rows->n++] =
        (struct store_not_taken){.key = memcpy(xcalloc(1, HASH_SIZE), key, HASH_SIZE),
                                 .client = xstrdup(sql_text(row, 1)),
                                 .day = sqlite3_column_int64(row, 2)};
    return ERR_OK;
}

static void free_rows(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++) {
        free((unsigned char *)(uintptr_t)rows->of[i].key);
        free((char *)(uintptr_t)rows->of[i].client);
    }
    free(rows->of);
}

static enum err take_rows(struct sqlite_store *s, struct rows *rows)
{
    enum err err = sql_each(s, sql_query(s, SQL_READ_NOT_TAKEN, ""), gather, rows);

    return err ? err : sql_exec(s, NULL, SQL_DROP_NOT_TAKEN, "");
}

/* Takes the write lock only if there is something. */
enum err sqlite_poll_not_taken(struct store *store, store_not_taken_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct rows rows = {0};
    int64_t n = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &n, SQL_COUNT_NOT_TAKEN, "");
    if (err || n == 0)
        return err;
    err = sql_begin(s, SQL_BEGIN);
    if (!err)
        err = sql_end(s, take_rows(s, &rows));
    for (size_t i = 0; i < rows.n && !err; i++)
        each(arg, &rows.of[i]);
    free_rows(&rows);
    return err;
}
