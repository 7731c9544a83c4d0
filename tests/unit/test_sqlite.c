/* SPDX-License-Identifier: MIT */
/* test_sqlite.c - tests behaviour that exists only with files: a store that is opened again,
 * also after a kill; one owner at a time; other processes that delete results. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct store *second;

static void teardown(void)
{
    store_close(TAKE(second));
    store_fixture_teardown();
}

FIXTURE(store_fixture_setup, teardown);

static void reopen(void)
{
    store_close(TAKE(store));
    store = store_open_roomy(store_url());
}

/* ---- reopening ---- */

TEST(sqlite_reopened_has_everything)
{
    struct store_stats stats;

    store = store_open_roomy(store_url());
    int64_t batch = store_add_batch(store, 0, 3);
    ck_assert_int_eq(store_submitted(store, batch, "batch-4711", STORE_NOW_MS), ERR_OK);
    store_end_answered(store, 1, "milvali.com", STORE_DAY_MS);
    reopen();
    struct store_seen seen = store_look(store, batch);
    ck_assert_int_eq(seen.state, STORE_SUBMITTED);
    ck_assert_str_eq(seen.batch_id, "batch-4711");
    ck_assert_uint_eq(seen.n, 3);
    ck_assert_uint_eq(seen.n_open, 2);
    ck_assert_int_eq(store_kept(store, 1), ERR_OK);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_int_eq(stats.schema, 4);
    ck_assert_int_gt(stats.bytes, 4096);
}

TEST(sqlite_reopened_applies_its_limits)
{
    struct store_stats stats;

    store = store_open_roomy(store_url());
    store_add_batch(store, 0, 6);
    for (size_t i = 0; i < 5; i++)
        store_end_answered(store, i, "milvali.com", (int64_t)(i + 1) * STORE_DAY_MS);
    store_close(TAKE(store));
    store = store_open_limited(store_url(), 2, 3);
    store_end_answered(store, 5, "milvali.com", 9 * STORE_DAY_MS);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 2);
    ck_assert_uint_eq(stats.tasks[STORE_ANSWERED], 3);
    ck_assert_int_eq(store_kept(store, 4), ERR_OK);
    ck_assert_int_eq(store_kept(store, 5), ERR_OK);
}

/* ---- a kill ---- */

/* Runs `work` in a process that is killed after it, without a close. */
static void killed_after(void (*work)(void))
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        work();
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void work_of_a_life(void)
{
    struct store *mine = store_open_roomy(store_url());
    struct store_task tasks[] = {store_task_of(0), store_task_of(1), store_task_of(2)};
    int64_t batch = store_add(mine, (struct store_new_batch){.number = 4, .tasks = tasks, .n = 3});

    store_end_answered(mine, 1, "milvali.com", STORE_DAY_MS);
    store_submitted(mine, batch, "batch-4711", STORE_NOW_MS);
    tasks[0] = store_task_of(10);
    store_add(mine, (struct store_new_batch){.number = 2, .tasks = tasks, .n = 1});
}

TEST(sqlite_killed_keeps_acknowledged_work_and_the_lock)
{
    killed_after(work_of_a_life);
    store = store_open_roomy(store_url());
    struct store_seen seen = store_look(store, 4);
    ck_assert_int_eq(seen.state, STORE_SUBMITTED);
    ck_assert_uint_eq(seen.n_open, 2);
    ck_assert_uint_eq(seen.n_batches, 2);
    ck_assert_int_eq(store_look(store, 2).state, STORE_SENDING);
    ck_assert_int_eq(store_kept(store, 1), ERR_OK);
}

static void expect_seven(void *arg, const struct store_batch *batch)
{
    ck_assert_uint_eq(batch->n, 7);
    (*(size_t *)arg)++;
}

/* Tries every prefix of the log, as a power loss may leave it: no batch is ever visible in part. */
TEST(sqlite_torn_log_ends_at_its_last_transaction)
{
    char log[4200];
    struct stat status;
    size_t last = 0;

    store = store_open_roomy(store_url());
    for (size_t i = 0; i < 5; i++)
        store_add_batch(store, 10 * i, 7);
    snprintf(log, sizeof log, "%s-wal", store_path());
    ck_assert_int_eq(stat(log, &status), 0);
    for (off_t len = 0, n = 0; len <= status.st_size; len += 1 + status.st_size / 150, n++) {
        char name[16], copy[4300];
        snprintf(name, sizeof name, "torn-%d", (int)n);
        const char *url = store_copy(name);
        snprintf(copy, sizeof copy, "%s-wal", strchr(url, ':') + 1);
        ck_assert_int_eq(truncate(copy, len), 0);
        struct store *torn = store_open_roomy(url);
        size_t batches = 0;
        ck_assert_int_eq(store_for_each_open_batch(torn, expect_seven, &batches), ERR_OK);
        ck_assert_uint_ge(batches, last);
        last = batches;
        store_close(torn);
    }
    ck_assert_uint_ge(last, 4);
}

