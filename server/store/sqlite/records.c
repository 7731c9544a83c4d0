/* SPDX-License-Identifier: MIT */
/* records.c - see sqlite.h. Reads the journal: open batches, unknown tasks, the outcome of a
 * lookup, and the counts. */
#include "store/sqlite/sqlite.h"

#include "base/mem.h"
#include "store/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- one task ---- */

enum {
    TRACKING_ID,
    LOOKUP_ID,
    KEY,
    DOMAIN,
    COMPANY,
    CITY,
    STATE,
    COUNTRY,
    OUTCOME,
    TASK_ID,
    CODE,
    DETAIL,
    ENDED,
    CLIENT,
    TASK_COLUMNS
};

/* Borrows the strings of the row. */
static struct store_task task_of(sqlite3_stmt *row)
{
    return (struct store_task){
        .tracking_id = sql_text(row, TRACKING_ID),
        .lookup_id = sql_text(row, LOOKUP_ID),
        .key = sql_key(row, KEY),
        .parts = {.domain = sql_text(row, DOMAIN),
                  .company_name = sql_text(row, COMPANY),
                  .city = sql_text(row, CITY),
                  .state = sql_text(row, STATE),
                  .country = sql_text(row, COUNTRY)},
        .client = sql_text(row, CLIENT),
        .task_state = store_task_state_of(sql_text(row, OUTCOME)),
        .task_id = sql_text(row, TASK_ID),
        .err = store_err_of(sql_text(row, CODE)),
        .detail = sql_text(row, DETAIL),
        .ended_ms = sqlite3_column_int64(row, ENDED),
    };
}

/* ---- batches ---- */

/* The tasks of a batch, copied from their rows. */
struct gathered {
    struct store_task *tasks;
    size_t n;
};

static void strings_of(struct store_task *task, const char **fields[static 10])
{
    fields[0] = &task->tracking_id;
    fields[1] = &task->lookup_id;
    fields[2] = &task->parts.domain;
    fields[3] = &task->parts.company_name;
    fields[4] = &task->parts.city;
    fields[5] = &task->parts.state;
    fields[6] = &task->parts.country;
    fields[7] = &task->task_id;
    fields[8] = &task->detail;
    fields[9] = &task->client;
}

static enum err gather(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct gathered *gathered = arg;
    struct store_task task = task_of(row);
    const char **fields[10];

    (void)s;
    if (!task.key)
        return ERR_STORAGE_UNAVAILABLE;
    strings_of(&task, fields);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        *fields[i] = xstrdup(*fields[i]);
    unsigned char *key = xcalloc(1, HASH_SIZE);
    task.key = memcpy(key, task.key, HASH_SIZE);
    gathered->tasks = xrealloc(gathered->tasks, (gathered->n + 1) * sizeof task);
    gathered->tasks[gathered->n++] = task;
    return ERR_OK;
}

static void drop(struct gathered *gathered)
{
    for (size_t i = 0; i < gathered->n; i++) {
        const char **fields[10];
        strings_of(&gathered->tasks[i], fields);
        for (size_t j = 0; j < ARRAY_LEN(fields); j++)
            free((char *)(uintptr_t)*fields[j]);
        free((unsigned char *)(uintptr_t)gathered->tasks[i].key);
    }
    free(gathered->tasks);
}

struct opening {
    store_batch_fn *each;
    void *arg;
    size_t n;
};

static enum err read_batch(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct opening *opening = arg;
    struct gathered gathered = {0};
    struct store_batch batch = {
        .number = sqlite3_column_int64(row, 0),
        .state = store_batch_state_of(sql_text(row, 1)),
        .batch_id = sql_text(row, 2),
        .risked = sqlite3_column_int64(row, 3) != 0,
        .intended_ms = sqlite3_column_int64(row, 4),
        .notify_token = sql_text(row, 5),
        .response = sqlite3_column_blob(row, 6),
        .response_len = (size_t)sqlite3_column_bytes(row, 6),
    };
    enum err err = sql_each(s, sql_query(s, SQL_TASKS_OF, "i", batch.number), gather, &gathered);

    batch.tasks = gathered.tasks;
    batch.n = gathered.n;
    if (!err)
        opening->each(opening->arg, &batch);
    opening->n++;
    drop(&gathered);
    return err;
}

enum err sqlite_for_each_open_batch(struct store *store, store_batch_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct opening opening = {each, arg, 0};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    return sql_end(s, sql_each(s, sql_query(s, SQL_OPEN_BATCHES, ""), read_batch, &opening));
}

enum err sqlite_find_batch(struct store *store, const char *notify_token, store_batch_fn *each,
                           void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct opening opening = {each, arg, 0};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    err = sql_end(
        s, sql_each(s, sql_query(s, SQL_BATCH_BY_TOKEN, "t", notify_token), read_batch, &opening));
    return !err && opening.n == 0 ? ERR_NO_ENTRY : err;
}

enum err sqlite_read_batch(struct store *store, int64_t batch, store_batch_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct opening opening = {each, arg, 0};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    err = sql_end(s,
                  sql_each(s, sql_query(s, SQL_BATCH_BY_NUMBER, "i", batch), read_batch, &opening));
    return !err && opening.n == 0 ? ERR_NO_ENTRY : err;
}

enum err sqlite_each_response(struct store *store, size_t limit, store_batch_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct opening opening = {each, arg, 0};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    return sql_end(
        s, sql_each(s, sql_query(s, SQL_EACH_RESPONSE, "i", (int64_t)limit), read_batch, &opening));
}

