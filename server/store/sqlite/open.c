/* SPDX-License-Identifier: MIT */
/* open.c - opens the database: settings, checks, migrations.
 *
 * application_id identifies the database as ours, user_version its schema. A newer version, another
 * program's file or a damaged one is rejected before anything is written. The journal's tables are
 * bounded and are checked completely at each start; results are checked for at most CHECK_MS,
 * because a start with a million of them must be fast. A store that is opened again after an I/O
 * error is not checked again: all writes wait for it, and SQLite verifies what it reads of the
 * log. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define APPLICATION_ID 0x656d6c73 /* "emls" */
#define CHECK_MS       300
#define LOG_LIMIT      "8388608" /* bytes that the log keeps after a long reader made it grow */
#define CHECK_STEPS    10000     /* virtual machine instructions between two checks of the time */

/* One script for each version; only ever appended to. */
static const char *const migrations[] = {
    "CREATE TABLE batches("
    "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  state TEXT NOT NULL CHECK(state IN ('sending', 'resting', 'submitted', 'over')),"
    "  batch_id TEXT NOT NULL DEFAULT '',"
    "  risked INTEGER NOT NULL DEFAULT 0,"
    "  intended_ms INTEGER NOT NULL,"
    "  submitted_ms INTEGER) STRICT;"
    "CREATE INDEX batches_open ON batches(number) WHERE state <> 'over';"
    "CREATE TABLE tasks("
    "  tracking_id TEXT PRIMARY KEY NOT NULL,"
    "  batch INTEGER NOT NULL REFERENCES batches(number),"
    "  lookup_id TEXT NOT NULL,"
    "  key BLOB NOT NULL CHECK(length(key) = 32),"
    "  domain TEXT NOT NULL, company_name TEXT NOT NULL,"
    "  city TEXT NOT NULL, state TEXT NOT NULL, country TEXT NOT NULL,"
    "  outcome TEXT CHECK(outcome IN ('answered', 'failed', 'not-created', 'unknown')),"
    "  task_id TEXT NOT NULL DEFAULT '',"
    "  code TEXT NOT NULL DEFAULT '',"
    "  detail TEXT NOT NULL DEFAULT '',"
    "  ended_ms INTEGER) STRICT;"
    "CREATE INDEX tasks_by_batch ON tasks(batch);"
    "CREATE INDEX tasks_by_lookup ON tasks(lookup_id);"
    "CREATE INDEX tasks_by_end ON tasks(ended_ms) WHERE outcome IS NOT NULL;"
    "CREATE INDEX tasks_unknown ON tasks(ended_ms) WHERE outcome = 'unknown';"
    "CREATE TABLE answers("
    "  key BLOB PRIMARY KEY NOT NULL CHECK(length(key) = 32),"
    "  domain TEXT NOT NULL,"
    "  body TEXT," /* as sent; NULL for a stored failure */
    "  code TEXT NOT NULL, detail TEXT NOT NULL, charged TEXT NOT NULL,"
    "  fetched_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX answers_by_domain ON answers(domain);"
    "CREATE INDEX answers_by_expiry ON answers(expires_ms);"
    "CREATE TABLE forgotten("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL) STRICT;",

    "ALTER TABLE tasks ADD COLUMN client TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE tasks ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE accounts("
    "  day INTEGER NOT NULL, client TEXT NOT NULL, credits INTEGER NOT NULL,"
    "  PRIMARY KEY(day, client)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE settings(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;",

    "ALTER TABLE batches ADD COLUMN notify_token TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE batches ADD COLUMN response BLOB;" /* to the submit, if it could not be read, */
    "ALTER TABLE batches ADD COLUMN searched_ms INTEGER NOT NULL DEFAULT 0;" /* searched then */
    "CREATE INDEX batches_with_response ON batches(searched_ms) WHERE response IS NOT NULL;"
    "CREATE UNIQUE INDEX batches_by_token ON batches(notify_token) WHERE notify_token <> '';"
    "CREATE TABLE raw_results(" /* rows outlive their tasks, which may be deleted earlier */
    "  id INTEGER PRIMARY KEY,"
    "  tracking_id TEXT NOT NULL UNIQUE, lookup_id TEXT NOT NULL,"
    "  key BLOB NOT NULL CHECK(length(key) = 32),"
    "  domain TEXT NOT NULL, company_name TEXT NOT NULL,"
    "  parser INTEGER NOT NULL, stored_ms INTEGER NOT NULL,"
    "  size INTEGER NOT NULL, body BLOB NOT NULL) STRICT;"
    "CREATE INDEX raw_results_by_domain ON raw_results(domain);"
    "CREATE INDEX raw_results_by_parser ON raw_results(parser);"
    "CREATE INDEX raw_results_by_time ON raw_results(stored_ms);"
    "CREATE INDEX raw_results_by_size ON raw_results(size);"
    "CREATE TABLE not_taken(" /* written by other processes; the owner reads and deletes it */
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT, tracking_id TEXT NOT NULL) STRICT;"
    "CREATE TABLE proposals(" /* the same; batch ids that the owner has yet to check */
    "  batch INTEGER PRIMARY KEY, batch_id TEXT NOT NULL) STRICT;",

    "CREATE INDEX tasks_open ON tasks(batch) WHERE outcome IS NULL;",
};

