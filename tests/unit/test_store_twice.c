/* SPDX-License-Identifier: MIT */
/* test_store_twice.c - makes every write twice, because its caller may not know whether it was
 * done: the second call succeeds and changes nothing. A row of facts can be repeated from any of
 * them on, as after a group of writes whose commit was not confirmed. Each test runs with a store
 * in a file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_batches.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- the writes ---- */

static enum err end_raw(size_t i)
{
    struct store_end end = store_unknown;

    end.raw = "{\"a\":1}";
    end.raw_len = 7;
    return store_end_task(store, store_tracking_id(i), &end, NULL, NULL);
}

static enum err begin_new(void)
{
    return store_begin_two(NEW, 13, "token");
}

static enum err send_again(void)
{
    return store_sending(store, RESTING, 2, "token");
}

static enum err send_risked_again(void)
{
    return store_sending(store, RISKED_RESTING, 2, NULL);
}

static enum err rest(void)
{
    return store_mark_not_sent(store, SENDING);
}

static enum err rest_risked(void)
{
    return store_mark_not_sent(store, RISKED);
}

static enum err take_risk(void)
{
    return store_mark_resubmitted(store, SENDING, 1);
}

static enum err submit(void)
{
    return store_submitted(store, SENDING, "b-1", STORE_NOW_MS + 1);
}

static enum err split(void)
{
    return store_split_off(RESTING, HALF, 3, 2);
}

static enum err split_half(void)
{
    return store_split_off(HALF, QUARTER, 4, 1);
}

static enum err answer_first(void)
{
    return store_answer_task(0);
}

static enum err answer_second(void)
{
    return store_answer_task(1);
}

static enum err fail_task(void)
{
    const struct result *failure = result_new_failure(store_key_of(5), ERR_LOOKUP_FAILED, "no luck",
                                                      CHARGED_MAYBE, STORE_NOW_MS, 60000);
    enum err err = store_end_task(store, store_tracking_id(5), &store_failed, failure, NULL);

    result_unref(failure);
    return err;
}

static enum err leave_raw(void)
{
    return end_raw(6);
}

static enum err end_rejected(void)
{
    return store_end_batch(store, RESTING, &store_not_created);
}

static enum err end_unsent(void)
{
    return store_end_batch(store, SENDING, &store_not_created);
}

static enum err end_lost(void)
{
    struct store_end end = store_unknown;

    end.raw = "no id, but info@milvali.com";
    end.raw_len = 27;
    return store_end_batch(store, SENDING, &end);
}

static enum err end_risked(void)
{
    struct store_end end = store_unknown;

    end.refunds_last = true;
    return store_end_batch(store, RISKED, &end);
}

static enum err end_quarter(void)
{
    return store_end_batch(store, QUARTER, &store_not_created);
}

static enum err end_what_was_never_begun(void)
{
    return store_end_batch(store, NEW, &store_not_created);
}

static enum err resume_lost(void)
{
    return store_resolve_batch(store, LOST, "b-4", STORE_NOW_MS + 7);
}

static enum err answer_resumed(void)
{
    return store_answer_task(7);
}

static enum err answer_resumed_too(void)
{
    return store_answer_task(8);
}

static enum err refund_lost(void)
{
    return store_resolve_not_taken(store, store_tracking_id(7), STORE_NOW_MS + 7);
}

static enum err answer_lost(void)
{
    const struct result *answer = store_answer(8, "milvali.com", STORE_DAY_MS);
    enum err err = store_resolve_task(store, store_tracking_id(8), &store_answered, answer);

    result_unref(answer);
    return err;
}

static enum err propose(void)
{
    return store_propose_batch(store, store_tracking_id(7), "b-7");
}

static enum err drop_proposal(void)
{
    return store_drop_proposal(store, LOST, "b-7");
}

static enum err parse_again(void)
{
    const struct result *answer = store_answer(11, "milvali.com", STORE_DAY_MS);
    struct store_parsed parsed = {store_tracking_id(11), answer, false};
    enum err err = store_put_parsed(store, 9, &parsed, 1);

    result_unref(answer);
    return err;
}

static enum err pause_lookups(void)
{
    return store_set_paused(store, true);
}

static enum err try_disk(void)
{
    return store_try(store, STORE_NOW_MS);
}

