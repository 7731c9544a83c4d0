/* SPDX-License-Identifier: MIT */
/* test_store.c - tests what every store promises of its journal; each test runs with a store in a
 * file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS + 5};

/* ---- the journal ---- */

static void compare_with_samples(void *arg, const struct store_batch *batch)
{
    size_t *seen = arg;

    ck_assert_int_eq(batch->state, STORE_SENDING);
    ck_assert_int_eq(batch->intended_ms, STORE_NOW_MS + (*seen > 0));
    ck_assert_str_eq(batch->batch_id, "");
    ck_assert(!batch->risked);
    for (size_t i = 0; i < batch->n; i++, (*seen)++) {
        const struct store_task *task = &batch->tasks[i], wanted = store_task_of(*seen);
        ck_assert_str_eq(task->tracking_id, wanted.tracking_id);
        ck_assert_str_eq(task->lookup_id, wanted.lookup_id);
        ck_assert_mem_eq(task->key, wanted.key, HASH_SIZE);
        ck_assert_str_eq(task->parts.domain, wanted.parts.domain);
        ck_assert_str_eq(task->parts.company_name, wanted.parts.company_name);
        ck_assert_str_eq(task->parts.city, wanted.parts.city);
        ck_assert_str_eq(task->parts.state, wanted.parts.state);
        ck_assert_str_eq(task->parts.country, wanted.parts.country);
        ck_assert_str_eq(task->client, wanted.client);
        ck_assert_int_eq(task->task_state, STORE_OPEN);
        ck_assert_str_eq(task->task_id, "");
        ck_assert_str_eq(task->detail, "");
    }
}

RANGE_TEST(store_journalled_batches_are_found_oldest_first, 0, STORES)
{
    const struct store_task last = store_task_of(100);
    size_t seen = 0;

    store = store_open_roomy(store_url_of(_i));
    store_add(store, (struct store_new_batch){.tasks = &last, .n = 1, .wall_ms = STORE_NOW_MS + 1});
    store_add_batch(store, 0, 100);
    ck_assert_int_eq(store_for_each_open_batch(store, compare_with_samples, &seen), ERR_OK);
    ck_assert_uint_eq(seen, 101);
}

static void note_number(void *arg, const struct store_batch *batch)
{
    int64_t *last = arg;

    ck_assert_int_gt(batch->number, *last);
    *last = batch->number;
}

RANGE_TEST(store_batches_of_one_time_are_found_by_number, 0, STORES)
{
    int64_t last = 0;

    store = store_open_roomy(store_url_of(_i));
    for (size_t i = 0; i < 20; i++)
        store_add_batch(store, i, 1);
    ck_assert_int_eq(store_for_each_open_batch(store, note_number, &last), ERR_OK);
    ck_assert_int_gt(last, 0);
}

TEST(store_new_numbers_are_positive_and_differ)
{
    int64_t numbers[1000];

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        numbers[i] = store_new_number();
        ck_assert_int_gt(numbers[i], 0);
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(numbers[i], numbers[j]);
    }
}

RANGE_TEST(store_duplicate_tracking_id_rejects_the_whole_batch, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 1, 1);
    const struct store_task tasks[] = {store_task_of(0), store_task_of(1)};
    const struct store_new_batch batch = {.number = 7, .tasks = tasks, .n = 2};
    ck_assert_int_eq(store_begin_batch(store, &batch), ERR_INTERNAL);
    ck_assert_uint_eq(store_look(store, 0).n_batches, 1);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(0), &store_failed, NULL, NULL),
                     ERR_NO_ENTRY);
}

RANGE_TEST(store_batch_backs_off_and_records_its_resubmit, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_look(store, batch).state, STORE_RESTING);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 0),
                     ERR_NO_ENTRY); /* no part of it was sent */
    ck_assert_int_eq(store_sending(store, batch, 0, NULL), ERR_OK);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 0), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_sending(store, batch, 0, NULL), ERR_OK);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SENDING);
    ck_assert(store_look(store, batch).risked);
}

