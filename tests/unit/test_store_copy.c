/* SPDX-License-Identifier: MIT */
/* test_store_copy.c - tests the copy of a store into another one, between all drivers. */
#include "base/mem.h"
#include "tests/unit/store_batches.h"

#include "store/copy.h"
#include "store/driver.h"
#include "store/tables.h"
#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"
#include <check.h>
#include <libpq-fe.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 100000

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

/* ---- statements of the test ---- */

/* `url` begins with "sqlite:". */
static void run_sqlite(const char *url, const char *sql)
{
    sqlite3 *db;
    char *words = NULL;

    ck_assert_int_eq(sqlite3_open(strchr(url, ':') + 1, &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &words) == SQLITE_OK, "%s", words);
    sqlite3_close(db);
}

static void run_postgres(const char *sql)
{
    PGconn *conn = PQconnectdb(postgres_server_url());
    PGresult *done = PQexec(conn, sql);

    ck_assert_msg(PQresultStatus(done) == PGRES_COMMAND_OK, "%s", PQresultErrorMessage(done));
    PQclear(done);
    PQfinish(conn);
}

/* ---- two stores ---- */

/* Where a copy leads from and to; the schemas or paths differ. */
static const struct pair {
    int from, to;
} pairs[] = {
    {IN_FILE, IN_POSTGRES}, {IN_POSTGRES, IN_FILE}, {IN_FILE, IN_FILE}, {IN_POSTGRES, IN_POSTGRES}};

static struct store_options options_of(int which)
{
    return (struct store_options){.url = store_url_of(which), .schema = store_schema()};
}

/* Another place of the same kind. */
static struct store_options other_of(int which)
{
    static char url[160], schema[80];

    snprintf(url, sizeof url, "sqlite:%s/copy.db", store_folder());
    snprintf(schema, sizeof schema, "%s_copy", store_schema());
    return (struct store_options){.url = which == IN_FILE ? url : store_url_of(which),
                                  .schema = schema};
}

static void reopen(struct store_options options)
{
    struct errmsg why = {""};

    store_close(TAKE(store));
    options.max_answers = options.max_ended = 1000;
    options.statement_ms = STORE_TEST_MS;
    ck_assert_msg(!store_open(&options, &store, &why), "%s", why.text);
}

static struct store_copied copy_from(const struct store_options *from,
                                     const struct store_options *to)
{
    struct store_copied copied;
    struct errmsg why = {""};

    ck_assert_msg(!store_copy_all(from, to, &copied, &why), "%s", why.text);
    return copied;
}

static void expect_error(const struct store_options *from, const struct store_options *to,
                         enum err expected, const char *words)
{
    struct store_copied copied;
    struct errmsg why = {""};

    ck_assert_int_eq(store_copy_all(from, to, &copied, &why), expected);
    ck_assert_msg(strstr(why.text, words) != NULL, "%s", why.text);
}

/* ---- content ---- */

/* Adds to the batches what is special in text and bytes, and each kind of result and record. */
static void add_the_rest(void)
{
    const struct store_task task = store_task_of(13);
    struct store_end lost = store_unknown, raw = store_unknown;
    const struct result *failure =
        result_new_failure(store_key_of(15), ERR_LOOKUP_FAILED,
                           "tab\t, line\n, back\\slash \\N \"'", CHARGED_YES, STORE_NOW_MS, 1000);

    store_add(store, (struct store_new_batch){.number = NEW,
                                              .tasks = &task,
                                              .n = 1,
                                              .notify_token = "token",
                                              .wall_ms = STORE_NOW_MS});
    lost.raw = "\0\1\\\n\xff answer";
    lost.raw_len = 12;
    ck_assert_int_eq(store_end_batch(store, NEW, &lost), ERR_OK);
    ck_assert_int_eq(store_split_off(RESTING, HALF, 2, 2), ERR_OK);
    ck_assert_int_eq(store_answer_task(5), ERR_OK);
    store_add_batch(store, 14, 3);
    raw.raw = "\0\\x00\t\r\n\x80";
    raw.raw_len = 9;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(14), &raw, NULL, NULL), ERR_OK);
    store_fail_task(15, STORE_NOW_MS, failure);
    result_unref(failure);
    ck_assert_int_eq(store_propose_batch(store, store_tracking_id(7), "proposed"), ERR_OK);
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
}

