/* SPDX-License-Identifier: MIT */
/* test_store_raw.c - tests the raw bytes of paid results that could not be understood; each test
 * runs with a store in a file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY "{\"status\":\"COMPLETED\",\"found\":[\"Info@Milvali.com\"]}"

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- ends with raw bytes, and what is stored ---- */

static enum err end_raw(size_t i, const void *raw, size_t len, int64_t wall_ms)
{
    const struct store_end end = {.state = STORE_UNKNOWN,
                                  .task_id = "task",
                                  .err = ERR_UPSTREAM_INVALID_RESPONSE,
                                  .wall_ms = wall_ms,
                                  .raw = raw,
                                  .raw_len = len,
                                  .parser = 3};

    return store_end_task(store, store_tracking_id(i), &end, NULL, NULL);
}

static void add_raw(size_t i, const char *text)
{
    store_add_batch(store, i, 1);
    ck_assert_int_eq(end_raw(i, text, strlen(text), STORE_NOW_MS + (int64_t)i), ERR_OK);
}

struct seen {
    size_t n, len;
    int parser;
    char tracking_ids[16][ID_TEXT], body[256];
};

static void see(void *arg, const struct store_raw *raw)
{
    struct seen *seen = arg;

    snprintf(seen->tracking_ids[seen->n++], ID_TEXT, "%s", raw->tracking_id);
    seen->parser = raw->parser;
    seen->len = raw->len;
    memcpy(seen->body, raw->body, raw->len < sizeof seen->body ? raw->len : sizeof seen->body);
}

static struct seen look(int parser, size_t limit)
{
    struct seen seen = {0};

    ck_assert_int_eq(store_each_raw(store, parser, limit, see, &seen), ERR_OK);
    return seen;
}

static struct store_stats stats(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    return stats;
}

/* Returns whether the store has the result afterwards. */
static bool put_parsed(size_t i, const struct result *result)
{
    struct store_parsed parsed = {store_tracking_id(i), result, true};

    ck_assert_int_eq(store_put_parsed(store, 4, &parsed, 1), ERR_OK);
    return parsed.is_stored;
}

static void compare_with_sample(void *arg, const struct store_raw *raw)
{
    const struct store_task task = store_task_of(0);

    ck_assert_str_eq(raw->tracking_id, task.tracking_id);
    ck_assert_str_eq(raw->lookup_id, task.lookup_id);
    ck_assert_mem_eq(raw->key, task.key, HASH_SIZE);
    ck_assert_str_eq(raw->domain, task.parts.domain);
    ck_assert_str_eq(raw->company_name, task.parts.company_name);
    ck_assert_int_eq(raw->parser, 3);
    ck_assert_int_eq(raw->stored_ms, STORE_NOW_MS);
    ck_assert_uint_eq(raw->len, strlen(BODY));
    ck_assert_mem_eq(raw->body, BODY, strlen(BODY));
    *(bool *)arg = true;
}

RANGE_TEST(store_raw_result_is_stored_with_its_question, 0, STORES)
{
    bool was_seen = false;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    ck_assert_int_eq(store_each_raw(store, STORE_ANY_PARSER, 9, compare_with_sample, &was_seen),
                     ERR_OK);
    ck_assert(was_seen);
    ck_assert_uint_eq(stats().raw, 1);
    ck_assert_int_eq(stats().raw_bytes, (int64_t)strlen(BODY));
    ck_assert_uint_eq(stats().tasks[STORE_UNKNOWN], 1);
}

RANGE_TEST(store_lookup_with_a_raw_result_was_paid, 0, STORES)
{
    const struct result *result = NULL;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_OK);
    ck_assert_int_eq(result->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(result->charged, CHARGED_YES);
    result_unref(result);
}

RANGE_TEST(store_second_end_stores_no_raw_result, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    ck_assert_int_eq(end_raw(0, "other", 5, STORE_NOW_MS), ERR_OK); /* it has ended like this */
    ck_assert_int_eq(end_raw(7, "other", 5, STORE_NOW_MS), ERR_NO_ENTRY);
    ck_assert_uint_eq(stats().raw, 1);
    ck_assert_uint_eq(look(STORE_ANY_PARSER, 9).len, strlen(BODY));
}

RANGE_TEST(store_without_results_stores_no_raw_results, 0, STORES)
{
    store = store_open_limited(store_url_of(_i), 0, 100);
    add_raw(0, BODY);
    ck_assert_uint_eq(stats().raw, 0);
    ck_assert_uint_eq(stats().tasks[STORE_UNKNOWN], 1);
}

/* ---- limits ---- */

