/* SPDX-License-Identifier: MIT */
/* raw.c - see sqlite.h. Raw results: the bytes of paid results that could not be understood, until
 * a later parser understands them. A row has all that is needed to make a result of it, because its
 * task may be deleted earlier. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"

#include <stdlib.h>

#define ROWS_AT_ONCE 50 /* rows per transaction, so that the owner's journal is not delayed */

/* ---- storing ---- */

/* Keeps the newest rows within both limits. */
static enum err drop_beyond(struct sqlite_store *s)
{
    int64_t rows = (int64_t)s->max_raw, bytes = (int64_t)s->max_raw_bytes, is_full = 0;
    enum err err = sql_int(s, &is_full, SQL_RAW_IS_FULL, "ii", rows, bytes);

    if (err || !is_full)
        return err;
    return sql_exec(s, NULL, SQL_DROP_RAW_BEYOND, "ii", rows, bytes);
}

enum err sqlite_keep_raw(struct sqlite_store *s, const char *tracking_id,
                         const struct store_end *end)
{
    size_t len = end->raw_len < STORE_RAW_MAX ? end->raw_len : STORE_RAW_MAX;

    if (!s->max_answers)
        return ERR_OK; /* the operator wants no addresses on disk */
    enum err err = sql_exec(s, NULL, SQL_ADD_RAW, "iibt", (int64_t)end->parser, end->wall_ms,
                            end->raw, len, tracking_id);
    return err ? err : drop_beyond(s);
}

/* ---- reading ---- */

enum { TRACKING_ID, LOOKUP_ID, KEY, DOMAIN, COMPANY, PARSER, STORED, BODY };

struct telling {
    store_raw_fn *each;
    void *arg;
};

static enum err tell(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    const struct telling *telling = arg;
    const struct store_raw raw = {
        .tracking_id = sql_text(row, TRACKING_ID),
        .lookup_id = sql_text(row, LOOKUP_ID),
        .domain = sql_text(row, DOMAIN),
        .company_name = sql_text(row, COMPANY),
        .key = sql_key(row, KEY),
        .parser = sqlite3_column_int(row, PARSER),
        .stored_ms = sqlite3_column_int64(row, STORED),
        .body = sqlite3_column_blob(row, BODY),
        .len = (size_t)sqlite3_column_bytes(row, BODY),
    };

    (void)s;
    if (!raw.key || !raw.body)
        return ERR_STORAGE_UNAVAILABLE;
    telling->each(telling->arg, &raw);
    return ERR_OK;
}

enum err sqlite_each_raw(struct store *store, int parser, size_t limit, store_raw_fn *each,
                         void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct telling telling = {each, arg};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    return sql_end(s,
                   sql_each(s, sql_query(s, SQL_RAW_BELOW, "ii", (int64_t)parser, (int64_t)limit),
                            tell, &telling));
}

/* ---- parsed again ---- */

/* Stores the result unless a later lookup of the question has brought a newer one, or `is_gone`: it
 * was stored before, or its raw bytes were deleted by another process since they were read. */
static enum err keep(struct sqlite_store *s, struct store_parsed *parsed, bool is_gone)
{
    int64_t stored_ms = INT64_MIN;
    enum err err = sql_int(s, &stored_ms, SQL_FETCHED, "k", parsed->result->key);

    if (err == ERR_NO_ENTRY)
        err = ERR_OK;
    if (!err && !is_gone && stored_ms < parsed->result->fetched_ms) {
        err = sqlite_keep(s, parsed->result);
        stored_ms = parsed->result->fetched_ms;
    }
    parsed->is_stored = stored_ms == parsed->result->fetched_ms;
    return err;
}

static enum err put_parsed(struct sqlite_store *s, int parser, struct store_parsed *parsed)
{
    int64_t changes = 0;

    parsed->is_stored = false;
    if (!parsed->result)
        return sql_exec(s, NULL, SQL_SET_PARSER, "it", (int64_t)parser, parsed->tracking_id);
    enum err err = sql_exec(s, &changes, SQL_DROP_RAW, "t", parsed->tracking_id);
    if (!err && changes > 0)
        err = sql_exec(s, NULL, SQL_ANSWER_UNKNOWN, "t", parsed->tracking_id);
    return err ? err : keep(s, parsed, changes == 0);
}

enum err sqlite_put_parsed(struct store *store, int parser, struct store_parsed *parsed, size_t n)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    for (size_t i = 0; i < n && !err; i++)
        err = put_parsed(s, parser, &parsed[i]);
    return sql_end_counted(s, err, before);
}

/* ---- deleting an address ---- */

/* Row ids, collected before anything is changed. */
struct ids {
    int64_t *of;
    size_t n;
};

static enum err gather(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct ids *ids = arg;

    (void)s;
    ids->of = xrealloc(ids->of, (ids->n + 1) * sizeof *ids->of);
    ids->of[ids->n++] = sqlite3_column_int64(row, 0);
    return ERR_OK;
}

static enum err drop_some(struct sqlite_store *s, const struct ids *ids, size_t from)
{
    enum err err = sql_begin(s, SQL_BEGIN);

    if (err)
        return err;
    for (size_t i = from; i < ids->n && i < from + ROWS_AT_ONCE && !err; i++)
        err = sql_exec(s, NULL, SQL_DROP_RAW_ID, "i", ids->of[i]);
    return sql_end(s, err);
}

/* The bytes may be damaged, so they are searched as they are and not as JSON. */
enum err sqlite_forget_raw_address(struct sqlite_store *s, const char *address, size_t *ret_n)
{
    struct ids ids = {0};
    enum err err = sql_each(s, sql_query(s, SQL_RAW_WITH_ADDRESS, "t", address), gather, &ids);

    for (size_t from = 0; from < ids.n && !err; from += ROWS_AT_ONCE)
        err = drop_some(s, &ids, from);
    if (!err)
        *ret_n = ids.n;
    free(ids.of);
    return err;
}
