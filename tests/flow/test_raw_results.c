/* SPDX-License-Identifier: MIT */
/* test_raw_results.c - tests that paid results of an earlier version that could not be understood
 * are parsed again after a restart, and answered without being paid for again. */
#include "lookup/engine_state.h"
#include "store_flow.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

#define MANY 150 /* more than are parsed before the first question */

static const char understood[] =
    "{\"status\":\"COMPLETED\",\"tracking_id\":null,"
    "\"data\":[{\"email\":\"info@milvali.com\",\"status\":\"VALID\"}]}";
static const char not_understood[] = "{\"status\":\"COMPLETED\",\"data\":{\"a\":[1]}}";

static int64_t wall_ms(void)
{
    return engine_clock(flow.engine)->wall_ms;
}

static struct question *question_about(const char *domain)
{
    const struct slice fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
    struct question *question = NULL;
    struct errmsg why;

    ck_assert_int_eq(question_new(fields, &question, &why), ERR_OK);
    return question;
}

/* Ends a task of the question as `end` says, and stores `keep` unless NULL. */
static void add_ended(const struct question *question, const char *tracking_id,
                      const struct store_end *end, const struct result *keep)
{
    const struct store_task task = {.tracking_id = tracking_id,
                                    .lookup_id = tracking_id,
                                    .key = question->key,
                                    .parts = question->parts,
                                    .client = "client"};
    const struct store_new_batch new = {
        .number = store_new_number(), .tasks = &task, .n = 1, .wall_ms = wall_ms()};
    ck_assert_int_eq(store_begin_batch(flow.store, &new), ERR_OK);
    ck_assert_int_eq(store_submitted(flow.store, new.number, "batch", wall_ms()), ERR_OK);
    ck_assert_int_eq(store_end_task(flow.store, tracking_id, end, keep, NULL), ERR_OK);
}

/* Stores what a version with that parser read of a domain and could not understand. */
static void add_raw(const char *domain, const char *tracking_id, int parser, const char *body)
{
    struct question *question = question_about(domain);
    const struct store_end end = {.state = STORE_UNKNOWN,
                                  .task_id = "task",
                                  .err = ERR_UPSTREAM_INVALID_RESPONSE,
                                  .wall_ms = wall_ms(),
                                  .raw = body,
                                  .raw_len = strlen(body),
                                  .parser = parser};
    add_ended(question, tracking_id, &end, NULL);
    question_free(question);
}

static void add_many(void)
{
    char tracking_id[ID_TEXT];

    for (int i = 0; i < MANY; i++) {
        snprintf(tracking_id, sizeof tracking_id, "tracking-%d", i);
        add_raw(flow_company(i), tracking_id, 0, understood);
    }
}

TEST(raw_result_of_an_older_parser_is_answered_without_paying)
{
    add_raw("milvali.com", "tracking-1", 0, understood);
    flow_restart();
    ck_assert_uint_eq(stored().raw, 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(flow.recovery.held, 0);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(caller->body, "info@milvali.com"));
    ck_assert_uint_eq(submits(), 0);
}

/* It was read then, and is as old as that. */
TEST(raw_result_has_the_age_of_its_read)
{
    char fetched[CLOCK_TEXT];

    clock_rfc3339(wall_ms(), fetched);
    add_raw("milvali.com", "tracking-1", 0, understood);
    flow_advance(DAY_MS);
    flow_restart();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_ptr_nonnull(strstr(caller->body, fetched));
}

/* Whatever detail the version that stored it gave. */
TEST(raw_result_of_this_parser_stays_in_cooldown_for_a_day)
{
    add_raw("milvali.com", "tracking-1", OPENMART_PARSER_VERSION, understood);
    flow_advance(12 * HOUR_MS);
    flow_restart();
    ck_assert_uint_eq(stored().raw, 1);
    ck_assert_uint_eq(flow.recovery.held, 1);
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_uint_eq(submits(), 0);
}

TEST(raw_result_that_is_still_not_understood_is_tried_once)
{
    add_raw("milvali.com", "tracking-1", 0, not_understood);
    add_raw("other.com", "tracking-2", 0,
            "{\"status\":\"COMPLETED\",\"tracking_id\":\"tracking-9\",\"data\":[]}");
    add_raw("third.com", "tracking-3", 0, "{\"status\":\"PROCESSING\",\"data\":[]}");
    flow_restart();
    ck_assert_uint_eq(stored().raw, 3);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 3);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_PUT_PARSED), 1);
    flow_restart();
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_PUT_PARSED), 1);
    ck_assert_uint_eq(stored().raw, 3);
    ck_assert_uint_eq(flow.recovery.held, 3);
}

TEST(raw_results_beyond_the_first_are_parsed_while_serving)
{
    add_many();
    flow_restart();
    ck_assert_uint_eq(stored().raw, MANY - 100); /* the newest are done */
    struct caller *early = flow_request(flow_company(0), WAIT_MS);
    flow_settle();
    ck_assert_int_eq(early->err, ERR_UPSTREAM_INVALID_RESPONSE);
    flow_advance(1000);
    ck_assert_uint_eq(stored().raw, 0);
    struct caller *later = flow_request(flow_company(0), WAIT_MS);
    flow_settle();
    ck_assert_int_eq(later->err, ERR_OK); /* the cooldown has ended */
    ck_assert_uint_eq(submits(), 0);
}

