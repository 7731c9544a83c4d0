/* SPDX-License-Identifier: MIT */
/* test_store_groups.c - tests that calls which wait together have the same outcomes, and leave the
 * same content, as one by one: whether the driver makes a transaction of them, or one statement of
 * those of one kind. The calls are random, and the same for each seed. */
#include "base/mem.h"
#include "store/calls.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_batches.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define BATCHES   ((size_t)(NO_BATCH - SENDING))
#define PER_BATCH 4
#define TASKS     (BATCHES * PER_BATCH)
#define QUESTIONS 7 /* so that several tasks have the same */
#define STEPS     150
#define SEEDS     10
#define WAITING   40 /* calls that wait together, at most */

/* The first member of each is a struct store_call. */
union call {
    struct store_call any;
    struct store_end_task_call end_task;
    struct store_end_batch_call end_batch;
    struct store_submitted_call submitted;
    struct store_mark_not_sent_call rest;
    struct store_forget_key_call forget;
};

static struct step {
    union call call;
    const struct result *keep; /* owned */
} steps[STEPS];

static struct store_call *list; /* posted calls */
static size_t largest;          /* group */

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- random calls ---- */

static size_t pick(unsigned *seed, size_t n)
{
    return (size_t)rand_r(seed) % n;
}

static const struct result *pick_result(unsigned *seed, size_t question)
{
    static const char *const domains[] = {"milvali.com", "other.com", "third.com"};
    int64_t at_ms = STORE_NOW_MS + (int64_t)pick(seed, 3);

    switch (pick(seed, 3)) {
    case 0:
        return result_new_failure(store_key_of(question), ERR_LOOKUP_FAILED, "no luck",
                                  CHARGED_MAYBE, at_ms, STORE_DAY_MS);
    case 1:
        return NULL;
    default:
        return store_answer(question, domains[pick(seed, ARRAY_LEN(domains))], STORE_DAY_MS);
    }
}

/* PostgreSQL rejects the first of the details. */
static struct store_end pick_end(unsigned *seed, const struct result *keep)
{
    static const char *const details[] = {"\xff", "", "\"quoted\" \\ {NULL}", "NULL"};
    struct store_end end = store_failed;

    end.detail = details[pick(seed, 40) ? 1 + pick(seed, 3) : 0];
    end.wall_ms += (int64_t)pick(seed, 5);
    if (keep && !keep->err) {
        end.state = STORE_ANSWERED;
        end.err = ERR_OK;
    } else if (!keep && pick(seed, 2)) {
        end.state = STORE_UNKNOWN;
        end.raw = "{\"a\": \"\\\"\"}\0\xff";
        end.raw_len = 1 + pick(seed, 13);
    }
    return end;
}

static void post_end_task(struct store_calls *calls, struct step *step, unsigned *seed)
{
    size_t task = pick(seed, TASKS + 1); /* the last one does not exist */

    step->keep = pick_result(seed, task % QUESTIONS);
    step->call.end_task = (struct store_end_task_call){.tracking_id = store_tracking_id(task),
                                                       .end = pick_end(seed, step->keep),
                                                       .keep = step->keep};
    store_post_end_task(calls, &step->call.end_task);
}

/* Posts a call like the one before, whose confirmation was lost, for example. */
static void post_again(struct store_calls *calls, struct step *step)
{
    const struct store_end_task_call *before = &step[-1].call.end_task;

    step->keep = before->keep ? result_ref(before->keep) : NULL;
    step->call.end_task = (struct store_end_task_call){
        .tracking_id = before->tracking_id, .end = before->end, .keep = before->keep};
    store_post_end_task(calls, &step->call.end_task);
}

static void post_other(struct store_calls *calls, struct step *step, unsigned *seed)
{
    int64_t batch = SENDING + (int64_t)pick(seed, BATCHES);

    switch (pick(seed, 4)) {
    case 0:
        step->call.submitted = (struct store_submitted_call){
            .batch = batch, .batch_id = "b-1", .wall_ms = STORE_NOW_MS};
        store_post_submitted(calls, &step->call.submitted);
        break;
    case 1:
        step->call.rest = (struct store_mark_not_sent_call){.batch = batch};
        store_post_mark_not_sent(calls, &step->call.rest);
        break;
    case 2:
        step->call.end_batch =
            (struct store_end_batch_call){.batch = batch, .end = store_not_created};
        store_post_end_batch(calls, &step->call.end_batch);
        break;
    default:
        memcpy(step->call.forget.key, store_key_of(pick(seed, QUESTIONS)), HASH_SIZE);
        store_post_forget_key(calls, &step->call.forget);
    }
}

static void take(struct store_detour *detour, struct store_call *call)
{
    (void)detour;
    DL_APPEND(list, call);
}

