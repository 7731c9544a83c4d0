/* SPDX-License-Identifier: MIT */
/* store_batches.c - see store_batches.h. */
#include "tests/unit/store_batches.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIMIT     100 /* rows of a kind */
#define DAYS      4   /* whose accounts are reported */
#define QUESTIONS 20  /* whose results are reported */

const struct store_end store_answered = {
    .state = STORE_ANSWERED, .task_id = "t-1", .wall_ms = STORE_NOW_MS + 1};
const struct store_end store_unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS + 2};
const struct store_end store_not_created = {
    .state = STORE_NOT_CREATED, .err = ERR_UPSTREAM_REJECTED, .wall_ms = STORE_NOW_MS + 3};

static void add(int64_t number, size_t from, size_t n)
{
    struct store_task tasks[3];

    for (size_t i = 0; i < n; i++)
        tasks[i] = store_task_of(from + i);
    store_add(store, (struct store_new_batch){
                         .number = number, .tasks = tasks, .n = n, .wall_ms = STORE_NOW_MS});
}

static void want(enum err err)
{
    ck_assert_msg(!err, "%s", err_words(err));
}

void store_open_with_batches(int which)
{
    struct store_end raw = store_unknown;

    store = store_open_roomy(store_url_of(which));
    add(SENDING, 0, 2);
    add(RESTING, 2, 3);
    want(store_mark_not_sent(store, RESTING));
    add(SUBMITTED, 5, 2);
    want(store_submitted(store, SUBMITTED, "b-3", STORE_NOW_MS));
    add(LOST, 7, 2);
    want(store_end_batch(store, LOST, &store_unknown));
    add(RISKED, 9, 1);
    want(store_mark_resubmitted(store, RISKED, 1));
    add(REJECTED, 10, 1);
    want(store_end_batch(store, REJECTED, &store_not_created));
    add(UNREADABLE, 11, 1);
    raw.raw = "{}";
    raw.raw_len = 2;
    want(store_end_task(store, store_tracking_id(11), &raw, NULL, NULL));
    add(RISKED_RESTING, 12, 1);
    want(store_mark_resubmitted(store, RISKED_RESTING, 1));
    want(store_mark_not_sent(store, RISKED_RESTING));
}

/* ---- writes ---- */

enum err store_begin_two(int64_t number, size_t first_task, const char *token)
{
    const struct store_task tasks[] = {store_task_of(first_task), store_task_of(first_task + 1)};
    const struct store_new_batch new = {
        .number = number, .tasks = tasks, .n = 2, .notify_token = token, .wall_ms = STORE_NOW_MS};

    return store_begin_batch(store, &new);
}

enum err store_split_off(int64_t batch, int64_t half, size_t first_task, size_t n)
{
    const char *ids[3];

    for (size_t i = 0; i < n; i++)
        ids[i] = store_tracking_id(first_task + i);
    return store_split(store, batch, half, ids, n, STORE_NOW_MS + 9);
}

enum err store_answer_task(size_t task)
{
    const struct result *answer = store_answer(task, "milvali.com", STORE_DAY_MS);
    enum err err = store_end_task(store, store_tracking_id(task), &store_answered, answer, NULL);

    result_unref(answer);
    return err;
}

/* ---- what the store reports ---- */

static void print_batch(void *arg, const struct store_batch *batch)
{
    FILE *to = arg;

    fprintf(to, "batch %" PRId64 " %s id=%s risked=%d at=%" PRId64 " token=%s response=%.*s\n",
            batch->number, store_batch_words[batch->state], batch->batch_id, batch->risked,
            batch->intended_ms, batch->notify_token, (int)batch->response_len,
            batch->response ? (const char *)batch->response : "");
    for (size_t i = 0; i < batch->n; i++) {
        const struct store_task *task = &batch->tasks[i];
        fprintf(to, "  %s %s %s %s task=%s err=%s detail=%s at=%" PRId64 "\n", task->tracking_id,
                task->lookup_id, task->client, store_task_words[task->task_state], task->task_id,
                err_words(task->err), task->detail, task->ended_ms);
    }
}

static void print_account(void *arg, const char *client, int64_t credits)
{
    fprintf(arg, "account %s %" PRId64 "\n", client, credits);
}

static void print_raw(void *arg, const struct store_raw *raw)
{
    fprintf(arg, "raw %s parser=%d at=%" PRId64 " %.*s\n", raw->tracking_id, raw->parser,
            raw->stored_ms, (int)raw->len, (const char *)raw->body);
}

static void print_result(size_t question, FILE *to)
{
    const struct result *result = NULL;
    enum err err = store_find(store, store_key_of(question), &result);

    if (err == ERR_NO_ENTRY)
        return;
    ck_assert_int_eq(err, ERR_OK);
    fprintf(to, "result %zu %s detail=%s %s at=%" PRId64 "..%" PRId64 " %s\n", question,
            err_words(result->err), result->detail ? result->detail : "",
            charged_word(result->charged), result->fetched_ms, result->expires_ms,
            result->err ? "" : result->bodies[RESULT_JSON].data);
    result_unref(result);
}

static void print_counts(FILE *to)
{
    struct store_stats stats;
    bool paused;

    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_int_eq(store_paused(store, &paused), ERR_OK);
    for (int i = 0; i <= STORE_DONE; i++)
        fprintf(to, "batches %s %zu\n", store_batch_words[i], stats.batches[i]);
    for (int i = 0; i < STORE_TASK_STATES; i++)
        fprintf(to, "tasks %s %zu\n", store_task_words[i], stats.tasks[i]);
    fprintf(to, "risked %zu found %zu empty %zu failed %zu raw %zu %" PRId64 " responses %zu",
            stats.risked, stats.found, stats.empty, stats.failed, stats.raw, stats.raw_bytes,
            stats.responses);
    fprintf(to, " paused %d\n", paused);
}

static void print_proposals(FILE *to)
{
    const struct store_news news = store_news_since(store, 0);

    for (size_t i = 0; i < news.n_proposals; i++)
        fprintf(to, "proposal %" PRId64 " %s\n", news.proposals[i].batch,
                news.proposals[i].batch_id);
}

char *store_dump(void)
{
    char *text = NULL;
    size_t len;
    int64_t last;
    FILE *to = open_memstream(&text, &len);

    print_counts(to);
    for (int64_t day = 0; day < DAYS; day++) {
        fprintf(to, "day %" PRId64 "\n", day);
        ck_assert_int_eq(store_accounts(store, day, print_account, to, &last), ERR_OK);
    }
    for (int64_t number = SENDING; number < NO_BATCH; number++)
        store_read_batch(store, number, print_batch, to); /* not all exist */
    print_proposals(to);
    ck_assert_int_eq(store_each_raw(store, STORE_ANY_PARSER, LIMIT, print_raw, to), ERR_OK);
    for (size_t i = 0; i < QUESTIONS; i++)
        print_result(i, to);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

void store_assert_same(const char *name, const char *now, const char *before)
{
    size_t line = 0;

    for (size_t i = 0; now[i] && now[i] == before[i]; i++)
        if (now[i] == '\n')
            line = i + 1;
    ck_assert_msg(strcmp(now, before) == 0, "%s: %.200s, not %.200s", name, now + line,
                  before + line);
}
