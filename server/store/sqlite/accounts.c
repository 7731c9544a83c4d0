/* SPDX-License-Identifier: MIT */
/* accounts.c - see sqlite.h. The daily accounts, the operator's pause, and the disk check. */
#include "store/sqlite/sqlite.h"

struct telling {
    store_account_fn *each;
    void *arg;
};

static enum err tell(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    const struct telling *telling = arg;

    (void)s;
    telling->each(telling->arg, sql_text(row, 0), sqlite3_column_int64(row, 1));
    return ERR_OK;
}

enum err sqlite_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg,
                         int64_t *ret_not_taken)
{
    struct sqlite_store *s = sqlite_of(store);
    struct telling telling = {each, arg};
    int64_t not_taken = 0;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, NULL, SQL_DROP_ACCOUNTS, "i", day - STORE_ACCOUNT_DAYS);
    if (!err)
        err = sql_each(s, sql_query(s, SQL_ACCOUNTS, "i", day), tell, &telling);
    if (!err)
        err = sql_int(s, &not_taken, SQL_LAST_NOT_TAKEN, "");
    err = sql_end(s, err);
    if (!err)
        *ret_not_taken = not_taken;
    return err;
}

static enum err note_day(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    int64_t *day = arg;

    (void)s;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL)
        *day = sqlite3_column_int64(row, 0);
    return ERR_OK;
}

enum err sqlite_last_day(struct store *store, int64_t *ret_day)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t day = INT64_MIN;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_each(s, sql_query(s, SQL_LAST_DAY, ""), note_day, &day);
    if (!err)
        *ret_day = day;
    return err;
}

enum err sqlite_paused(struct store *store, bool *ret_paused)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t value = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &value, SQL_PAUSED, "");
    if (!err)
        *ret_paused = value != 0;
    return err;
}

enum err sqlite_set_paused(struct store *store, bool paused)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, sql_exec(s, NULL, SQL_SET_PAUSED, "i", (int64_t)paused));
}

enum err sqlite_try(struct store *store, int64_t wall_ms)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, sql_exec(s, NULL, SQL_TRY, "i", wall_ms));
}
