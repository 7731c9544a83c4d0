/* SPDX-License-Identifier: MIT */
/* test_postgres_reader.c - tests the second connection of the owner, which only reads, and the
 * heartbeat that the first one needs because of it. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "store/postgres/postgres.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <libpq-fe.h>
#include <stdio.h>

static struct store *reader;
static int64_t batch;
static struct errmsg why;

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(postgres_server_url());
    batch = store_add_batch(store, 0, 10);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_msg(!store_open_reader(store, &reader, &why), "%s", why.text);
}

static void teardown(void)
{
    store_close(TAKE(reader));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);
BEFORE_TESTS(postgres_server_start);

/* Runs a statement in a session of the operator; returns its value. */
static bool is_true(const char *sql)
{
    char path[80];
    PGconn *conn = PQconnectdb(postgres_server_url());

    snprintf(path, sizeof path, "SET search_path = %s", store_schema());
    PQclear(PQexec(conn, path));
    PGresult *rows = PQexec(conn, sql);
    bool has_rows = PQresultStatus(rows) == PGRES_TUPLES_OK && PQntuples(rows) > 0;
    ck_assert_msg(has_rows || PQresultStatus(rows) == PGRES_COMMAND_OK, "%s", PQerrorMessage(conn));
    bool value = has_rows && *PQgetvalue(rows, 0, 0) == 't';
    PQclear(rows);
    PQfinish(conn);
    return value;
}

TEST(postgres_reader_finds_what_is_committed)
{
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_eq(store_kept(reader, 1), ERR_NO_ENTRY);
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_kept(reader, 1), ERR_OK);
}

TEST(postgres_reader_does_not_write)
{
    ck_assert_int_eq(store_mark_not_sent(reader, batch), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_try(reader, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SENDING);
}

TEST(postgres_reader_reads_the_news_that_the_owner_confirms)
{
    struct store *second = store_open_second(postgres_server_url());

    ck_assert_int_eq(store_forget_key(second, store_key_of(0)), ERR_OK);
    const struct store_news news = store_news_since(reader, 0);
    ck_assert_uint_eq(news.n_changed, 1);
    ck_assert(store_changes_pending(second));
    ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
    ck_assert(!store_changes_pending(second));
    store_close(second);
}

TEST(postgres_reader_that_is_closed_leaves_the_store_to_the_owner)
{
    store_close(TAKE(reader));
    ck_assert_int_eq(store_mark_not_sent(store, batch), ERR_OK);
    ck_assert_int_eq(pg_of(store)->epoch, 1);
}

/* After a failover, the server of the reader may go on for some time. */
TEST(postgres_reader_connects_again_after_its_owner)
{
    char sql[80];
    int owner_pid = PQbackendPID(pg_of(store)->conn), pid = PQbackendPID(pg_of(reader)->conn);

    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", owner_pid);
    ck_assert(is_true(sql));
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_eq(PQbackendPID(pg_of(reader)->conn), pid);
    while (store_try(store, STORE_NOW_MS))
        ;
    ck_assert_int_ne(PQbackendPID(pg_of(store)->conn), owner_pid);
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_ne(PQbackendPID(pg_of(reader)->conn), pid);
}

/* ---- the heartbeat ---- */

#define IS_OLD   "SELECT seen_at < now() - interval '1 hour' FROM leadership"
#define MAKE_OLD "UPDATE leadership SET seen_at = now() - interval '2 hours'"

/* Else an owner with nothing to write would be replaced while its reader reads. */
TEST(postgres_owner_sends_heartbeats_and_its_reader_does_not)
{
    is_true(MAKE_OLD);
    pg_of(reader)->heartbeat_ms = 0;
    store_news_since(reader, 0);
    ck_assert(is_true(IS_OLD));
    ck_assert(store_needs_heartbeat(store));
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_OK);
    ck_assert(!is_true(IS_OLD));
    is_true(MAKE_OLD);
    ck_assert_int_eq(store_heartbeat(store, &why), ERR_OK); /* also in the same second */
    ck_assert(!is_true(IS_OLD));
}

TEST(postgres_owner_learns_by_its_heartbeat_that_it_was_replaced)
{
    is_true("UPDATE leadership SET epoch = epoch + 1, leader = 'other'");
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(store_heartbeat(store, &why), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
}
