/* SPDX-License-Identifier: MIT */
/* sqlite.c - see sqlite.h. Opens and closes the store, and has the statements and the one way to
 * run them. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"
#include "store/sqlite/file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TASK_COLUMNS                                                                               \
    "tracking_id, lookup_id, key, domain, company_name, city, state, country, outcome, task_id, "  \
    "code, detail, ended_ms, client"

static const char *const texts[SQL_STATEMENTS] = {
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_DATA_VERSION] = "PRAGMA data_version",
    [SQL_COUNT_ANSWERS] = "SELECT count(*) FROM answers",
    [SQL_COUNT_ENDED] = "SELECT count(*) FROM tasks WHERE outcome IS NOT NULL AND ended_ms >= 0",

    [SQL_ADD_BATCH] = "INSERT INTO batches(state, intended_ms) VALUES('sending', ?)",
    [SQL_ADD_HALF] = "INSERT INTO batches(state, risked, intended_ms)"
                     " SELECT state, risked, ? FROM batches WHERE number = ? AND state = 'resting'",
    [SQL_ADD_TASK] = "INSERT INTO tasks(batch, tracking_id, lookup_id, key, domain, company_name,"
                     " city, state, country, client, day)"
                     " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [SQL_CHARGE_OPEN] =
        "INSERT INTO accounts(day, client, credits) SELECT day, client, count(*) FROM tasks"
        " WHERE batch = ? AND outcome IS NULL GROUP BY day, client"
        " ON CONFLICT DO UPDATE SET credits = credits + excluded.credits",
    [SQL_REFUND_OPEN] =
        "UPDATE accounts SET credits = max(0, credits - (SELECT count(*) FROM tasks WHERE batch = "
        "?1"
        " AND outcome IS NULL AND tasks.day = accounts.day AND tasks.client = accounts.client))"
        " WHERE (day, client) IN"
        " (SELECT day, client FROM tasks WHERE batch = ?1 AND outcome IS NULL)",
    [SQL_SET_DAY] = "UPDATE tasks SET day = ? WHERE batch = ? AND outcome IS NULL",
    [SQL_ACCOUNTS] = "SELECT client, credits FROM accounts WHERE day = ?",
    [SQL_LAST_DAY] = "SELECT max(day) FROM accounts",
    [SQL_DROP_ACCOUNTS] = "DELETE FROM accounts WHERE day < ?",
    [SQL_PAUSED] = "SELECT coalesce((SELECT value FROM settings WHERE name = 'paused'), 0)",
    [SQL_SET_PAUSED] = "INSERT INTO settings(name, value) VALUES('paused', ?)"
                       " ON CONFLICT DO UPDATE SET value = excluded.value",
    [SQL_TRY] = "INSERT INTO settings(name, value) VALUES('tried_ms', ?)"
                " ON CONFLICT DO UPDATE SET value = excluded.value",
    [SQL_SET_STATE] = "UPDATE batches SET state = ?"
                      " WHERE number = ? AND state IN ('sending', 'resting')",
    [SQL_SET_RISKED] = "UPDATE batches SET risked = 1 WHERE number = ? AND state = 'sending'",
    [SQL_SET_SUBMITTED] = "UPDATE batches SET state = 'submitted', batch_id = ?, submitted_ms = ?"
                          " WHERE number = ? AND state = 'sending'",
    [SQL_MOVE_TASK] = "UPDATE tasks SET batch = ? WHERE tracking_id = ? AND batch = ?"
                      " AND outcome IS NULL",
    [SQL_END_TASK] = "UPDATE tasks SET outcome = ?, task_id = ?, code = ?, detail = ?, ended_ms = ?"
                     " WHERE tracking_id = ? AND outcome IS NULL",
    [SQL_END_OPEN] = "UPDATE tasks SET outcome = ?, task_id = ?, code = ?, detail = ?, ended_ms = ?"
                     " WHERE batch = ? AND outcome IS NULL",
    [SQL_BATCH_OF] = "SELECT batch FROM tasks WHERE tracking_id = ?",
    [SQL_CLOSE_BATCH] = "UPDATE batches SET state = 'over' WHERE number = ? AND NOT EXISTS"
                        "(SELECT 1 FROM tasks WHERE batch = number AND outcome IS NULL)",
    [SQL_OPEN_BATCHES] = "SELECT number, state, batch_id, risked, intended_ms FROM batches"
                         " WHERE state <> 'over' ORDER BY number",
    [SQL_TASKS_OF] = "SELECT " TASK_COLUMNS " FROM tasks WHERE batch = ? ORDER BY rowid",
    [SQL_UNKNOWN_TASKS] =
        "SELECT * FROM (SELECT " TASK_COLUMNS
        ", (SELECT batch_id FROM batches WHERE number = batch)"
        " FROM tasks WHERE outcome = 'unknown' AND ended_ms >= ? ORDER BY ended_ms DESC LIMIT ?)"
        " ORDER BY ended_ms",
    [SQL_FIND_LOOKUP] = "SELECT key, outcome, code, detail, ended_ms FROM tasks"
                        " WHERE lookup_id = ?",
    [SQL_DROP_ENDED] = "DELETE FROM tasks WHERE tracking_id IN (SELECT tracking_id FROM tasks"
                       " WHERE outcome IS NOT NULL AND ended_ms >= 0"
                       " AND (SELECT state FROM batches WHERE number = batch) = 'over'"
                       " ORDER BY ended_ms LIMIT ?)",
    [SQL_DROP_EMPTY_BATCHES] =
        "DELETE FROM batches WHERE number IN (SELECT number FROM batches"
        " WHERE state = 'over' AND NOT EXISTS(SELECT 1 FROM tasks WHERE batch = number) LIMIT 200)",
    [SQL_STATS_BATCHES] = "SELECT state, count(*) FROM batches GROUP BY state",
    [SQL_STATS_TASKS] = "SELECT coalesce(outcome, 'open'), count(*) FROM tasks GROUP BY outcome",
    [SQL_STATS_RISKED] = "SELECT count(*) FROM batches WHERE risked",

    [SQL_HAS_ANSWER] = "SELECT count(*) FROM answers WHERE key = ?",
    [SQL_PUT_ANSWER] =
        "INSERT INTO answers(key, domain, body, code, detail, charged, fetched_ms, expires_ms)"
        " VALUES(?, ?, ?, '', '', ?, ?, ?)"
        " ON CONFLICT(key) DO UPDATE SET domain = excluded.domain, body = excluded.body, code = '',"
        " detail = '', charged = excluded.charged, fetched_ms = excluded.fetched_ms,"
        " expires_ms = excluded.expires_ms",
    [SQL_PUT_FAILURE] =
        "INSERT INTO answers(key, domain, body, code, detail, charged, fetched_ms, expires_ms)"
        " VALUES(?, '', NULL, ?, ?, ?, ?, ?)"
        " ON CONFLICT(key) DO UPDATE SET code = excluded.code, detail = excluded.detail,"
        " charged = excluded.charged, fetched_ms = excluded.fetched_ms,"
        " expires_ms = excluded.expires_ms WHERE body IS NULL",
    [SQL_FIND_ANSWER] = "SELECT key, body, code, detail, charged, fetched_ms, expires_ms"
                        " FROM answers WHERE key = ?",
    [SQL_DROP_OLDEST] = "DELETE FROM answers WHERE key IN"
                        " (SELECT key FROM answers ORDER BY expires_ms LIMIT ?)",
    [SQL_DROP_KEY] = "DELETE FROM answers WHERE key = ?",
    [SQL_KEYS_OF_DOMAIN] = "SELECT key FROM answers WHERE domain = ?",
    [SQL_DROP_EXPIRED] = "DELETE FROM answers WHERE key IN"
                         " (SELECT key FROM answers WHERE expires_ms < ? LIMIT ?)",
    [SQL_KEYS_WITH_ADDRESS] =
        "SELECT key FROM answers WHERE body IS NOT NULL AND EXISTS(SELECT 1 FROM"
        " json_each(body, '$.emails') WHERE json_extract(value, '$.email') = ? COLLATE NOCASE)",
    [SQL_SET_BODY] = "UPDATE answers SET body = ?, charged = ? WHERE key = ?",
    [SQL_STATS_ANSWERS] =
        "SELECT CASE WHEN body IS NULL THEN 'failed' WHEN charged = 'no' THEN 'empty'"
        " ELSE 'found' END AS kind, count(*) FROM answers GROUP BY kind",
    [SQL_ADD_CHANGE] = "INSERT INTO forgotten(key) VALUES(?)",
    [SQL_READ_CHANGES] = "SELECT key FROM forgotten ORDER BY seq",
    [SQL_DROP_CHANGES] = "DELETE FROM forgotten",
    [SQL_COUNT_CHANGES] = "SELECT count(*) FROM forgotten",
};

/* ---- statements ---- */

