/* SPDX-License-Identifier: MIT */
/* proposals.c - see sqlite.h. Batch ids that the operator proposes, until the owner has checked
 * them. There are few, because a person types each of them. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"

#include <stdlib.h>

enum err sqlite_propose_batch(struct store *store, const char *tracking_id, const char *batch_id)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t changes = 0;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, &changes, SQL_PROPOSE, "tt", tracking_id, batch_id);
    return sql_end(s, !err && changes == 0 ? ERR_NO_ENTRY : err);
}

enum err sqlite_drop_proposal(struct store *store, int64_t batch, const char *batch_id)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, sql_exec(s, NULL, SQL_DROP_PROPOSAL, "it", batch, batch_id));
}

enum err sqlite_proposal_state(struct store *store, const char *tracking_id,
                               enum store_proposal_state *ret_state)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t state = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &state, SQL_PROPOSAL_STATE, "tiii", tracking_id,
                      (int64_t)STORE_PROPOSAL_CONFIRMED, (int64_t)STORE_PROPOSED,
                      (int64_t)STORE_PROPOSAL_REJECTED);
    if (!err)
        *ret_state = (enum store_proposal_state)state;
    return err;
}

/* ---- reading ---- */

/* Rows, copied because the store may be changed while they are reported. */
struct rows {
    struct store_proposal *of;
    size_t n;
};

static enum err gather(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct rows *rows = arg;

    (void)s;
    rows->of = xrealloc(rows->of, (rows->n + 1) * sizeof *rows->of);
    rows->of[rows->n++] = (struct store_proposal){.batch = sqlite3_column_int64(row, 0),
                                                  .batch_id = xstrdup(sql_text(row, 1))};
    return ERR_OK;
}

static enum err read_rows(struct sqlite_store *s, struct rows *rows)
{
    enum err err = sql_exec(s, NULL, SQL_DROP_SETTLED, "");

    return err ? err : sql_each(s, sql_query(s, SQL_READ_PROPOSALS, ""), gather, rows);
}

/* Takes the write lock only if there is something. */
enum err sqlite_each_proposal(struct store *store, store_proposal_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct rows rows = {0};
    int64_t n = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &n, SQL_COUNT_PROPOSALS, "");
    if (err || n == 0)
        return err;
    err = sql_begin(s, SQL_BEGIN);
    if (!err)
        err = sql_end(s, read_rows(s, &rows));
    for (size_t i = 0; i < rows.n; i++) {
        if (!err)
            each(arg, &rows.of[i]);
        free((char *)(uintptr_t)rows.of[i].batch_id);
    }
    free(rows.of);
    return err;
}