TEST(raw_results_wait_for_a_disk_that_works)
{
    add_raw("milvali.com", "tracking-1", 0, understood);
    weak_store_fail(flow.store, WEAK_PUT_PARSED, true);
    flow_restart();
    ck_assert_uint_eq(stored().raw, 1);
    weak_store_fail(flow.store, WEAK_PUT_PARSED, false);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored().raw, 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

/* The store accepts no result, which is a defect: rows behind it are tried all the same. */
TEST(raw_results_that_the_store_does_not_accept_keep_back_no_others)
{
    add_many();
    flow_restart();
    ck_assert_uint_eq(stored().raw, MANY - 100);
    size_t before = weak_store_calls(flow.store, WEAK_PUT_PARSED);
    weak_store_fail_with(flow.store, WEAK_PUT_PARSED, ERR_INTERNAL);
    held_calls_set(HOLD_EXECUTED, "put_parsed");
    flow_advance(1000);
    weak_store_fail_with(flow.store, WEAK_PUT_PARSED, ERR_OK);
    held_calls_release(); /* without the results, the store accepts the step */
    flow_advance(2000);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_PUT_PARSED), before + 3);
    ck_assert_uint_eq(stored().raw, 20);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().raw, 20);
}

TEST(raw_results_end_if_the_store_accepts_nothing)
{
    add_many();
    flow_restart();
    weak_store_fail_with(flow.store, WEAK_PUT_PARSED, ERR_INTERNAL);
    flow_advance(1000);
    weak_store_fail_with(flow.store, WEAK_PUT_PARSED, ERR_OK);
    size_t before = weak_store_calls(flow.store, WEAK_PUT_PARSED);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_PUT_PARSED), before);
    ck_assert_uint_eq(stored().raw, MANY - 100);
}

/* The rows are gone then, but their questions are still in cooldown. */
TEST(raw_results_are_available_although_the_reply_was_lost)
{
    add_many();
    flow_restart();
    ck_assert_uint_eq(cooldowns_count(flow.engine->results.cooldowns), MANY - 100);
    weak_store_lose(flow.store, WEAK_PUT_PARSED, true);
    flow_advance(1000);
    weak_store_lose(flow.store, WEAK_PUT_PARSED, false);
    ck_assert_uint_eq(stored().raw, MANY - 120);
    ck_assert_uint_eq(cooldowns_count(flow.engine->results.cooldowns), MANY - 100);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().raw, 0);
    ck_assert_uint_eq(cooldowns_count(flow.engine->results.cooldowns), 0);
}

/* A lookup of the question ended between the read and the write of a step. */
TEST(raw_result_does_not_remove_a_newer_result_from_memory)
{
    const struct store_end end = {.state = STORE_ANSWERED, .wall_ms = wall_ms()};

    add_many();
    flow_restart();
    held_calls_set(HOLD_POSTED, "put_parsed");
    flow_advance(1000);
    ck_assert_uint_eq(held_calls_count(), 1);
    struct question *question = question_about(flow_company(40)); /* of this step */
    const struct result *newer =
        result_new_answer(&(struct result_facts){.key = question->key,
                                                 .domain = question->parts.domain,
                                                 .company_name = "",
                                                 .fetched_ms = wall_ms(),
                                                 .ttl_found_ms = DAY_MS,
                                                 .ttl_empty_ms = DAY_MS});
    add_ended(question, "newer", &end, newer);
    cache_put(flow.cache, newer);
    held_calls_release();
    flow_advance(2000);
    ck_assert_uint_eq(stored().raw, 0);
    const struct result *cached = cache_find(flow.cache, question->key);
    ck_assert_ptr_eq(cached, newer);
    result_unref(cached);
    result_unref(newer);
    question_free(question);
}

/* The precondition names an older result, which this step replaces. */
TEST(raw_result_that_is_being_stored_is_not_deleted_instead_of_an_older_one)
{
    const struct store_end end = {.state = STORE_ANSWERED, .wall_ms = wall_ms()};
    struct forget_domain_call forget = {.call.run = engine_forget_domain,
                                        .precondition = {.has_tags = true, .n_tags = 1}};
    int n_forgotten = 0;

    add_many();
    flow_restart();
    struct question *question = question_about(flow_company(40)); /* of the next step */
    const struct result *older =
        result_new_answer(&(struct result_facts){.key = question->key,
                                                 .domain = question->parts.domain,
                                                 .company_name = "",
                                                 .fetched_ms = wall_ms() - DAY_MS,
                                                 .ttl_found_ms = DAY_MS,
                                                 .ttl_empty_ms = DAY_MS});
    add_ended(question, "older", &end, older);
    memcpy(forget.precondition.tags[0], older->bodies[RESULT_JSON].etag, RESULT_ETAG);
    memcpy(forget.domain, question->parts.domain, strlen(question->parts.domain) + 1);
    memcpy(forget.key, question->key, HASH_SIZE);
    held_calls_set(HOLD_POSTED, "put_parsed");
    flow_advance(1000);
    ck_assert_uint_eq(held_calls_count(), 1);
    flow_post(&forget.call, &n_forgotten);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    flow_advance(2000);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], MANY + 1);
    result_unref(older);
    question_free(question);
}

TEST(raw_results_are_trimmed_after_ninety_days)
{
    add_raw("milvali.com", "tracking-1", OPENMART_PARSER_VERSION, understood);
    clock_advance(engine_clock(flow.engine), 90 * DAY_MS - 2 * HOUR_MS);
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().raw, 1);
    flow_advance(3 * HOUR_MS);
    ck_assert_uint_eq(stored().raw, 0);
}
