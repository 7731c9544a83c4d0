/* SPDX-License-Identifier: MIT */
/* journal.c - see postgres.h. State transitions of batches and tasks, each one a statement. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

#define DROPPED_TOGETHER INT64_C(200) /* old tasks per end of a task or batch */

/* ---- before a submit ---- */

enum { TRACKING_ID, LOOKUP_ID, KEY, DOMAIN, COMPANY, CITY, STATE, COUNTRY, CLIENT, DAY, COLUMNS };

static void add_task(struct pg_columns *tasks, const struct store_task *task)
{
    pg_array_text(&tasks->of[TRACKING_ID], task->tracking_id);
    pg_array_text(&tasks->of[LOOKUP_ID], task->lookup_id);
    pg_array_bytes(&tasks->of[KEY], task->key, HASH_SIZE);
    pg_array_text(&tasks->of[DOMAIN], task->parts.domain);
    pg_array_text(&tasks->of[COMPANY], task->parts.company_name);
    pg_array_text(&tasks->of[CITY], task->parts.city);
    pg_array_text(&tasks->of[STATE], task->parts.state);
    pg_array_text(&tasks->of[COUNTRY], task->parts.country);
    pg_array_text(&tasks->of[CLIENT], task->client);
    pg_array_int(&tasks->of[DAY], task->day);
}

enum err pg_begin_batch(struct store *store, const struct store_new_batch *new)
{
    autocolumns struct pg_columns tasks;
    int64_t done = 0;

    pg_columns_init(&tasks, COLUMNS);
    for (size_t i = 0; i < new->n; i++)
        add_task(&tasks, &new->tasks[i]);
    enum err err = pg_write_int(pg_of(store), &done, SQL_BEGIN_BATCH, "itia", new->number,
                                store_or_empty(new->notify_token), new->wall_ms, &tasks);
    return pg_must_change(err, done);
}

enum err pg_sending(struct store *store, int64_t batch, int64_t day, const char *notify_token)
{
    int64_t done = 0;
    enum err err = pg_write_int(pg_of(store), &done, SQL_SENDING, "iit", batch, day,
                                store_or_empty(notify_token));

    return pg_must_change(err, done);
}

enum err pg_mark_not_sent(struct store *store, int64_t batch)
{
    int64_t done = 0;
    enum err err = pg_write_int(pg_of(store), &done, SQL_NOT_SENT, "i", batch);

    return pg_must_change(err, done);
}

enum err pg_mark_resubmitted(struct store *store, int64_t batch, int64_t day)
{
    int64_t done = 0;
    enum err err = pg_write_int(pg_of(store), &done, SQL_RESUBMITTED, "ii", batch, day);

    return pg_must_change(err, done);
}

enum err pg_submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms)
{
    int64_t done = 0;
    enum err err =
        pg_write_int(pg_of(store), &done, SQL_SUBMITTED, "iti", batch, batch_id, wall_ms);

    return pg_must_change(err, done);
}

enum err pg_split(struct store *store, int64_t batch, int64_t half, const char *const *tracking_ids,
                  size_t n, int64_t wall_ms)
{
    autocolumns struct pg_columns ids;
    int64_t done = 0;

    pg_columns_init(&ids, 1);
    for (size_t i = 0; i < n; i++)
        pg_array_text(&ids.of[0], tracking_ids[i]);
    enum err err = pg_write_int(pg_of(store), &done, SQL_SPLIT, "iiai", batch, half, &ids, wall_ms);
    return pg_must_change(err, done);
}

/* ---- completion ---- */

void pg_drop_ended(struct pg_store *s)
{
    int64_t dropped = 0;

    if (pg_too_many(s->n_ended, s->max_ended))
        pg_count_again(s);
    int64_t too_many = pg_too_many(s->n_ended, s->max_ended);
    if (too_many == 0)
        return;
    if (too_many > DROPPED_TOGETHER)
        too_many = DROPPED_TOGETHER;
    if (!pg_write_int(s, &dropped, SQL_DROP_ENDED, "i", too_many))
        s->n_ended -= dropped;
}

enum err pg_end_batch(struct store *store, int64_t batch, const struct store_end *end)
{
    struct pg_store *s = pg_of(store);
    const void *response = end->raw_len ? end->raw : NULL;
    size_t len = end->raw_len < STORE_RESPONSE_MAX ? end->raw_len : STORE_RESPONSE_MAX;
    bool refunds = end->state == STORE_NOT_CREATED || end->refunds_last;
    int64_t ended = 0;
    enum err err =
        pg_write_int(s, &ended, SQL_END_BATCH, "ittttiib", batch, store_task_words[end->state],
                     store_or_empty(end->task_id), store_code_of(end->err),
                     store_or_empty(end->detail), end->wall_ms, (int64_t)refunds, response, len);

    if (err)
        return err;
    s->n_ended += ended;
    pg_drop_ended(s);
    return ERR_OK;
}