/* Returns the prepared statement; NULL if the schema cannot be read. */
static sqlite3_stmt *prepared(struct sqlite_store *s, enum sql which)
{
    if (s->statements[which])
        return s->statements[which];
    int rc = sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                &s->statements[which], NULL);
    if ((rc & 0xff) == SQLITE_IOERR)
        s->is_suspect = true;
    return s->statements[which];
}

static sqlite3_stmt *bind(sqlite3_stmt *statement, const char *kinds, va_list values)
{
    for (int i = 1; statement && kinds[i - 1]; i++) {
        int rc = SQLITE_OK;
        if (kinds[i - 1] == 't')
            rc = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        else if (kinds[i - 1] == 'i')
            rc = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        else
            rc = sqlite3_bind_blob(statement, i, va_arg(values, const unsigned char *), HASH_SIZE,
                                   SQLITE_STATIC);
        if (rc != SQLITE_OK)
            return NULL;
    }
    return statement;
}

sqlite3_stmt *sql_query(struct sqlite_store *s, enum sql which, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *statement = bind(prepared(s, which), kinds, values);
    va_end(values);
    return statement;
}

/* Ends a statement whose last sqlite3_step() returned `rc`. Returns ERR_OK for SQLITE_DONE and
 * SQLITE_ROW. */
