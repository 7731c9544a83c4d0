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
