/* SPDX-License-Identifier: MIT */
/* test_sqlite_waits.c - tests what other programs can do to the owner by their locks: a long reader
 * makes the write-ahead log grow, a long writer makes the owner wait. */
#include "base/mem.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <dlfcn.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOG_LIMIT (8 << 20)

static struct store *second;
static sqlite3 *other; /* another program, such as an operator's shell */
static int wait_ms;    /* that was set last */

/* Replaces the library's function: records the time, and does not let the test wait so long. */
int sqlite3_busy_timeout(sqlite3 *db, int ms)
{
    static int (*real)(sqlite3 *, int);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_busy_timeout");
    wait_ms = ms;
    return real(db, 0);
}

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(store_url());
    ck_assert_int_eq(sqlite3_open(store_path(), &other), SQLITE_OK);
}

static void teardown(void)
{
    sqlite3_close(other);
    store_close(TAKE(second));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

static void run_sql(const char *sql)
{
    char *words = NULL;

    ck_assert_msg(sqlite3_exec(other, sql, NULL, NULL, &words) == SQLITE_OK, "%s", words);
}

static off_t log_size(void)
{
    char name[PATH_MAX];
    struct stat status;

    snprintf(name, sizeof name, "%s-wal", store_path());
    ck_assert_int_eq(stat(name, &status), 0);
    return status.st_size;
}

TEST(sqlite_log_shrinks_after_a_long_reader)
{
    int64_t batch = store_add_batch(store, 0, 100);

    run_sql("BEGIN; SELECT count(*) FROM tasks");
    for (int64_t day = 0; log_size() <= LOG_LIMIT; day++) /* each writes all tasks of the batch */
        ck_assert_int_eq(store_sending(store, batch, day, NULL), ERR_OK);
    run_sql("COMMIT");
    for (int writes = 0; writes < 2; writes++) /* the first one moves the log into the database */
        ck_assert_int_eq(store_try(store, STORE_NOW_MS + writes), ERR_OK);
    ck_assert_int_le(log_size(), LOG_LIMIT);
}

TEST(sqlite_owner_waits_shortly_for_a_long_writer)
{
    int normal_ms = wait_ms;

    run_sql("BEGIN IMMEDIATE");
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_lt(wait_ms, normal_ms);
    ck_assert_int_gt(wait_ms, 0);
    run_sql("COMMIT");
    ck_assert_int_eq(store_try(store, STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(wait_ms, normal_ms);
}

TEST(sqlite_command_waits_longer_than_the_owner)
{
    int owner_ms = wait_ms;
    size_t n;

    ck_assert_int_le(owner_ms, 1000); /* the engine stands still meanwhile */
    second = store_open_second(store_url());
    int command_ms = wait_ms;
    ck_assert_int_gt(command_ms, owner_ms);
    ck_assert_int_eq(store_forget_address(second, "info@milvali.com", &n), ERR_OK);
    ck_assert_int_eq(wait_ms, command_ms);
    ck_assert_int_eq(store_forget_address(store, "info@milvali.com", &n), ERR_OK);
    ck_assert_int_eq(wait_ms, owner_ms);
}
