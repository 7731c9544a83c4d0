/* SPDX-License-Identifier: MIT */
/* accounts.c - see postgres.h. The daily accounts, the operator's pause, and the check of the
 * server. */
#include "store/postgres/postgres.h"

enum err pg_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *rows = NULL;
    enum err err = pg_write(s, NULL, SQL_DROP_ACCOUNTS, "i", day - STORE_ACCOUNT_DAYS);

    if (!err)
        err = pg_query(s, &rows, SQL_ACCOUNTS, "i", day);
    for (int i = 0; !err && i < PQntuples(rows); i++)
        each(arg, pg_text(rows, i, 0), pg_int(rows, i, 1));
    return err;
}

enum err pg_last_day(struct store *store, int64_t *ret_day)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_LAST_DAY, "");

    if (!err)
        *ret_day = PQgetisnull(rows, 0, 0) ? INT64_MIN : pg_int(rows, 0, 0);
    return err;
}

enum err pg_paused(struct store *store, bool *ret_paused)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_PAUSED, "");

    if (!err)
        *ret_paused = pg_int(rows, 0, 0) != 0;
    return err;
}

enum err pg_set_paused(struct store *store, bool paused)
{
    return pg_write(pg_of(store), NULL, SQL_SET_SETTING, "ti", "paused", (int64_t)paused);
}

enum err pg_try(struct store *store, int64_t wall_ms)
{
    return pg_write(pg_of(store), NULL, SQL_SET_SETTING, "ti", "tried_ms", wall_ms);
}
