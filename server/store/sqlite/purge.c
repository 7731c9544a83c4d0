/* SPDX-License-Identifier: MIT */
/* purge.c - see sqlite.h. Deletes results permanently: rows are overwritten (secure_delete) and the
 * write-ahead log is truncated. A process that is not the owner records its deletions in
 * `forgotten`, where the owner reads them (news.c). */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"
#include "store/file.h"

#include <stdlib.h>
#include <string.h>

#define ROWS_AT_ONCE 50 /* rows per transaction, so that the owner's journal is not delayed */

/* A checkpoint that waits for readers keeps the write lock meanwhile, so it waits for a short time.
 * A command tries again; the owner does not. */
#define CHECKPOINT_WAIT_MS  100
#define CHECKPOINT_PAUSE_MS 20
#define CHECKPOINT_TRIES    50

/* Keys, collected before anything is changed. */
struct keys {
    unsigned char (*of)[HASH_SIZE];
    size_t n, room;
};

static enum err gather(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct keys *keys = arg;
    const unsigned char *key = sql_key(row, 0);

    (void)s;
    if (!key)
        return ERR_STORAGE_UNAVAILABLE;
    if (keys->n == keys->room) {
        keys->room = keys->room ? 2 * keys->room : 16;
        keys->of = xrealloc(keys->of, keys->room * sizeof *keys->of);
    }
    memcpy(keys->of[keys->n++], key, HASH_SIZE);
    return ERR_OK;
}

static enum err rewrite(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    const char *address = arg;
    const unsigned char *key = sql_key(row, 0);
    const char *body = sql_text(row, 1);
    const struct result_times times = {sqlite3_column_int64(row, 5), sqlite3_column_int64(row, 6)};
    const struct result *without =
        key ? result_from_json(key, body, strlen(body), &times, address) : NULL;

    if (!without)
        return ERR_STORAGE_UNAVAILABLE;
    enum err err = sql_exec(s, NULL, SQL_SET_BODY, "ttk", without->bodies[RESULT_JSON].data,
                            charged_word(without->charged), key);
    result_unref(without);
    return err;
}

/* Deletes one result, or one address from it (`address` not NULL). */
static enum err change(struct sqlite_store *s, const unsigned char *key, const char *address)
{
    int64_t dropped = 0;

    if (!address) {
        enum err err = sql_exec(s, &dropped, SQL_DROP_KEY, "k", key);
        s->n_answers -= dropped;
        return err;
    }
    return sql_each(s, sql_query(s, SQL_FIND_ANSWER, "k", key), rewrite,
                    (void *)(uintptr_t)address);
}

static enum err change_some(struct sqlite_store *s, const struct keys *keys, size_t from, size_t to,
                            const char *address)
{
    int64_t n_answers = s->n_answers;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    for (size_t i = from; i < to && !err; i++) {
        err = change(s, keys->of[i], address);
        if (!err && !s->is_owner)
            err = sql_exec(s, NULL, SQL_ADD_CHANGE, "k", keys->of[i]);
    }
    err = sql_end(s, err);
    if (err)
        s->n_answers = n_answers;
    return err;
}

static enum err change_all(struct sqlite_store *s, const struct keys *keys, const char *address)
{
    enum err err = ERR_OK;

    for (size_t from = 0; from < keys->n && !err; from += ROWS_AT_ONCE) {
        size_t to = from + ROWS_AT_ONCE < keys->n ? from + ROWS_AT_ONCE : keys->n;
        err = change_some(s, keys, from, to, address);
    }
    return err;
}

/* Old bytes stay in the log while another connection reads older pages. */
static enum err empty_log(struct sqlite_store *s)
{
    int tries = s->is_owner ? 1 : CHECKPOINT_TRIES, rc = SQLITE_BUSY;

    sqlite3_busy_timeout(s->db, CHECKPOINT_WAIT_MS);
    for (int i = 0; i < tries && (rc & 0xff) == SQLITE_BUSY; i++) {
        if (i > 0)
            sqlite3_sleep(CHECKPOINT_PAUSE_MS);
        rc = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    sql_set_wait(s);
    return rc == SQLITE_OK ? ERR_OK : ERR_STORAGE_UNAVAILABLE;
}

/* ---- an address ---- */

static enum err find_keys(struct sqlite_store *s, enum sql query, const char *text,
                          struct keys *keys)
{
    enum err err = sql_ready(s);

    return err ? err : sql_each(s, sql_query(s, query, "t", text), gather, keys);
}

/* Also leaves a mark for the owner, which may have results in memory that are not stored yet: it
 * confirms the mark after they are. */
static enum err forget_responses(struct sqlite_store *s, const char *address)
{
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    err = sql_exec(s, NULL, SQL_DROP_RESPONSES_WITH_ADDRESS, "t", address);
    if (!err && !s->is_owner)
        err = sql_exec(s, NULL, SQL_ADD_MARK, "");
    return sql_end(s, err);
}

enum err sqlite_forget_address(struct store *store, const char *address, size_t *ret_n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct keys keys = {0};
    size_t n_raw = 0;
    enum err err = find_keys(s, SQL_KEYS_WITH_ADDRESS, address, &keys);

    if (!err)
        err = change_all(s, &keys, address);
    if (!err)
        err = sqlite_forget_raw_address(s, address, &n_raw);
    if (!err)
        err = forget_responses(s, address);
    if (!err)
        err = empty_log(s);
    if (!err)
        *ret_n = keys.n + n_raw;
    free(keys.of);
    return err;
}

/* ---- a domain, a question ---- */

static enum err forget_raw_domain(struct sqlite_store *s, const char *domain, int64_t *ret_n)
{
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, sql_exec(s, ret_n, SQL_DROP_RAW_OF_DOMAIN, "t", domain));
}

enum err sqlite_forget_domain(struct store *store, const char *domain, store_key_fn *each,
                              void *arg, size_t *ret_n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct keys keys = {0};
    int64_t n_raw = 0;
    enum err err = find_keys(s, SQL_KEYS_OF_DOMAIN, domain, &keys);

    if (!err)
        err = change_all(s, &keys, NULL);
    if (!err)
        err = forget_raw_domain(s, domain, &n_raw);
    if (!err) {
        if (keys.n || n_raw)
            empty_log(s); /* may fail: the next checkpoint does it; the rows are gone */
        for (size_t i = 0; i < keys.n && each; i++)
            each(arg, keys.of[i]);
        *ret_n = keys.n + (size_t)n_raw;
    }
    free(keys.of);
    return err;
}

enum err sqlite_forget_key(struct store *store, const unsigned char *key)
{
    struct sqlite_store *s = sqlite_of(store);
    const struct keys keys = {.of = (unsigned char(*)[HASH_SIZE])(uintptr_t)key, .n = 1};

    return change_all(s, &keys, NULL);
}

/* ---- changes by other processes ---- */

bool sqlite_changes_pending(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);
    int64_t n = 0;

    return !sql_ready(s) && !sql_int(s, &n, SQL_COUNT_CHANGES, "") && n > 0 &&
           store_file_is_owned(s->path);
}
