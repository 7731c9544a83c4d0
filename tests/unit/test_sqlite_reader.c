/* SPDX-License-Identifier: MIT */
/* test_sqlite_reader.c - tests the second connection of the owner, which only reads. */
#include "base/mem.h"
#include "tests/unit/failing_step.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

static struct store *reader;
static int64_t batch;

static struct store *open_reader(void)
{
    struct errmsg why = {""};
    struct store *opened = NULL;
    enum err err = store_open_reader(store, &opened, &why);

    ck_assert_msg(!err, "%s: %s", err_words(err), why.text);
    return opened;
}

static void setup(void)
{
    store_fixture_setup();
    fault_vfs_register();
    store = store_open_roomy(store_url());
    batch = store_add_batch(store, 0, 10);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    reader = open_reader();
}

static void teardown(void)
{
    fault_vfs_heal();
    store_close(TAKE(reader));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

TEST(reader_finds_what_is_committed)
{
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_eq(store_kept(reader, 1), ERR_NO_ENTRY);
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_kept(reader, 1), ERR_OK);
}

TEST(reader_does_not_wait_for_a_transaction_nor_see_it)
{
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_eq(store_kept(reader, 1), ERR_NO_ENTRY);
    ck_assert_int_eq(store_group_end(store), ERR_OK);
    ck_assert_int_eq(store_kept(reader, 1), ERR_OK);
}