static enum err sql_done(struct sqlite_store *s, sqlite3_stmt *statement, int rc)
{
    if (statement) {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
    }
    if (rc == SQLITE_DONE || rc == SQLITE_ROW)
        return ERR_OK;
    s->failed_rc = rc;
    if ((rc & 0xff) == SQLITE_IOERR)
        s->is_suspect = true;
    return ERR_STORAGE_UNAVAILABLE;
}

enum err sql_exec(struct sqlite_store *s, int64_t *ret_changes, enum sql which, const char *kinds,
                  ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *statement = bind(prepared(s, which), kinds, values);
    va_end(values);
    enum err err = sql_done(s, statement, sqlite3_step(statement));
    if (!err && ret_changes)
        *ret_changes = sqlite3_changes64(s->db);
    return err;
}

enum err sql_int(struct sqlite_store *s, int64_t *ret_value, enum sql which, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *statement = bind(prepared(s, which), kinds, values);
    va_end(values);
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(statement, 0);
    enum err err = sql_done(s, statement, rc);
    return !err && rc != SQLITE_ROW ? ERR_NO_ENTRY : err;
}

const char *sql_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text ? text : "";
}

const unsigned char *sql_key(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_bytes(statement, column) == HASH_SIZE
               ? sqlite3_column_blob(statement, column)
               : NULL;
}

enum err sql_each(struct sqlite_store *s, sqlite3_stmt *statement, sql_row_fn *each, void *arg)
{
    enum err err = ERR_OK;
    int rc = SQLITE_DONE;

    while (!err && (rc = sqlite3_step(statement)) == SQLITE_ROW)
        err = each(s, statement, arg);
    enum err ended = sql_done(s, statement, rc);
    return err ? err : ended;
}

/* ---- transactions ---- */

/* The old connection is closed only after the new one is open, because it has the index of the log.
 * Otherwise the new one would read the log to its end, and treat a transaction that failed in its
 * last write or sync as committed. */
enum err sql_ready(struct sqlite_store *s)
{
    struct sqlite_store old = *s;
    struct errmsg why;

    if (!s->is_suspect || s->is_in_memory)
        return ERR_OK;
    s->db = NULL;
    memset(s->statements, 0, sizeof s->statements);
    if (sqlite_connect(s, &why)) {
        *s = old;
        return ERR_STORAGE_UNAVAILABLE;
    }
    s->is_suspect = false;
    sqlite_disconnect(&old);
    return ERR_OK;
}

enum err sql_begin(struct sqlite_store *s, enum sql how)
{
    enum err err = sql_ready(s);

    return err ? err : sql_exec(s, NULL, how, "");
}

enum err sql_end(struct sqlite_store *s, enum err err)
{
    if (!err)
        err = sql_exec(s, NULL, SQL_COMMIT, "");
    if (err && s->db && !sqlite3_get_autocommit(s->db))
        sql_exec(s, NULL, SQL_ROLLBACK, "");
    return err;
}

