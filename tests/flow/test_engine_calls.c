/* SPDX-License-Identifier: MIT */
/* test_engine_calls.c - tests calls to the engine that need the store, while it is slow: each
 * returns exactly once, with what is known then. */
#include "held_calls.h"
#include "notify_flow.h"

#include "tests/support/suite.h"

#define CALL_MS 5000 /* after it, a call returns without the store */

/* Pays for a result, and loses what is in memory. */
static struct caller *store_result(const char *domain)
{
    struct caller *caller = flow_request(domain, WAIT_MS);

    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
    flow_restart();
    return caller;
}

static void release(void)
{
    held_calls_release();
    flow_settle();
    inbox_run_all(flow.inbox);
}

static void advance(int64_t ms)
{
    flow_advance(ms);
    inbox_run_all(flow.inbox);
}

/* ---- a lookup by its id ---- */

static struct find_lookup_call find;
static int n_found;

static void post_find(const char *id)
{
    find = (struct find_lookup_call){.call.run = engine_find_lookup};
    n_found = 0;
    snprintf(find.id, sizeof find.id, "%s", id);
    flow_post(&find.call, &n_found);
}

TEST(find_waits_for_the_store_and_returns_the_result)
{
    struct caller *caller = store_result("milvali.com");

    held_calls_set(HOLD_EXECUTED, "find_lookup");
    post_find(caller->lookup_id);
    ck_assert_int_eq(n_found, 0);
    release();
    ck_assert_int_eq(n_found, 1);
    ck_assert_int_eq(find.err, ERR_OK);
    ck_assert_uint_gt(find.result->n_emails, 0);
    result_unref(find.result);
    size_t before = weak_store_calls(flow.store, WEAK_FIND);
    post_find(caller->lookup_id);
    ck_assert_int_eq(n_found, 1);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before);
    result_unref(find.result);
}

TEST(find_of_an_unknown_lookup_waits_for_the_store)
{
    held_calls_set(HOLD_EXECUTED, "find_lookup");
    post_find("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(n_found, 0);
    release();
    ck_assert_int_eq(find.err, ERR_NOT_FOUND);
}

TEST(find_returns_without_the_store_after_a_time)
{
    struct caller *caller = store_result("milvali.com");

    held_calls_set(HOLD_EXECUTED, "find_lookup");
    post_find(caller->lookup_id);
    advance(CALL_MS - 1);
    ck_assert_int_eq(n_found, 0);
    advance(1);
    ck_assert_int_eq(n_found, 1);
    ck_assert_int_eq(find.err, ERR_STORAGE_UNAVAILABLE);
    release();
    ck_assert_int_eq(n_found, 1);
    ck_assert_ptr_null(find.result);
}

TEST(find_fails_if_the_store_cannot_be_read)
{
    struct caller *caller = store_result("milvali.com");

    weak_store_fail(flow.store, WEAK_FIND, true);
    post_find(caller->lookup_id);
    ck_assert_int_eq(n_found, 1);
    ck_assert_int_eq(find.err, ERR_STORAGE_UNAVAILABLE);
}

/* ---- a deletion ---- */

static struct forget_domain_call forget;
static int n_forgotten;

static void post_forget(const struct caller *about, struct precondition precondition)
{
    forget =
        (struct forget_domain_call){.call.run = engine_forget_domain, .precondition = precondition};
    n_forgotten = 0;
    snprintf(forget.domain, sizeof forget.domain, "%s", about->question->parts.domain);
    memcpy(forget.key, about->question->key, HASH_SIZE);
    flow_post(&forget.call, &n_forgotten);
}

static const struct precondition no_precondition, any = {.has_tags = true, .any = true};

TEST(find_does_not_return_a_result_deleted_meanwhile)
{
    struct caller *caller = store_result("milvali.com");

    held_calls_set(HOLD_EXECUTED, "find_lookup");
    post_find(caller->lookup_id);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_uint_eq(forget.n, 1);
    release();
    ck_assert_int_eq(n_found, 1);
    ck_assert_int_eq(find.err, ERR_NOT_FOUND);
}

TEST(deletion_returns_when_the_store_has_done_it)
{
    struct caller *caller = store_result("milvali.com");
    struct caller *again = flow_request("milvali.com", WAIT_MS);

    flow_settle();
    held_calls_set(HOLD_EXECUTED, "forget_domain");
    post_forget(caller, no_precondition);
    ck_assert_int_eq(n_forgotten, 0);
    ck_assert(again->from_cache);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
    ck_assert_ptr_null(cache_find(flow.cache, caller->question->key));
}

TEST(deletion_is_applied_to_memory_also_after_its_call_returned)
{
    struct caller *caller = flow_request("milvali.com", WAIT_MS);

    flow_advance(30000);
    held_calls_set(HOLD_EXECUTED, "forget_domain");
    post_forget(caller, no_precondition);
    advance(CALL_MS);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(forget.n, 0);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_ptr_null(cache_find(flow.cache, caller->question->key));
    post_find(caller->lookup_id);
    ck_assert_int_eq(find.err, ERR_NOT_FOUND);
}

TEST(deletion_checks_its_precondition_when_the_store_was_read)
{
    struct caller *caller = store_result("milvali.com");

    held_calls_set(HOLD_EXECUTED, "find");
    post_forget(caller, any);
    ck_assert_int_eq(n_forgotten, 0);
    release();
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
    post_forget(caller, any);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED);
}

