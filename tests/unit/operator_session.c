/* SPDX-License-Identifier: MIT */
/* operator_session.c - see operator_session.h. */
#include "tests/unit/operator_session.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/unit/store_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

PGconn *operator_session(void)
{
    char settings[120];
    PGconn *conn = PQconnectdb(postgres_server_url());

    snprintf(settings, sizeof settings, "SET search_path = %s; SET client_min_messages = warning",
             store_schema());
    ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
    PQclear(PQexec(conn, settings));
    return conn;
}

int64_t operator_run(PGconn *conn, const char *sql)
{
    PGresult *rows = PQexec(conn, sql);
    bool has_rows = PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) > 0;

    ck_assert_msg(has_rows || PQresultStatus(rows) == PGRES_COMMAND_OK, "%s: %s", sql,
                  PQresultErrorMessage(rows));
    int64_t value = has_rows ? strtoll(PQgetvalue(rows, 0, 0), NULL, 10) : 0;
    PQclear(rows);
    return value;
}

#define MAX_VALUES 20

void operator_hold(PGconn *conn, const char *statement, const char *const *values, size_t n)
{
    char epoch[24], owner[80];
    const char *all[MAX_VALUES] = {epoch};

    ck_assert_uint_lt(n, MAX_VALUES);
    for (size_t i = 0; i < n; i++)
        all[i + 1] = values[i];
    snprintf(epoch, sizeof epoch, "%lld", (long long)pg_of(store)->epoch);
    snprintf(owner, sizeof owner, "SET emailsd.owner = '%s'", pg_of(store)->id);
    operator_run(conn, owner);
    operator_run(conn, "BEGIN");
    PGresult *rows = PQexecParams(conn, statement, (int)n + 1, NULL, all, NULL, NULL, 0);
    ck_assert_msg(PQresultStatus(rows) == PGRES_TUPLES_OK, "%s", PQerrorMessage(conn));
    ck_assert_str_ne(PQgetvalue(rows, 0, 1), "0");
    PQclear(rows);
}

int64_t operator_run_once(const char *sql)
{
    PGconn *conn = operator_session();
    int64_t value = operator_run(conn, sql);

    PQfinish(conn);
    return value;
}

void operator_terminate_stores(void)
{
    operator_run_once("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                      " WHERE application_name = 'emailsd'");
}
