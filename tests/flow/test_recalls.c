/* SPDX-License-Identifier: MIT */
/* test_recalls.c - tests requests that wait until the store was read, while it is slow: reads are
 * shared, waits end in every way, and what a read returns is not older than what is known. */
#include "lookup/recalls.h"
#include "store_flow.h"

#include "tests/support/suite.h"
#include <string.h>

/* Pays for a result, and loses what is in memory. */
static void store_result(const char *domain)
{
    flow_request(domain, WAIT_MS);
    flow_advance(30000);
    flow_restart();
}

static struct caller *ask(const char *domain, int64_t wait_ms)
{
    struct caller *caller = flow_request(domain, wait_ms);

    flow_settle();
    return caller;
}

static size_t paid_for(const char *domain)
{
    return fake_upstream_ledger_of(flow.upstream, domain);
}

/* Drops the result from memory, as if the cache were full. */
static void evict(const struct caller *caller)
{
    cache_remove(flow.cache, caller->question->key);
}

TEST(recall_shared_by_two_requests_reads_once)
{
    store_result("milvali.com");
    size_t before = weak_store_calls(flow.store, WEAK_FIND);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *first = ask("milvali.com", WAIT_MS), *second = ask("milvali.com", WAIT_MS);
    struct caller *other = ask("other.com", WAIT_MS);

    ck_assert_uint_eq(held_calls_count(), 2);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before + 2);
    ck_assert_int_eq(engine_status(flow.engine).waiters, 3);
    ck_assert_int_eq(first->answers + second->answers + other->answers, 0);
    release();
    ck_assert(first->from_cache && second->from_cache);
    ck_assert_int_eq(other->answers, 0);
    flow_advance(30000);
    ck_assert_int_eq(other->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(recall_of_nothing_starts_one_lookup_for_all)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *first = ask("milvali.com", WAIT_MS), *second = ask("milvali.com", WAIT_MS);

    release();
    flow_advance(30000);
    ck_assert(!first->collapsed && second->collapsed);
    ck_assert_int_eq(first->err + second->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* The store has nothing that the second request could use instead. */
TEST(recall_is_skipped_while_the_first_lookup_is_in_flight)
{
    ask("milvali.com", WAIT_MS);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *joins = ask("milvali.com", WAIT_MS);
    struct caller *cached = flow_request("milvali.com", WAIT_MS);

    cached->request.directives.only_cached = true;
    flow_settle();
    ck_assert_uint_eq(held_calls_count(), 0);
    ck_assert_int_eq(cached->err, ERR_NOT_CACHED);
    flow_advance(30000);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
}

/* ---- the end of a wait ---- */

TEST(recall_ends_at_the_deadline_of_each_request)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *hasty = ask("milvali.com", 1000), *patient = ask("milvali.com", WAIT_MS);

    flow_advance(999);
    ck_assert_int_eq(hasty->answers, 0);
    flow_advance(1);
    ck_assert_int_eq(hasty->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(hasty->charged, CHARGED_NO);
    ck_assert_str_eq(hasty->lookup_id, "");
    ck_assert_int_eq(patient->answers, 0);
    release();
    flow_advance(30000);
    ck_assert_int_eq(patient->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(recall_without_a_wait_gives_the_store_half_a_second)
{
    store_result("stored.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *hasty = ask("milvali.com", 0), *stored = ask("stored.com", 0);
    struct caller *cached = flow_request("milvali.com", WAIT_MS);

    cached->request.directives.only_cached = true;
    flow_advance(RECALL_MS - 1);
    ck_assert_int_eq(hasty->answers + stored->answers + cached->answers, 0);
    flow_advance(1);
    ck_assert_int_eq(hasty->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(cached->err, ERR_STORAGE_UNAVAILABLE);
    stored = ask("stored.com", 0);
    release();
    ck_assert(stored->from_cache);
    ck_assert_uint_eq(paid_for("milvali.com"), 0);
}

TEST(recall_of_a_client_that_left_starts_nothing)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *leaves = ask("milvali.com", WAIT_MS);

    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    ck_assert_int_eq(leaves->err, ERR_CANCELLED);
    ck_assert_int_eq(leaves->charged, CHARGED_NO);
    ck_assert_int_eq(engine_status(flow.engine).waiters, 0);
    release();
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(recall_ends_with_the_drain)
{
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *waits = ask("milvali.com", WAIT_MS);

    engine_drain(flow.engine, 1000);
    flow_advance(999);
    ck_assert_int_eq(waits->answers, 0);
    flow_advance(1);
    ck_assert_int_eq(waits->err, ERR_DRAINING);
    ck_assert_int_eq(waits->charged, CHARGED_NO);
    ck_assert_str_eq(waits->lookup_id, "");
    struct caller *late = ask("milvali.com", WAIT_MS);
    flow_advance(RECALL_MS);
    ck_assert_int_eq(late->err, ERR_STORAGE_UNAVAILABLE);
    release();
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(recall_that_fails_ends_all_requests_and_pays_for_none)
{
    weak_store_fail(flow.store, WEAK_FIND, true);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *first = ask("milvali.com", WAIT_MS), *second = ask("milvali.com", WAIT_MS);

    release();
    ck_assert_int_eq(first->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(second->err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(second->charged, CHARGED_NO);
    ck_assert(!engine_status(flow.engine).store_usable);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 0);
}

TEST(recall_in_progress_does_not_outlive_the_engine)
{
    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *leaves = ask("milvali.com", WAIT_MS);

    engine_abandon(flow.engine, leaves->request.ticket);
    flow_settle();
    ck_assert_uint_eq(held_calls_count(), 1);
    flow_restart(); /* the call returns when the engine is freed */
    ck_assert_uint_eq(held_calls_count(), 0);
    ck_assert(ask("milvali.com", WAIT_MS)->from_cache);
}

/* ---- waiter slots ---- */

static void start_with_slots(size_t max_waiters)
{
    struct engine_options options = flow_options();

    options.max_waiters = max_waiters;
    flow_start(options);
}

TEST(recall_holds_its_slot_until_the_lookup_has_ended)
{
    start_with_slots(1);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *waits = ask("milvali.com", WAIT_MS);
    struct caller *second = ask("other.com", WAIT_MS);

    release();
    ck_assert_int_eq(waits->answers, 0);
    ck_assert_int_eq(second->err, ERR_OVERLOADED);
    ck_assert_int_eq(ask("other.com", WAIT_MS)->err, ERR_OVERLOADED);
    flow_advance(30000);
    ck_assert_int_eq(waits->err, ERR_OK);
    struct caller *next = ask("other.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(next->err, ERR_OK);
}

TEST(recall_slot_is_free_after_each_end)
{
    start_with_slots(1);
    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *leaves = ask("a.com", WAIT_MS);
    engine_abandon(flow.engine, leaves->request.ticket);
    ask("b.com", 1000);
    flow_advance(1000);
    struct caller *hit = ask("milvali.com", WAIT_MS);
    release();
    ck_assert(hit->from_cache);
    struct caller *next = ask("c.com", WAIT_MS);
    flow_advance(30000);
    ck_assert_int_eq(next->err, ERR_OK);
}

TEST(recall_without_a_slot_serves_stored_results)
{
    start_with_slots(1);
    store_result("milvali.com");
    ask("other.com", WAIT_MS);
    ck_assert_int_eq(ask("third.com", WAIT_MS)->err, ERR_OVERLOADED);
    ck_assert(ask("milvali.com", WAIT_MS)->from_cache);
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *fourth = ask("fourth.com", WAIT_MS);
    flow_advance(RECALL_MS);
    ck_assert_int_eq(fourth->err, ERR_STORAGE_UNAVAILABLE);
    release();
}

/* ---- reads that are older than what is known ---- */

/* Starts a lookup, restarts, and asks again while the store is slow: it has no result yet. */
static struct caller *ask_before_the_end(void)
{
    ask("milvali.com", 0);
    flow_advance(27000);
    flow_restart();
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = ask("milvali.com", WAIT_MS);
    ck_assert_uint_eq(held_calls_count(), 1);
    return caller;
}

TEST(recall_of_nothing_joins_the_lookup_in_flight)
{
    struct caller *caller = ask_before_the_end();

    release();
    ck_assert_int_eq(caller->answers, 0);
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert(caller->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(recall_of_nothing_finds_what_was_cached_meanwhile)
{
    struct caller *caller = ask_before_the_end();
    size_t before = weak_store_calls(flow.store, WEAK_FIND);

    flow_advance(30000);
    release();
    ck_assert(caller->from_cache);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(recall_of_nothing_is_repeated_if_a_lookup_ended_meanwhile)
{
    struct caller *caller = ask_before_the_end();
    size_t before = weak_store_calls(flow.store, WEAK_FIND);

    flow_advance(30000);
    evict(caller);
    release();
    ck_assert(caller->from_cache);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before + 1);
    flow_advance(30000);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

/* The journal could not write the end of the lookup, and wrote it later. */
TEST(recall_of_nothing_is_repeated_if_an_end_was_written_meanwhile)
{
    ask("milvali.com", 0);
    flow_advance(27000);
    flow_restart();
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    flow_advance(30000);
    ck_assert_int_eq(engine_status(flow.engine).journal_backlog, 1);
    held_calls_set(HOLD_EXECUTED, "find");
    evict(flow.callers[0]);
    struct caller *caller = ask("milvali.com", WAIT_MS);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(JOURNAL_RETRY_MS);
    release();
    ck_assert(caller->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(recall_is_not_repeated_for_the_end_of_another_question)
{
    flow_request("other.com", WAIT_MS);
    flow_settle();
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = ask("milvali.com", WAIT_MS);
    size_t before = weak_store_calls(flow.store, WEAK_FIND);

    flow_advance(30000);
    release();
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before);
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
}

static void forget(const char *domain)
{
    struct forget_domain_call forget = {.call.run = engine_forget_domain};

    memcpy(forget.domain, domain, strlen(domain) + 1);
    flow_call(&forget.call);
    ck_assert_int_eq(forget.err, ERR_OK);
    ck_assert_uint_eq(forget.n, 1);
}

TEST(recall_of_a_result_deleted_meanwhile_does_not_serve_it)
{
    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = ask("milvali.com", WAIT_MS);

    forget("milvali.com");
    release();
    ck_assert_int_eq(caller->answers, 0);
    ck_assert_ptr_null(cache_find(flow.cache, caller->question->key));
    flow_advance(30000);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert(!caller->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

TEST(recall_without_requests_does_not_cache_a_deleted_result)
{
    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *leaves = ask("milvali.com", WAIT_MS);

    engine_abandon(flow.engine, leaves->request.ticket);
    forget("milvali.com");
    release();
    ck_assert_ptr_null(cache_find(flow.cache, leaves->question->key));
}

TEST(recall_of_a_result_is_not_disturbed_by_another_deletion)
{
    store_result("other.com");
    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "find");
    struct caller *caller = ask("milvali.com", WAIT_MS);
    size_t before = weak_store_calls(flow.store, WEAK_FIND);

    forget("other.com");
    release();
    ck_assert(caller->from_cache);
    ck_assert_uint_eq(weak_store_calls(flow.store, WEAK_FIND), before);
}

/* ---- reads that are newer than what is known ---- */

/* A refresh has ended, and its result is in the store, but the write has not returned. */
TEST(recall_serves_a_result_whose_write_has_not_returned)
{
    struct caller *first = ask(flow_company(0), WAIT_MS);

    flow_advance(HOUR_MS);
    flow_refresh_companies(0, 1);
    held_calls_set(HOLD_EXECUTED, "end_task");
    flow_advance(30000);
    ck_assert_uint_eq(held_calls_count(), 1);
    evict(first);
    struct caller *caller = ask(flow_company(0), WAIT_MS);
    ck_assert(caller->from_cache);
    ck_assert_str_ne(caller->body, first->body);
    release();
    evict(first);
    struct caller *later = ask(flow_company(0), WAIT_MS);
    ck_assert_str_eq(later->body, caller->body);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}

/* It was served when the store had failed. Nor may memory have the older one afterwards. */
TEST(recall_serves_a_result_that_is_not_written_instead_of_an_older_one)
{
    store_result("milvali.com");
    weak_store_fail(flow.store, WEAK_END_TASK, true);
    struct caller *fresh = flow_request("milvali.com", WAIT_MS);
    fresh->request.directives.refresh = true;
    flow_advance(MINUTE_MS);
    ck_assert_int_eq(fresh->err, ERR_OK);
    evict(fresh);
    ck_assert_str_eq(ask("milvali.com", 0)->body, fresh->body);
    weak_store_fail(flow.store, WEAK_END_TASK, false);
    flow_advance(2000);
    ck_assert_str_eq(ask("milvali.com", 0)->body, fresh->body);
    ck_assert_uint_eq(paid_for("milvali.com"), 2);
}

/* What the new lookup brings is recorded after the deletion, and stays. */
TEST(recall_of_nothing_starts_a_lookup_although_the_deletion_has_not_returned)
{
    struct forget_domain_call forget = {.call.run = engine_forget_domain, .domain = "milvali.com"};
    int n_forgotten = 0;

    store_result("milvali.com");
    held_calls_set(HOLD_EXECUTED, "forget_domain");
    flow_post(&forget.call, &n_forgotten);
    struct caller *caller = ask("milvali.com", WAIT_MS);
    ck_assert_int_eq(caller->answers + n_forgotten, 0);
    release();
    flow_advance(30000);
    inbox_run_all(flow.inbox);
    ck_assert_int_eq(n_forgotten, 1);
    ck_assert_uint_eq(forget.n, 1);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert(!caller->from_cache);
    ck_assert(ask("milvali.com", WAIT_MS)->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 2);
}
