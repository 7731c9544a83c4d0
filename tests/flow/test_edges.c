/* SPDX-License-Identifier: MIT */
/* test_edges.c - what happens seldom: a store with odd things in it, lookups that take very long,
 * questions about lookups that are none, more held questions than there is room for. */
#include "base/mem.h"
#include "flow.h"
#include "lookup/batching/batcher.h"
#include "lookup/records/cooldown.h"
#include "weak_store.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

/* ---- what an earlier life left in the store ---- */

static struct question *question_about(const char *domain)
{
    const struct question_field fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
    struct question *question = NULL;
    char why[QUESTION_WHY];

    ck_assert_int_eq(question_new(fields, &question, why), ERR_OK);
    return question;
}

/* A batch with one task; its number. */
static int64_t intend(const char *domain, const char *id)
{
    struct question *question = question_about(domain);
    const struct store_task task = {.tracking_id = id,
                                    .lookup_id = id,
                                    .key = question->key,
                                    .domain = question->domain.name,
                                    .company_name = question->company_name,
                                    .city = "",
                                    .state = "",
                                    .country = "",
                                    .client = "client"};
    int64_t batch = 0;

    ck_assert_int_eq(store_begin_batch(flow.store, &task, 1, FLOW_WALL_MS, &batch), ERR_OK);
    question_free(question);
    return batch;
}

TEST(of_two_batches_about_one_question_only_the_first_is_resumed)
{
    struct store_stats stats;

    for (int i = 0; i < 2; i++) {
        int64_t batch = intend("milvali.com", i ? "second" : "first");
        ck_assert_int_eq(store_submitted(flow.store, batch, i ? "b2" : "b1", FLOW_WALL_MS), ERR_OK);
    }
    flow_restart();
    ck_assert_uint_eq(flow.recovery.resumed_batches, 1);
    ck_assert_uint_eq(flow.recovery.resumed_tasks, 1);
    ck_assert_uint_eq(flow.recovery.unknown_tasks, 1);
    ck_assert_int_eq(store_stats(flow.store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 1);
    ck_assert_uint_eq(stats.tasks[STORE_UNKNOWN], 1);
}

TEST(an_unknown_end_without_words_is_held_with_words)
{
    const struct store_end end = {.state = STORE_UNKNOWN, .wall_ms = FLOW_WALL_MS};

    ck_assert_int_eq(store_end_batch(flow.store, intend("milvali.com", "first"), &end), ERR_OK);
    flow_restart();
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(asker->err, ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(asker->detail, "stopped while submitting the lookup"));
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 0);
}

/* Without a question of their own: keys are all that a hold knows. */
static void leave_unknown(size_t n)
{
    static struct store_task tasks[100];
    static char ids[100][16];
    static unsigned char keys[100][HASH_SIZE];
    const struct store_end end = {.state = STORE_UNKNOWN, .wall_ms = FLOW_WALL_MS};

    for (size_t i = 0; i < n; i++) {
        size_t at = i % 100;
        snprintf(ids[at], sizeof ids[at], "t%zu", i);
        memcpy(keys[at], &i, sizeof i);
        tasks[at] = (struct store_task){.tracking_id = ids[at],
                                        .lookup_id = ids[at],
                                        .key = keys[at],
                                        .domain = "a.com",
                                        .company_name = "A",
                                        .city = "",
                                        .state = "",
                                        .country = "",
                                        .client = "client"};
        if (at < 99)
            continue;
        int64_t batch;
        ck_assert_int_eq(store_begin_batch(flow.store, tasks, 100, FLOW_WALL_MS, &batch), ERR_OK);
        ck_assert_int_eq(store_end_batch(flow.store, batch, &end), ERR_OK);
    }
}

TEST(with_too_many_questions_held_nothing_new_is_bought)
{
    leave_unknown(HOLDS_MAX);
    flow_restart();
    ck_assert_uint_eq(flow.recovery.held, HOLDS_MAX);
    struct asker *asker = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert_int_eq(asker->err, ERR_OVERLOADED);
    ck_assert_int_gt(asker->retry_after_s, 0);
    ck_assert_uint_eq(vendor_calls(flow.vendor, VENDOR_SUBMIT), 0);
}

/* ---- time ---- */

TEST(who_waits_for_slow_lookups_is_told_to_come_back_within_a_minute)
{
    char domain[32];

    vendor_set_task_ms(flow.vendor, 10 * MINUTE_MS);
    for (int i = 0; i < 8; i++) { /* until such a time is what is expected */
        snprintf(domain, sizeof domain, "slow%d.com", i);
        flow_ask(domain, 15 * MINUTE_MS);
    }
    flow_advance(12 * MINUTE_MS);
    struct asker *asker = flow_ask("milvali.com", 1000);
    flow_advance(1000);
    ck_assert_int_eq(asker->err, ERR_STILL_PROCESSING);
    ck_assert_int_eq(asker->retry_after_s, 60);
}

/* ---- looking and forgetting ---- */

static int told;

static void note_absence(struct inquiry *inquiry, const struct lookup_state *state)
{
    (void)inquiry;
    ck_assert_ptr_null(state);
    told++;
}

static const char *const ids[] = {"", "short", "0123456789abcdef0123456789abcdef"};

LOOP_TEST(of_an_id_that_no_lookup_has_nothing_is_known, ids)
{
    struct inquiry inquiry = {.done = note_absence};

    snprintf(inquiry.id, sizeof inquiry.id, "%s", ids[_i]);
    told = 0;
    engine_inquire(flow.engine, &inquiry);
    flow_settle();
    ck_assert_int_eq(told, 1);
}

static void note_failure(struct forgetting *forgetting, enum err err, size_t n)
{
    (void)forgetting;
    ck_assert_int_eq(err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(n, 0);
    told++;
}

TEST(what_cannot_be_forgotten_on_disk_is_not_said_to_be)
{
    struct forgetting forgetting = {.domain = "milvali.com", .done = note_failure};

    flow_ask("milvali.com", WAIT_MS);
    flow_advance(MINUTE_MS);
    weak_store_fail(flow.store, WEAK_FORGET, true);
    told = 0;
    engine_forget(flow.engine, &forgetting);
    flow_settle();
    ck_assert_int_eq(told, 1);
    struct asker *again = flow_ask("milvali.com", WAIT_MS);
    flow_settle();
    ck_assert(again->from_cache);
}

TEST(nothing_may_be_freed)
{
    lookups_free(NULL);
    batcher_free(NULL);
}
