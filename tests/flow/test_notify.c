/* SPDX-License-Identifier: MIT */
/* test_notify.c - tests what the upstream's calls of a notify URL achieve: a submit whose response
 * was lost is resolved without paying again; nothing that a call says is believed. */
#include "flow.h"
#include "weak_store.h"

#include "base/buf.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

#define STRANGER "0123456789abcdef0123456789abcdef"

static struct engine_options options(void)
{
    struct engine_options options = flow_options();

    options.batch.notify_url = "https://emailsd.example/notify";
    options.batch.lifetime_ms = DAY_MS;
    return options;
}

/* The token of the last submit; valid until the next call. */
static const char *token(void)
{
    static char copy[64];

    snprintf(copy, sizeof copy, "%s", fake_upstream_notify_token(flow.upstream));
    return copy;
}

/* Calls the notify URL with that token. In `body`, "%s" stands for `id`. */
static void notify(const char *of, const char *body, const char *id)
{
    struct buf text autobuf = BUF_INIT(4096);
    const char *place = strstr(body, "%s");
    size_t before = place ? (size_t)(place - body) : strlen(body);

    buf_add(&text, body, before);
    buf_add_str(&text, place ? id : "");
    buf_add_str(&text, place ? place + 2 : "");
    ck_assert(engine_notify(flow.engine, of, buf_str(&text), text.len));
    flow_settle();
}

static const char *task_id(const char *domain)
{
    return fake_upstream_task_id(flow.upstream, domain);
}

static const char *batch_id(const char *domain)
{
    return fake_upstream_batch_id(flow.upstream, domain);
}

static size_t reads(void)
{
    return fake_upstream_calls(flow.upstream, FAKE_TASK_IDS) +
           fake_upstream_calls(flow.upstream, FAKE_TASK) +
           fake_upstream_calls(flow.upstream, FAKE_STATUS);
}

static struct store_stats stored(void)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    return stats;
}

/* Makes the next submit create its tasks and lose its response. */
static void lose_next_submit(void)
{
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_SUBMIT, .end = TRANSPORT_BROKEN, .creates = true});
}

/* Loses the submit of that domain; its outcome is unknown then. */
static void lose(const char *domain)
{
    lose_next_submit();
    struct caller *caller = flow_request(domain, WAIT_MS);
    flow_advance(27000);
    ck_assert_int_eq(caller->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

/* Checks that the question has its result, for which one task was paid. */
static void expect_answered(const char *domain)
{
    struct caller *later = flow_request(domain, 0);

    flow_settle();
    ck_assert_msg(later->err == ERR_OK, "%s: %s", domain, later->detail);
    ck_assert(later->from_cache);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, domain), 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
}

static void expect_unknown(const char *domain)
{
    struct caller *later = flow_request(domain, 0);

    flow_settle();
    ck_assert_int_eq(later->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
}

/* ---- the token ---- */

TEST(notify_token_is_new_for_each_batch_and_absent_without_the_option)
{
    char first[64];

    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_str_eq(fake_upstream_notify_token(flow.upstream), "");
    flow_start(options());
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_uint_eq(strlen(token()), 32);
    snprintf(first, sizeof first, "%s", token());
    flow_request("other.com", WAIT_MS);
    flow_advance(1000);
    ck_assert_uint_eq(strlen(token()), 32);
    ck_assert_str_ne(token(), first);
}

/* Both halves of a rejected batch can be told apart. */
TEST(notify_token_of_a_half_is_its_own)
{
    char first[64];

    flow_start(options());
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "bad.com", .is_rejected = true});
    flow_request("bad.com", WAIT_MS);
    flow_request("good.com", WAIT_MS);
    flow_advance(1000);
    snprintf(first, sizeof first, "%s", token());
    flow_advance(60000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 3);
    ck_assert_uint_eq(strlen(token()), 32);
    ck_assert_str_ne(token(), first);
}

/* ---- a lost submit ---- */

static const struct {
    const char *body;
    bool is_task; /* the id is the task's, else the batch's */
} bodies[] = {
    {"{\"batch_id\":\"%s\"}", false},
    {"{\"event\":\"batch.completed\",\"data\":{\"id\":\"%s\"}}", false},
    {"batch_id=%s", false},
    {"the batch %s is ready", false},
    {"{\"task_id\":\"%s\",\"status\":\"COMPLETED\"}", true},
    {"{\"batch_id\":\"%s\"}", true}, /* mistaken */
    {"<task><id>%s</id></task>", true},
    {"%s", true},
};

LOOP_TEST(notify_names_an_id_and_the_lost_lookup_is_answered, bodies)
{
    flow_start(options());
    lose("milvali.com");
    expect_unknown("milvali.com");
    notify(token(), bodies[_i].body,
           bodies[_i].is_task ? task_id("milvali.com") : batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_resumes_the_whole_batch_by_one_of_its_ids)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 100);
    flow_advance(27000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 100);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id(flow_company(0)));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
}