/* ---- messages ---- */

/* Returns the connection's message if it is still about `rc`, else the general message. */
static const char *words_of(const struct sqlite_store *s, int rc)
{
    bool is_last = (sqlite3_errcode(s->db) & 0xff) == (rc & 0xff);

    return is_last ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
}

/* The message must be one line, so line breaks of SQLite are replaced. */
static enum err damaged(const struct sqlite_store *s, const char *words, struct errmsg *why)
{
    errmsg_set(why,
               "%.150s is damaged (%.100s); nothing was changed. Restore a backup, or run `sqlite3 "
               "FILE .recover`, or move the file and its -wal and -shm away to start with an empty "
               "store; that loses the paid lookups in flight",
               s->path, words);
    for (char *end = why->text; (end = strchr(end, '\n'));)
        *end = ' ';
    return ERR_STORE_DAMAGED;
}

static enum err foreign(const struct sqlite_store *s, const char *words, struct errmsg *why)
{
    errmsg_set(why, "%.200s %s; nothing was changed", s->path, words);
    return ERR_STORE_DAMAGED;
}

enum err sqlite_judge(const struct sqlite_store *s, int rc, struct errmsg *why)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return ERR_OK;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return damaged(s, words_of(s, rc), why);
    default:
        errmsg_set(why, "%.200s: %s", s->path, words_of(s, rc));
        return ERR_STORAGE_UNAVAILABLE;
    }
}

/* ---- plain SQL, before statements are prepared ---- */

static enum err run(const struct sqlite_store *s, const char *sql, struct errmsg *why)
{
    return sqlite_judge(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), why);
}

static enum err read_int(const struct sqlite_store *s, const char *sql, int64_t *ret_value,
                         struct errmsg *why)
{
    sqlite3_stmt *statement;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(statement, 0);
    enum err err = sqlite_judge(s, rc, why);
    sqlite3_finalize(statement);
    return err;
}

/* ---- the check ---- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int is_too_long(void *arg)
{
    const int64_t *until_ms = arg;

    return now_ms() >= *until_ms;
}

/* Checks one table. SQLITE_INTERRUPT is not an error: the time limit was reached. */
static enum err quick_check(const struct sqlite_store *s, const char *table, struct errmsg *why)
{
    char sql[64];
    sqlite3_stmt *statement;
    enum err err = ERR_OK;

    snprintf(sql, sizeof sql, "PRAGMA quick_check('%s')", table);
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        const char *words = (const char *)sqlite3_column_text(statement, 0);
        if (words && strcmp(words, "ok") != 0)
            err = damaged(s, words, why);
    } else if ((rc & 0xff) != SQLITE_INTERRUPT) {
        err = sqlite_judge(s, rc, why);
    }
    sqlite3_finalize(statement);
    return err;
}

/* `version` is the current schema; newer tables do not exist yet. */
static enum err check(const struct sqlite_store *s, int64_t version, struct errmsg *why)
{
    static const struct {
        const char *table;
        int64_t since;
    } whole[] = {{"batches", 1},  {"tasks", 1},     {"forgotten", 1}, {"accounts", 2},
                 {"settings", 2}, {"not_taken", 3}, {"proposals", 3}, {"sqlite_sequence", 1}};
    int64_t until_ms = now_ms() + CHECK_MS;
    enum err err = ERR_OK;

    for (size_t i = 0; i < ARRAY_LEN(whole) && !err; i++)
        if (whole[i].since <= version)
            err = quick_check(s, whole[i].table, why);
    if (err)
        return err;
    sqlite3_progress_handler(s->db, CHECK_STEPS, is_too_long, &until_ms);
    err = quick_check(s, "answers", why);
    if (!err && version >= 3)
        err = quick_check(s, "raw_results", why);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    return err;
}

/* ---- versions ---- */

