/* SPDX-License-Identifier: MIT */
/* news.c - see sqlite.h. What other processes have recorded for the owner, and the responses to
 * submits that are yet to be searched. Read in one snapshot, without the write lock; what was read
 * is deleted later, by its numbers, so that what is recorded in between stays.
 *
 * They are read every second, and there are none most of the time. Then one statement shows that
 * nothing was written since. No group may be open: its changes might not be committed. */
#include "store/sqlite/sqlite.h"

#include <string.h>

struct reading {
    struct arena *arena;
    struct store_news *news;
    size_t n_records; /* of changes and of tasks not taken, each at most STORE_NEWS_ROWS */
};

/* ---- changes ---- */

static enum err note_change(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct reading *reading = arg;
    struct store_news *news = reading->news;
    unsigned char(*keys)[HASH_SIZE] = (unsigned char(*)[HASH_SIZE])(uintptr_t)news->changed;

    (void)s;
    reading->n_records++;
    news->last_change = sqlite3_column_int64(row, 0);
    if (sqlite3_column_bytes(row, 1) == 0)
        return ERR_OK; /* a mark has no key */
    const unsigned char *key = sql_key(row, 1);
    if (!key)
        return ERR_STORAGE_UNAVAILABLE;
    keys = arena_grow(reading->arena, keys, news->n_changed, sizeof *keys);
    memcpy(keys[news->n_changed++], key, HASH_SIZE);
    news->changed = (const unsigned char(*)[HASH_SIZE])keys;
    return ERR_OK;
}

/* ---- tasks not taken ---- */

enum { NUMBER, KEY, LOOKUP_ID, CLIENT, DAY };

/* The task itself may have been deleted since. */
static enum err note_not_taken(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct reading *reading = arg;
    struct store_news *news = reading->news;
    struct store_not_taken *all = (struct store_not_taken *)(uintptr_t)news->not_taken;

    (void)s;
    reading->n_records++;
    news->last_not_taken = sqlite3_column_int64(row, NUMBER);
    if (sqlite3_column_type(row, KEY) == SQLITE_NULL)
        return ERR_OK;
    if (!sql_key(row, KEY))
        return ERR_STORAGE_UNAVAILABLE;
    all = arena_grow(reading->arena, all, news->n_not_taken, sizeof *all);
    all[news->n_not_taken++] = (struct store_not_taken){
        .number = news->last_not_taken,
        .key = arena_copy(reading->arena, sql_key(row, KEY), HASH_SIZE),
        .lookup_id = arena_strdup(reading->arena, sql_text(row, LOOKUP_ID)),
        .client = arena_strdup(reading->arena, sql_text(row, CLIENT)),
        .day = sqlite3_column_int64(row, DAY),
    };
    news->not_taken = all;
    return ERR_OK;
}

/* ---- proposals ---- */

static enum err note_proposal(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct reading *reading = arg;
    struct store_news *news = reading->news;
    struct store_proposal *all = (struct store_proposal *)(uintptr_t)news->proposals;

    (void)s;
    if (!sqlite3_column_int64(row, 2)) {
        news->has_settled = true;
        return ERR_OK;
    }
    all = arena_grow(reading->arena, all, news->n_proposals, sizeof *all);
    all[news->n_proposals++] =
        (struct store_proposal){.batch = sqlite3_column_int64(row, 0),
                                .batch_id = arena_strdup(reading->arena, sql_text(row, 1))};
    news->proposals = all;
    return ERR_OK;
}

/* ---- responses ---- */

static enum err note_response(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct reading *reading = arg;
    struct store_news *news = reading->news;
    struct store_response *all = (struct store_response *)(uintptr_t)news->responses;
    size_t len = (size_t)sqlite3_column_bytes(row, 2);

    (void)s;
    all = arena_grow(reading->arena, all, news->n_responses, sizeof *all);
    all[news->n_responses++] = (struct store_response){
        .batch = sqlite3_column_int64(row, 0),
        .notify_token = arena_strdup(reading->arena, sql_text(row, 1)),
        .bytes = arena_copy(reading->arena, sqlite3_column_blob(row, 2), len),
        .len = len,
        .is_lost = sqlite3_column_int64(row, 3) != 0,
    };
    news->responses = all;
    return ERR_OK;
}

