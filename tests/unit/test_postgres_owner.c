/* SPDX-License-Identifier: MIT */
/* test_postgres_owner.c - tests when another process may take a store in PostgreSQL over. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
}

FIXTURE(setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* Longer than between two heartbeats: the one that fails, the pause, and the next one. With two
 * more hosts in front of the server that do not answer, the attempts to connect to them too. */
#define GAP_MS        2000
#define MORE_HOSTS_MS 4000

static void *connect_later(void *arg)
{
    const int *gap_ms = arg;
    struct errmsg why;

    poll(NULL, 0, *gap_ms);
    while (store_heartbeat(store, &why))
        ;
    return NULL;
}

/* The owner connects again after `gap_ms`, and a process with that URL starts meanwhile. */
static void expect_owner_stays(int gap_ms, const char *url)
{
    const struct store_options options = {.url = url, .schema = store_schema()};
    struct store *second = NULL;
    struct errmsg why;
    pthread_t thread;

    operator_run_once("UPDATE leadership SET seen_at = seen_at - interval '1 hour'");
    operator_terminate_stores();
    ck_assert_int_eq(pthread_create(&thread, NULL, connect_later, &gap_ms), 0);
    ck_assert_int_eq(store_open(&options, &second, &why), ERR_STORE_BUSY);
    pthread_join(thread, NULL);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

TEST(owner_that_lost_its_session_is_not_replaced)
{
    expect_owner_stays(GAP_MS, postgres_server_url());
}

TEST(owner_that_connects_to_the_last_of_its_hosts_is_not_replaced)
{
    const char *url = postgres_server_url(), *hosts = strstr(url, "host=");
    char with_more[200];

    snprintf(with_more, sizeof with_more, "%.*shost=/missing,/missing,%s", (int)(hosts - url), url,
             hosts + strlen("host="));
    expect_owner_stays(GAP_MS + MORE_HOSTS_MS, with_more);
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