RANGE_TEST(store_long_raw_result_is_cut, 0, STORES)
{
    autofree char *text = xcalloc(1, STORE_RAW_MAX + 1);

    memset(text, 'x', STORE_RAW_MAX + 1);
    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 2);
    ck_assert_int_eq(end_raw(0, text, STORE_RAW_MAX, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(end_raw(1, text, STORE_RAW_MAX + 1, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(stats().raw_bytes, 2 * STORE_RAW_MAX);
}

static void open_with_limits(int which, size_t rows, size_t bytes)
{
    const struct store_options options = {.url = store_url_of(which),
                                          .schema = store_schema(),
                                          .statement_ms = STORE_TEST_MS,
                                          .max_answers = 10,
                                          .max_ended = 100,
                                          .max_raw = rows,
                                          .max_raw_bytes = bytes};
    struct errmsg why;

    ck_assert_int_eq(store_open(&options, &store, &why), ERR_OK);
}

RANGE_TEST(store_too_many_raw_results_drop_the_oldest, 0, STORES)
{
    open_with_limits(_i, 2, 0);
    for (size_t i = 0; i < 4; i++)
        add_raw(i, BODY);
    struct seen seen = look(STORE_ANY_PARSER, 9);
    ck_assert_uint_eq(seen.n, 2);
    ck_assert_str_eq(seen.tracking_ids[0], store_tracking_id(3));
    ck_assert_str_eq(seen.tracking_ids[1], store_tracking_id(2));
}

RANGE_TEST(store_too_many_raw_bytes_drop_the_oldest, 0, STORES)
{
    open_with_limits(_i, 0, 10);
    add_raw(0, "123");
    add_raw(1, "456");
    add_raw(2, "7890");
    ck_assert_uint_eq(stats().raw, 3);
    add_raw(3, "abcdef");
    struct seen seen = look(STORE_ANY_PARSER, 9);
    ck_assert_uint_eq(seen.n, 2);
    ck_assert_str_eq(seen.tracking_ids[1], store_tracking_id(2));
    ck_assert_int_eq(stats().raw_bytes, 10);
}

RANGE_TEST(store_old_raw_results_are_trimmed_in_steps, 0, STORES)
{
    struct store_ages ages = {.raw_before_ms = STORE_NOW_MS + 60};
    int calls = 1;
    bool more = true;

    store = store_open_roomy(store_url_of(_i));
    for (size_t i = 0; i < 62; i++)
        add_raw(i, BODY);
    for (; calls < 9 && more; calls++)
        ck_assert_int_eq(store_trim(store, &ages, &more), ERR_OK);
    ck_assert_int_gt(calls, 2);
    ck_assert(!more);
    ck_assert_uint_eq(stats().raw, 2);
}

RANGE_TEST(store_raw_result_outlives_its_task, 0, STORES)
{
    store = store_open_limited(store_url_of(_i), 10, 1);
    add_raw(0, BODY);
    store_add_batch(store, 1, 1);
    store_fail_task(1, STORE_NOW_MS + 9, NULL);
    ck_assert_uint_eq(stats().tasks[STORE_UNKNOWN], 0);
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS);
    ck_assert(put_parsed(0, answer));
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    result_unref(answer);
}

/* ---- parsed again ---- */

RANGE_TEST(store_parsed_raw_result_becomes_the_answer, 0, STORES)
{
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS), *found = NULL;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    for (int i = 0; i < 2; i++) /* it may be repeated */
        ck_assert(put_parsed(0, answer));
    ck_assert_uint_eq(stats().raw, 0);
    ck_assert_uint_eq(stats().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stats().tasks[STORE_UNKNOWN], 0);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &found), ERR_OK);
    ck_assert_str_eq(found->bodies[RESULT_JSON].data, answer->bodies[RESULT_JSON].data);
    result_unref(found);
    result_unref(answer);
}

RANGE_TEST(store_parsed_raw_result_replaces_a_failure, 0, STORES)
{
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS);
    const struct result *failure = result_new_failure(store_key_of(0), ERR_LOOKUP_FAILED, NULL,
                                                      CHARGED_MAYBE, STORE_NOW_MS + 99, 60000);
    struct store_task again = store_task_of(0);

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    again.tracking_id = store_tracking_id(1);
    store_add(store, (struct store_new_batch){.tasks = &again, .n = 1, .wall_ms = STORE_NOW_MS});
    store_fail_task(1, STORE_NOW_MS + 99, failure);
    ck_assert_int_eq(store_kept(store, 0), ERR_LOOKUP_FAILED);
    ck_assert(put_parsed(0, answer));
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    result_unref(failure);
    result_unref(answer);
}