/* Each task is reported alone, the last first, and no report names the batch. */
TEST(notify_answers_a_batch_task_by_task)
{
    flow_start(options());
    lose_next_submit();
    flow_request_companies(0, 100);
    flow_advance(27000);
    for (int i = 99; i >= 0; i--)
        notify(token(), "{\"task_id\":\"%s\",\"data\":[]}", task_id(flow_company(i)));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 100);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 100);
}

TEST(notify_before_the_response_is_lost_resolves_it_then)
{
    flow_start(options());
    lose_next_submit();
    fake_upstream_set_submit_ms(flow.upstream, 60000);
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    notify(token(), "{\"batch_id\":\"%s\"}", "b-early"); /* its batch is not known yet */
    flow_advance(60000);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_while_the_submit_is_in_flight_keeps_the_ids)
{
    flow_start(options());
    fake_upstream_set_submit_ms(flow.upstream, 0);
    flow_request("other.com", WAIT_MS); /* its id is guessed below */
    flow_advance(2 * MINUTE_MS);
    fake_upstream_set_submit_ms(flow.upstream, 26000);
    fake_upstream_set_task_ms(flow.upstream, 1000);
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    size_t before = reads();
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("other.com"));
    flow_advance(10000);
    ck_assert_uint_eq(reads(), before); /* nothing is tried before the submit ends */
    flow_advance(20000);
    ck_assert_uint_gt(reads(), before);
    expect_unknown("milvali.com"); /* that batch has none of our tracking ids of this submit */
}

TEST(notify_for_a_submit_that_succeeds_after_all_changes_nothing)
{
    flow_start(options());
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(1000);
    notify(token(), "{\"task_id\":\"%s\"}", "t-1");
    flow_advance(3 * MINUTE_MS);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(notify_twice_and_late_is_harmless)
{
    flow_start(options());
    lose("milvali.com");
    for (int i = 0; i < 3; i++)
        notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 3; i++)
        notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(reads(), before);
    expect_answered("milvali.com");
}

TEST(notify_after_a_restart_and_long_after_the_cooldown_resolves)
{
    flow_start(options());
    lose("milvali.com");
    char of[64];
    snprintf(of, sizeof of, "%s", token());
    flow_restart();
    flow_advance(DAY_MS);
    notify(of, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_for_a_submit_cut_by_a_kill_resolves)
{
    flow_start(options());
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(26500); /* the response is lost, and the process is killed */
    flow_restart();
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_lets_later_callers_join_the_resumed_lookup)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, 2 * MINUTE_MS);
    lose("milvali.com");
    flow_advance(60000);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10000);
    struct caller *joins = flow_request("milvali.com", WAIT_MS);
    flow_advance(WAIT_MS);
    ck_assert_int_eq(joins->err, ERR_OK);
    ck_assert(joins->collapsed);
    ck_assert_uint_eq(fake_upstream_ledger(flow.upstream), 1);
}

TEST(notify_makes_the_result_available_under_the_lookup_id)
{
    flow_start(options());
    lose_next_submit();
    struct caller *caller = flow_request("milvali.com", WAIT_MS);
    flow_advance(27000);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    struct find_lookup_call find = {.call.run = engine_find_lookup};
    snprintf(find.id, sizeof find.id, "%s", caller->lookup_id);
    flow_call(&find.call);
    ck_assert_int_eq(find.err, ERR_OK);
    ck_assert_ptr_nonnull(find.result);
    ck_assert_int_eq(find.result->err, ERR_OK);
    result_unref(find.result);
}

TEST(notify_of_a_task_that_failed_ends_it_as_failed)
{
    flow_start(options());
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .state = "ERRORED"});
    lose("milvali.com");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_FAILED], 1);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
}

/* ---- what takes time or fails ---- */

TEST(notify_of_an_unfinished_task_reads_it_until_it_has_ended)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, HOUR_MS);
    lose("milvali.com");
    size_t before = reads();
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(HOUR_MS + 10 * MINUTE_MS);
    ck_assert_uint_lt(reads() - before, 30); /* with growing pauses */
    expect_answered("milvali.com");
}

