/* SPDX-License-Identifier: MIT */
/* test_postgres.c - tests the store in PostgreSQL beyond the promises of every store: one owner at
 * a time, and a server that is slow, restarted, or does not answer. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* A store that has lost its connection connects again, but not immediately. */
static void await_write(void)
{
    while (store_try(store, STORE_NOW_MS))
        ;
}

/* ---- one owner ---- */

static atomic_bool is_over;

static void *keep_busy(void *arg)
{
    bool paused;

    while (!atomic_load(&is_over))
        ck_assert_int_eq(store_paused(arg, &paused), ERR_OK);
    return NULL;
}

TEST(postgres_has_one_owner_at_a_time)
{
    const struct store_options options = {.url = postgres_server_url(), .schema = store_schema()};
    struct store *second = NULL;
    struct errmsg why = {""};
    pthread_t thread;

    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(pthread_create(&thread, NULL, keep_busy, store), 0);
    ck_assert_int_eq(store_open(&options, &second, &why), ERR_STORE_BUSY);
    ck_assert_ptr_nonnull(strstr(why.text, store_schema()));
    ck_assert_ptr_null(second);
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

TEST(postgres_released_by_its_owner_has_a_new_one)
{
    for (int64_t epoch = 1; epoch <= 3; epoch++) {
        store = store_open_roomy(postgres_server_url());
        ck_assert_int_eq(pg_of(store)->epoch, epoch);
        store_close(TAKE(store));
    }
}

TEST(postgres_of_a_killed_owner_has_a_new_one)
{
    int status;

    pid_t pid = fork();
    if (pid == 0) {
        store = store_open_roomy(postgres_server_url());
        store_add_batch(store, 0, 2);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(pg_of(store)->epoch, 2);
    ck_assert_uint_eq(store_look(store, 0).n_batches, 1);
}

/* After a failover that lost its claim, another owner may have the same epoch. */
static const char *const takeovers[] = {
    "UPDATE leadership SET leader = 'other', epoch = epoch + 1",
    "UPDATE leadership SET leader = 'other'",
};

LOOP_TEST(postgres_replaced_owner_reads_but_changes_nothing, takeovers)
{
    struct store_stats stats;

    store = store_open_roomy(postgres_server_url());
    store_add_batch(store, 0, 1);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    int64_t batch = store_add_batch(store, 1, 1);
    operator_run_once(takeovers[_i]);
    ck_assert_int_eq(store_submitted(store, batch, "b-1", STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_link(store), STORE_LOST);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_set_paused(store, true), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SENDING);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM settings WHERE name = 'paused'"), 0);
    store_close(TAKE(store)); /* does not release what it does not own */
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM leadership WHERE leader = 'other'"),
                     1);
}

/* ---- another process ---- */

TEST(postgres_owner_confirms_what_another_process_deleted)
{
    size_t n = 0;

    store = store_open_roomy(postgres_server_url());
    store_add_batch(store, 0, 2);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    store_end_answered(store, 1, "other.com", STORE_DAY_MS);
    struct store *other = store_open_second(postgres_server_url());
    ck_assert(!store_changes_pending(other));
    ck_assert_int_eq(store_forget_address(other, "INFO@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert(store_changes_pending(other));
    const struct store_news news = store_news_since(store, 0);
    ck_assert_uint_eq(news.n_changed, 1);
    ck_assert_mem_eq(news.changed[0], store_key_of(0), HASH_SIZE);
    ck_assert(store_changes_pending(other));
    ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
    ck_assert(!store_changes_pending(other));
    ck_assert_uint_eq(store_news_since(store, 0).n_changed, 0);
    store_close(other);
}

/* ---- faults ---- */

TEST(postgres_lost_connection_is_replaced)
{
    store = store_open_roomy(postgres_server_url());
    int64_t batch = store_add_batch(store, 0, 1);
    for (int i = 0; i < 3; i++) {
        operator_terminate_stores();
        enum err err = store_mark_not_sent(store, batch);
        ck_assert(!err || err == ERR_STORAGE_UNAVAILABLE);
        await_write();
        ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    }
    ck_assert_int_gt(pg_of(store)->epoch, 1); /* one for each connection */
}

/* As after a write whose reply was lost: the rows are fewer than those that were counted. */
TEST(postgres_rows_are_counted_again_after_a_lost_connection)
{
    store = store_open_limited(postgres_server_url(), 3, 3);
    store_add_answered(3);
    operator_run_once(
        "DELETE FROM answers WHERE key <> (SELECT key FROM answers ORDER BY key LIMIT 1)");
    operator_run_once("DELETE FROM tasks WHERE key NOT IN (SELECT key FROM answers)");
    operator_terminate_stores();
    await_write();
    store_add_batch(store, 3, 1);
    store_end_answered(store, 3, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM answers"), 2);
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM tasks"), 2);
}

TEST(postgres_statement_ends_at_its_limit)
{
    PGconn *conn = operator_session();

    store = store_open_roomy(postgres_server_url());
    pg_of(store)->wait_ms = 200;
    operator_run(conn, "BEGIN");
    operator_run(conn, "LOCK TABLE settings");
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_null(pg_of(store)->conn);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
    pg_of(store)->wait_ms = STORE_TEST_MS;
    await_write();
}

TEST(postgres_owner_in_service_waits_for_a_shorter_time)
{
    const struct store_options options = {.url = postgres_server_url(), .schema = store_schema()};
    struct store *reader = NULL;
    struct errmsg why;

    ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
    ck_assert_int_eq(pg_of(store)->wait_ms, PG_FIRST_MS);
    ck_assert_msg(!store_open_reader(store, &reader, &why), "%s", why.text);
    ck_assert_int_eq(pg_of(store)->wait_ms, STORE_STATEMENT_MS);
    store_close(reader);
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_OK);
    ck_assert_int_eq(pg_of(store)->wait_ms, STORE_STATEMENT_MS);
    ck_assert_int_eq(pg_of(store)->connect_ms, STORE_STATEMENT_MS);
}

#define SLOW_COUNT                                                                                 \
    "ALTER TABLE tasks RENAME TO stored;"                                                          \
    "CREATE VIEW tasks AS SELECT ctid, * FROM stored WHERE CASE WHEN current_query() LIKE"         \
    " 'SELECT count(*)%FROM tasks%' THEN pg_sleep(600) IS NOT NULL ELSE true END"

/* The second one of them counts no more. */
TEST(postgres_count_that_takes_long_keeps_the_connection_and_the_limit)
{
    store = store_open_limited(postgres_server_url(), 2, 1000);
    store_add_answered(2);
    operator_run_once(SLOW_COUNT);
    pg_of(store)->wait_ms = STORE_STATEMENT_MS;
    pg_of(store)->must_count = true;
    int session = PQbackendPID(pg_of(store)->conn);
    for (size_t i = 2; i < 4; i++) {
        store_add_batch(store, i, 1);
        store_end_answered(store, i, "milvali.com", STORE_DAY_MS);
        ck_assert_int_eq(PQbackendPID(pg_of(store)->conn), session);
        ck_assert_int_eq(operator_run_once("SELECT count(*) FROM answers"), 2);
        ck_assert(pg_of(store)->must_count);
    }
    ck_assert_int_eq(pg_run(pg_of(store), "SELECT pg_sleep(1.2)", NULL, NULL), ERR_OK);
}

/* `emailsd forget`, for example, takes long. The second limit exists in PostgreSQL 17. */
TEST(postgres_limits_of_the_role_are_not_those_of_the_store)
{
    PGconn *conn = operator_session();

    operator_run(conn, "ALTER ROLE postgres SET statement_timeout = '1s'");
    if (operator_run(conn, "SELECT count(*) FROM pg_settings WHERE name = 'transaction_timeout'"))
        operator_run(conn, "ALTER ROLE postgres SET transaction_timeout = '1s'");
    store = store_open_roomy(postgres_server_url());
    operator_run(conn, "ALTER ROLE postgres RESET ALL");
    PQfinish(conn);
    ck_assert_int_eq(pg_run(pg_of(store), "SELECT pg_sleep(1.2)", NULL, NULL), ERR_OK);
}

/* The lock would be an unknown outcome at the limit of the statement. */
TEST(postgres_locked_row_is_an_error_and_not_a_lost_connection)
{
    PGconn *conn = operator_session();

    store = store_open_roomy(postgres_server_url());
    operator_run(conn, "BEGIN");
    operator_run(conn, "LOCK TABLE settings");
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(pg_of(store)->conn);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

TEST(postgres_read_only_server_is_unavailable)
{
    PGconn *conn = operator_session();

    store = store_open_roomy(postgres_server_url());
    operator_run(conn, "ALTER ROLE postgres SET default_transaction_read_only = on");
    operator_terminate_stores();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    operator_run(conn, "ALTER ROLE postgres RESET default_transaction_read_only");
    PQfinish(conn);
    await_write();
}

/* A pooler that gives a transaction another session. */
TEST(postgres_session_of_another_client_is_not_used)
{
    bool paused;

    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(pg_run(pg_of(store), "SET emailsd.owner = ''", NULL, NULL), ERR_OK);
    pg_of(store)->heartbeat_ms = 0;
    ck_assert_int_eq(store_paused(store, &paused), ERR_STORAGE_UNAVAILABLE);
    await_write();
}

/* What another emailsd has prepared, whose session a pooler has passed on. */
TEST(postgres_session_with_statements_of_another_client_is_not_used)
{
    char sql[120];

    store = store_open_roomy(postgres_server_url());
    int64_t batch = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    snprintf(sql, sizeof sql,
             "DEALLOCATE ALL; PREPARE s%d(bigint, bigint) AS SELECT 1::bigint, 1 + 0 * ($1 + $2)",
             SQL_NOT_SENT);
    ck_assert_int_eq(pg_run(pg_of(store), sql, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_STORAGE_UNAVAILABLE);
    await_write();
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
}

static void set_standby(const char *name)
{
    char sql[80];

    snprintf(sql, sizeof sql, "ALTER SYSTEM SET synchronous_standby_names = '%s'", name);
    operator_run_once(sql);
    operator_run_once("SELECT pg_reload_conf()");
}

/* The server reads its new configuration at some time after the request. */
static void *write_until_it_fails(void *arg)
{
    enum err *err = arg;

    do
        *err = store_set_paused(store, true);
    while (!*err);
    atomic_store(&is_over, true);
    return NULL;
}

TEST(postgres_commit_that_did_not_wait_for_the_standby_is_not_relied_on)
{
    enum err err = ERR_OK;
    bool paused;
    pthread_t thread;

    store = store_open_roomy(postgres_server_url());
    set_standby("nowhere");
    ck_assert_int_eq(pthread_create(&thread, NULL, write_until_it_fails, &err), 0);
    while (!atomic_load(&is_over)) /* also of a heartbeat, whose failure is not that of the write */
        operator_run_once("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity"
                          " WHERE wait_event = 'SyncRep'");
    pthread_join(thread, NULL);
    set_standby("");
    ck_assert_int_eq(err, ERR_STORAGE_UNAVAILABLE);
    await_write();
    ck_assert_int_eq(store_paused(store, &paused), ERR_OK);
    ck_assert(paused); /* but it was made */
}

TEST(postgres_rejected_value_is_an_internal_error)
{
    const struct store_task task = {.tracking_id = "\xff",
                                    .lookup_id = "",
                                    .key = store_key_of(0),
                                    .parts = {"", "", "", "", ""},
                                    .client = ""};

    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(
        store_begin_batch(store, &(struct store_new_batch){.number = 1, .tasks = &task, .n = 1}),
        ERR_INTERNAL);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}
