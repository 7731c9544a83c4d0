/* SPDX-License-Identifier: MIT */
/* test_sqlite.c - what only files can show: a store that is opened again, after a kill too,
 * by one owner at a time, and processes beside it that forget. */
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

static struct store *beside;

static void teardown(void)
{
    store_close(TAKE(beside));
    store_fixture_teardown();
}

FIXTURE(store_fixture_setup, teardown);

static void reopen(void)
{
    store_close(TAKE(store));
    store = store_open_roomy(store_url());
}

/* ---- again ---- */

TEST(everything_is_there_after_a_close)
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
    ck_assert_int_eq(stats.schema, 2);
    ck_assert_int_gt(stats.bytes, 4096);
}

TEST(limits_hold_for_what_an_earlier_process_left)
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

TEST(numbers_of_batches_are_not_used_again_after_a_restart)
{
    const struct store_end end = {.state = STORE_FAILED, .err = ERR_LOOKUP_FAILED};

    store = store_open_limited(store_url(), 0, 0);
    int64_t first = store_add_batch(store, 0, 1);
    ck_assert_int_eq(store_end_batch(store, first, &end), ERR_OK);
    store_close(TAKE(store));
    store = store_open_limited(store_url(), 0, 0);
    ck_assert_int_gt(store_add_batch(store, 1, 1), first);
}

/* ---- a kill ---- */

/* Runs `work` in a process that is killed when it is done, without a close. */
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
    int64_t batch = store_add_batch(mine, 0, 3);

    store_end_answered(mine, 1, "milvali.com", STORE_DAY_MS);
    store_submitted(mine, batch, "batch-4711", STORE_NOW_MS);
    store_add_batch(mine, 10, 1);
}

TEST(what_was_acknowledged_survives_a_kill_and_so_does_the_right_to_own)
{
    killed_after(work_of_a_life);
    store = store_open_roomy(store_url());
    struct store_seen seen = store_look(store, 1);
    ck_assert_int_eq(seen.state, STORE_SUBMITTED);
    ck_assert_uint_eq(seen.n_open, 2);
    ck_assert_uint_eq(seen.n_batches, 2);
    ck_assert_int_eq(store_look(store, 2).state, STORE_SENDING);
    ck_assert_int_eq(store_kept(store, 1), ERR_OK);
}

/* Every prefix of the log, as a loss of power may leave it: no batch is ever seen in part. */
TEST(a_torn_log_ends_with_its_last_whole_transaction)
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
        size_t batches = store_look(torn, 0).n_batches;
        ck_assert_uint_ge(batches, last);
        for (size_t b = 1; b <= batches; b++)
            ck_assert_uint_eq(store_look(torn, (int64_t)b).n, 7);
        last = batches;
        store_close(torn);
    }
    ck_assert_uint_ge(last, 4);
}

/* ---- one owner ---- */

TEST(a_second_owner_is_told_who_is_in)
{
    const struct store_options options = {.url = store_url()};
    char why[STORE_WHY] = "";

    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_open(&options, &beside, why), ERR_STORE_BUSY);
    ck_assert_ptr_null(beside);
    ck_assert_ptr_nonnull(strstr(why, store_path()));
    store_close(TAKE(store));
    store = store_open_roomy(store_url());
}

TEST(who_looks_sees_whether_there_is_an_owner_and_hinders_none)
{
    struct store_stats stats;

    store = store_open_roomy(store_url());
    beside = store_open_second(store_url());
    ck_assert_int_eq(store_stats(beside, &stats), ERR_OK);
    ck_assert(stats.owned);
    store_close(TAKE(store));
    ck_assert_int_eq(store_stats(beside, &stats), ERR_OK);
    ck_assert(!stats.owned);
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_stats(beside, &stats), ERR_OK);
    ck_assert(stats.owned);
}

TEST(looking_where_there_is_nothing_makes_nothing)
{
    char why[STORE_WHY] = "";

    ck_assert_int_eq(store_open_shared(store_url(), &beside, why), ERR_ABSENT);
    ck_assert_ptr_null(beside);
    ck_assert_ptr_nonnull(strstr(why, store_path()));
    DIR *dir = opendir(store_folder());
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    ck_assert_int_eq(n, 2); /* . and .. */
}

TEST(who_looks_sees_the_journal_of_the_owner)
{
    store = store_open_roomy(store_url());
    int64_t batch = store_add_batch(store, 0, 3);
    beside = store_open_second(store_url());
    ck_assert_uint_eq(store_look(beside, batch).n, 3);
    store_end_answered(store, 0, "milvali.com", STORE_DAY_MS);
    ck_assert_uint_eq(store_look(beside, batch).n_open, 2);
    ck_assert_int_eq(store_kept(beside, 0), ERR_OK);
}

