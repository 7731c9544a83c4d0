/* SPDX-License-Identifier: MIT */
/* sqlite.c - see sqlite.h. Opens and closes the store, and has the one way to run statements. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"
#include "store/file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- statements ---- */

/* Returns the prepared statement; NULL if the schema cannot be read. */
static sqlite3_stmt *prepared(struct sqlite_store *s, enum sql which)
{
    if (s->statements[which])
        return s->statements[which];
    int rc = sqlite3_prepare_v3(s->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                &s->statements[which], NULL);
    if (rc != SQLITE_OK)
        s->failed_rc = rc;
    if ((rc & 0xff) == SQLITE_IOERR)
        s->is_suspect = true;
    return s->statements[which];
}

static int bind_bytes(sqlite3_stmt *statement, int i, const void *bytes, size_t len)
{
    return sqlite3_bind_blob64(statement, i, bytes, len, SQLITE_STATIC);
}

static sqlite3_stmt *bind(sqlite3_stmt *statement, const char *kinds, va_list values)
{
    for (int i = 1; statement && kinds[i - 1]; i++) {
        int rc = SQLITE_OK;
        if (kinds[i - 1] == 't')
            rc = sqlite3_bind_text(statement, i, va_arg(values, const char *), -1, SQLITE_STATIC);
        else if (kinds[i - 1] == 'i')
            rc = sqlite3_bind_int64(statement, i, va_arg(values, int64_t));
        else if (kinds[i - 1] == 'k')
            rc = bind_bytes(statement, i, va_arg(values, const unsigned char *), HASH_SIZE);
        else {
            const void *bytes = va_arg(values, const void *);
            rc = bind_bytes(statement, i, bytes, va_arg(values, size_t));
        }
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
    if (statement) /* else prepared() has the reason */
        s->failed_rc = rc;
    if ((rc & 0xff) == SQLITE_IOERR)
        s->is_suspect = true;
    return (rc & 0xff) == SQLITE_CONSTRAINT ? ERR_INTERNAL : ERR_STORAGE_UNAVAILABLE;
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

static enum err int_of(struct sqlite_store *s, int64_t *ret_value, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);

    if (rc == SQLITE_ROW)
        *ret_value = sqlite3_column_int64(statement, 0);
    enum err err = sql_done(s, statement, rc);
    return !err && rc != SQLITE_ROW ? ERR_NO_ENTRY : err;
}

enum err sql_int(struct sqlite_store *s, int64_t *ret_value, enum sql which, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *statement = bind(prepared(s, which), kinds, values);
    va_end(values);
    return int_of(s, ret_value, statement);
}

enum err sql_is(struct sqlite_store *s, enum sql which, const char *kinds, ...)
{
    int64_t value = 0;
    va_list values;

    va_start(values, kinds);
    sqlite3_stmt *statement = bind(prepared(s, which), kinds, values);
    va_end(values);
    enum err err = int_of(s, &value, statement);
    return !err && value == 0 ? ERR_NO_ENTRY : err;
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
    if (s->is_in_group) /* it ends first */
        return ERR_STORAGE_UNAVAILABLE;
    if (s->writer && s->writer->is_suspect) /* it finds out first whether the file is usable */
        return ERR_STORAGE_UNAVAILABLE;
    s->db = NULL;
    memset(s->statements, 0, sizeof s->statements);
    if (sqlite_connect(s, &why)) {
        s->db = old.db;
        memcpy(s->statements, old.statements, sizeof s->statements);
        return ERR_STORAGE_UNAVAILABLE;
    }
    s->is_suspect = false;
    s->no_news.is_known = false; /* its data_version was that of the old connection */
    sqlite_disconnect(&old);
    return ERR_OK;
}

/* While a store is opened, it waits as a command does. */
void sql_set_wait(struct sqlite_store *s)
{
    int wait_ms = !s->is_owner || !s->is_checked ? SQL_COMMAND_WAIT_MS
                  : s->is_locked                 ? SQL_OWNER_WAIT_LOCKED_MS
                                                 : SQL_OWNER_WAIT_MS;

    sqlite3_busy_timeout(s->db, wait_ms);
}

/* A program that keeps the write lock, such as an operator's shell, delays the owner once for the
 * normal time, and from then on only for a short one. Its writes are rejected or queued anyway. */
static void note_lock(struct sqlite_store *s, enum err err)
{
    bool is_locked = err && (s->failed_rc & 0xff) == SQLITE_BUSY;

    if (is_locked == s->is_locked)
        return;
    s->is_locked = is_locked;
    sql_set_wait(s);
}

enum err sql_begin(struct sqlite_store *s, enum sql how)
{
    enum err err = s->is_in_group ? sql_begin_member(s) : sql_ready(s);

    if (err || s->is_in_group)
        return err;
    err = sql_exec(s, NULL, how, "");
    if (how == SQL_BEGIN)
        note_lock(s, err);
    return err;
}

enum err sql_end(struct sqlite_store *s, enum err err)
{
    if (s->is_in_group)
        return sql_end_member(s, err);
    if (!err)
        err = sql_exec(s, NULL, SQL_COMMIT, "");
    if (err && s->db && !sqlite3_get_autocommit(s->db))
        sql_exec(s, NULL, SQL_ROLLBACK, "");
    return err;
}

struct sql_counts sql_counts(const struct sqlite_store *s)
{
    return (struct sql_counts){
        .ended = s->n_ended, .answers = s->n_answers, .counted_version = s->counted_version};
}

enum err sql_end_counted(struct sqlite_store *s, enum err err, struct sql_counts before)
{
    err = sql_end(s, err);
    if (err) {
        s->n_ended = before.ended;
        s->n_answers = before.answers;
        s->counted_version = before.counted_version;
    }
    return err;
}

/* ---- open and close ---- */

static bool is_durable(struct store *store)
{
    return !sqlite_of(store)->is_in_memory;
}

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
    .is_durable = is_durable,
    .open_reader = sqlite_open_reader,
    .group_begin = sqlite_group_begin,
    .group_end = sqlite_group_end,
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
    .find_batch = sqlite_find_batch,
    .batch_of = sqlite_batch_of,
    .resolve_batch = sqlite_resolve_batch,
    .resolve_not_taken = sqlite_resolve_not_taken,
    .resolve_task = sqlite_resolve_task,
    .read_batch = sqlite_read_batch,
    .each_response = sqlite_each_response,
    .propose_batch = sqlite_propose_batch,
    .drop_proposal = sqlite_drop_proposal,
    .proposal_state = sqlite_proposal_state,
    .read_news = sqlite_read_news,
    .confirm_news = sqlite_confirm_news,
    .each_raw = sqlite_each_raw,
    .put_parsed = sqlite_put_parsed,
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
    .changes_pending = sqlite_changes_pending,
    .trim = sqlite_trim,
    .stats = sqlite_stats,
    .copier = &sqlite_copier,
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
        s->keeps_schema = options->keeps_schema;
        s->max_answers = options->max_answers;
        s->max_ended = options->max_ended;
        s->max_raw = options->max_raw ? options->max_raw : STORE_RAW_ROWS;
        s->max_raw_bytes = options->max_raw_bytes ? options->max_raw_bytes : STORE_RAW_BYTES;
    }
    return s;
}