static void post_all(unsigned seed)
{
    struct store_detour detour = {take};
    struct store_calls *calls = store_calls_new(store);

    store_calls_set_detour(calls, &detour);
    memset(steps, 0, sizeof steps);
    for (size_t i = 0; i < STEPS; i++) {
        struct step *step = &steps[i];
        if (i > 0 && strcmp(store_call_name(&step[-1].call.any), "end_task") == 0 &&
            pick(&seed, 8) == 0)
            post_again(calls, step);
        else if (pick(&seed, 12) == 0)
            post_other(calls, step, &seed);
        else
            post_end_task(calls, step, &seed);
    }
    store_calls_free(calls);
}

/* ---- executing them ---- */

static void execute_one_by_one(struct store_executor *executor)
{
    struct store_call *call;

    while ((call = list)) {
        DL_DELETE(list, call);
        store_execute(executor, call);
    }
}

/* Random numbers of them wait together. */
static void execute_together(struct store_executor *executor, unsigned seed)
{
    while (list) {
        struct store_call *waiting = NULL, *call;
        for (size_t n = 1 + pick(&seed, WAITING); n > 0 && (call = list); n--) {
            DL_DELETE(list, call);
            DL_APPEND(waiting, call);
        }
        while (waiting) {
            size_t n = store_execute_group(executor, waiting);
            largest = n > largest ? n : largest;
            for (; n > 0; n--)
                DL_DELETE(waiting, waiting);
        }
    }
}

static void open_with_tasks(const char *url)
{
    store = store_open_roomy(url);
    for (size_t i = 0; i < BATCHES; i++) {
        struct store_task tasks[PER_BATCH];
        for (size_t n = 0; n < PER_BATCH; n++) {
            tasks[n] = store_task_of(i * PER_BATCH + n);
            tasks[n].key = store_key_of((i * PER_BATCH + n) % QUESTIONS);
        }
        store_add(store, (struct store_new_batch){.number = SENDING + (int64_t)i,
                                                  .tasks = tasks,
                                                  .n = PER_BATCH,
                                                  .wall_ms = STORE_NOW_MS});
    }
}

/* Returns the outcomes of the calls and the content of the store. The caller frees it. */
static char *outcomes(void)
{
    autofree char *content = store_dump();
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    for (size_t i = 0; i < STEPS; i++) {
        const union call *call = &steps[i].call;
        bool ends = strcmp(store_call_name(&call->any), "end_task") == 0;
        fprintf(to, "call %zu %s %s %s%s\n", i, store_call_name(&call->any),
                ends ? call->end_task.tracking_id : "", err_words(call->any.err),
                ends && call->end_task.stored ? ", stored" : "");
    }
    fputs(content, to);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

static char *run(int which, unsigned seed, bool together)
{
    struct store_executor executor = {0};

    open_with_tasks(store_url_of(which));
    executor.store = store;
    post_all(seed);
    if (together)
        execute_together(&executor, seed);
    else
        execute_one_by_one(&executor);
    char *text = outcomes();
    for (size_t i = 0; i < STEPS; i++)
        result_unref(steps[i].keep);
    store_fixture_teardown();
    store_fixture_setup();
    if (which == IN_POSTGRES) {
        char sql[80];
        snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", store_schema());
        operator_run_once(sql);
    }
    return text;
}

RANGE_TEST(groups_have_the_outcomes_of_one_by_one, 0, STORES)
{
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        char name[40];
        autofree char *one_by_one = run(_i, seed, false);
        autofree char *together = run(_i, seed, true);
        snprintf(name, sizeof name, "seed %u", seed);
        store_assert_same(name, together, one_by_one);
        ck_assert_ptr_nonnull(strstr(together, "stored"));
    }
    ck_assert_uint_ge(largest, 3);
}

/* Each task in a batch of its own, so that the oldest ones can be deleted. */
RANGE_TEST(groups_keep_the_limits_of_the_store, 0, STORES)
{
    struct store_executor executor = {0};
    struct store_detour detour = {take};
    struct store_stats stats;

    store = executor.store = store_open_limited(store_url_of(_i), 3, 4);
    struct store_calls *calls = store_calls_new(store);
    store_calls_set_detour(calls, &detour);
    for (size_t i = 0; i < 10; i++) {
        store_add_batch(store, i, 1);
        steps[i].keep = store_answer(i, "milvali.com", STORE_DAY_MS + (int64_t)i);
        steps[i].call.end_task = (struct store_end_task_call){
            .tracking_id = store_tracking_id(i), .end = store_answered, .keep = steps[i].keep};
        steps[i].call.end_task.end.wall_ms += (int64_t)i;
        store_post_end_task(calls, &steps[i].call.end_task);
    }
    ck_assert_uint_eq(store_execute_group(&executor, list), 10);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 3);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 4);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 4);
    for (size_t i = 0; i < 10; i++) {
        ck_assert(steps[i].call.end_task.stored);
        ck_assert_int_eq(store_kept(store, i), i < 7 ? ERR_NO_ENTRY : ERR_OK);
        result_unref(steps[i].keep);
    }
    store_calls_free(calls);
}