/* ---- one owner ---- */

TEST(sqlite_second_owner_is_rejected_with_the_path)
{
    const struct store_options options = {.url = store_url()};
    struct errmsg why = {""};

    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_open(&options, &second, &why), ERR_STORE_BUSY);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(why.text, store_path()));
    store_close(TAKE(store));
    store = store_open_roomy(store_url());
}

TEST(sqlite_reader_sees_the_owner_and_does_not_block_it)
{
    struct store_stats stats;

    store = store_open_roomy(store_url());
    second = store_open_second(store_url());
    ck_assert_int_eq(store_stats(second, &stats), ERR_OK);
    ck_assert(stats.owned);
    store_close(TAKE(store));
    ck_assert_int_eq(store_stats(second, &stats), ERR_OK);
    ck_assert(!stats.owned);
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_stats(second, &stats), ERR_OK);
    ck_assert(stats.owned);
}

TEST(sqlite_reader_without_a_store_creates_no_file)
{
    struct errmsg why = {""};

    ck_assert_int_eq(store_open_shared(&(struct store_options){.url = store_url()}, &second, &why),
                     ERR_NO_ENTRY);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(why.text, store_path()));
    DIR *dir = opendir(store_folder());
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    ck_assert_int_eq(n, 2); /* . and .. */
}

TEST(sqlite_reader_sees_the_journal_of_the_owner)
{
    store = store_open_roomy(store_url());
    int64_t batch = store_add_batch(store, 0, 3);
    second = store_open_second(store_url());
    ck_assert_uint_eq(store_look(second, batch).n, 3);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_uint_eq(store_look(second, batch).n_open, 2);
    ck_assert_int_eq(store_kept(second, 0), ERR_OK);
}

/* ---- deleting while an owner runs ---- */

TEST(sqlite_limit_counts_external_deletions)
{
    struct store_stats stats;
    size_t n;

    store = store_open_limited(store_url(), 4, 100);
    store_add_batch(store, 0, 8);
    for (size_t i = 0; i < 4; i++)
        store_end_answered(store, i, i < 2 ? "a.com" : "b.com", STORE_DAY_MS);
    second = store_open_second(store_url());
    ck_assert_int_eq(store_forget_domain(second, "a.com", NULL, NULL, &n), ERR_OK);
    store_end_answered(store, 4, "c.com", STORE_DAY_MS);
    store_end_answered(store, 5, "c.com", STORE_DAY_MS);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 4);
    ck_assert_int_eq(store_forget_key(store, store_key_of(4)), ERR_OK);
    store_end_answered(store, 6, "c.com", STORE_DAY_MS);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 4);
    store_end_answered(store, 7, "c.com", STORE_DAY_MS);
    ck_assert_int_eq(store_stats(store, &stats), ERR_OK);
    ck_assert_uint_eq(stats.found, 4);
}

/* ---- secure deletion ---- */

static void own_answers(void)
{
    store = store_open_roomy(store_url());
    store_add_answered(300);
    second = store_open_second(store_url());
}

static void assert_forgotten_by(struct store *who)
{
    size_t n;

    ck_assert(store_files_hold("info@milvali.com"));
    ck_assert_int_eq(store_forget_address(who, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_gt(n, 0);
    ck_assert(!store_files_hold("info@milvali.com"));
    ck_assert(store_files_hold("sales@milvali.com"));
}

TEST(sqlite_deleted_address_leaves_no_byte)
{
    own_answers();
    store_close(TAKE(second));
    assert_forgotten_by(store);
}

TEST(sqlite_address_deleted_externally_leaves_no_byte)
{
    own_answers();
    assert_forgotten_by(second);
}

/* Results that were replaced, evicted or moved between pages must leave no byte either. */
TEST(sqlite_address_of_earlier_results_leaves_no_byte)
{
    size_t n;

    store = store_open_limited(store_url(), 20, 10);
    for (size_t i = 0; i < 400; i++) {
        store_add_batch(store, i, 1);
        store_end_answered(store, i, "milvali.com", (int64_t)(1 + (i * 37) % 400) * STORE_DAY_MS);
    }
    ck_assert_int_eq(store_forget_address(store, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 20);
    ck_assert(!store_files_hold("info@milvali.com"));
}