TEST(reader_does_not_write)
{
    ck_assert_int_eq(store_mark_not_sent(reader, batch), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_try(reader, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_look(store, batch).state, STORE_SENDING);
}

TEST(reader_knows_that_the_store_is_owned)
{
    struct store_stats stats;

    ck_assert_int_eq(store_stats(reader, &stats), ERR_OK);
    ck_assert(stats.owned);
    ck_assert_uint_eq(stats.tasks[STORE_OPEN], 9);
}

TEST(reader_of_a_store_in_memory_is_none)
{
    store_close(TAKE(reader));
    store_close(store);
    store = store_open_roomy("memory:");
    ck_assert_ptr_null(open_reader());
}

/* ---- the log ---- */

static void find(void)
{
    store_kept(reader, 0);
}

static void find_none(void)
{
    store_kept(reader, 1);
}

static void look(void)
{
    store_look(reader, batch);
}

static void fail_in_the_middle(void)
{
    const struct result *result = NULL;
    struct store_stats stats;

    failing_step_arm(2, SQLITE_FULL);
    ck_assert_int_eq(store_stats(reader, &stats), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
    failing_step_arm(1, SQLITE_FULL);
    ck_assert_int_eq(store_find(reader, store_key_of(0), &result), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
}

static void (*const reads[])(void) = {find, find_none, look, fail_in_the_middle};

/* An open transaction would keep the log as it is, with the bytes of deleted results. */
LOOP_TEST(reader_keeps_no_transaction_open, reads)
{
    sqlite3 *db;

    reads[_i]();
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(sqlite3_open(store_path(), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

TEST(reader_that_is_closed_leaves_the_log_to_the_owner)
{
    char log[128];

    snprintf(log, sizeof log, "%s-wal", store_path());
    store_close(TAKE(reader));
    ck_assert_int_eq(access(log, F_OK), 0);
    store_close(TAKE(store));
    ck_assert_int_ne(access(log, F_OK), 0);
}

/* ---- errors of the disk ---- */

static void fail_once(struct store *which)
{
    bool paused;

    failing_step_arm(1, SQLITE_IOERR);
    ck_assert_int_eq(store_paused(which, &paused), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
}

TEST(reader_is_reopened_after_an_io_error)
{
    int checks = failing_step_checks();

    fail_once(reader);
    fault_vfs_arm(FAULT_OPEN, 1, true, false);
    ck_assert_int_eq(store_kept(reader, 0), ERR_STORAGE_UNAVAILABLE);
    ck_assert(fault_vfs_heal());
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
    ck_assert_int_eq(failing_step_checks(), checks);
    ck_assert_int_eq(store_mark_not_sent(reader, batch), ERR_STORAGE_UNAVAILABLE);
}

TEST(reader_is_reopened_after_the_owner)
{
    bool paused;

    fail_once(store);
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK); /* it has had no error itself */
    fail_once(reader);
    ck_assert_int_eq(store_kept(reader, 0), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_paused(store, &paused), ERR_OK);
    ck_assert_int_eq(store_kept(reader, 0), ERR_OK);
}

TEST(reader_that_cannot_be_opened_has_a_reason)
{
    struct errmsg why = {""};
    struct store *none = NULL;

    for (int k = 1;; k++) {
        fault_vfs_arm(FAULT_ALL, k, true, false);
        enum err err = store_open_reader(store, &none, &why);
        if (!fault_vfs_heal()) {
            ck_assert_int_eq(err, ERR_OK);
            break;
        }
        ck_assert_int_eq(err, ERR_STORAGE_UNAVAILABLE);
        ck_assert_str_ne(why.text, "");
        ck_assert_ptr_null(none);
    }
    store_close(none);
}

/* ---- no news ---- */

/* Returns whether one statement is enough to read the news. */
static bool is_cheap(struct store *in)
{
    failing_step_arm(2, SQLITE_INTERRUPT);
    ck_assert(!store_news_since(in, 0).n_changed);
    return !failing_step_heal();
}

TEST(reader_without_news_runs_one_statement)
{
    ck_assert(!store_news_since(reader, 0).paused);
    ck_assert(is_cheap(reader));
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    ck_assert(store_news_since(reader, 0).paused);
    ck_assert(is_cheap(reader));
    ck_assert(store_news_since(reader, 0).paused);
}

/* A store in memory has one connection. */
TEST(reader_of_its_own_writes_has_the_news)
{
    store_close(TAKE(reader));
    store_close(store);
    store = store_open_roomy("memory:");
    ck_assert(!store_news_since(store, 0).paused);
    ck_assert(is_cheap(store));
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    ck_assert(store_news_since(store, 0).paused);
    ck_assert(is_cheap(store));
}

TEST(reader_has_the_news_until_they_are_confirmed)
{
    struct store *other = store_open_second(store_url());

    ck_assert_uint_eq(store_news_since(reader, 0).n_changed, 0);
    ck_assert_int_eq(store_forget_key(other, store_key_of(0)), ERR_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_uint_eq(store_news_since(reader, 0).n_changed, 1);
    const struct store_news news = store_news_since(reader, 0);
    ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
    ck_assert_uint_eq(store_news_since(reader, 0).n_changed, 0);
    ck_assert(is_cheap(reader));
    store_close(other);
}

TEST(reader_looks_for_other_responses_in_the_news)
{
    ck_assert_uint_eq(store_news_since(reader, 0).n_responses, 0);
    const struct store_end lost = {.state = STORE_UNKNOWN,
                                   .err = ERR_UPSTREAM_OUTCOME_UNKNOWN,
                                   .raw = "{}",
                                   .raw_len = 2,
                                   .wall_ms = STORE_NOW_MS};
    ck_assert_int_eq(store_end_batch(store, batch, &lost), ERR_OK);
    const struct store_news news = store_news_since(reader, 1000);
    ck_assert_uint_eq(news.n_responses, 1);
    ck_assert_int_eq(store_confirm_news(store, &news), ERR_OK);
    ck_assert_uint_eq(store_news_since(reader, 1000).n_responses, 0);
    ck_assert_uint_eq(store_news_since(reader, 2000).n_responses, 1);
}

TEST(reader_that_was_reopened_reads_the_news)
{
    ck_assert(!store_news_since(reader, 0).paused);
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    fail_once(reader);
    ck_assert(store_news_since(reader, 0).paused);
}
