/* SPDX-License-Identifier: MIT */
/* test_store_proposals.c - tests batch ids that the operator proposes for an unknown outcome: a
 * proposal changes nothing until the owner has checked it. */
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};

static int64_t add_unknown(size_t from, size_t n)
{
    int64_t batch = store_add_batch(store, from, n);

    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    return batch;
}

struct seen {
    size_t n;
    int64_t batch;
    char batch_id[64];
};

static struct seen proposals(void)
{
    const struct store_news news = store_take_news(store, 0);
    struct seen seen = {.n = news.n_proposals};

    if (seen.n) {
        seen.batch = news.proposals[0].batch;
        snprintf(seen.batch_id, sizeof seen.batch_id, "%s", news.proposals[0].batch_id);
    }
    return seen;
}

static enum store_proposal_state state_of(size_t i)
{
    enum store_proposal_state state = STORE_PROPOSED;

    ck_assert_int_eq(store_proposal_state(store, store_tracking_id(i), &state), ERR_OK);
    return state;
}

RANGE_TEST(store_proposal_waits_until_it_is_dropped, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_unknown(0, 2);
    ck_assert_uint_eq(proposals().n, 0);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(1), "b-1"), ERR_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(proposals().n, 1);
        ck_assert_int_eq(proposals().batch, batch);
        ck_assert_str_eq(proposals().batch_id, "b-1");
    }
    ck_assert_int_eq(state_of(0), STORE_PROPOSED);
    ck_assert_int_eq(store_drop_proposal(store, batch, "b-1"), ERR_OK);
    ck_assert_uint_eq(proposals().n, 0);
    ck_assert_int_eq(state_of(0), STORE_PROPOSAL_REJECTED);
    ck_assert_uint_eq(store_look(store, batch).n, 0); /* still unknown */
}

RANGE_TEST(store_proposal_is_replaced_by_the_next_one, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_unknown(0, 1);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(0), "b-1"), ERR_OK);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(0), "b-2"), ERR_OK);
    ck_assert_int_eq(store_drop_proposal(store, batch, "b-1"), ERR_OK); /* too late */
    ck_assert_uint_eq(proposals().n, 1);
    ck_assert_str_eq(proposals().batch_id, "b-2");
}

RANGE_TEST(store_proposal_ends_when_the_outcome_is_known, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_unknown(0, 1);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(0), "b-1"), ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, batch, "b-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(state_of(0), STORE_PROPOSAL_CONFIRMED);
    ck_assert(store_news_since(store, 0).has_settled);
    ck_assert_uint_eq(proposals().n, 0);
    ck_assert(!store_news_since(store, 0).has_settled);
}

RANGE_TEST(store_proposal_needs_an_unknown_task, 0, STORES)
{
    enum store_proposal_state state;
    struct store_end raw = unknown;

    store = store_open_roomy(store_url_of(_i));
    store_add_batch(store, 0, 1); /* open */
    int64_t accepted = add_unknown(1, 1);
    ck_assert_int_eq(store_resolve_batch(store, accepted, "b-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, accepted, &unknown), ERR_OK);
    raw.raw = "{}";
    raw.raw_len = 2;
    store_add_batch(store, 2, 1);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(2), &raw, NULL, NULL), ERR_OK);
    for (size_t i = 0; i < 4; i++) /* open, has another id, was read, none */
        ck_assert_int_eq(store_propose_batch(store, store_tracking_id(i), "b-2"), ERR_NO_ENTRY);
    ck_assert_uint_eq(proposals().n, 0);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(1), "b-1"), ERR_OK);
    ck_assert_int_eq(store_proposal_state(store, store_tracking_id(3), &state), ERR_NO_ENTRY);
}

RANGE_TEST(store_proposal_of_another_process_outlives_the_owner, IN_FILE, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = add_unknown(0, 1);
    struct store *other = store_open_second(store_url_of(_i));
    ck_assert_int_eq(store_propose_batch(other, store_tracking_id(0), "b-1"), ERR_OK);
    store_close(other);
    store_close(store);
    store = store_open_roomy(store_url_of(_i));
    ck_assert_int_eq(proposals().batch, batch);
}
