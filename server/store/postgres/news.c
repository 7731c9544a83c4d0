/* SPDX-License-Identifier: MIT */
/* news.c - see postgres.h. What other processes have recorded for the owner, and the responses to
 * submits that are yet to be searched: read by one statement, confirmed by another one, by the
 * numbers that were read, so that what is recorded in between stays. */
#include "store/postgres/postgres.h"

#include <string.h>

/* The columns of SQL_READ_NEWS, and its kinds of rows, in this order. */
enum { KIND, PLACE, NUMBER, BYTES, WORDS, VALUE };
enum { PAUSE, CHANGE, NOT_TAKEN, PROPOSAL, RESPONSE, KINDS };

struct reading {
    struct arena *arena;
    struct store_news *news;
    size_t n[KINDS]; /* rows of each kind */
};

static void note_pause(struct reading *reading, const PGresult *rows, int row)
{
    reading->news->paused = pg_int(rows, row, VALUE) != 0;
}

/* A mark has no key. */
static void note_change(struct reading *reading, const PGresult *rows, int row)
{
    struct store_news *news = reading->news;
    unsigned char(*keys)[HASH_SIZE] = (unsigned char(*)[HASH_SIZE])(uintptr_t)news->changed;

    news->last_change = pg_int(rows, row, NUMBER);
    if (!pg_key(rows, row, BYTES))
        return;
    keys = arena_grow(reading->arena, keys, news->n_changed, sizeof *keys);
    memcpy(keys[news->n_changed++], pg_key(rows, row, BYTES), HASH_SIZE);
    news->changed = (const unsigned char(*)[HASH_SIZE])keys;
}

/* The task itself may have been deleted since. */
static void note_not_taken(struct reading *reading, const PGresult *rows, int row)
{
    struct store_news *news = reading->news;
    struct store_not_taken *all = (struct store_not_taken *)(uintptr_t)news->not_taken;

    news->last_not_taken = pg_int(rows, row, NUMBER);
    if (!pg_key(rows, row, BYTES))
        return;
    all = arena_grow(reading->arena, all, news->n_not_taken, sizeof *all);
    all[news->n_not_taken++] = (struct store_not_taken){
        .number = news->last_not_taken,
        .key = arena_copy(reading->arena, pg_key(rows, row, BYTES), HASH_SIZE),
        .client = arena_strdup(reading->arena, pg_text(rows, row, WORDS)),
        .day = pg_int(rows, row, VALUE),
    };
    news->not_taken = all;
}

static void note_proposal(struct reading *reading, const PGresult *rows, int row)
{
    struct store_news *news = reading->news;
    struct store_proposal *all = (struct store_proposal *)(uintptr_t)news->proposals;

    if (!pg_int(rows, row, VALUE)) {
        news->has_settled = true;
        return;
    }
    all = arena_grow(reading->arena, all, news->n_proposals, sizeof *all);
    all[news->n_proposals++] = (struct store_proposal){
        .batch = pg_int(rows, row, NUMBER),
        .batch_id = arena_strdup(reading->arena, pg_text(rows, row, WORDS))};
    news->proposals = all;
}

static void note_response(struct reading *reading, const PGresult *rows, int row)
{
    struct store_news *news = reading->news;
    struct store_response *all = (struct store_response *)(uintptr_t)news->responses;
    size_t len = (size_t)PQgetlength(rows, row, BYTES);

    all = arena_grow(reading->arena, all, news->n_responses, sizeof *all);
    all[news->n_responses++] = (struct store_response){
        .batch = pg_int(rows, row, NUMBER),
        .notify_token = arena_strdup(reading->arena, pg_text(rows, row, WORDS)),
        .bytes = arena_copy(reading->arena, pg_text(rows, row, BYTES), len),
        .len = len,
        .is_lost = pg_int(rows, row, VALUE) != 0,
    };
    news->responses = all;
}

static void (*const notes[KINDS])(struct reading *, const PGresult *, int) = {
    note_pause, note_change, note_not_taken, note_proposal, note_response};

enum err pg_read_news(struct store *store, int64_t since_ms, struct arena *arena,
                      struct store_news *ret_news)
{
    struct store_news news = {.since_ms = since_ms};
    struct reading reading = {.arena = arena, .news = &news};
    autorows PGresult *rows = NULL;
    enum err err = pg_query(pg_of(store), &rows, SQL_READ_NEWS, "iii", since_ms,
                            (int64_t)STORE_NEWS_ROWS, (int64_t)STORE_NEWS_RESPONSES);

    if (err)
        return err;
    for (int i = 0; i < PQntuples(rows); i++) {
        int64_t kind = pg_int(rows, i, KIND);
        reading.n[kind]++;
        notes[kind](&reading, rows, i);
    }
    news.has_more = reading.n[CHANGE] == STORE_NEWS_ROWS || reading.n[NOT_TAKEN] == STORE_NEWS_ROWS;
    *ret_news = news;
    return ERR_OK;
}

enum err pg_confirm_news(struct store *store, const struct store_news *news)
{
    struct pg_store *s = pg_of(store);
    autocolumns struct pg_columns searched;

    pg_columns_init(&searched, 1);
    for (size_t i = 0; i < news->n_responses; i++)
        pg_array_int(&searched.of[0], news->responses[i].batch);
    s->must_count |= news->last_change != 0;
    return pg_write(s, NULL, SQL_CONFIRM_NEWS, "iiiia", news->last_change, news->last_not_taken,
                    (int64_t)news->has_settled, news->since_ms, &searched);
}
