/* SPDX-License-Identifier: MIT */
/* answers.c - see postgres.h. Stores, finds and trims results by the key of their question. */
#include "store/postgres/postgres.h"

#include "base/json.h"

/* Rows per call, so that a statement stays short. */
#define TRIM_ROWS     INT64_C(500)
#define TRIM_RAW_ROWS INT64_C(50)

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

enum err pg_count(struct pg_store *s)
{
    autorows PGresult *answers = NULL, *ended = NULL;
    enum err err = pg_query(s, &answers, SQL_COUNT_ANSWERS, "");

    if (!err)
        err = pg_query(s, &ended, SQL_COUNT_ENDED, "");
    if (err)
        return err;
    s->n_answers = pg_int(answers, 0, 0);
    s->n_ended = pg_int(ended, 0, 0);
    s->must_count = false;
    return ERR_OK;
}

/* The limit is the server's, and shorter than that of a statement: beyond it, the connection
 * remains. */
void pg_count_again(struct pg_store *s)
{
    if (!s->must_count || pg_now_ms() < s->count_ms)
        return;
    s->count_ms = pg_now_ms() + COUNT_AGAIN_MS;
    if (pg_run(s, "SET statement_timeout = '1s'", NULL, NULL))
        return;
    if (!pg_count(s))
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
