/* SPDX-License-Identifier: MIT */
/* test_postgres_owner.c - tests when another process may take a store in PostgreSQL over. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
}

FIXTURE(setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- a second process, which starts while the owner has no session ---- */

struct start {
    struct store *store; /* NULL = it did not become the owner */
    enum err err;
    atomic_bool has_ended;
};

static void *start_second(void *arg)
{
    struct start *second = arg;
    const struct store_options options = {.url = postgres_server_url(),
                                          .schema = store_schema(),
                                          .statement_ms = STORE_TEST_MS,
                                          .takeover_ms = STORE_TEST_MS};
    struct errmsg why;

    second->err = store_open(&options, &second->store, &why);
    atomic_store(&second->has_ended, true);
    return NULL;
}

/* Ends the session of the owner, and waits until it does not exist. */
static void end_session(PGconn *conn)
{
    operator_terminate_stores();
    while (operator_run(conn,
                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'emailsd'"))
        ;
}

/* Waits until it has looked at the owner. */
static void await_look(PGconn *conn, const struct start *second)
{
    while (!atomic_load(&second->has_ended) &&
           !operator_run(conn, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle'"
                               " AND application_name = 'emailsd'"
                               " AND query LIKE '%pg_stat_activity a%FROM leadership%'"))
        ;
}

TEST(owner_that_lost_its_session_is_not_replaced)
{
    struct start second = {.store = NULL};
    struct errmsg why;
    pthread_t thread;
    PGconn *conn = operator_session();

    operator_run(conn, "UPDATE leadership SET seen_at = seen_at - interval '1 hour'");
    end_session(conn);
    ck_assert_int_eq(pthread_create(&thread, NULL, start_second, &second), 0);
    await_look(conn, &second);
    while (!atomic_load(&second.has_ended))
        store_heartbeat(store, &why);
    pthread_join(thread, NULL);
    PQfinish(conn);
    ck_assert_int_eq(second.err, ERR_STORE_BUSY);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

/* It tries its hosts one after the other, and each may take as long as a statement. */
TEST(owner_with_several_hosts_may_be_silent_for_longer)
{
    const char *url = postgres_server_url(), *hosts = strstr(url, "host=");
    char with_more[200];
    struct store *other;
    struct errmsg why;

    snprintf(with_more, sizeof with_more, "%.*shost=/missing,/missing,%s", (int)(hosts - url), url,
             hosts + strlen("host="));
    const struct store_options options = {.url = with_more, .schema = store_schema()};
    ck_assert_msg(!store_open_shared(&options, &other, &why), "%s", why.text);
    for (int has_session = 0; has_session < 2; has_session++)
        ck_assert_int_eq(pg_takeover_ms(pg_of(other), has_session),
                         pg_takeover_ms(pg_of(store), has_session) + 2 * STORE_STATEMENT_MS);
    store_close(other);
}

/* Returns whether another role sees that the session of the owner exists. */
static bool sees_session(PGconn *conn)
{
    PGresult *rows = PQexec(conn, pg_statements[SQL_LOOK_AT_OWNER]);

    ck_assert_msg(PQresultStatus(rows) == PGRES_TUPLES_OK, "%s", PQresultErrorMessage(rows));
    bool sees = *PQgetvalue(rows, 0, 1) == 't';
    PQclear(rows);
    return sees;
}

TEST(owner_session_is_seen_by_a_role_without_privileges)
{
    PGconn *conn = operator_session();
    char role[80], sql[400];

    snprintf(role, sizeof role, "%s_other", store_schema());
    snprintf(sql, sizeof sql,
             "CREATE ROLE %s; GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON leadership TO %s;"
             "SET ROLE %s",
             role, store_schema(), role, role, role);
    operator_run(conn, sql);
    ck_assert(sees_session(conn));
    operator_terminate_stores();
    while (sees_session(conn))
        ;
    snprintf(sql, sizeof sql, "RESET ROLE; DROP OWNED BY %s; DROP ROLE %s", role, role);
    operator_run(conn, sql);
    PQfinish(conn);
}

TEST(owner_heartbeat_that_is_not_written_is_an_error)
{
    PGconn *conn = operator_session();
    struct errmsg why;

    operator_run(conn, "BEGIN");
    operator_run(conn, "SELECT 1 FROM leadership FOR SHARE");
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_link(store), STORE_CONNECTED);
    operator_run(conn, "ROLLBACK");
    PQfinish(conn);
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_OK);
}