RANGE_TEST(store_submitted_batch_keeps_the_upstream_id, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_submitted(store, batch, "batch-4711", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SUBMITTED);
    ck_assert_str_eq(store_look(store, batch).batch_id, "batch-4711");
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_NO_ENTRY);
    ck_assert_int_eq(store_sending(store, batch, 0, NULL), ERR_NO_ENTRY);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SUBMITTED);
}

RANGE_TEST(store_unknown_batch_cannot_be_changed, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    ck_assert_int_eq(store_mark_not_sent(store, 99), ERR_NO_ENTRY);
    ck_assert_int_eq(store_sending(store, 99, 0, NULL), ERR_NO_ENTRY);
    ck_assert_int_eq(store_mark_resubmitted(store, 99, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(store_submitted(store, 99, "x", STORE_NOW_MS), ERR_NO_ENTRY);
}

RANGE_TEST(store_split_batch_backs_off_in_both_halves, 0, STORES)
{
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 3);
    ck_assert_int_eq(store_mark_resubmitted(store, batch, 0), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    const char *const moved[] = {store_tracking_id(2)};
    ck_assert_int_eq(store_split(store, batch, half, moved, 1, STORE_NOW_MS), ERR_OK);
    struct store_seen old = store_look(store, batch), new = store_look(store, half);
    ck_assert_uint_eq(old.n, 2);
    ck_assert_uint_eq(new.n, 1);
    ck_assert_int_eq(old.state, STORE_RESTING);
    ck_assert_int_eq(new.state, STORE_RESTING);
    ck_assert(new.risked);
    store_fail_task(2, STORE_NOW_MS, NULL);
    ck_assert_uint_eq(store_look(store, half).n, 0);
    ck_assert_uint_eq(store_look(store, batch).n_open, 2);
}

RANGE_TEST(store_failed_split_changes_nothing, 0, STORES)
{
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    const char *const moved[] = {store_tracking_id(0), "no-such-id"};
    ck_assert_int_eq(store_split(store, batch, half, moved, 1, STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(store_split(store, batch, half, moved, 2, STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_uint_eq(store_look(store, batch).n, 2);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 1);
}

RANGE_TEST(store_batch_ends_with_its_last_task, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    store_fail_task(0, STORE_NOW_MS, NULL);
    ck_assert_uint_eq(store_look(store, batch).n, 2);
    ck_assert_uint_eq(store_look(store, batch).n_open, 1);
    store_fail_task(1, STORE_NOW_MS, NULL);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
}

RANGE_TEST(store_task_ends_once, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 2);
    store_fail_task(0, STORE_NOW_MS, NULL);
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(0), &unknown, answer, NULL),
                     ERR_NO_ENTRY);
    ck_assert_int_eq(store_end_task(store, "no-such-id", &unknown, answer, NULL), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    result_unref(answer);
}

RANGE_TEST(store_ending_a_batch_keeps_earlier_task_results, 0, STORES)
{
    struct store_stats stats;

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 5);
    store_fail_task(3, STORE_NOW_MS, NULL);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_UNKNOWN], 4);
    ck_assert_uint_eq(stats.tasks[STORE_FAILED], 1);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 0);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 1);
}

RANGE_TEST(store_batch_without_tasks_can_be_ended, 0, STORES)
{
    int64_t half = store_new_number();

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    const char *const moved[] = {store_tracking_id(0)};
    ck_assert_int_eq(store_split(store, batch, half, moved, 1, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_uint_eq(store_look(store, half).n_batches, 1);
    ck_assert_uint_eq(store_look(store, half).n_open, 1);
}

RANGE_TEST(store_records_keep_latest_results_and_all_open_tasks, 0, STORES)
{
    struct store_stats stats;

    store = store_open_limited(store_url_of(_i), 100, 3);
    int64_t open = store_add_batch(store, 500, 2);
    for (size_t i = 0; i < 6; i++) {
        store_add_batch(store, i, 1);
        store_fail_task(i, STORE_NOW_MS + (int64_t)i, NULL);
    }
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_FAILED], 3);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 2);
    ck_assert_uint_eq(stats.batches[STORE_DONE], 3);
    ck_assert_uint_eq(store_look(store, open).n, 2);
    const struct result *result = NULL;
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(2), &result), ERR_NO_ENTRY);
    ck_assert_ptr_null(result);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(3), &result), ERR_OK);
    result_unref(result);
}

