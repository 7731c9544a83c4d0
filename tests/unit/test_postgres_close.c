/* SPDX-License-Identifier: MIT */
/* test_postgres_close.c - tests that the end of an owner does not wait for a server that does not
 * reply. Its limits for statements and connections are much longer here than that of the end. */
#include "base/mem.h"
#include "lookup/records/journal.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <signal.h>

static int64_t begun_ms;
static int session;

/* A test that failed has left the server silent. */
static void setup(void)
{
    store_fixture_setup();
    kill(postgres_server_pid(), SIGCONT);
    store = store_open_roomy(postgres_server_url());
    session = PQbackendPID(pg_of(store)->conn);
    begun_ms = pg_now_ms();
}

static void teardown(void)
{
    kill(session, SIGCONT);
    kill(postgres_server_pid(), SIGCONT);
    store_fixture_teardown();
}

FIXTURE(setup, teardown);
BEFORE_TESTS(postgres_server_start);

/* The kernel still accepts connections. */
static void silence_server(void)
{
    ck_assert_int_eq(kill(postgres_server_pid(), SIGSTOP), 0);
    ck_assert_int_eq(kill(session, SIGSTOP), 0);
}

static void must_have_ended_early(void)
{
    ck_assert_int_lt(pg_now_ms() - begun_ms, STORE_TEST_MS);
}

TEST(close_does_not_wait_for_a_silent_server)
{
    silence_server();
    store_close(TAKE(store));
    must_have_ended_early();
}

TEST(close_with_a_heartbeat_due_does_not_wait_for_a_silent_server)
{
    pg_of(store)->heartbeat_ms = 0;
    silence_server();
    store_close(TAKE(store));
    must_have_ended_early();
}

/* As the last attempt to write: first over the connection there is, then over new ones. */
TEST(calls_after_the_begin_of_the_close_share_its_limit)
{
    silence_server();
    store_begin_close(store);
    int64_t end_ms = pg_of(store)->end_ms;
    do
        ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    while (pg_now_ms() < end_ms + 1000); /* longer than the pause before a new connection */
    store_begin_close(store);
    ck_assert_int_eq(pg_of(store)->end_ms, end_ms);
    store_close(TAKE(store));
    must_have_ended_early();
}

/* The last attempt connects again, and then fails at the common limit. */
TEST(close_ends_the_last_attempt_of_the_journal)
{
    struct clock clock = clock_fake(STORE_NOW_MS);
    struct timers timers;
    int64_t batch = store_add_batch(store, 0, 1);
    struct store_calls *calls = store_calls_new(store);

    timers_init(&timers);
    struct journal *journal = journal_new(calls, &clock, &timers);
    silence_server();
    pg_of(store)->wait_ms = 100;
    journal_mark_not_sent(journal, batch);
    store_calls_run(calls);
    ck_assert_uint_eq(journal_state(journal).backlog, 1);
    pg_of(store)->wait_ms = STORE_TEST_MS;
    pg_of(store)->retry_ms = 0;
    store_begin_close(store);
    ck_assert_uint_eq(journal_free(journal), 1);
    must_have_ended_early();
    store_calls_free(calls);
    timers_done(&timers);
}

TEST(close_that_has_begun_still_writes_and_frees_the_ownership)
{
    store_begin_close(store);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
    store_close(TAKE(store));
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM leadership WHERE leader = ''"), 1);
}

TEST(close_can_begin_without_a_server)
{
    struct store *file = store_open_limited(store_url(), 10, 10);

    store_begin_close(NULL);
    store_begin_close(file);
    ck_assert_int_eq(store_try(file, STORE_NOW_MS), ERR_OK);
    store_close(file);
}