/* The second deletion read the result before the first was done. */
TEST(deletion_with_a_precondition_sees_an_earlier_deletion)
{
    struct forget_domain_call second = {.call.run = engine_forget_domain, .precondition = any};
    struct caller *caller = store_result("milvali.com");
    int n_second = 0;

    memcpy(second.domain, "milvali.com", sizeof "milvali.com");
    memcpy(second.key, caller->question->key, HASH_SIZE);
    held_calls_set(HOLD_EXECUTED, "find");
    flow_post(&second.call, &n_second);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(forget.err, ERR_OK);
    release();
    ck_assert_int_eq(n_second, 1);
    ck_assert_int_eq(second.err, ERR_PRECONDITION_FAILED);
}

/* Starts a refresh of the result and returns when it has ended, while its result is being stored.
 */
static void refresh_and_hold_the_result(void)
{
    flow_refresh_companies(0, 1);
    held_calls_set(HOLD_EXECUTED, "end_task");
    flow_advance(30000);
    ck_assert_uint_eq(held_calls_count(), 1);
}

/* Returns the precondition that the result of the question in the cache is the present one. */
static struct precondition unchanged(const struct caller *about)
{
    struct precondition same = {.has_tags = true, .n_tags = 1};
    const struct result *cached = cache_find(flow.cache, about->question->key);

    memcpy(same.tags[0], cached->bodies[RESULT_JSON].etag, RESULT_ETAG);
    result_unref(cached);
    return same;
}

/* The precondition names the result that the refresh replaces. */
TEST(deletion_with_a_precondition_sees_a_result_that_is_being_stored)
{
    struct caller *caller = flow_request(flow_company(0), WAIT_MS);

    flow_advance(HOUR_MS);
    const struct precondition same = unchanged(caller);
    refresh_and_hold_the_result();
    post_forget(caller, same);
    ck_assert_int_eq(n_forgotten, 0);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED);
    flow_restart();
    struct caller *again = flow_request(flow_company(0), WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
    ck_assert_str_ne(again->body, caller->body);
}

TEST(deletion_with_a_precondition_deletes_a_result_that_was_being_stored)
{
    struct caller *caller = flow_request(flow_company(0), WAIT_MS);

    flow_advance(HOUR_MS);
    refresh_and_hold_the_result();
    post_forget(caller, any);
    release();
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
    ck_assert_ptr_null(cache_find(flow.cache, caller->question->key));
}