LOOP_TEST(copy_has_all_that_the_store_reports, pairs)
{
    const struct store_options from = options_of(pairs[_i].from), to = other_of(pairs[_i].to);

    store_open_with_batches(pairs[_i].from);
    add_the_rest();
    autofree char *before = store_dump();
    store_close(TAKE(store));
    struct store_copied copied = copy_from(&from, &to);
    ck_assert_int_eq(copied.rows[STORE_BATCHES], 11);
    ck_assert_int_eq(copied.rows[STORE_TASKS], 17);
    ck_assert_int_eq(copied.rows[STORE_ANSWERS], 2);
    ck_assert_int_eq(copied.rows[STORE_RAW_RESULTS], 2);
    ck_assert_int_eq(copied.rows[STORE_PROPOSALS], 1);
    ck_assert_int_eq(copied.rows[STORE_SETTINGS], 2);
    ck_assert_int_eq(copied.credits, 18); /* two tasks were sent twice, one was refunded */
    reopen(to);
    autofree char *now = store_dump();
    store_assert_same("the copy", now, before);
    reopen(from);
    autofree char *after = store_dump();
    store_assert_same("the original", after, before);
}

LOOP_TEST(copy_is_a_store_that_continues, pairs)
{
    const struct store_options from = options_of(pairs[_i].from), to = other_of(pairs[_i].to);

    store_open_with_batches(pairs[_i].from);
    store_close(TAKE(store));
    copy_from(&from, &to);
    reopen(to);
    ck_assert_int_eq(store_submitted(store, SENDING, "b-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_split_off(RESTING, HALF, 3, 2), ERR_OK);
    ck_assert_int_eq(store_answer_task(5), ERR_OK);
    ck_assert_int_eq(store_resolve_not_taken(store, store_tracking_id(7), STORE_NOW_MS), ERR_OK);
    struct store_end raw = store_unknown;
    raw.raw = "{}";
    raw.raw_len = 2;
    ck_assert_int_eq(store_end_task(store, store_tracking_id(6), &raw, NULL, NULL), ERR_OK);
}

/* ---- many rows ---- */

TEST(copy_of_many_results_is_complete)
{
    const struct store_options from = options_of(IN_FILE), to = other_of(IN_POSTGRES);
    const struct store_options back = other_of(IN_FILE);
    char sql[512];

    store_close(store_open_roomy(store_url()));
    snprintf(sql, sizeof sql,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO answers SELECT randomblob(32), 'd' || i || '.com', '{\"emails\":[]}', "
             "'', '', 'yes', i, i * 2 FROM n",
             MANY);
    run_sqlite(store_url(), sql);
    ck_assert_int_eq(copy_from(&from, &to).rows[STORE_ANSWERS], MANY);
    ck_assert_int_eq(copy_from(&to, &back).rows[STORE_ANSWERS], MANY);
}

/* ---- errors ---- */

RANGE_TEST(copy_into_a_store_with_content_changes_nothing, IN_FILE, STORES)
{
    const struct store_options from = options_of(_i), to = other_of(_i);

    reopen(to);
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK); /* no batch, no result */
    store_close(TAKE(store));
    store_open_with_batches(_i);
    store_close(TAKE(store));
    expect_error(&from, &to, ERR_STORE_REFUSED, "TO: the store is not empty: it has settings");
    expect_error(&from, &from, ERR_STORE_REFUSED, "TO: the store is not empty");
    reopen(to);
    struct store_stats stats;
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.batches[STORE_SENDING], 0);
}