/* ---- open and close ---- */

static void sqlite_close(struct store *store)
{
    struct sqlite_store *s = sqlite_of(store);

    sqlite_disconnect(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->path);
    free(s);
}

static const struct store_driver driver = {
    .close = sqlite_close,
    .begin_batch = sqlite_begin_batch,
    .sending = sqlite_sending,
    .mark_not_sent = sqlite_mark_not_sent,
    .mark_resubmitted = sqlite_mark_resubmitted,
    .submitted = sqlite_submitted,
    .split = sqlite_split,
    .end_task = sqlite_end_task,
    .end_batch = sqlite_end_batch,
    .for_each_open_batch = sqlite_for_each_open_batch,
    .each_unknown = sqlite_each_unknown,
    .accounts = sqlite_accounts,
    .last_day = sqlite_last_day,
    .paused = sqlite_paused,
    .set_paused = sqlite_set_paused,
    .try = sqlite_try,
    .find = sqlite_find,
    .find_lookup = sqlite_find_lookup,
    .forget_key = sqlite_forget_key,
    .forget_domain = sqlite_forget_domain,
    .forget_address = sqlite_forget_address,
    .poll_changes = sqlite_poll_changes,
    .changes_pending = sqlite_changes_pending,
    .trim = sqlite_trim,
    .stats = sqlite_stats,
};

/* `options` NULL = not the owner. */
static struct sqlite_store *new_store(const char *path, const struct store_options *options)
{
    struct sqlite_store *s = xcalloc(1, sizeof *s);

    s->store.driver = &driver;
    s->path = xstrdup(path);
    s->lock_fd = -1;
    if (options) {
        s->is_owner = true;
        s->max_answers = options->max_answers;
        s->max_ended = options->max_ended;
    }
    return s;
}

/* Counts rows for the limits, and discards changes recorded for an earlier owner, whose memory is
 * gone. */
static enum err take_stock(struct sqlite_store *s, struct errmsg *why)
{
    enum err err = sql_begin(s, SQL_BEGIN);

    if (!err) {
        err = sql_exec(s, NULL, SQL_DROP_CHANGES, "");
        if (!err)
            err = sql_int(s, &s->n_answers, SQL_COUNT_ANSWERS, "");
        if (!err)
            err = sql_int(s, &s->n_ended, SQL_COUNT_ENDED, "");
        err = sql_end(s, err);
    }
    if (!err)
        err = sql_int(s, &s->data_version, SQL_DATA_VERSION, "");
    s->counted_version = s->data_version;
    return err ? sqlite_judge(s, s->failed_rc, why) : ERR_OK;
}

/* Hands the store to the caller if it is open, and frees it otherwise. */
static enum err hand_over(struct sqlite_store *s, enum err err, struct store **ret_store)
{
    if (err)
        sqlite_close(&s->store);
    else
        *ret_store = &s->store;
    return err;
}

enum err store_sqlite_open(const char *rest, const struct store_options *options,
                           struct store **ret_store, struct errmsg *why)
{
    struct sqlite_store *s = new_store(rest, options);
    enum err err = store_file_prepare(rest, true, why);

    if (!err)
        err = store_file_own(rest, &s->lock_fd, why);
    if (!err)
        err = sqlite_connect(s, why);
    if (!err)
        err = take_stock(s, why);
    return hand_over(s, err, ret_store);
}

enum err store_sqlite_open_memory(const char *rest, const struct store_options *options,
                                  struct store **ret_store, struct errmsg *why)
{
    if (*rest) {
        errmsg_set(why, "memory: accepts no path");
        return ERR_STORE_REFUSED;
    }
    struct sqlite_store *s = new_store(STORE_FILE_NONE, options);
    s->is_in_memory = true;
    enum err err = sqlite_connect(s, why);
    if (!err)
        err = take_stock(s, why);
    return hand_over(s, err, ret_store);
}

enum err store_sqlite_open_shared(const char *rest, struct store **ret_store, struct errmsg *why)
{
    struct sqlite_store *s = new_store(rest, NULL);
    enum err err = store_file_prepare(rest, false, why);

    if (!err)
        err = sqlite_connect(s, why);
    return hand_over(s, err, ret_store);
}
