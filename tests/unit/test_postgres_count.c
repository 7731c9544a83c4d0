/* SPDX-License-Identifier: MIT */
/* test_postgres_count.c - tests what an owner of a store in PostgreSQL does with its tables before
 * its service: each statement is short, however large they are. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* Makes the tables. */
static void prepare(void)
{
    store = store_open_roomy(postgres_server_url());
    store_close(TAKE(store));
}

/* ---- parts of a table ---- */

/* One row on each page. */
#define FILL                                                                                       \
    "ALTER TABLE answers SET (fillfactor = 10);"                                                   \
    "INSERT INTO answers SELECT sha256(i::text::bytea), '', repeat('x', 1500), '', '', 'no', 0,"   \
    " 4000000000000 FROM generate_series(1, 1500) i"
#define FILL_TASKS                                                                                 \
    "ALTER TABLE tasks SET (fillfactor = 10);"                                                     \
    "INSERT INTO batches(number, state, intended_ms) VALUES (1, 'over', 0);"                       \
    "INSERT INTO tasks SELECT i::text, 1, 0, '', sha256(''), repeat('x', 1500), '', '', '', '',"   \
    " '', 0, CASE WHEN i % 2 = 0 THEN 'answered' END, '', '', '', i FROM generate_series(1, 600) " \
    "i"

TEST(count_of_tables_with_many_pages_is_exact)
{
    prepare();
    operator_run_once(FILL);
    operator_run_once(FILL_TASKS);
    ck_assert_int_eq(operator_run_once("SELECT pg_relation_size('answers') / 8192"), 1500);
    ck_assert_int_eq(operator_run_once("SELECT pg_relation_size('tasks') / 8192"), 600);
    store = store_open_limited(postgres_server_url(), 1500, 300);
    ck_assert_int_eq(pg_of(store)->n_answers, 1500);
    ck_assert_int_eq(pg_of(store)->n_ended, 300);
    ck_assert(!pg_of(store)->must_count);
}

static const enum sql counts[] = {SQL_COUNT_ANSWERS, SQL_COUNT_ENDED};

/* As the server executes a statement that it has prepared, and whose parameters it does not
 * consider. */
LOOP_TEST(count_reads_only_its_part_of_the_table, counts)
{
    char sql[500];

    prepare();
    PGconn *conn = operator_session();
    operator_run(conn, FILL);
    operator_run(conn, FILL_TASKS);
    operator_run(conn, "SET plan_cache_mode = force_generic_plan");
    snprintf(sql, sizeof sql, "PREPARE count(bigint, bigint) AS %s", pg_statements[counts[_i]]);
    operator_run(conn, sql);
    PGresult *plan = PQexec(conn, "EXPLAIN (FORMAT json) EXECUTE count(0, 512)");
    ck_assert_msg(PQresultStatus(plan) == PGRES_TUPLES_OK, "%s", PQresultErrorMessage(plan));
    ck_assert_ptr_nonnull(strstr(PQgetvalue(plan, 0, 0), "Tid Range Scan"));
    PQclear(plan);
    PQfinish(conn);
}

/* ---- a count without a reply ---- */

#define SILENT_COUNT                                                                               \
    "ALTER TABLE answers RENAME TO stored;"                                                        \
    "CREATE VIEW answers AS SELECT ctid, * FROM stored WHERE CASE WHEN current_query() LIKE"       \
    " 'SELECT count(*)%' THEN pg_sleep(600) IS NOT NULL ELSE true END;"                            \
    "INSERT INTO stored VALUES (sha256(''), '', '', '', '', 'no', 0, 0)"

TEST(count_without_a_reply_ends_the_attempt_at_the_limit_of_a_statement)
{
    const struct store_options options = {.url = postgres_server_url(),
                                          .schema = store_schema(),
                                          .statement_ms = STORE_STATEMENT_MS,
                                          .max_answers = 1000,
                                          .max_ended = 1000};
    struct errmsg why = {""};

    prepare();
    operator_run_once(SILENT_COUNT);
    ck_assert_int_eq(store_open(&options, &store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_str_eq(why.text, "PostgreSQL: cannot count the rows");
    operator_terminate_stores();
}

/* ---- changes for an earlier owner ---- */

/* More than one statement deletes. */
TEST(changes_for_an_earlier_owner_are_discarded_however_many)
{
    prepare();
    operator_run_once("INSERT INTO forgotten SELECT i, NULL FROM generate_series(1, 25000) i");
    store = store_open_roomy(postgres_server_url());
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM forgotten"), 0);
}
