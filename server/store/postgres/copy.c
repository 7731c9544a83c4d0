/* SPDX-License-Identifier: MIT */
/* copy.c - see postgres.h and store/tables.h. Reads whole tables through a cursor, and fills them
 * with COPY.
 *
 * This is the exception to the rule that no transaction spans a round trip. The locks keep other
 * processes from writing, and from becoming the owner although no heartbeat is sent meanwhile. They
 * end with the connection, and so with the process. */
#include "store/postgres/postgres.h"

#include "base/buf.h"
#include "base/mem.h"
#include "store/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE      1000                /* rows of one round trip */
#define PAGE_RAW  50                  /* the same, of raw results, which have up to 64 KiB */
#define CHUNK     ((size_t)256 << 10) /* bytes that are sent together */
#define CHUNK_MAX ((size_t)64 << 20)  /* the same, with the longest row */
#define SQL_MAX   512

struct pg_copy {
    PGresult *page; /* of the table that is read; NULL = none */
    int page_rows;
    int row;                /* the next one of the page */
    enum store_table table; /* that is filled */
    struct buf rows;        /* not sent yet */
    int64_t batch, place;   /* of the last task: its place in its batch is not a column of it */
};

static const char *const orders[STORE_TABLES] = {
    [STORE_BATCHES] = "number",
    [STORE_TASKS] = "batch, place, tracking_id COLLATE \"C\"",
    [STORE_ANSWERS] = "key",
    [STORE_RAW_RESULTS] = "id",
    [STORE_ACCOUNTS] = "day, client COLLATE \"C\"",
    [STORE_SETTINGS] = "name COLLATE \"C\"",
    [STORE_PROPOSALS] = "batch",
};

/* ---- the transaction ---- */

#define BEGIN                                                                                      \
    "BEGIN ISOLATION LEVEL REPEATABLE READ;"                                                       \
    "SET LOCAL idle_in_transaction_session_timeout = '10min';"                                     \
    "SET LOCAL lock_timeout = '10s';" /* VACUUM gives way after a second */                        \
    "LOCK TABLE batches, tasks, answers, raw_results, accounts, settings, proposals, not_taken,"   \
    " forgotten, head IN EXCLUSIVE MODE;"                                                          \
    "SELECT 1 FROM leadership WHERE epoch = %lld FOR UPDATE"

static enum err begin(struct store *store, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    char sql[sizeof BEGIN + 32];
    autorows PGresult *rows = NULL;

    s->wait_ms = PG_COMMAND_MS;
    snprintf(sql, sizeof sql, BEGIN, (long long)s->epoch);
    enum err err = pg_run(s, sql, &rows, why);
    if (!err && PQntuples(rows) == 0) {
        errmsg_set(why, "the schema '%.63s' has another owner now", pg_target_schema(s->target));
        err = ERR_STORE_BUSY;
    }
    if (err)
        pg_disconnect(s); /* which rolls back */
    else
        s->copy = xcalloc(1, sizeof *s->copy);
    return err;
}

static void free_copy(struct pg_store *s)
{
    PQclear(s->copy->page);
    buf_done(&s->copy->rows);
    free(TAKE(s->copy));
}

/* A commit that did not wait for the standby is not to be relied on. */
static enum err commit(struct pg_store *s, struct errmsg *why)
{
    s->is_unsure = false;
    enum err err = pg_run(s, "COMMIT", NULL, why);
    if (err || !s->is_unsure)
        return err;
    errmsg_set(why, "PostgreSQL: the synchronous standby has not confirmed the commit");
    return ERR_STORAGE_UNAVAILABLE;
}

/* In the middle of a COPY, no statement can be sent. */
static void roll_back(struct pg_store *s)
{
    if (s->conn &&
        (PQtransactionStatus(s->conn) == PQTRANS_ACTIVE || pg_run(s, "ROLLBACK", NULL, NULL)))
        pg_disconnect(s);
}

static enum err end(struct store *store, bool commits, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    enum err err = ERR_OK;

    free_copy(s);
    if (commits)
        err = commit(s, why);
    else
        roll_back(s);
    s->wait_ms = s->connect_ms;
    return err;
}

/* ---- reading ---- */

#define DECLARE "DECLARE whole NO SCROLL BINARY CURSOR FOR SELECT %s FROM %s ORDER BY %s"

static void drop_page(struct pg_copy *copy)
{
    PQclear(copy->page);
    copy->page = NULL;
    copy->row = 0;
}

static enum err read_table(struct store *store, enum store_table table, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    const struct store_table_form *form = &store_table_forms[table];
    char sql[SQL_MAX];

    drop_page(s->copy);
    s->copy->page_rows = table == STORE_RAW_RESULTS ? PAGE_RAW : PAGE;
    enum err err = pg_run(s, "CLOSE ALL", NULL, why);
    snprintf(sql, sizeof sql, DECLARE, form->columns, form->name, orders[table]);
    return err ? err : pg_run(s, sql, NULL, why);
}

