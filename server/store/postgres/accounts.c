/* SPDX-License-Identifier: MIT */
/* accounts.c - see postgres.h. The daily accounts, the operator's pause, and the check of the
 * server. */
#include "store/postgres/postgres.h"

/* The columns of SQL_ACCOUNTS; one row without a client if there is no account. */
enum { MAY_WRITE, LAST_NOT_TAKEN, CLIENT, CREDITS };

enum err pg_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg,
                     int64_t *ret_not_taken)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_write(pg_of(store), &rows, SQL_ACCOUNTS, "ii", day - STORE_ACCOUNT_DAYS, day);

    if (err)
        return err;
    for (int i = 0; i < PQntuples(rows); i++)
        if (!PQgetisnull(rows, i, CLIENT))
            each(arg, pg_text(rows, i, CLIENT), pg_int(rows, i, CREDITS));
    *ret_not_taken = pg_int(rows, 0, LAST_NOT_TAKEN);
    return ERR_OK;
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