/* ---- all ---- */

static enum err read_records(struct sqlite_store *s, enum sql query, sql_row_fn *each,
                             struct reading *reading)
{
    const int64_t rows = STORE_NEWS_ROWS;

    reading->n_records = 0;
    enum err err = sql_each(s, sql_query(s, query, "i", rows), each, reading);
    if (reading->n_records == STORE_NEWS_ROWS)
        reading->news->has_more = true;
    return err;
}

static enum err read_news(struct sqlite_store *s, struct reading *reading)
{
    const int64_t rows = STORE_NEWS_ROWS, responses = STORE_NEWS_RESPONSES;
    struct store_news *news = reading->news;
    int64_t paused = 0;
    enum err err = sql_int(s, &paused, SQL_PAUSED, "");

    news->paused = paused != 0;
    if (!err)
        err = read_records(s, SQL_READ_CHANGES, note_change, reading);
    if (!err)
        err = read_records(s, SQL_READ_NOT_TAKEN, note_not_taken, reading);
    if (!err)
        err = sql_each(s, sql_query(s, SQL_READ_PROPOSALS, "i", rows), note_proposal, reading);
    if (!err)
        err = sql_each(s, sql_query(s, SQL_READ_RESPONSES, "ii", news->since_ms, responses),
                       note_response, reading);
    return err;
}

/* ---- no news ---- */

/* Returns the state of the database before a read of the news. */
static enum err read_state(struct sqlite_store *s, int64_t since_ms, struct sql_no_news *ret_state)
{
    int64_t data_version = 0;
    enum err err = sql_ready(s);

    if (!err)
        err = sql_int(s, &data_version, SQL_DATA_VERSION, "");
    if (!err)
        *ret_state = (struct sql_no_news){.data_version = data_version,
                                          .own_changes = sqlite3_total_changes64(s->db),
                                          .since_ms = since_ms};
    return err;
}

/* Returns whether there were no news, and nothing was written since. */
static bool is_unchanged(const struct sqlite_store *s, const struct sql_no_news *state)
{
    const struct sql_no_news *last = &s->no_news;

    return last->is_known && last->data_version == state->data_version &&
           last->own_changes == state->own_changes && last->since_ms == state->since_ms;
}

/* News that were read stay until they are confirmed, so they are read again although nothing was
 * written. */
static bool is_empty(const struct store_news *news)
{
    return !news->last_change && !news->last_not_taken && !news->n_proposals &&
           !news->has_settled && !news->n_responses;
}

static enum err read_all(struct sqlite_store *s, struct arena *arena, struct store_news *news)
{
    struct reading reading = {.arena = arena, .news = news};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    return err ? err : sql_end(s, read_news(s, &reading));
}

enum err sqlite_read_news(struct store *store, int64_t since_ms, struct arena *arena,
                          struct store_news *ret_news)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_news news = {.since_ms = since_ms};
    struct sql_no_news state = {0};
    enum err err = read_state(s, since_ms, &state);

    if (!err && is_unchanged(s, &state)) {
        news.paused = s->no_news.paused;
    } else if (!err) {
        err = read_all(s, arena, &news);
        s->no_news = state;
        s->no_news.paused = news.paused;
        s->no_news.is_known = !err && is_empty(&news);
    }
    if (!err)
        *ret_news = news;
    return err;
}

static enum err confirm(struct sqlite_store *s, const struct store_news *news)
{
    enum err err = sql_exec(s, NULL, SQL_DROP_CHANGES, "i", news->last_change);

    if (!err)
        err = sql_exec(s, NULL, SQL_DROP_NOT_TAKEN, "i", news->last_not_taken);
    if (!err && news->has_settled)
        err = sql_exec(s, NULL, SQL_DROP_SETTLED, "");
    for (size_t i = 0; i < news->n_responses && !err; i++)
        err = sql_exec(s, NULL, SQL_SET_SEARCHED, "ii", news->since_ms, news->responses[i].batch);
    return err;
}

enum err sqlite_confirm_news(struct store *store, const struct store_news *news)
{
    struct sqlite_store *s = sqlite_of(store);
    enum err err = sql_begin(s, SQL_BEGIN);

    return err ? err : sql_end(s, confirm(s, news));
}