/* Returns a result of question 0 that is one millisecond older than those of store_answer(). */
static const struct result *older_answer(void)
{
    const struct result_facts facts = {.key = store_key_of(0),
                                       .domain = "older.com",
                                       .company_name = "Older",
                                       .fetched_ms = STORE_NOW_MS - 1};

    return result_new_answer(&facts);
}

RANGE_TEST(store_parsed_raw_result_does_not_replace_a_newer_one, 0, STORES)
{
    const struct result *older = older_answer(), *found = NULL;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    struct store_task again = store_task_of(0);
    again.tracking_id = store_tracking_id(1);
    store_add(store, (struct store_new_batch){.tasks = &again, .n = 1, .wall_ms = STORE_NOW_MS});
    const struct store_end end = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
    const struct result *newer = store_answer(0, "newer.com", STORE_DAY_MS);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(1), &end, newer, NULL), ERR_OK);
    ck_assert(!put_parsed(0, older));
    ck_assert_int_eq(store_find(store, store_key_of(0), &found), ERR_OK);
    ck_assert_str_eq(found->domain, "newer.com");
    ck_assert_uint_eq(stats().raw, 0);
    ck_assert_uint_eq(stats().tasks[STORE_ANSWERED], 2);
    result_unref(found);
    result_unref(newer);
    result_unref(older);
}

RANGE_TEST(store_raw_result_is_tried_once_by_each_parser, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    ck_assert_uint_eq(look(3, 9).n, 0);
    ck_assert_uint_eq(look(4, 9).n, 1);
    ck_assert(!put_parsed(0, NULL));
    ck_assert_uint_eq(look(4, 9).n, 0);
    ck_assert_uint_eq(look(5, 9).n, 1);
    ck_assert_int_eq(look(5, 9).parser, 4);
    ck_assert_uint_eq(stats().tasks[STORE_UNKNOWN], 1);
}

RANGE_TEST(store_lists_the_newest_raw_results_first, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    for (size_t i = 0; i < 4; i++)
        add_raw(i, BODY);
    struct seen seen = look(STORE_ANY_PARSER, 2);
    ck_assert_uint_eq(seen.n, 2);
    ck_assert_str_eq(seen.tracking_ids[0], store_tracking_id(3));
    ck_assert_str_eq(seen.tracking_ids[1], store_tracking_id(2));
}

RANGE_TEST(store_raw_result_deleted_while_it_is_parsed_stays_deleted, 0, STORES)
{
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS);
    size_t n;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    ck_assert_int_eq(store_forget_address(store, "info@milvali.com", &n), ERR_OK);
    ck_assert(!put_parsed(0, answer));
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_uint_eq(stats().tasks[STORE_ANSWERED], 0);
    result_unref(answer);
}

/* ---- deletion ---- */

RANGE_TEST(store_deleted_domain_includes_its_raw_results, 0, STORES)
{
    size_t n = 0;

    store = store_open_roomy(store_url_of(_i));
    add_raw(0, BODY);
    add_raw(1, BODY);
    ck_assert_int_eq(store_forget_domain(store, "other.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 0);
    ck_assert_uint_eq(stats().raw, 2);
    ck_assert_int_eq(store_forget_domain(store, "milvali.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(stats().raw, 0);
}

/* Any bytes may be around the address: control bytes, NUL, no valid UTF-8. */
RANGE_TEST(store_deleted_address_is_found_in_any_bytes, 0, STORES)
{
    static const char with[] = "\x00\xff\x80\xc3INFO@milvali.COM\xc3\x00", without[] = "ainfo@";
    size_t n = 0;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 2);
    ck_assert_int_eq(end_raw(0, with, sizeof with, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(end_raw(1, without, sizeof without, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_forget_address(store, "Info@Milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    struct seen seen = look(STORE_ANY_PARSER, 9);
    ck_assert_uint_eq(seen.n, 1);
    ck_assert_str_eq(seen.tracking_ids[0], store_tracking_id(1));
}

TEST(store_deleted_address_of_raw_results_leaves_no_byte)
{
    autofree char *text = xcalloc(1, STORE_RAW_MAX);
    size_t n = 0;

    memset(text, 'x', STORE_RAW_MAX - 1);
    snprintf(text + STORE_RAW_MAX - 40, 40, "secret@milvali.com"); /* on an overflow page */
    store = store_open_roomy(store_url());
    for (size_t i = 0; i < 120; i++)
        add_raw(i, i % 2 ? text : "{\"a\":\"secret@milvali.com\"}");
    ck_assert(store_files_hold("secret@milvali.com"));
    ck_assert_int_eq(store_forget_address(store, "secret@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 120);
    ck_assert(!store_files_hold("secret@milvali.com"));
}
