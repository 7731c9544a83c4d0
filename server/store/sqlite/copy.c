/* SPDX-License-Identifier: MIT */
/* copy.c - see sqlite.h and store/tables.h. Reads and fills whole tables. */
#include "store/sqlite/sqlite.h"

#include "store/tables.h"

#include <stdio.h>

#define SQL_MAX 512

/* What is this driver's own. `also` is a column that no other driver has, `value` its value. */
static const struct {
    const char *order, *also, *value;
} own[STORE_TABLES] = {
    [STORE_BATCHES] = {"number", "", ""},
    [STORE_TASKS] = {"batch, rowid", "", ""},
    [STORE_ANSWERS] = {"key", "", ""},
    [STORE_RAW_RESULTS] = {"id", ", size", ", length(?8)"},
    [STORE_ACCOUNTS] = {"day, client", "", ""},
    [STORE_SETTINGS] = {"name", "", ""},
    [STORE_PROPOSALS] = {"batch", "", ""},
};

/* Converts a result code; a constraint is the fault of the rows. */
static enum err judge(const struct sqlite_store *s, int rc, struct errmsg *why)
{
    enum err err = sqlite_judge(s, rc, why);

    return (rc & 0xff) == SQLITE_CONSTRAINT ? ERR_INTERNAL : err;
}

static enum err explain(const struct sqlite_store *s, enum err err, struct errmsg *why)
{
    if (!err)
        return ERR_OK;
    enum err found = judge(s, s->failed_rc, why);
    if (!found)
        errmsg_set(why, "%.200s: the disk failed", s->path);
    return found ? found : err;
}

static enum err begin(struct store *store, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);

    return explain(s, sql_begin(s, SQL_BEGIN), why);
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

static enum err end(struct store *store, bool commits, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);

    finalize(&s->reading);
    finalize(&s->filling);
    if (commits)
        return explain(s, sql_end(s, ERR_OK), why);
    sql_end(s, ERR_INTERNAL);
    return ERR_OK;
}

static enum err prepare(const struct sqlite_store *s, const char *sql, sqlite3_stmt **statement,
                        struct errmsg *why)
{
    finalize(statement);
    return judge(s, sqlite3_prepare_v2(s->db, sql, -1, statement, NULL), why);
}

/* ---- reading ---- */

static enum err read_table(struct store *store, enum store_table table, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);
    const struct store_table_form *form = &store_table_forms[table];
    char sql[SQL_MAX];

    snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY %s", form->columns, form->name,
             own[table].order);
    return prepare(s, sql, &s->reading, why);
}

static struct store_value value_of(sqlite3_stmt *row, int column)
{
    struct store_value value = {.bytes = ""};

    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        return value;
    case SQLITE_INTEGER:
        value.kind = STORE_INTEGER;
        value.integer = sqlite3_column_int64(row, column);
        return value;
    case SQLITE_TEXT:
        value.kind = STORE_TEXT;
        value.bytes = sqlite3_column_text(row, column);
        break;
    default:
        value.kind = STORE_BYTES;
        if (sqlite3_column_blob(row, column)) /* NULL if it is empty */
            value.bytes = sqlite3_column_blob(row, column);
    }
    value.len = (size_t)sqlite3_column_bytes(row, column);
    return value;
}

static enum err next_row(struct store *store, struct store_value *ret_values, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);
    int rc = sqlite3_step(s->reading);

    if (rc == SQLITE_DONE)
        return ERR_NO_ENTRY;
    enum err err = judge(s, rc, why);
    for (int i = 0; !err && i < sqlite3_column_count(s->reading); i++)
        ret_values[i] = value_of(s->reading, i);
    return err;
}

/* ---- filling ---- */

static enum err fill_table(struct store *store, enum store_table table, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);
    const struct store_table_form *form = &store_table_forms[table];
    char sql[SQL_MAX], parameters[STORE_COLUMNS * 4] = "";
    size_t len = 0;

    for (size_t i = 1; i <= form->n; i++)
        len += (size_t)snprintf(parameters + len, sizeof parameters - len, "%s?%zu",
                                i > 1 ? "," : "", i);
    snprintf(sql, sizeof sql, "INSERT INTO %s(%s%s) VALUES(%s%s)", form->name, form->columns,
             own[table].also, parameters, own[table].value);
    s->n_filling = form->n;
    return prepare(s, sql, &s->filling, why);
}

static int bind_value(sqlite3_stmt *statement, int i, const struct store_value *value)
{
    switch (value->kind) {
    case STORE_NULL:
        return sqlite3_bind_null(statement, i);
    case STORE_INTEGER:
        return sqlite3_bind_int64(statement, i, value->integer);
    case STORE_TEXT:
        return sqlite3_bind_text(statement, i, value->bytes, (int)value->len, SQLITE_STATIC);
    case STORE_BYTES:
        return sqlite3_bind_blob64(statement, i, value->bytes, value->len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static enum err add_row(struct store *store, const struct store_value *values, struct errmsg *why)
{
    struct sqlite_store *s = sqlite_of(store);
    int rc = SQLITE_OK;

    for (size_t i = 0; i < s->n_filling && rc == SQLITE_OK; i++)
        rc = bind_value(s->filling, (int)i + 1, &values[i]);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(s->filling);
    enum err err = judge(s, rc, why);
    sqlite3_reset(s->filling);
    return err;
}

static enum err filled(struct store *store, struct errmsg *why)
{
    (void)why;
    finalize(&sqlite_of(store)->filling);
    return ERR_OK;
}

const struct store_copier sqlite_copier = {
    .begin = begin,
    .end = end,
    .read_table = read_table,
    .next_row = next_row,
    .fill_table = fill_table,
    .add_row = add_row,
    .filled = filled,
};