RANGE_TEST(copy_from_no_store_creates_nothing, IN_FILE, STORES)
{
    const struct store_options from = options_of(_i), to = other_of(_i);
    struct store *none = NULL;
    struct errmsg why;

    expect_error(&from, &to, ERR_NO_ENTRY, "FROM: ");
    ck_assert_int_eq(store_open_shared(&from, &none, &why), ERR_NO_ENTRY);
    ck_assert_int_eq(store_open_shared(&to, &none, &why), ERR_NO_ENTRY);
}

TEST(copy_of_a_store_in_use_is_rejected)
{
    const struct store_options file = options_of(IN_FILE), other = other_of(IN_FILE);

    store = store_open_roomy(store_url());
    expect_error(&file, &other, ERR_STORE_BUSY, "FROM: ");
    store_close(TAKE(store));
    reopen(other);
    expect_error(&file, &other, ERR_STORE_BUSY, "TO: ");
}

TEST(copy_to_memory_is_rejected)
{
    const struct store_options from = options_of(IN_FILE), to = {.url = "memory:"};

    store_close(store_open_roomy(store_url()));
    expect_error(&from, &to, ERR_STORE_REFUSED, "TO: 'memory:' ends with this command");
    expect_error(&to, &from, ERR_NO_ENTRY, "FROM: memory: is not accessible");
}

/* Makes the other store reject the last row that is copied. */
static void spoil(int which)
{
    char sql[200];

    reopen(other_of(which));
    store_close(TAKE(store));
    snprintf(sql, sizeof sql, "ALTER TABLE %s_copy.proposals ADD CHECK(batch_id = '')",
             store_schema());
    if (which == IN_POSTGRES)
        run_postgres(sql);
    else
        run_sqlite(other_of(IN_FILE).url, "CREATE TRIGGER spoil BEFORE INSERT ON proposals BEGIN"
                                          " SELECT raise(ABORT, 'spoiled'); END");
}

RANGE_TEST(copy_that_fails_leaves_nothing, IN_FILE, STORES)
{
    const struct store_options from = options_of(IN_FILE), to = other_of(_i);
    struct store_stats stats;
    int64_t day = 0;

    store_open_with_batches(IN_FILE);
    add_the_rest();
    store_close(TAKE(store));
    spoil(_i);
    expect_error(&from, &to, ERR_INTERNAL, "TO: ");
    reopen(to);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.batches[STORE_SENDING] + stats.found + stats.raw, 0);
    ck_assert_int_eq(store_last_day(store, &day), ERR_OK);
    ck_assert_int_eq(day, INT64_MIN);
}

/* ---- while it runs ---- */

TEST(copy_keeps_other_processes_from_writing)
{
    struct errmsg why = {""};
    bool paused = true;

    store = store_open_roomy(postgres_server_url());
    struct store *other = store_open_second(postgres_server_url());
    const struct store_copier *copier = store->driver->copier;
    ck_assert_msg(!copier->begin(store, &why), "%s", why.text);
    ck_assert_int_eq(store_set_paused(other, true), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(copier->end(store, false, &why), ERR_OK);
    ck_assert_int_eq(store_paused(other, &paused), ERR_OK);
    ck_assert(!paused);
    ck_assert_int_eq(store_set_paused(other, true), ERR_OK);
    store_close(other);
}

TEST(copy_of_a_schema_with_another_owner_is_rejected)
{
    struct errmsg why = {""};
    char sql[128];

    store = store_open_roomy(postgres_server_url());
    snprintf(sql, sizeof sql, "UPDATE %s.leadership SET epoch = epoch + 1", store_schema());
    run_postgres(sql);
    ck_assert_int_eq(store->driver->copier->begin(store, &why), ERR_STORE_BUSY);
    ck_assert_ptr_nonnull(strstr(why.text, "another owner"));
}
