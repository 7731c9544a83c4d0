/* SPDX-License-Identifier: MIT */
/* records.c - see postgres.h. Reads the journal: batches, unknown tasks, the outcome of a lookup,
 * and the counts. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- one task ---- */

/* The columns of a task, in the order of TASK_COLUMNS. */
enum {
    TRACKING_ID,
    LOOKUP_ID,
    KEY,
    DOMAIN,
    COMPANY,
    CITY,
    STATE,
    COUNTRY,
    CLIENT,
    DAY,
    OUTCOME,
    TASK_ID,
    CODE,
    DETAIL,
    ENDED,
    TASK_COLUMNS
};

/* Borrows the strings of the row; the task begins at the column `first`. */
static struct store_task task_of(const PGresult *rows, int row, int first)
{
    return (struct store_task){
        .tracking_id = pg_text(rows, row, first + TRACKING_ID),
        .lookup_id = pg_text(rows, row, first + LOOKUP_ID),
        .key = pg_key(rows, row, first + KEY),
        .parts = {.domain = pg_text(rows, row, first + DOMAIN),
                  .company_name = pg_text(rows, row, first + COMPANY),
                  .city = pg_text(rows, row, first + CITY),
                  .state = pg_text(rows, row, first + STATE),
                  .country = pg_text(rows, row, first + COUNTRY)},
        .client = pg_text(rows, row, first + CLIENT),
        .day = pg_int(rows, row, first + DAY),
        .task_state = store_task_state_of(pg_text(rows, row, first + OUTCOME)),
        .task_id = pg_text(rows, row, first + TASK_ID),
        .err = store_err_of(pg_text(rows, row, first + CODE)),
        .detail = pg_text(rows, row, first + DETAIL),
        .ended_ms = pg_int(rows, row, first + ENDED),
    };
}

/* ---- batches ---- */

enum { NUMBER, BATCH_STATE, BATCH_ID, RISKED, INTENDED, TOKEN, RESPONSE, BATCH_COLUMNS };

static struct store_batch batch_of(const PGresult *rows, int row)
{
    return (struct store_batch){
        .number = pg_int(rows, row, NUMBER),
        .state = store_batch_state_of(pg_text(rows, row, BATCH_STATE)),
        .batch_id = pg_text(rows, row, BATCH_ID),
        .risked = pg_int(rows, row, RISKED) != 0,
        .intended_ms = pg_int(rows, row, INTENDED),
        .notify_token = pg_text(rows, row, TOKEN),
        .response = PQgetisnull(rows, row, RESPONSE) ? NULL : pg_text(rows, row, RESPONSE),
        .response_len = (size_t)PQgetlength(rows, row, RESPONSE),
    };
}

/* Reports the batch that begins at `row`; returns the row of the next one. */
static int report_batch(const PGresult *rows, int row, store_batch_fn *each, void *arg)
{
    struct store_batch batch = batch_of(rows, row);
    struct store_task *tasks = xcalloc((size_t)(PQntuples(rows) - row), sizeof *tasks);

    for (; row < PQntuples(rows) && pg_int(rows, row, NUMBER) == batch.number; row++)
        if (!PQgetisnull(rows, row, BATCH_COLUMNS + TRACKING_ID))
            tasks[batch.n++] = task_of(rows, row, BATCH_COLUMNS);
    batch.tasks = tasks;
    each(arg, &batch);
    free(tasks);
    return row;
}

/* Returns ERR_NO_ENTRY if there is no row. */
static enum err report(enum err err, const PGresult *rows, store_batch_fn *each, void *arg)
{
    if (err)
        return err;
    for (int row = 0; row < PQntuples(rows);)
        row = report_batch(rows, row, each, arg);
    return PQntuples(rows) == 0 ? ERR_NO_ENTRY : ERR_OK;
}

static enum err none_is_ok(enum err err)
{
    return err == ERR_NO_ENTRY ? ERR_OK : err;
}