/* ---- forgetting beside an owner ---- */

struct news {
    size_t n;
    unsigned char keys[300][HASH_SIZE];
};

static void hear(void *arg, const unsigned char *key)
{
    struct news *news = arg;

    memcpy(news->keys[news->n++], key, HASH_SIZE);
}

static bool was_heard(const struct news *news, size_t question)
{
    for (size_t i = 0; i < news->n; i++)
        if (memcmp(news->keys[i], store_key_of(question), HASH_SIZE) == 0)
            return true;
    return false;
}

static void own_answers(size_t n)
{
    store = store_open_roomy(store_url());
    for (size_t i = 0; i < n; i++) {
        store_add_batch(store, i, 1);
        store_end_answered(store, i, i % 3 ? "milvali.com" : "other.com", STORE_DAY_MS);
    }
    beside = store_open_second(store_url());
}

TEST(an_owner_hears_once_what_others_forgot)
{
    struct news news = {0};
    size_t n;

    own_answers(200);
    ck_assert_int_eq(store_poll_changes(store, hear, &news), ERR_OK);
    ck_assert_uint_eq(news.n, 0);
    ck_assert(!store_news_pending(beside));
    ck_assert_int_eq(store_forget_address(beside, "Info@OTHER.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 67);
    ck_assert(store_news_pending(beside));
    ck_assert_int_eq(store_poll_changes(store, hear, &news), ERR_OK);
    ck_assert_uint_eq(news.n, 67);
    for (size_t i = 0; i < 200; i++)
        ck_assert_int_eq(was_heard(&news, i), i % 3 == 0);
    ck_assert(!store_news_pending(beside));
    ck_assert_int_eq(store_poll_changes(store, hear, &news), ERR_OK);
    ck_assert_uint_eq(news.n, 67);
}

TEST(an_owner_hears_of_questions_and_domains_too)
{
    struct news news = {0};
    size_t n;

    own_answers(4);
    ck_assert_int_eq(store_forget_key(beside, store_key_of(1)), ERR_OK);
    ck_assert_int_eq(store_forget_domain(beside, "other.com", NULL, NULL, &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(store_poll_changes(store, hear, &news), ERR_OK);
    ck_assert(was_heard(&news, 0) && was_heard(&news, 1) && was_heard(&news, 3));
    ck_assert(!was_heard(&news, 2));
    ck_assert_int_eq(store_kept(store, 0), ERR_ABSENT);
    ck_assert_int_eq(store_kept(store, 1), ERR_ABSENT);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
}

TEST(news_wait_for_no_owner)
{
    struct news news = {0};
    size_t n;

    own_answers(3);
    store_close(TAKE(store));
    ck_assert_int_eq(store_forget_address(beside, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert(!store_news_pending(beside));
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_poll_changes(store, hear, &news), ERR_OK);
    ck_assert_uint_eq(news.n, 0); /* its memory never held them */
    ck_assert(!store_news_pending(beside));
}

TEST(the_limit_counts_what_others_took_out)
{
    struct store_stats stats;
    size_t n;

    store = store_open_limited(store_url(), 4, 100);
    store_add_batch(store, 0, 8);
    for (size_t i = 0; i < 4; i++)
        store_end_answered(store, i, i < 2 ? "a.com" : "b.com", STORE_DAY_MS);
    beside = store_open_second(store_url());
    ck_assert_int_eq(store_forget_domain(beside, "a.com", NULL, NULL, &n), ERR_OK);
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

/* ---- nothing remains ---- */

static void assert_forgotten_by(struct store *who)
{
    size_t n;

    ck_assert(store_files_hold("info@milvali.com"));
    ck_assert_int_eq(store_forget_address(who, "info@milvali.com", &n), ERR_OK);
    ck_assert_uint_gt(n, 0);
    ck_assert(!store_files_hold("info@milvali.com"));
    ck_assert(store_files_hold("sales@milvali.com"));
}

TEST(no_byte_of_a_forgotten_address_remains)
{
    own_answers(300);
    store_close(TAKE(beside));
    assert_forgotten_by(store);
}

TEST(no_byte_of_it_remains_when_another_process_forgets_it)
{
    own_answers(300);
    assert_forgotten_by(beside);
}

/* Answers that were replaced, pushed out or moved between pages leave nothing behind either. */
TEST(no_byte_of_it_remains_of_answers_that_are_gone_already)
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
