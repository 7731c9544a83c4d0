/* SPDX-License-Identifier: MIT */
/* purge.c - see postgres.h. Deletes results. A process that is not the owner records its deletions
 * in `forgotten`, for the owner's memory. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

/* ---- a question, a domain ---- */

enum err pg_forget_key(struct store *store, const unsigned char *key)
{
    struct pg_store *s = pg_of(store);
    int64_t dropped = 0;
    enum err err = pg_write_int(s, &dropped, SQL_DROP_KEY, "k", key);

    if (!err)
        s->n_answers -= dropped;
    return err;
}

enum err pg_forget_domain(struct store *store, const char *domain, store_key_fn *each, void *arg,
                          size_t *ret_n)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *rows = NULL;
    enum err err = pg_write(s, &rows, SQL_DROP_DOMAIN, "t", domain);
    size_t n = 0;

    if (err)
        return err;
    for (int i = 0; i < PQntuples(rows); i++) {
        const unsigned char *key = pg_key(rows, i, 2);
        n += key != NULL;
        if (key && each)
            each(arg, key);
    }
    s->n_answers -= (int64_t)n;
    *ret_n = n + (size_t)pg_int(rows, 0, 1);
    return ERR_OK;
}

/* ---- an address ---- */

enum { KEY, BODY, FETCHED, EXPIRES };

/* Replaces a body that is still the one that was read. */
static enum err rewrite(struct pg_store *s, const PGresult *rows, int row, const char *address,
                        int64_t *ret_changes)
{
    const unsigned char *key = pg_key(rows, row, KEY);
    const char *body = pg_text(rows, row, BODY);
    const struct result_times times = {pg_int(rows, row, FETCHED), pg_int(rows, row, EXPIRES)};
    const struct result *without =
        key ? result_from_json(key, body, (size_t)PQgetlength(rows, row, BODY), &times, address)
            : NULL;

    if (!without)
        return ERR_STORAGE_UNAVAILABLE;
    enum err err = pg_write_int(s, ret_changes, SQL_SET_BODY, "kttt", key, body,
                                without->bodies[RESULT_JSON].data, charged_word(without->charged));
    result_unref(without);
    return err;
}

/* A result that was replaced in the meantime may have the address too: `ret_again` says so. */
static enum err rewrite_all(struct pg_store *s, const char *address, size_t *n, bool *ret_again)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_WITH_ADDRESS, "t", address);

    *ret_again = false;
    for (int i = 0; !err && i < PQntuples(rows); i++) {
        int64_t changes = 0;
        err = rewrite(s, rows, i, address, &changes);
        *n += (size_t)changes;
        *ret_again |= changes == 0;
    }
    return err;
}

/* Deleted and replaced rows stay in the tables until then. If the role lacks the privilege for a
 * table, or another session locks it, the server's own VACUUM removes them later: that is not an
 * error. The server's own VACUUM gives a table up after a second to another one that waits. */
static void vacuum(struct pg_store *s)
{
    static const char *const steps[] = {"SET lock_timeout = '5s'", "VACUUM answers",
                                        "VACUUM raw_results", "VACUUM batches",
                                        "SET lock_timeout = '1s'"};

    for (size_t i = 0; i < ARRAY_LEN(steps) && s->conn; i++)
        pg_run(s, steps[i], NULL, NULL);
}

enum err pg_forget_address(struct store *store, const char *address, size_t *ret_n)
{
    struct pg_store *s = pg_of(store);
    int64_t n_raw = 0, wait_ms = s->wait_ms;
    bool again = true;
    size_t n = 0;
    enum err err = ERR_OK;

    s->wait_ms = PG_COMMAND_MS;
    while (again && !err)
        err = rewrite_all(s, address, &n, &again);
    if (!err)
        err = pg_write_int(s, &n_raw, SQL_DROP_RAW_WITH_ADDRESS, "t", address);
    if (!err)
        err = pg_write(s, NULL, SQL_DROP_RESPONSES_WITH_ADDRESS, "t", address);
    if (!err)
        vacuum(s);
    s->wait_ms = wait_ms;
    if (!err)
        *ret_n = n + (size_t)n_raw;
    return err;
}

/* ---- changes by other processes ---- */

bool pg_changes_pending(struct store *store)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *changes = NULL, *owner = NULL;

    return !pg_query(s, &changes, SQL_COUNT_CHANGES, "") && pg_int(changes, 0, 0) > 0 &&
           !pg_query(s, &owner, SQL_IS_OWNED, "i", PG_LEASE_MS) && pg_int(owner, 0, 0) != 0;
}