static enum err migrate(const struct sqlite_store *s, int64_t version, struct errmsg *why)
{
    char sql[64];
    enum err err = run(s, "BEGIN IMMEDIATE", why);

    for (size_t i = (size_t)version; i < ARRAY_LEN(migrations) && !err; i++)
        err = run(s, migrations[i], why);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %zu", ARRAY_LEN(migrations));
    if (!err)
        err = run(s, sql, why);
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d", APPLICATION_ID);
    if (!err)
        err = run(s, sql, why);
    if (!err)
        return run(s, "COMMIT", why);
    sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static enum err require(const struct sqlite_store *s, int64_t version, struct errmsg *why)
{
    if (version == (int64_t)ARRAY_LEN(migrations))
        return ERR_OK;
    if (version == 0)
        return foreign(s, "is empty; run `emailsd migrate`", why);
    errmsg_set(why,
               "%.200s has schema version %lld, and this emailsd requires %zu; run `emailsd "
               "migrate`",
               s->path, (long long)version, ARRAY_LEN(migrations));
    return ERR_STORE_DAMAGED;
}

static enum err check_version(const struct sqlite_store *s, int64_t *ret_version,
                              struct errmsg *why)
{
    int64_t id = 0, version = 0, objects = 0;
    enum err err = read_int(s, "PRAGMA application_id", &id, why);

    if (!err)
        err = read_int(s, "PRAGMA user_version", &version, why);
    if (!err)
        err = read_int(s, "SELECT count(*) FROM sqlite_schema", &objects, why);
    if (err)
        return err;
    if (id != APPLICATION_ID && (id || version || objects))
        return foreign(s, "is another program's database", why);
    if (version > (int64_t)ARRAY_LEN(migrations))
        return foreign(s, "was written by a newer emailsd; use that version", why);
    *ret_version = version;
    return s->is_owner && !s->keeps_schema ? ERR_OK : require(s, version, why);
}

int sqlite_schema_version(void)
{
    return (int)ARRAY_LEN(migrations);
}

/* ---- opening ---- */

static enum err configure(struct sqlite_store *s, struct errmsg *why)
{
    sqlite3_extended_result_codes(s->db, 1);
    sql_set_wait(s);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* A rejected database is closed unchanged, without a checkpoint of its log. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return run(s,
               "PRAGMA trusted_schema = OFF;"
               "PRAGMA cell_size_check = ON;"
               "PRAGMA foreign_keys = ON;"
               "PRAGMA secure_delete = ON;" /* deleted addresses are overwritten in the file */
               "PRAGMA temp_store = MEMORY;"
               "PRAGMA journal_size_limit = " LOG_LIMIT ";"
               "PRAGMA synchronous = FULL;", /* committed data survives a power failure */
               why);
}

static enum err prepare(struct sqlite_store *s, struct errmsg *why)
{
    int64_t version = 0;
    enum err err = configure(s, why);

    if (!err)
        err = check_version(s, &version, why);
    if (!err && s->is_owner)
        err = run(s, "PRAGMA journal_mode = WAL", why);
    if (!err && version > 0 && !s->is_checked)
        err = check(s, version, why);
    if (!err && s->is_owner && version < (int64_t)ARRAY_LEN(migrations))
        err = migrate(s, version, why);
    if (err)
        return err;
    s->found_version = version;
    s->is_checked = true;
    if (s->writer) /* keeps the setting above, too */
        return run(s, "PRAGMA query_only = ON", why);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return ERR_OK;
}

enum err sqlite_connect(struct sqlite_store *s, struct errmsg *why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int rc = sqlite3_open_v2(s->path, &s->db, flags, NULL);
    enum err err = sqlite_judge(s, rc, why);

    if (!err)
        err = prepare(s, why);
    if (err)
        sqlite_disconnect(s);
    return err;
}

void sqlite_disconnect(struct sqlite_store *s)
{
    for (int i = 0; i < SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
        s->statements[i] = NULL;
    }
    sqlite3_close_v2(s->db);
    s->db = NULL;
}

enum err store_sqlite_migrate(const char *rest, const struct store_options *options,
                              struct store_schema *ret_schema, struct errmsg *why)
{
    struct store_options migrating = *options;
    struct store *store;

    migrating.keeps_schema = false;
    enum err err = store_sqlite_open(rest, &migrating, &store, why);
    if (err)
        return err;
    *ret_schema =
        (struct store_schema){(int)sqlite_of(store)->found_version, sqlite_schema_version()};
    store->driver->close(store);
    return ERR_OK;
}