TEST(notify_survives_reads_that_fail)
{
    flow_start(options());
    lose("milvali.com");
    fake_upstream_fault(flow.upstream, (struct fake_fault){.on = FAKE_TASK_IDS,
                                                           .status = 503,
                                                           .body = "busy",
                                                           .is_permanent = true});
    fake_upstream_fault(
        flow.upstream,
        (struct fake_fault){.on = FAKE_TASK, .end = TRANSPORT_TIMEOUT, .is_permanent = true});
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(20 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    fake_upstream_clear_faults(flow.upstream);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

TEST(notify_of_a_batch_that_is_not_visible_yet_is_tried_again)
{
    flow_start(options());
    lose("milvali.com");
    for (int i = 0; i < 2; i++)
        fake_upstream_fault(flow.upstream,
                            (struct fake_fault){.on = FAKE_TASK_IDS, .status = 404, .body = "{}"});
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}

TEST(notify_waits_for_a_store_that_fails)
{
    flow_start(options());
    lose("milvali.com");
    weak_store_fail(flow.store, WEAK_RESOLVE, true);
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    weak_store_fail(flow.store, WEAK_RESOLVE, false);
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(stored().tasks[STORE_ANSWERED], 1);
}

/* ---- what is not believed ---- */

TEST(notify_with_an_unknown_token_causes_no_read)
{
    flow_start(options());
    lose("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 50; i++)
        notify(STRANGER, "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(10 * MINUTE_MS);
    ck_assert_uint_eq(reads(), before);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

static const char *const useless[] = {
    "",
    "hello",
    "{\"status\":\"COMPLETED\",\"data\":[{\"email\":\"a@milvali.com\"}]}",
    "{\"batch_id\":\"3f2b8a54-0d7e-4f0c-9a53-6f1d2c4b5a69\",\"task_id\":\"x1\",\"id\":\"y/../z\"}",
    "{\"batch_id\":\"%s\"}", /* of another lookup */
    "{\"task_id\":\"%s\"}",
};

LOOP_TEST(notify_with_ids_of_others_resolves_nothing, useless)
{
    flow_start(options());
    flow_request("other.com", WAIT_MS);
    flow_advance(3 * MINUTE_MS);
    lose("milvali.com");
    size_t before = reads();
    notify(token(), useless[_i],
           strstr(useless[_i], "batch") ? batch_id("other.com") : task_id("other.com"));
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
    ck_assert_uint_le(reads() - before, 40); /* and the tries end */
    notify(token(), "{\"batch_id\":\"%s\"}", batch_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 0);
    ck_assert_uint_eq(fake_upstream_ledger_of(flow.upstream, "milvali.com"), 1);
}

TEST(notify_is_not_believed_without_our_tracking_id)
{
    flow_start(options());
    fake_upstream_rule(flow.upstream,
                       (struct fake_rule){.domain = "milvali.com", .tracking_id = "null"});
    lose("milvali.com");
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(HOUR_MS);
    ck_assert_uint_eq(stored().tasks[STORE_UNKNOWN], 1);
}

TEST(notify_tries_are_limited_for_ids_that_nobody_knows)
{
    struct buf body autobuf = BUF_INIT(1 << 16);

    flow_start(options());
    lose("milvali.com");
    size_t before = reads();
    for (int i = 0; i < 50; i++) {
        buf_clear(&body);
        for (int j = 0; j < 20; j++)
            buf_addf(&body, "{\"id\":\"x%d-%d\"}", i, j);
        ck_assert(engine_notify(flow.engine, token(), body.data, body.len));
        flow_settle();
    }
    flow_advance(HOUR_MS);
    ck_assert_uint_le(reads() - before, 256 * 2 * 5);
}

TEST(notify_queue_is_limited)
{
    flow_start(options());
    int taken = 0;
    while (taken < 1000 && engine_notify(flow.engine, STRANGER, "", 0))
        taken++;
    ck_assert_int_eq(taken, 64);
    flow_settle();
    ck_assert(engine_notify(flow.engine, STRANGER, "", 0));
    flow_settle();
}

/* ---- a batch that is known ---- */

TEST(notify_of_a_batch_in_progress_polls_it_now)
{
    flow_start(options());
    fake_upstream_set_task_ms(flow.upstream, 10 * MINUTE_MS);
    struct caller *caller = flow_request("milvali.com", 20 * MINUTE_MS);
    flow_advance(9 * MINUTE_MS);
    fake_upstream_rule(flow.upstream, (struct fake_rule){.domain = "milvali.com", .task_ms = 1});
    flow_settle();
    int64_t before_ms = flow_now_ms();
    size_t before = reads();
    for (int i = 0; i < 20; i++)
        notify(token(), "%s", "");
    flow_advance(1500);
    ck_assert_int_eq(caller->err, ERR_OK);
    ck_assert_int_le(caller->answered_ms - before_ms, 1500);
    ck_assert_uint_le(reads() - before, 4); /* twenty hints, not twenty polls */
}

/* ---- money ---- */

TEST(notify_proves_the_batch_so_that_it_is_not_paid_again)
{
    struct engine_options risky = options();

    risky.batch.retry_unknown = true;
    flow_start(risky);
    lose_next_submit();
    flow_request("milvali.com", WAIT_MS);
    flow_advance(5000);
    notify(token(), "{\"x\":\"%s\"}", "");
    flow_advance(3 * MINUTE_MS);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 1);
    notify(token(), "{\"task_id\":\"%s\"}", task_id("milvali.com"));
    flow_advance(2 * MINUTE_MS);
    expect_answered("milvali.com");
}
