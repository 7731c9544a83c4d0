/* SPDX-License-Identifier: MIT */
/* ends.c - see postgres.h. Ends tasks and stores their results, several by one statement: it costs
 * one round trip and one sync of the server's disk.
 *
 * All parts of a statement see the rows as they were before it. So a group ends before a task, or a
 * question with a result, that it has already: the order of these two matters. */
#include "store/postgres/postgres.h"

#include <string.h>

#define GROUP_BYTES ((size_t)1 << 20) /* of results and raw results: a statement stays short */

/* The columns of the arrays. */
enum {
    TRACKING_ID,
    STATE,
    TASK_ID,
    CODE,
    DETAIL,
    ENDED_MS,
    KEY,
    DOMAIN,
    BODY,
    ERROR,
    WORDS,
    CHARGED,
    FETCHED_MS,
    EXPIRES_MS,
    PARSER,
    RAW,
    COLUMNS
};

/* What the statement returns for each task. */
enum { MAY_WRITE, OUTCOME, IS_NEW, IS_STORED };
enum { CONTRADICTS, ENDED, ENDED_BEFORE };

/* ---- which ones are a group ---- */

static size_t raw_len(const struct store_end *end)
{
    return end->raw_len < STORE_RAW_MAX ? end->raw_len : STORE_RAW_MAX;
}

static size_t size_of(const struct store_task_end *one)
{
    return raw_len(one->end) + (one->keep ? one->keep->bodies[RESULT_JSON].len : 0);
}

static bool is_same(const struct store_task_end *a, const struct store_task_end *b)
{
    if (strcmp(a->tracking_id, b->tracking_id) == 0)
        return true;
    return a->keep && b->keep && memcmp(a->keep->key, b->keep->key, HASH_SIZE) == 0;
}

static bool has_same(const struct store_task_end *ends, size_t n, const struct store_task_end *one)
{
    for (size_t i = 0; i < n; i++)
        if (is_same(&ends[i], one))
            return true;
    return false;
}

/* Returns how many of the first ones are a group. */
static size_t group_size(const struct store_task_end *ends, size_t n)
{
    size_t bytes = size_of(&ends[0]), i = 1;

    for (; i < n && !has_same(ends, i, &ends[i]); i++) {
        bytes += size_of(&ends[i]);
        if (bytes > GROUP_BYTES)
            break;
    }
    return i;
}

/* ---- the statement ---- */

static void add(struct pg_columns *rows, const struct pg_store *s, const struct store_task_end *one)
{
    const struct store_end *end = one->end;
    const struct pg_answer answer = pg_answer_of(s, one->keep);
    bool has_raw = s->max_answers && end->raw_len;

    pg_array_text(&rows->of[TRACKING_ID], one->tracking_id);
    pg_array_text(&rows->of[STATE], store_task_words[end->state]);
    pg_array_text(&rows->of[TASK_ID], store_or_empty(end->task_id));
    pg_array_text(&rows->of[CODE], store_code_of(end->err));
    pg_array_text(&rows->of[DETAIL], store_or_empty(end->detail));
    pg_array_int(&rows->of[ENDED_MS], end->wall_ms);
    pg_array_bytes(&rows->of[KEY], answer.key, HASH_SIZE);
    pg_array_text(&rows->of[DOMAIN], answer.domain);
    pg_array_text(&rows->of[BODY], answer.body);
    pg_array_text(&rows->of[ERROR], answer.code);
    pg_array_text(&rows->of[WORDS], answer.detail);
    pg_array_text(&rows->of[CHARGED], answer.charged);
    pg_array_int(&rows->of[FETCHED_MS], answer.fetched_ms);
    pg_array_int(&rows->of[EXPIRES_MS], answer.expires_ms);
    pg_array_int(&rows->of[PARSER], end->parser);
    pg_array_bytes(&rows->of[RAW], has_raw ? end->raw : NULL, raw_len(end));
}

static enum err write_all(struct pg_store *s, const struct store_task_end *ends, size_t n,
                          PGresult **ret_rows)
{
    autocolumns struct pg_columns columns;

    pg_columns_init(&columns, COLUMNS);
    for (size_t i = 0; i < n; i++)
        add(&columns, s, &ends[i]);
    return pg_write(s, ret_rows, SQL_END_TASKS, "a", &columns);
}

/* ---- what came of it ---- */

struct totals {
    int64_t ended, new_answers;
    bool has_raw;
};

static void take(struct store_task_end *one, const PGresult *rows, int row, struct totals *totals)
{
    int64_t outcome = pg_int(rows, row, OUTCOME);

    one->err = outcome == CONTRADICTS ? ERR_NO_ENTRY : ERR_OK;
    one->stored = !one->err && one->keep && (!one->keep->err || pg_int(rows, row, IS_STORED));
    if (outcome != ENDED)
        return;
    totals->ended++;
    totals->new_answers += pg_int(rows, row, IS_NEW);
    totals->has_raw |= one->end->raw_len > 0;
}

static bool has_contradiction(const PGresult *rows)
{
    for (int i = 0; i < PQntuples(rows); i++)
        if (pg_int(rows, i, OUTCOME) == CONTRADICTS)
            return true;
    return false;
}

static void keep_limits(struct pg_store *s, const struct totals *totals)
{
    s->n_ended += totals->ended;
    pg_drop_ended(s);
    if (totals->new_answers > 0)
        pg_added_answers(s, totals->new_answers);
    if (totals->has_raw)
        pg_drop_raw(s);
}

enum err pg_end_tasks(struct store *store, struct store_task_end *ends, size_t n, size_t *ret_n)
{
    struct pg_store *s = pg_of(store);
    struct totals totals = {0};
    autorows PGresult *rows = NULL, *again = NULL; /* see pg_may_contradict */

    n = group_size(ends, n);
    enum err err = write_all(s, ends, n, &rows);
    if (!err && has_contradiction(rows))
        err = write_all(s, ends, n, &again);
    if (err)
        return err;
    for (int i = 0; i < (int)n; i++)
        take(&ends[i], pg_int(rows, i, OUTCOME) == CONTRADICTS ? again : rows, i, &totals);
    keep_limits(s, &totals);
    *ret_n = n;
    return ERR_OK;
}

enum err pg_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                     const struct result *keep, bool *ret_stored)
{
    struct store_task_end one = {.tracking_id = tracking_id, .end = end, .keep = keep};
    size_t n;
    enum err err = pg_end_tasks(store, &one, 1, &n);

    if (err || one.err)
        return err ? err : one.err;
    if (ret_stored)
        *ret_stored = one.stored;
    return ERR_OK;
}
