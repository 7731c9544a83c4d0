/* SPDX-License-Identifier: MIT */
/* answers.c - see postgres.h. Stores, finds and trims results by the key of their question. */
#include "store/postgres/postgres.h"

#include "base/json.h"

/* Rows per call, so that a statement stays short. */
#define TRIM_ROWS     INT64_C(500)
#define TRIM_RAW_ROWS INT64_C(50)

#define COUNT_PAGES    INT64_C(512)     /* 4 MiB: read within a second by a slow disk */
#define COUNT_MS       INT64_C(1000)    /* for a count in service */
#define COUNT_AGAIN_MS INT64_C(3600000) /* after a count that took too long */

struct pg_answer pg_answer_of(const struct pg_store *s, const struct result *keep)
{
    if (!keep || !s->max_answers || keep->bodies[RESULT_JSON].len > JSON_MAX_BYTES)
        return (struct pg_answer){0}; /* a body that could not be read back is not stored */
    return (struct pg_answer){.key = keep->key,
                              .domain = store_or_empty(keep->domain),
                              .body = keep->err ? NULL : keep->bodies[RESULT_JSON].data,
                              .code = store_code_of(keep->err),
                              .detail = store_or_empty(keep->detail),
                              .charged = charged_word(keep->charged),
                              .fetched_ms = keep->fetched_ms,
                              .expires_ms = keep->expires_ms};
}

/* Counts the rows of the pages from `page` on, and reports how many the table has. */
static enum err count_part(struct pg_store *s, enum sql which, int64_t page, int64_t *n,
                           int64_t *ret_pages)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, which, "ii", page, page + COUNT_PAGES);

    if (err)
        return err;
    *n += pg_int(rows, 0, 0);
    *ret_pages = pg_int(rows, 0, 1);
    return ERR_OK;
}

/* One statement for the whole table would keep the heartbeats waiting. A row that another process
 * changes meanwhile may be counted twice or not at all. */
static enum err count_table(struct pg_store *s, enum sql which, int64_t until_ms, int64_t *ret_n)
{
    int64_t n = 0, pages = 1;

    for (int64_t page = 0; page < pages; page += COUNT_PAGES) {
        enum err err = ERR_STORAGE_UNAVAILABLE;
        if (pg_now_ms() < until_ms)
            err = count_part(s, which, page, &n, &pages);
        if (err)
            return err;
    }
    *ret_n = n;
    return ERR_OK;
}

enum err pg_count(struct pg_store *s, int64_t until_ms)
{
    int64_t n_answers, n_ended;
    enum err err = count_table(s, SQL_COUNT_ANSWERS, until_ms, &n_answers);

    if (!err)
        err = count_table(s, SQL_COUNT_ENDED, until_ms, &n_ended);
    if (err)
        return err;
    s->n_answers = n_answers;
    s->n_ended = n_ended;
    s->must_count = false;
    return ERR_OK;
}

/* The server ends a statement that takes too long, before this process would: so the connection
 * remains. */
void pg_count_again(struct pg_store *s)
{
    if (!s->must_count || pg_now_ms() < s->count_ms)
        return;
    s->count_ms = pg_now_ms() + COUNT_AGAIN_MS;
    if (pg_run(s, "SET statement_timeout = '1s'", NULL, NULL))
        return;
    if (!pg_count(s, pg_now_ms() + COUNT_MS))
        s->count_ms = 0;
    if (s->conn)
        pg_run(s, "SET statement_timeout = 0", NULL, NULL);
}

void pg_added_answers(struct pg_store *s, int64_t n)
{
    int64_t dropped = 0;

    s->n_answers += n;
    if (pg_too_many(s->n_answers, s->max_answers))
        pg_count_again(s);
    int64_t too_many = pg_too_many(s->n_answers, s->max_answers);
    if (too_many && !pg_write_int(s, &dropped, SQL_DROP_OLDEST, "i", too_many))
        s->n_answers -= dropped;
}

/* ---- reading ---- */

enum { KEY, BODY, CODE, DETAIL, CHARGED, FETCHED, EXPIRES };

enum err pg_find(struct store *store, const unsigned char *key, const struct result **ret_result)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_FIND_ANSWER, "k", key);

    if (err)
        return err;
    if (PQntuples(rows) == 0)
        return ERR_NO_ENTRY;
    const struct store_answer answer = {
        .key = key,
        .body = PQgetisnull(rows, 0, BODY) ? NULL : pg_text(rows, 0, BODY),
        .body_len = (size_t)PQgetlength(rows, 0, BODY),
        .code = pg_text(rows, 0, CODE),
        .detail = pg_text(rows, 0, DETAIL),
        .charged = pg_text(rows, 0, CHARGED),
        .fetched_ms = pg_int(rows, 0, FETCHED),
        .expires_ms = pg_int(rows, 0, EXPIRES),
    };
    const struct result *result = store_result_of(&answer);
    if (!result)
        return ERR_STORAGE_UNAVAILABLE;
    *ret_result = result;
    return ERR_OK;
}

/* ---- age ---- */

enum err pg_trim(struct store *store, const struct store_ages *ages, bool *ret_more)
{
    struct pg_store *s = pg_of(store);
    autorows PGresult *rows = NULL;
    enum err err = pg_write(s, &rows, SQL_TRIM, "iiiii", ages->expired_before_ms, TRIM_ROWS,
                            ages->raw_before_ms, TRIM_RAW_ROWS, ages->day - STORE_ACCOUNT_DAYS);

    if (err)
        return err;
    s->n_answers -= pg_int(rows, 0, 1);
    *ret_more = pg_int(rows, 0, 1) == TRIM_ROWS || pg_int(rows, 0, 2) == TRIM_RAW_ROWS;
    return ERR_OK;
}
