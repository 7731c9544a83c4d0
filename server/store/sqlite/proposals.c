/* SPDX-License-Identifier: MIT */
/* proposals.c - see sqlite.h. Batch ids that the operator proposes, until the owner has checked
 * them. There are few, because a person types each of them. */
#include "store/sqlite/sqlite.h"

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
