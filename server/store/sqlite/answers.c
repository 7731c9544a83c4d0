/* SPDX-License-Identifier: MIT */
/* answers.c - see sqlite.h. Stores, finds and trims results by the key of their question. The body
 * is stored as it was sent, so a restored result is identical to the byte. */
#include "store/sqlite/sqlite.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

/* Rows per call, so that other writes are not delayed. */
#define TRIM_ROWS     500
#define TRIM_RAW_ROWS 50 /* each may be STORE_RAW_MAX long */

static enum err put(struct sqlite_store *s, const struct result *result)
{
    const char *charged = charged_word(result->charged);

    if (!result->err)
        return sql_exec(s, NULL, SQL_PUT_ANSWER, "ktttii", result->key, result->domain,
                        result->bodies[RESULT_JSON].data, charged, result->fetched_ms,
                        result->expires_ms);
    return sql_exec(s, NULL, SQL_PUT_FAILURE, "ktttii", result->key, store_code_of(result->err),
                    store_or_empty(result->detail), charged, result->fetched_ms,
                    result->expires_ms);
}

/* Counts again if another process may have deleted results since the last count. */
static enum err count_again(struct sqlite_store *s)
{
    int64_t version = 0;
    enum err err = sql_int(s, &version, SQL_DATA_VERSION, "");

    if (err || version == s->counted_version)
        return err;
    err = sql_int(s, &s->n_answers, SQL_COUNT_ANSWERS, "");
    if (!err)
        s->counted_version = version;
    return err;
}

static enum err drop_too_many(struct sqlite_store *s)
{
    int64_t limit = (int64_t)s->max_answers, dropped = 0;

    enum err err = s->n_answers > limit ? count_again(s) : ERR_OK;
    if (err || s->n_answers <= limit)
        return err;
    err = sql_exec(s, &dropped, SQL_DROP_OLDEST, "i", s->n_answers - limit);
    if (!err)
        s->n_answers -= dropped;
    return err;
}

enum err sqlite_keep(struct sqlite_store *s, const struct result *result)
{
    int64_t had = 0;

    if (!s->max_answers || result->bodies[RESULT_JSON].len > JSON_MAX_BYTES)
        return ERR_OK; /* a body that could not be read back is not stored */
    enum err err = sql_int(s, &had, SQL_HAS_ANSWER, "k", result->key);
    if (!err)
        err = put(s, result);
    if (err)
        return err;
    s->n_answers += 1 - had;
    return drop_too_many(s);
}

/* ---- reading ---- */

enum { KEY, BODY, CODE, DETAIL, CHARGED, FETCHED, EXPIRES };

static enum err take(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    const struct result **result = arg;
    bool is_failure = sqlite3_column_type(row, BODY) == SQLITE_NULL;
    const char *body = sql_text(row, BODY);
    const struct store_answer answer = {.key = sql_key(row, KEY),
                                        .body = is_failure ? NULL : body,
                                        .body_len = strlen(body),
                                        .code = sql_text(row, CODE),
                                        .detail = sql_text(row, DETAIL),
                                        .charged = sql_text(row, CHARGED),
                                        .fetched_ms = sqlite3_column_int64(row, FETCHED),
                                        .expires_ms = sqlite3_column_int64(row, EXPIRES)};

    (void)s;
    *result = store_result_of(&answer);
    return *result ? ERR_OK : ERR_STORAGE_UNAVAILABLE;
}

enum err sqlite_find(struct store *store, const unsigned char *key,
                     const struct result **ret_result)
{
    struct sqlite_store *s = sqlite_of(store);
    const struct result *result = NULL;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_each(s, sql_query(s, SQL_FIND_ANSWER, "k", key), take, &result);
    if (err) {
        result_unref(result);
        return err;
    }
    if (!result)
        return ERR_NO_ENTRY;
    *ret_result = result;
    return ERR_OK;
}

/* ---- age ---- */

static enum err trim(struct sqlite_store *s, const struct store_ages *ages, bool *ret_more)
{
    int64_t dropped = 0, dropped_raw = 0;
    enum err err =
        sql_exec(s, &dropped, SQL_DROP_EXPIRED, "ii", ages->expired_before_ms, (int64_t)TRIM_ROWS);

    if (!err)
        err = sql_exec(s, &dropped_raw, SQL_DROP_RAW_BEFORE, "ii", ages->raw_before_ms,
                       (int64_t)TRIM_RAW_ROWS);
    if (!err)
        err = sql_exec(s, NULL, SQL_DROP_ACCOUNTS, "i", ages->day - STORE_ACCOUNT_DAYS);
    s->n_answers -= dropped;
    *ret_more = dropped == TRIM_ROWS || dropped_raw == TRIM_RAW_ROWS;
    return err;
}

enum err sqlite_trim(struct store *store, const struct store_ages *ages, bool *ret_more)
{
    struct sqlite_store *s = sqlite_of(store);
    struct sql_counts before = sql_counts(s);
    bool more = false;
    enum err err = sql_begin(s, SQL_BEGIN);

    if (!err)
        err = sql_end_counted(s, trim(s, ages, &more), before);
    if (!err)
        *ret_more = more;
    return err;
}
