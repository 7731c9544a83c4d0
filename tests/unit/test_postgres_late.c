/* SPDX-License-Identifier: MIT */
/* test_postgres_late.c - tests that a statement whose reply did not come in time takes effect
 * before later ones of the owner, or never. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <signal.h>
#include <stdio.h>

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
}

FIXTURE(setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static const struct store_end not_created = {
    .state = STORE_NOT_CREATED, .err = ERR_STORAGE_UNAVAILABLE, .wall_ms = STORE_NOW_MS};

static enum err begin(int64_t batch)
{
    const struct store_task task = store_task_of((size_t)batch);
    const struct store_new_batch new = {
        .number = batch, .tasks = &task, .n = 1, .wall_ms = STORE_NOW_MS};

    return store_begin_batch(store, &new);
}

/* ---- a server that executes a statement late ---- */

static int stopped;

/* Stops the session of the owner: its next statement waits in the socket. */
static void stop_server(void)
{
    stopped = PQbackendPID(pg_of(store)->conn);
    ck_assert_int_eq(kill(stopped, SIGSTOP), 0);
    pg_of(store)->wait_ms = 100;
}

/* Connects again. */
static void await_write(void)
{
    pg_of(store)->wait_ms = STORE_TEST_MS;
    while (store_try(store, STORE_NOW_MS))
        ;
    ck_assert_int_ne(PQbackendPID(pg_of(store)->conn), stopped);
}

static void execute_late(void)
{
    char sql[80];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", stopped);
    ck_assert_int_eq(kill(stopped, SIGCONT), 0);
    while (operator_run_once(sql))
        ;
}

TEST(late_not_sent_does_not_reopen_a_batch_in_flight)
{
    ck_assert_int_eq(begin(5), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, 5), ERR_OK);
    stop_server();
    ck_assert_int_eq(store_mark_not_sent(store, 5), ERR_STORAGE_UNAVAILABLE);
    await_write();
    ck_assert_int_eq(store_mark_not_sent(store, 5), ERR_OK);
    ck_assert_int_eq(store_sending(store, 5, 0, NULL), ERR_OK);
    execute_late();
    ck_assert_int_eq(store_look(store, 5).state, STORE_SENDING);
    ck_assert_int_eq(store_submitted(store, 5, "b-5", STORE_NOW_MS), ERR_OK);
}

TEST(late_begin_leaves_no_batch_and_no_charge)
{
    ck_assert_int_eq(begin(5), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, 5, &not_created), ERR_OK);
    stop_server();
    ck_assert_int_eq(begin(6), ERR_STORAGE_UNAVAILABLE);
    await_write();
    ck_assert_int_eq(store_end_batch(store, 6, &not_created), ERR_OK);
    execute_late();
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM batches WHERE number = 6"), 0);
    ck_assert_int_eq(operator_run_once("SELECT sum(credits) FROM accounts"), 0);
}

TEST(late_epoch_does_not_end_a_newer_one)
{
    stop_server();
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    await_write();
    int64_t epoch = pg_of(store)->epoch;
    stop_server();
    pg_of(store)->must_renew = true; /* as after a new connection */
    pg_of(store)->heartbeat_ms = 0;
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    await_write();
    ck_assert_int_gt(pg_of(store)->epoch, epoch + 1);
    execute_late();
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

/* ---- a commit that takes long ---- */

#define KEY                                                                                        \
    "{\"\\\\x" TEN TEN TEN "0101"                                                                  \
    "\"}"
#define TEN "01010101010101010101"

/* The batch 7 with one task, as the owner writes it. */
static const char *const begin_7[] = {"7",      "",       "1",      "{t}",    "{l}", KEY,  "{d}",
                                      "{\"\"}", "{\"\"}", "{\"\"}", "{\"\"}", "{c}", "{0}"};

TEST(slow_commit_is_awaited_by_the_next_connection)
{
    PGconn *conn = operator_session();
    enum err err;

    operator_hold(conn, pg_statements[SQL_BEGIN_BATCH], begin_7, ARRAY_LEN(begin_7));
    operator_terminate_stores();
    do
        err = store_end_batch(store, 7, &not_created);
    while (err && !pg_of(store)->conn);
    ck_assert_int_eq(err, ERR_STORAGE_UNAVAILABLE);
    operator_run(conn, "COMMIT");
    PQfinish(conn);
    while (store_end_batch(store, 7, &not_created))
        ;
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM batches WHERE state <> 'over'"), 0);
    ck_assert_int_eq(operator_run_once("SELECT sum(credits) FROM accounts"), 0);
}