/* The types of the columns; from catalog/pg_type.dat of PostgreSQL. */
enum { TYPE_BOOL = 16, TYPE_BYTEA = 17, TYPE_INT8 = 20, TYPE_INT4 = 23 };

static struct store_value value_of(const PGresult *rows, int row, int column)
{
    struct store_value value = {.bytes = PQgetvalue(rows, row, column),
                                .len = (size_t)PQgetlength(rows, row, column)};

    if (PQgetisnull(rows, row, column))
        return value;
    switch (PQftype(rows, column)) {
    case TYPE_BOOL:
    case TYPE_INT4:
    case TYPE_INT8:
        value.kind = STORE_INTEGER;
        value.integer = pg_int(rows, row, column);
        break;
    case TYPE_BYTEA:
        value.kind = STORE_BYTES;
        break;
    default:
        value.kind = STORE_TEXT;
    }
    return value;
}

static enum err next_page(struct pg_store *s, struct errmsg *why)
{
    char sql[32];

    drop_page(s->copy);
    snprintf(sql, sizeof sql, "FETCH %d FROM whole", s->copy->page_rows);
    return pg_run(s, sql, &s->copy->page, why);
}

static enum err next_row(struct store *store, struct store_value *ret_values, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    struct pg_copy *copy = s->copy;
    enum err err = ERR_OK;

    if (!copy->page || copy->row == PQntuples(copy->page))
        err = next_page(s, why);
    if (err)
        return err;
    if (PQntuples(copy->page) == 0)
        return ERR_NO_ENTRY;
    for (int i = 0; i < PQnfields(copy->page); i++)
        ret_values[i] = value_of(copy->page, copy->row, i);
    copy->row++;
    return ERR_OK;
}

/* ---- filling ---- */

static enum err fill_table(struct store *store, enum store_table table, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    const struct store_table_form *form = &store_table_forms[table];
    char sql[SQL_MAX];

    s->copy->table = table;
    s->copy->rows.max = CHUNK_MAX;
    snprintf(sql, sizeof sql, "COPY %s(%s%s) FROM STDIN", form->name,
             table == STORE_TASKS ? "place, " : "", form->columns);
    return pg_run(s, sql, NULL, why);
}

/* The text format of COPY. */
static void add_text(struct buf *rows, const struct store_value *value)
{
    const char *bytes = value->bytes;

    for (size_t i = 0; i < value->len; i++) {
        static const char special[] = "\\\t\n\r", letters[] = "\\tnr";
        const char *found = bytes[i] ? strchr(special, bytes[i]) : NULL;
        if (found)
            buf_add(rows, "\\", 1);
        buf_add(rows, found ? &letters[found - special] : &bytes[i], 1);
    }
}

static void add_bytes(struct buf *rows, const struct store_value *value)
{
    const unsigned char *bytes = value->bytes;
    char hex[3];

    buf_add_str(rows, "\\\\x");
    for (size_t i = 0; i < value->len; i++) {
        hash_hex(&bytes[i], 1, hex);
        buf_add(rows, hex, 2);
    }
}

static void add_value(struct buf *rows, const struct store_value *value)
{
    switch (value->kind) {
    case STORE_NULL:
        buf_add_str(rows, "\\N");
        break;
    case STORE_INTEGER:
        buf_addf(rows, "%lld", (long long)value->integer);
        break;
    case STORE_TEXT:
        add_text(rows, value);
        break;
    case STORE_BYTES:
        add_bytes(rows, value);
        break;
    }
}

static void add_place(struct pg_copy *copy, int64_t batch)
{
    copy->place = batch == copy->batch ? copy->place + 1 : 1;
    copy->batch = batch;
    buf_addf(&copy->rows, "%lld\t", (long long)copy->place);
}

static enum err send_rows(struct pg_store *s, struct errmsg *why)
{
    struct buf *rows = &s->copy->rows;
    enum err err = pg_copy_bytes(s, buf_str(rows), rows->len, why);

    buf_clear(rows);
    return err;
}

static enum err add_row(struct store *store, const struct store_value *values, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    struct buf *rows = &s->copy->rows;

    if (s->copy->table == STORE_TASKS)
        add_place(s->copy, values[0].integer);
    for (size_t i = 0; i < store_table_forms[s->copy->table].n; i++) {
        buf_add_str(rows, i ? "\t" : "");
        add_value(rows, &values[i]);
    }
    buf_add_str(rows, "\n");
    if (buf_check(rows)) {
        errmsg_set(why, "a row is too long");
        return ERR_INTERNAL;
    }
    return rows->len < CHUNK ? ERR_OK : send_rows(s, why);
}

static enum err filled(struct store *store, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);
    enum err err = send_rows(s, why);

    return err ? err : pg_copy_end(s, why);
}

const struct store_copier pg_copier = {
    .begin = begin,
    .end = end,
    .read_table = read_table,
    .next_row = next_row,
    .fill_table = fill_table,
    .add_row = add_row,
    .filled = filled,
};
