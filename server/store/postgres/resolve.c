/* SPDX-License-Identifier: MIT */
/* resolve.c - see postgres.h. Settles what an unknown outcome was: the upstream accepted the batch
 * under an id, or it never accepted the task. And the ids that the operator proposes. */
#include "store/postgres/postgres.h"

enum err pg_batch_of(struct store *store, const char *tracking_id, int64_t *ret_batch)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_BATCH_OF, "t", tracking_id);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NO_ENTRY;
    *ret_batch = pg_int(rows, 0, 0);
    return ERR_OK;
}

/* ---- the outcome ---- */

enum err pg_resolve_batch(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *rows = NULL;
    enum err err = pg_write(s, &rows, SQL_RESOLVE_BATCH, "iti", batch, batch_id, wall_ms);

    if (err)
        return err;
    s->n_ended -= pg_int(rows, 0, 2);
    return pg_must_change(err, pg_int(rows, 0, 1));
}

enum err pg_resolve_not_taken(struct store *store, const char *tracking_id, int64_t wall_ms)
{
    int64_t done = 0;
    enum err err = pg_write_int(pg_of(store), &done, SQL_NOT_TAKEN, "ttti", tracking_id,
                                store_code_of(ERR_UPSTREAM_ERROR), STORE_NOT_TAKEN_DETAIL, wall_ms);

    return pg_must_change(err, done);
}

enum err pg_resolve_task(struct store *store, const char *tracking_id, const struct store_end *end,
                         const struct result *keep)
{
    struct pg_store *s = pg_of(store);
    const struct pg_answer answer = pg_answer_of(s, keep);
    autorows PGresult *rows = NULL;
    enum err err = pg_write(s, &rows, SQL_RESOLVE_TASK, "ttttti" PG_ANSWER_KINDS, tracking_id,
                            store_task_words[end->state], store_or_empty(end->task_id),
                            store_code_of(end->err), store_or_empty(end->detail), end->wall_ms,
                            PG_ANSWER(answer));

    if (err)
        return err;
    pg_added_answers(s, pg_int(rows, 0, 2));
    return pg_must_change(err, pg_int(rows, 0, 1));
}

/* A store that has reached its limit stays near it: few rows are deleted beyond it, and few tasks
 * of unknown outcome are opened again. */
static bool is_full(const struct pg_store *s)
{
    return s->n_ended >= (int64_t)(s->max_ended - s->max_ended / 10);
}

enum err pg_has_outlived(struct store *store, int64_t batch, int64_t wall_ms, bool *ret_outlived)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_HAS_OUTLIVED, "ii", batch, wall_ms);

    if (!err)
        *ret_outlived = is_full(s) && pg_int(rows, 0, 0) != 0;
    return err;
}

/* ---- proposals ---- */

enum err pg_propose_batch(struct store *store, const char *tracking_id, const char *batch_id)
{
    int64_t done = 0;
    enum err err = pg_write_int(pg_of(store), &done, SQL_PROPOSE, "tt", tracking_id, batch_id);

    return pg_must_change(err, done);
}

enum err pg_drop_proposal(struct store *store, int64_t batch, const char *batch_id)
{
    return pg_write(pg_of(store), NULL, SQL_DROP_PROPOSAL, "it", batch, batch_id);
}

enum err pg_proposal_state(struct store *store, const char *tracking_id,
                           enum store_proposal_state *ret_state)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_PROPOSAL_STATE, "tiii", tracking_id,
                            (int64_t)STORE_PROPOSAL_CONFIRMED, (int64_t)STORE_PROPOSED,
                            (int64_t)STORE_PROPOSAL_REJECTED);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NO_ENTRY;
    *ret_state = (enum store_proposal_state)pg_int(rows, 0, 0);
    return ERR_OK;
}