enum err pg_for_each_open_batch(struct store *store, store_batch_fn *each, void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_OPEN_BATCHES, "");

    return none_is_ok(report(err, rows, each, arg));
}

enum err pg_find_batch(struct store *store, const char *notify_token, store_batch_fn *each,
                       void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_BATCH_BY_TOKEN, "t", notify_token);

    return report(err, rows, each, arg);
}

enum err pg_read_batch(struct store *store, int64_t batch, store_batch_fn *each, void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_BATCH_BY_NUMBER, "i", batch);

    return report(err, rows, each, arg);
}

enum err pg_each_response(struct store *store, size_t limit, store_batch_fn *each, void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_RESPONSES, "i", (int64_t)limit);

    return none_is_ok(report(err, rows, each, arg));
}

/* ---- unknown tasks ---- */

enum err pg_each_unknown(struct store *store, int64_t since_ms, size_t limit, store_task_fn *each,
                         void *arg)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_UNKNOWN_TASKS, "ii", since_ms, (int64_t)limit);

    for (int i = 0; !err && i < PQntuples(rows); i++) {
        const struct store_task task = task_of(rows, i, 0);
        each(arg, &task, pg_text(rows, i, TASK_COLUMNS));
    }
    return err;
}

/* ---- one lookup ---- */

enum err pg_find_lookup(struct store *store, const char *lookup_id,
                        const struct result **ret_result)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_FIND_LOOKUP, "t", lookup_id);

    if (err)
        return err;
    if (PQntuples(rows) == 0 || !pg_key(rows, 0, 0))
        return ERR_NO_ENTRY;
    const struct store_ended ended = {.key = pg_key(rows, 0, 0),
                                      .state = store_task_state_of(pg_text(rows, 0, 1)),
                                      .code = pg_text(rows, 0, 2),
                                      .detail = pg_text(rows, 0, 3),
                                      .ended_ms = pg_int(rows, 0, 4),
                                      .has_raw = pg_int(rows, 0, 5) != 0};
    if (ended.state == STORE_ANSWERED)
        return pg_find(store, ended.key, ret_result);
    *ret_result = store_failure_of(&ended);
    return ERR_OK;
}

/* ---- counts ---- */

static void count(struct store_stats *stats, const char *kind, const char *word, int64_t n)
{
    const struct {
        const char *kind;
        size_t *count;
    } counts[] = {{"batch", &stats->batches[store_batch_state_of(word)]},
                  {"task", &stats->tasks[store_task_state_of(word)]},
                  {"risked", &stats->risked},
                  {"found", &stats->found},
                  {"empty", &stats->empty},
                  {"failed", &stats->failed},
                  {"responses", &stats->responses},
                  {"raw", &stats->raw}};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++)
        if (strcmp(counts[i].kind, kind) == 0)
            *counts[i].count = (size_t)n;
    if (strcmp(kind, "raw_bytes") == 0)
        stats->raw_bytes = n;
    if (strcmp(kind, "bytes") == 0)
        stats->bytes = n;
    if (strcmp(kind, "schema") == 0)
        stats->schema = (int)n;
}

enum err pg_stats(struct store *store, struct store_stats *ret_stats)
{
    struct pg_store *s = pg_of(store);
    struct store_stats stats = {0};
    autorows PGresult *rows = NULL, *owner = NULL;
    enum err err = pg_query(s, &rows, SQL_STATS, "");

    if (!err)
        err = pg_query(s, &owner, SQL_IS_OWNED, "i", PG_LEASE_MS);
    if (err)
        return err;
    for (int i = 0; i < PQntuples(rows); i++)
        count(&stats, pg_text(rows, i, 0), pg_text(rows, i, 1), pg_int(rows, i, 2));
    stats.owned = pg_int(owner, 0, 0) != 0;
    *ret_stats = stats;
    return ERR_OK;
}
