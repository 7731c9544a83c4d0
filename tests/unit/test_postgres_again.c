/* SPDX-License-Identifier: MIT */
/* test_postgres_again.c - tests a write that is repeated while the same write before it commits. It
 * waits for a row, and everything else in it is read as it was before. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <pthread.h>

#define BATCH 77
static PGconn *conn;
static pthread_t thread;

static void setup(void)
{
    const struct store_task task = {.tracking_id = "t1",
                                    .lookup_id = "l1",
                                    .key = store_key_of(0),
                                    .parts = {"milvali.com", "", "", "", ""},
                                    .client = "c",
                                    .day = 10};

    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
    store_add(store, (struct store_new_batch){.number = BATCH, .tasks = &task, .n = 1});
    conn = operator_session();
}

static void teardown(void)
{
    PQfinish(TAKE(conn));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);
BEFORE_TESTS(postgres_server_start);

static void *commit(void *arg)
{
    (void)arg;
    while (
        !operator_run_once("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        ;
    operator_run(conn, "COMMIT");
    return NULL;
}

/* Executes the first write, which commits when the next one of `waiting` waits for it. */
static void write_first(struct store *waiting, enum sql which, const char *const *values, size_t n)
{
    ck_assert_int_eq(pg_run(pg_of(waiting), "SET lock_timeout = 0", NULL, NULL), ERR_OK);
    operator_hold(conn, pg_statements[which], values, n);
    pg_of(store)->heartbeat_ms = pg_now_ms(); /* the heartbeat would wait too */
    ck_assert_int_eq(pthread_create(&thread, NULL, commit, NULL), 0);
}

static void finish(enum err err)
{
    pthread_join(thread, NULL);
    ck_assert_int_eq(err, ERR_OK);
}

TEST(again_sending_moves_the_charge_once)
{
    static const char *const values[] = {"77", "11", ""};

    write_first(store, SQL_SENDING, values, ARRAY_LEN(values));
    finish(store_sending(store, BATCH, 11, NULL));
    ck_assert_int_eq(operator_run(conn, "SELECT credits FROM accounts WHERE day = 10"), 0);
    ck_assert_int_eq(operator_run(conn, "SELECT credits FROM accounts WHERE day = 11"), 1);
}

#define TEN       "02020202020202020202"
#define KEY_OF_T2 "{\"\\\\x" TEN TEN TEN "0202\"}"

TEST(again_begin_is_the_same_batch)
{
    static const char *const values[] = {"78",      "",    "1",      "{t2}",   "{l2}",
                                         KEY_OF_T2, "{d}", "{\"\"}", "{\"\"}", "{\"\"}",
                                         "{\"\"}",  "{c}", "{0}"};
    const struct store_task task = {.tracking_id = "t2",
                                    .lookup_id = "l2",
                                    .key = store_key_of(1),
                                    .parts = {"d", "", "", "", ""},
                                    .client = "c"};

    write_first(store, SQL_BEGIN_BATCH, values, ARRAY_LEN(values));
    finish(store_begin_batch(
        store, &(struct store_new_batch){.number = 78, .tasks = &task, .n = 1, .wall_ms = 1}));
    ck_assert_int_eq(operator_run(conn, "SELECT credits FROM accounts WHERE day = 0"), 1);
}

TEST(again_submitted_is_a_success)
{
    static const char *const values[] = {"77", "b-1", "5"};

    write_first(store, SQL_SUBMITTED, values, ARRAY_LEN(values));
    finish(store_submitted(store, BATCH, "b-1", 5));
}

TEST(again_ended_task_has_that_end)
{
    static const char *const values[] = {
        "{t1}",   "{failed}", "{task-7}", "{lookup-failed}", "{\"\"}", "{7}", "{NULL}", "{NULL}",
        "{NULL}", "{NULL}",   "{NULL}",   "{NULL}",          "{0}",    "{0}", "{1}",    "{NULL}"};
    const struct store_end end = {
        .state = STORE_FAILED, .task_id = "task-7", .err = ERR_LOOKUP_FAILED, .wall_ms = 7};
    bool stored;

    write_first(store, SQL_END_TASKS, values, ARRAY_LEN(values));
    finish(store_end_task(store, "t1", &end, NULL, &stored));
}

static const char *const not_taken[] = {"t1", "upstream-error", STORE_NOT_TAKEN_DETAIL, "9"};
static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = 7};

TEST(again_not_taken_by_another_process_is_a_success)
{
    struct store *other = store_open_second(postgres_server_url());

    ck_assert_int_eq(store_end_batch(store, BATCH, &unknown), ERR_OK);
    write_first(other, SQL_NOT_TAKEN, not_taken, ARRAY_LEN(not_taken));
    finish(store_resolve_not_taken(other, "t1", 9));
    store_close(other);
    ck_assert_int_eq(operator_run(conn, "SELECT credits FROM accounts WHERE day = 10"), 0);
}

TEST(again_batch_whose_task_was_just_resolved_is_not_resumed)
{
    ck_assert_int_eq(store_end_batch(store, BATCH, &unknown), ERR_OK);
    write_first(store, SQL_NOT_TAKEN, not_taken, ARRAY_LEN(not_taken));
    ck_assert_int_eq(store_resolve_batch(store, BATCH, "b-1", 9), ERR_NO_ENTRY);
    pthread_join(thread, NULL);
    ck_assert_int_eq(operator_run(conn, "SELECT count(*) FROM batches WHERE state = 'over'"), 1);
}