static enum err forget_key(void)
{
    return store_forget_key(store, store_key_of(0));
}

static enum err forget_domain(void)
{
    size_t n;

    return store_forget_domain(store, "milvali.com", NULL, NULL, &n);
}

static enum err forget_address(void)
{
    size_t n;

    return store_forget_address(store, "info@milvali.com", &n);
}

static enum err trim(void)
{
    bool more;

    return store_trim(store, &(struct store_ages){.raw_before_ms = STORE_NOW_MS + 10}, &more);
}

/* ---- the same call twice ---- */

static const struct store_write writes[] = {
    {"begin", begin_new},
    {"send again", send_again},
    {"send again after a risk", send_risked_again},
    {"not sent", rest},
    {"not sent after a risk", rest_risked},
    {"take a risk", take_risk},
    {"submit", submit},
    {"split", split},
    {"end with an answer", answer_first},
    {"end with a failure", fail_task},
    {"end with raw bytes", leave_raw},
    {"end a batch that was rejected", end_rejected},
    {"end a batch that was lost", end_lost},
    {"end a batch and refund the last submit", end_risked},
    {"end a batch that was never begun", end_what_was_never_begun},
    {"resume a batch", resume_lost},
    {"refund a task", refund_lost},
    {"answer a lost task", answer_lost},
    {"propose", propose},
    {"drop a proposal", drop_proposal},
    {"parse again", parse_again},
    {"pause", pause_lookups},
    {"try the disk", try_disk},
    {"forget a question", forget_key},
    {"forget a domain", forget_domain},
    {"forget an address", forget_address},
    {"trim", trim}};

enum { WRITES = ARRAY_LEN(writes) * STORES };

static void make(const struct store_write *write)
{
    enum err err = write->make();

    ck_assert_msg(!err, "%s: %s", write->name, err_words(err));
}

RANGE_TEST(store_write_made_twice_changes_nothing_more, 0, WRITES)
{
    const struct store_write *write = &writes[_i / STORES];

    store_open_with_batches(_i % STORES);
    make(write);
    autofree char *once = store_dump();
    for (int again = 0; again < 2; again++) {
        make(write);
        autofree char *twice = store_dump();
        store_assert_same(write->name, twice, once);
    }
}

/* ---- facts again, from any of them on ---- */

static const struct row {
    struct store_write facts[5];
} rows[] = {
    {{{"submit", submit}, {"answer", answer_first}, {"answer the last", answer_second}}},
    {{{"not sent", rest}, {"end", end_unsent}}},
    {{{"not sent", rest_risked}, {"end", end_risked}}},
    {{{"split", split},
      {"split the half", split_half},
      {"end", end_quarter},
      {"all", end_rejected}}},
    {{{"resume", resume_lost}, {"answer", answer_resumed}, {"the last", answer_resumed_too}}},
    {{{"refund", refund_lost}, {"answer", answer_lost}}},
};

enum { ROWS = ARRAY_LEN(rows) * STORES };

RANGE_TEST(store_facts_can_be_repeated_after_later_ones, 0, ROWS)
{
    const struct store_write *facts = rows[_i / STORES].facts;

    store_open_with_batches(_i % STORES);
    for (size_t i = 0; facts[i].make; i++)
        make(&facts[i]);
    autofree char *once = store_dump();
    for (size_t from = 0; facts[from].make; from++) {
        for (size_t i = from; facts[i].make; i++)
            make(&facts[i]);
        autofree char *again = store_dump();
        store_assert_same(facts[from].name, again, once);
    }
}

/* What was deleted in between stays deleted. */
RANGE_TEST(store_repeated_end_restores_no_deleted_result, 0, STORES)
{
    static const struct store_write ends[] = {
        {"answer", answer_first}, {"raw bytes", leave_raw}, {"response", end_lost}};
    static const struct store_write deletions[] = {{"domain", forget_domain},
                                                   {"address", forget_address}};

    store_open_with_batches(_i);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        make(&ends[i]);
    for (size_t i = 0; i < ARRAY_LEN(deletions); i++)
        make(&deletions[i]);
    autofree char *before = store_dump();
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        make(&ends[i]);
    autofree char *after = store_dump();
    store_assert_same("deleted", after, before);
}
