/* SPDX-License-Identifier: MIT */
/* test_postgres_ends.c - tests that tasks which end together are one statement in PostgreSQL, and
 * what becomes of all of them if it fails. test_store_groups.c compares their outcomes. */
#include "base/mem.h"
#include "tests/unit/operator_session.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <stdio.h>

#define TASKS 100

static struct store_end how[TASKS];
static struct store_task_end ends[TASKS];
static int64_t batch;

/* Tasks that were answered, each with a result of its own. */
static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
    batch = store_add_batch(store, 0, TASKS);
    for (size_t i = 0; i < TASKS; i++) {
        how[i] = (struct store_end){.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
        ends[i] = (struct store_task_end){.tracking_id = store_tracking_id(i),
                                          .end = &how[i],
                                          .keep = store_answer(i, "milvali.com", STORE_DAY_MS)};
    }
}

static void teardown(void)
{
    for (size_t i = 0; i < TASKS; i++)
        result_unref(ends[i].keep);
    store_fixture_teardown();
}

FIXTURE(setup, teardown);
BEFORE_TESTS(postgres_server_start);

static int64_t n_transactions(void)
{
    return operator_run_once("SELECT pg_current_xact_id()");
}

/* The server itself may write a few times in the meantime. */
TEST(ends_of_many_tasks_are_one_transaction)
{
    size_t n = 0;
    int64_t before = n_transactions();

    ck_assert_int_eq(store_end_tasks(store, ends, TASKS, &n), ERR_OK);
    ck_assert_int_lt(n_transactions() - before, TASKS / 2);
    ck_assert_uint_eq(n, TASKS);
    for (size_t i = 0; i < TASKS; i++) {
        ck_assert_int_eq(ends[i].err, ERR_OK);
        ck_assert(ends[i].stored);
        ck_assert_int_eq(store_kept(store, i), ERR_OK);
    }
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
}

/* A plan for each number of tasks would take longer than the statement. */
TEST(ends_have_one_plan)
{
    autorows PGresult *rows = NULL;
    size_t n = 0;

    for (size_t i = 0; i < 10; i++)
        ck_assert_int_eq(store_end_tasks(store, ends + i, 1, &n), ERR_OK);
    ck_assert_int_eq(store_end_tasks(store, ends + 10, 40, &n), ERR_OK);
    ck_assert_uint_eq(n, 40);
    ck_assert_int_eq(pg_run(pg_of(store),
                            "SELECT generic_plans::text FROM pg_prepared_statements"
                            " WHERE statement LIKE '%unnest((SELECT%'",
                            &rows, NULL),
                     ERR_OK);
    ck_assert_int_eq(PQntuples(rows), 1);
    ck_assert_str_eq(pg_text(rows, 0, 0), "6");
}

static void check_nothing_changed(void)
{
    ck_assert_uint_eq(store_look(store, batch).n_open, TASKS);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
}

TEST(ends_with_a_rejected_value_change_nothing)
{
    size_t n = 0;

    how[50].detail = "\xff";
    ck_assert_int_eq(store_end_tasks(store, ends, TASKS, &n), ERR_INTERNAL);
    check_nothing_changed();
}

TEST(ends_of_a_replaced_owner_change_nothing)
{
    size_t n = 0;

    operator_run_once("UPDATE leadership SET epoch = epoch + 1, leader = 'other'");
    ck_assert_int_eq(store_end_tasks(store, ends, TASKS, &n), ERR_STORAGE_UNAVAILABLE);
    check_nothing_changed();
}

TEST(ends_without_a_connection_fail_and_can_be_repeated)
{
    size_t n = 0;

    operator_terminate_stores();
    ck_assert_int_eq(store_end_tasks(store, ends, TASKS, &n), ERR_STORAGE_UNAVAILABLE);
    while (store_end_tasks(store, ends, TASKS, &n))
        ;
    ck_assert_uint_eq(n, TASKS);
    ck_assert_int_eq(store_end_tasks(store, ends, TASKS, &n), ERR_OK);
    for (size_t i = 0; i < TASKS; i++)
        ck_assert_int_eq(ends[i].err, ERR_OK);
    ck_assert_int_eq(pg_of(store)->n_ended, TASKS);
    ck_assert_int_eq(pg_of(store)->n_answers, TASKS);
}

TEST(ends_with_many_bytes_are_several_statements)
{
    static const char bytes[STORE_RAW_MAX + 1] = "{";
    size_t n_statements = 0, n = 0;

    for (size_t i = 0; i < TASKS; i++)
        how[i] = (struct store_end){.state = STORE_UNKNOWN, .raw = bytes, .raw_len = sizeof bytes};
    for (size_t i = 0; i < TASKS; i += n, n_statements++)
        ck_assert_int_eq(store_end_tasks(store, ends + i, TASKS - i, &n), ERR_OK);
    ck_assert_uint_ge(n_statements, 5);
    ck_assert_uint_le(n_statements, 10);
    ck_assert_int_eq(operator_run_once("SELECT sum(length(body)) FROM raw_results"),
                     TASKS * STORE_RAW_MAX);
}

/* A second statement after each end would double its time. */
TEST(ends_beyond_the_limits_delete_more_than_one_row)
{
    struct pg_store *s = pg_of(store);

    s->max_ended = s->max_answers = 300;
    for (size_t i = 0; i < 301; i++) {
        store_add_batch(store, TASKS + i, 1);
        store_end_answered(store, TASKS + i, "milvali.com", STORE_DAY_MS + (int64_t)i);
    }
    ck_assert_int_eq(s->n_ended, 297);
    ck_assert_int_eq(s->n_answers, 297);
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM tasks WHERE outcome IS NOT NULL"),
                     297);
    ck_assert_int_eq(operator_run_once("SELECT count(*) FROM answers"), 297);
    ck_assert_int_eq(store_kept(store, TASKS + 3), ERR_NO_ENTRY);
    ck_assert_int_eq(store_kept(store, TASKS + 4), ERR_OK);
}