TEST(deletion_late_while_a_result_is_being_stored_deletes_nothing)
{
    struct caller *caller = flow_request(flow_company(0), WAIT_MS);

    flow_advance(HOUR_MS);
    refresh_and_hold_the_result();
    post_forget(caller, any);
    advance(CALL_MS);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    struct caller *again = flow_request(flow_company(0), WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(deletion_late_with_its_precondition_deletes_nothing)
{
    struct caller *caller = store_result("milvali.com");

    held_calls_set(HOLD_EXECUTED, "find");
    post_forget(caller, any);
    advance(CALL_MS);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    struct caller *again = flow_request("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(deletion_fails_if_its_precondition_cannot_be_read)
{
    struct caller *caller = store_result("milvali.com");

    weak_store_fail(flow.store, WEAK_FIND, true);
    post_forget(caller, any);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
}

TEST(deletion_works_again_after_the_disk_has_recovered)
{
    struct caller *caller = store_result("milvali.com");

    weak_store_fail(flow.store, WEAK_FORGET, true);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    weak_store_fail(flow.store, WEAK_FORGET, false);
    advance(JOURNAL_RETRY_MS);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
}

/* ---- a deletion while a lost task is being resolved ---- */

/* A refresh of the result was lost, and the upstream reports its task: it is stored, or will be. */
static void resolve_refresh(enum hold hold)
{
    held_calls_set(hold, "resolve_task");
    notify(token(), "{\"task_id\":\"%s\"}", task_id(flow_company(0)));
    flow_advance(5000);
    ck_assert_uint_eq(held_calls_count(), 1);
}

static struct caller *lose_refresh(void)
{
    flow_start(options());
    struct caller *caller = flow_request(flow_company(0), WAIT_MS);
    flow_advance(HOUR_MS);
    lose_next_submit();
    flow_refresh_companies(0, 1);
    flow_advance(MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    return caller;
}

TEST(deletion_with_a_precondition_fails_while_a_task_is_being_resolved)
{
    struct caller *caller = lose_refresh();
    const struct precondition same = unchanged(caller);

    resolve_refresh(HOLD_EXECUTED);
    post_forget(caller, same);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    release();
    post_forget(caller, same);
    ck_assert_int_eq(forget.err, ERR_PRECONDITION_FAILED);
}

/* The store cannot be read, so the journal will write again in JOURNAL_RETRY_MS. */
static void fail_to_read(void)
{
    weak_store_fail(flow.store, WEAK_FIND, true);
    flow_request("other.com", 0);
    flow_settle();
    weak_store_fail(flow.store, WEAK_FIND, false);
}

/* 0: the task was not stored, 1: only the reply was lost. Its repetition comes after the deletion,
 * to which the store does not object any more. */
RANGE_TEST(deletion_does_not_count_before_a_resolved_task_is_repeated, 0, 2)
{
    struct caller *caller = lose_refresh();

    resolve_refresh(HOLD_POSTED);
    fail_to_read();
    flow_advance(JOURNAL_RETRY_MS / 2);
    weak_store_fail(flow.store, WEAK_RESOLVE, _i == 0);
    weak_store_lose(flow.store, WEAK_RESOLVE, _i == 1);
    release();
    weak_store_fail(flow.store, WEAK_RESOLVE, false);
    weak_store_lose(flow.store, WEAK_RESOLVE, false);
    flow_advance(JOURNAL_RETRY_MS / 2);
    size_t before = weak_store_calls(flow.store, WEAK_FORGET);
    post_forget(caller, no_precondition);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FORGET), before + 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    flow_advance(1000); /* it is repeated then */
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_ptr_null(cache_find(flow.cache, caller->question->key));
    ck_assert_uint_eq(stored().found, 0);
}

/* Otherwise it could delete a result, and the repetition of the call before it would store it
 * again.
 */
TEST(deletion_behind_a_lost_reply_is_not_executed)
{
    struct caller *caller = lose_refresh();
    size_t before = weak_store_calls(flow.store, WEAK_FORGET);

    resolve_refresh(HOLD_POSTED);
    post_forget(caller, no_precondition);
    weak_store_lose_next(flow.store, WEAK_RESOLVE);
    release();
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_int_eq(forget.err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FORGET), before);
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    post_forget(caller, no_precondition);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(stored().found, 0);
}