/* ---- unknown tasks ---- */

struct telling {
    store_task_fn *each;
    void *arg;
};

static enum err unknown_task(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    const struct telling *telling = arg;
    struct store_task task = task_of(row);

    (void)s;
    if (!task.key)
        return ERR_STORAGE_UNAVAILABLE;
    telling->each(telling->arg, &task, sql_text(row, TASK_COLUMNS));
    return ERR_OK;
}

enum err sqlite_each_unknown(struct store *store, int64_t since_ms, size_t limit,
                             store_task_fn *each, void *arg)
{
    struct sqlite_store *s = sqlite_of(store);
    struct telling telling = {each, arg};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (err)
        return err;
    return sql_end(s, sql_each(s, sql_query(s, SQL_UNKNOWN_TASKS, "ii", since_ms, (int64_t)limit),
                               unknown_task, &telling));
}

/* ---- one lookup ---- */

struct ended {
    unsigned char key[HASH_SIZE];
    bool answered;
    const struct result *failure;
};

static enum err ended_lookup(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct ended *ended = arg;
    const struct store_ended task = {.key = sql_key(row, 0),
                                     .state = store_task_state_of(sql_text(row, 1)),
                                     .code = sql_text(row, 2),
                                     .detail = sql_text(row, 3),
                                     .ended_ms = sqlite3_column_int64(row, 4),
                                     .has_raw = sqlite3_column_int64(row, 5) != 0};

    (void)s;
    if (!task.key || task.state == STORE_OPEN || ended->failure || ended->answered)
        return ERR_OK; /* still open, or already reported */
    memcpy(ended->key, task.key, HASH_SIZE);
    ended->answered = task.state == STORE_ANSWERED;
    if (!ended->answered)
        ended->failure = store_failure_of(&task);
    return ERR_OK;
}

enum err sqlite_find_lookup(struct store *store, const char *lookup_id,
                            const struct result **ret_result)
{
    struct sqlite_store *s = sqlite_of(store);
    struct ended ended = {0};
    enum err err = sql_ready(s);

    if (!err)
        err = sql_each(s, sql_query(s, SQL_FIND_LOOKUP, "t", lookup_id), ended_lookup, &ended);
    if (err) {
        result_unref(ended.failure);
        return err;
    }
    if (ended.answered)
        return sqlite_find(store, ended.key, ret_result);
    if (!ended.failure)
        return ERR_NO_ENTRY;
    *ret_result = ended.failure;
    return ERR_OK;
}

/* ---- counts ---- */

static enum err count_batches(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct store_stats *stats = arg;

    (void)s;
    stats->batches[store_batch_state_of(sql_text(row, 0))] = (size_t)sqlite3_column_int64(row, 1);
    return ERR_OK;
}

static enum err count_tasks(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct store_stats *stats = arg;

    (void)s;
    stats->tasks[store_task_state_of(sql_text(row, 0))] = (size_t)sqlite3_column_int64(row, 1);
    return ERR_OK;
}

static enum err count_answers(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct store_stats *stats = arg;
    const char *kind = sql_text(row, 0);
    size_t *count = strcmp(kind, "found") == 0   ? &stats->found
                    : strcmp(kind, "empty") == 0 ? &stats->empty
                                                 : &stats->failed;

    (void)s;
    *count = (size_t)sqlite3_column_int64(row, 1);
    return ERR_OK;
}

static enum err count_raw(struct sqlite_store *s, sqlite3_stmt *row, void *arg)
{
    struct store_stats *stats = arg;

    (void)s;
    stats->raw = (size_t)sqlite3_column_int64(row, 0);
    stats->raw_bytes = sqlite3_column_int64(row, 1);
    return ERR_OK;
}

static enum err count(struct sqlite_store *s, struct store_stats *stats)
{
    int64_t risked = 0, responses = 0;
    enum err err = sql_each(s, sql_query(s, SQL_STATS_BATCHES, ""), count_batches, stats);

    if (!err)
        err = sql_each(s, sql_query(s, SQL_STATS_TASKS, ""), count_tasks, stats);
    if (!err)
        err = sql_each(s, sql_query(s, SQL_STATS_ANSWERS, ""), count_answers, stats);
    if (!err)
        err = sql_each(s, sql_query(s, SQL_STATS_RAW, ""), count_raw, stats);
    if (!err)
        err = sql_int(s, &risked, SQL_STATS_RISKED, "");
    if (!err)
        err = sql_int(s, &responses, SQL_STATS_RESPONSES, "");
    stats->risked = (size_t)risked;
    stats->responses = (size_t)responses;
    return err;
}

static int64_t size_of(const char *path, const char *suffix)
{
    struct stat status;
    autofree char *name = xcalloc(strlen(path) + strlen(suffix) + 1, 1);

    memcpy(stpcpy(name, path), suffix, strlen(suffix));
    return stat(name, &status) == 0 ? status.st_size : 0;
}

enum err sqlite_stats(struct store *store, struct store_stats *ret_stats)
{
    struct sqlite_store *s = sqlite_of(store);
    struct store_stats stats = {.schema = sqlite_schema_version()};
    enum err err = sql_begin(s, SQL_BEGIN_READ);

    if (!err)
        err = sql_end(s, count(s, &stats));
    if (err)
        return err;
    if (!s->is_in_memory)
        stats.bytes = size_of(s->path, "") + size_of(s->path, "-wal");
    stats.owned = s->is_owner || store_file_is_owned(s->path);
    *ret_stats = stats;
    return ERR_OK;
}