/* ---- unknown results ---- */

struct told {
    size_t n;
    char ids[8][ID_TEXT], batch_id[OPENMART_ID_MAX + 1];
    enum err err;
};

static void tell(void *arg, const struct store_task *task, const char *batch_id)
{
    struct told *told = arg;

    ck_assert_int_eq(task->task_state, STORE_UNKNOWN);
    snprintf(told->ids[told->n++], ID_TEXT, "%s", task->tracking_id);
    snprintf(told->batch_id, sizeof told->batch_id, "%s", batch_id);
    told->err = task->err;
}

static void end_unknown(size_t i, int64_t wall_ms)
{
    struct store_end end = unknown;

    end.wall_ms = wall_ms;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(i), &end, NULL, NULL), ERR_OK);
}

RANGE_TEST(store_lists_the_newest_unknown_tasks_newest_last, 0, STORES)
{
    struct told told = {0};

    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 6);
    ck_assert_int_eq(store_submitted(store, batch, "batch-1", STORE_NOW_MS), ERR_OK);
    for (size_t i = 0; i < 4; i++)
        end_unknown(i, STORE_NOW_MS + 10 * (int64_t)(i + 1));
    store_fail_task(4, STORE_NOW_MS + 99, NULL);
    ck_assert_int_eq(store_each_unknown(store, STORE_NOW_MS + 20, 2, tell, &told), ERR_OK);
    ck_assert_uint_eq(told.n, 2);
    ck_assert_str_eq(told.ids[0], store_tracking_id(2));
    ck_assert_str_eq(told.ids[1], store_tracking_id(3));
    ck_assert_str_eq(told.batch_id, "batch-1");
    ck_assert_int_eq(told.err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    told.n = 0;
    ck_assert_int_eq(store_each_unknown(store, STORE_NOW_MS + 20, 8, tell, &told), ERR_OK);
    ck_assert_uint_eq(told.n, 3); /* the limit itself is included */
}

/* Tasks may end in another order than that of their batches. */
RANGE_TEST(store_newest_unknown_is_by_end_time, 0, STORES)
{
    struct told told = {0};

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 3);
    end_unknown(2, STORE_NOW_MS + 1);
    end_unknown(1, STORE_NOW_MS + 2);
    end_unknown(0, STORE_NOW_MS + 3);
    ck_assert_int_eq(store_each_unknown(store, 0, 2, tell, &told), ERR_OK);
    ck_assert_uint_eq(told.n, 2);
    ck_assert_str_eq(told.ids[0], store_tracking_id(1));
    ck_assert_str_eq(told.ids[1], store_tracking_id(0));
}

/* ---- opening ---- */

RANGE_TEST(store_is_durable_unless_in_memory, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    ck_assert_int_eq(store_is_durable(store), _i != IN_MEMORY);
}

TEST(store_invalid_url_is_rejected_with_a_reason)
{
    static const char *const bad[] = {
        "",           "memory:x", "sqlite",          "sqlite:",
        "postgres:x", "/a.db",    "sqlite::memory:", "sqlite:file:a.db"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct store_options options = {.url = bad[i]};
        struct errmsg why = {""};
        ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORE_REFUSED);
        ck_assert_ptr_null(store);
        ck_assert_str_ne(why.text, "");
    }
}

TEST(store_in_memory_cannot_be_opened_shared)
{
    struct errmsg why = {""};

    ck_assert_int_eq(store_open_shared(&(struct store_options){.url = "memory:"}, &store, &why),
                     ERR_NO_ENTRY);
    ck_assert_str_ne(why.text, "");
}

TEST(store_in_memory_belongs_to_one_opener)
{
    struct store_stats stats;

    store = store_open_roomy("memory:");
    struct store *other = store_open_roomy("memory:");
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_uint_eq(store_look(other, batch).n_batches, 0);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert(stats.owned);
    ck_assert_int_eq(stats.bytes, 0);
    store_close(other);
    ck_assert_uint_eq(store_look(store, batch).n, 2);
}
