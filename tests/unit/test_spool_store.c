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

static void take_err(void *arg, const struct spool_line *line, enum err err)
{
    ck_assert_ptr_nonnull(line);
    *(enum err *)arg = err;
}

/* Hands in the id of one batch. Returns the result for it, or the error of the store. */
static enum err hand_in(int64_t batch)
{
    struct spool *spool;
    struct errmsg why = {""};
    enum err err = ERR_OK;
    char path[200];

    snprintf(path, sizeof path, "%s/emailsd.spool", store_folder());
    const struct spool_options options = {.path = path};
    ck_assert_msg(!spool_open(&options, &spool, &why), "%s", why.text);
    spool_use_place(spool, "database/schema");
    spool_add(spool, batch, "b-1", STORE_NOW_MS);
    ck_assert_int_eq(spool_hand_in(spool, store, take_err, &err), ERR_OK);
    spool_close(spool);
    return err;
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