/* Counts rows for the limits, and discards changes recorded for an earlier owner, whose memory is
 * gone. */
static enum err take_stock(struct sqlite_store *s, struct errmsg *why)
{
    enum err err = sql_begin(s, SQL_BEGIN);

    if (!err) {
        err = sql_exec(s, NULL, SQL_DROP_CHANGES, "i", INT64_MAX);
        if (!err)
            err = sql_int(s, &s->n_answers, SQL_COUNT_ANSWERS, "");
        if (!err)
            err = sql_int(s, &s->n_ended, SQL_COUNT_ENDED, "");
        err = sql_end(s, err);
    }
    if (!err)
        err = sql_int(s, &s->counted_version, SQL_DATA_VERSION, "");
    if (!err)
        return ERR_OK;
    err = sqlite_judge(s, s->failed_rc, why);
    if (err)
        return err;
    errmsg_set(why, "%.200s: cannot count the rows", s->path);
    return ERR_STORAGE_UNAVAILABLE;
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

enum err store_sqlite_check(const char *rest, const struct store_options *options,
                            struct errmsg *why)
{
    (void)options;
    return store_file_check(rest, why);
}

enum err store_sqlite_check_memory(const char *rest, const struct store_options *options,
                                   struct errmsg *why)
{
    (void)options;
    if (!*rest)
        return ERR_OK;
    errmsg_set(why, "memory: accepts no path");
    return ERR_STORE_REFUSED;
}

enum err store_sqlite_open(const char *rest, const struct store_options *options,
                           struct store **ret_store, struct errmsg *why)
{
    struct sqlite_store *s = new_store(rest, options);
    enum err err = store_file_prepare(rest, !options->keeps_schema, why);

    if (err == ERR_NO_ENTRY)
        errmsg_set(why, "%.200s does not exist; run `emailsd migrate`", rest);
    if (!err)
        err = store_file_own(rest, &s->lock_fd, why);
    if (!err)
        err = sqlite_connect(s, why);
    if (!err)
        err = take_stock(s, why);
    if (!err)
        sql_set_wait(s);
    return hand_over(s, err, ret_store);
}

enum err store_sqlite_open_memory(const char *rest, const struct store_options *options,
                                  struct store **ret_store, struct errmsg *why)
{
    enum err err = store_sqlite_check_memory(rest, options, why);

    if (err)
        return err;
    struct sqlite_store *s = new_store(STORE_FILE_NONE, options);
    s->is_in_memory = true;
    err = sqlite_connect(s, why);
    if (!err)
        err = take_stock(s, why);
    return hand_over(s, err, ret_store);
}

enum err store_sqlite_open_shared(const char *rest, const struct store_options *options,
                                  struct store **ret_store, struct errmsg *why)
{
    (void)options;
    struct sqlite_store *s = new_store(rest, NULL);
    enum err err = store_file_prepare(rest, false, why);

    if (!err)
        err = sqlite_connect(s, why);
    return hand_over(s, err, ret_store);
}

/* Not checked again: the owner has done that. */
enum err sqlite_open_reader(struct store *store, struct store **ret_reader, struct errmsg *why)
{
    const struct sqlite_store *writer = sqlite_of(store);

    if (writer->is_in_memory) {
        *ret_reader = NULL;
        return ERR_OK;
    }
    struct sqlite_store *s = new_store(writer->path, NULL);
    s->is_owner = true;
    s->is_checked = true;
    s->writer = writer;
    return hand_over(s, sqlite_connect(s, why), ret_reader);
}
