/* SPDX-License-Identifier: MIT */
/* test_postgres_shared.c - tests that the owner of a store in PostgreSQL and another process do not
 * wait for each other. */
#include "base/errmsg.h"
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <pthread.h>

static struct store *other;

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
    other = store_open_second(postgres_server_url());
}

static void teardown(void)
{
    store_close(TAKE(other));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);
BEFORE_TESTS(postgres_server_start);

/* As while the server's own VACUUM, or an ANALYZE, is in progress. */
TEST(shared_process_deletes_an_address_while_a_table_cannot_be_vacuumed)
{
    PGconn *conn = operator_session();
    size_t n = 0;

    store_add_answered(1);
    operator_run(conn, "BEGIN");
    operator_run(conn, "LOCK answers IN SHARE UPDATE EXCLUSIVE MODE");
    ck_assert_int_eq(store_forget_address(other, "info@other.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
}

/* As while the owner's heartbeat waits for the disk. */
TEST(shared_process_writes_while_the_row_of_the_owner_is_locked)
{
    PGconn *conn = operator_session();
    size_t n;

    operator_run(conn, "BEGIN");
    operator_run(conn, "UPDATE leadership SET seen_at = seen_at");
    ck_assert_int_eq(store_set_paused(other, true), ERR_OK);
    ck_assert_int_eq(store_forget_key(other, store_key_of(0)), ERR_OK);
    ck_assert_int_eq(store_forget_address(other, "info@milvali.com", &n), ERR_OK);
    ck_assert_int_eq(store_set_paused(store, true), ERR_STORAGE_UNAVAILABLE);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
}

static int64_t last_heartbeat(void)
{
    return operator_run_once("SELECT (extract(epoch FROM seen_at) * 1000000)::bigint"
                             " FROM leadership");
}

static void *pause_other(void *arg)
{
    enum err *err = arg;

    *err = store_set_paused(other, false);
    return NULL;
}

/* A write of another process that takes long, here because it waits for a row. */
TEST(shared_owner_sends_heartbeats_while_another_process_writes)
{
    PGconn *conn = operator_session();
    enum err err = ERR_INTERNAL;
    struct errmsg why;
    pthread_t thread;

    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    ck_assert_int_eq(pg_run(pg_of(other), "SET lock_timeout = 0", NULL, NULL), ERR_OK);
    operator_run(conn, "BEGIN");
    operator_run(conn, "UPDATE settings SET value = value");
    ck_assert_int_eq(pthread_create(&thread, NULL, pause_other, &err), 0);
    while (
        !operator_run_once("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        ;
    int64_t before = last_heartbeat();
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_OK);
    ck_assert_int_gt(last_heartbeat(), before);
    ck_assert_int_eq(store_forget_key(store, store_key_of(0)), ERR_OK);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
    pthread_join(thread, NULL);
    ck_assert_int_eq(err, ERR_OK);
}
