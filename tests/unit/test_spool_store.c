/* SPDX-License-Identifier: MIT */
/* test_spool_store.c - tests what each store makes of an id that is handed in from the spool. */
#include "base/mem.h"
#include "store/spool.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS + 5};

/* What becomes of the id of that batch. */
struct fate {
    int64_t batch;
    enum err err;
    bool is_over;
};

static void take_fate(void *arg, const struct spool_line *line, enum err err, bool is_over)
{
    struct fate *fate = arg;

    ck_assert_ptr_nonnull(line);
    if (line->batch == fate->batch)
        *fate = (struct fate){fate->batch, err, is_over};
}

/* Hands in the id of one batch, which was read at that time. */
static struct fate hand_in_of(int64_t batch, int64_t wall_ms)
{
    struct spool *spool;
    struct errmsg why = {""};
    struct fate fate = {.batch = batch};
    char path[200];

    snprintf(path, sizeof path, "%s/emailsd.spool", store_folder());
    const struct spool_options options = {.path = path};
    ck_assert_msg(!spool_open(&options, &spool, &why), "%s", why.text);
    spool_use_place(spool, store_place(store) ? store_place(store) : "database/schema");
    spool_add(spool, batch, "b-1", wall_ms);
    ck_assert_int_eq(spool_hand_in(spool, store, take_fate, &fate), ERR_OK);
    spool_close(spool);
    return fate;
}

/* Returns the result for it, or the error of the store. */
static enum err hand_in(int64_t batch)
{
    return hand_in_of(batch, STORE_NOW_MS).err;
}

RANGE_TEST(spool_makes_a_batch_in_flight_submitted, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(hand_in(batch), ERR_OK);
    struct store_seen seen = store_look(store, batch);
    ck_assert_int_eq(seen.state, STORE_SUBMITTED);
    ck_assert_str_eq(seen.batch_id, "b-1");
    ck_assert_uint_eq(seen.n_open, 2);
    ck_assert_int_eq(hand_in(batch), ERR_OK); /* its removal from the file was lost */
}

RANGE_TEST(spool_opens_a_batch_of_unknown_outcome, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 2);
    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_open, 0);
    ck_assert_int_eq(hand_in(batch), ERR_OK);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SUBMITTED);
    ck_assert_uint_eq(store_look(store, batch).n_open, 2);
}

RANGE_TEST(spool_does_not_open_a_batch_that_has_ended, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_submitted(store, batch, "b-1", STORE_NOW_MS), ERR_OK);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(hand_in(batch), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
}

RANGE_TEST(spool_changes_nothing_that_contradicts_it, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_submitted(store, batch, "another", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(hand_in(batch), ERR_NO_ENTRY);
    ck_assert_str_eq(store_look(store, batch).batch_id, "another");
}

RANGE_TEST(spool_changes_nothing_in_another_store, 0, STORES)
{
    store = store_open_roomy(store_url_of(_i));
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(hand_in(store_new_number()), ERR_NO_ENTRY);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SENDING);
}

/* ---- batches that are not there ---- */

/* Ends the i-th task, in a batch of its own, that long after STORE_NOW_MS. */
static int64_t end_batch_at(size_t i, int64_t after_ms)
{
    struct store_end end = unknown;
    int64_t batch = store_add_batch(store, i, 1);

    end.wall_ms = STORE_NOW_MS + after_ms;
    ck_assert_int_eq(store_end_batch(store, batch, &end), ERR_OK);
    return batch;
}

static void note(void *arg, const struct store_batch *batch)
{
    (void)batch;
    *(bool *)arg = true;
}

static bool exists(int64_t batch)
{
    bool is_there = false;

    store_read_batch(store, batch, note, &is_there);
    return is_there;
}

TEST(spool_removes_a_batch_that_its_store_has_deleted)
{
    store = store_open_limited(store_url_of(IN_POSTGRES), 10, 3);
    int64_t batch = end_batch_at(0, 10);
    for (size_t i = 1; i <= 3; i++)
        end_batch_at(i, 10 + (int64_t)i);
    ck_assert(!exists(batch));
    struct fate fate = hand_in_of(batch, STORE_NOW_MS);
    ck_assert_int_eq(fate.err, ERR_NO_ENTRY);
    ck_assert(fate.is_over);
}

/* It is there: what is recorded contradicts the id. */
TEST(spool_keeps_a_batch_that_its_store_has)
{
    store = store_open_limited(store_url_of(IN_POSTGRES), 10, 3);
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_submitted(store, batch, "another", STORE_NOW_MS), ERR_OK);
    for (size_t i = 1; i <= 4; i++)
        end_batch_at(i, 10 + (int64_t)i);
    ck_assert(!hand_in_of(batch, STORE_NOW_MS).is_over);
}

/* It may come back, if the store is restored, or if its standby was promoted by mistake. */
TEST(spool_keeps_a_batch_that_its_store_never_had)
{
    store = store_open_limited(store_url_of(IN_POSTGRES), 10, 3);
    ck_assert(!hand_in_of(store_new_number(), STORE_NOW_MS).is_over);
    for (size_t i = 0; i <= 3; i++)
        end_batch_at(i, (int64_t)i); /* the first is deleted */
    ck_assert(!hand_in_of(store_new_number(), STORE_NOW_MS + 1).is_over);
    ck_assert(hand_in_of(store_new_number(), STORE_NOW_MS).is_over);
}

/* A store that deletes nothing yet cannot have deleted it. */
TEST(spool_keeps_a_batch_that_a_store_with_few_tasks_does_not_have)
{
    store = store_open_limited(store_url_of(IN_POSTGRES), 10, 5);
    end_batch_at(0, 10);
    ck_assert(!hand_in_of(store_new_number(), STORE_NOW_MS).is_over);
}

RANGE_TEST(store_has_a_place_if_it_may_be_elsewhere, 0, STORES)
{
    char expected[100];

    store = store_open_roomy(store_url_of(_i));
    snprintf(expected, sizeof expected, "postgres/%s", store_schema());
    if (_i == IN_POSTGRES)
        ck_assert_str_eq(store_place(store), expected);
    else
        ck_assert_ptr_null(store_place(store));
}
