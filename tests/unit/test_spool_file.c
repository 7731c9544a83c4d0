/* SPDX-License-Identifier: MIT */
/* test_spool_file.c - tests what is in the file of the spool after each change, and what a file
 * that another process has left is read as. */
#include "base/mem.h"
#include "store/spool_file.h"
#include "tests/unit/spool_fixture.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spool_file *file;

static void teardown(void)
{
    spool_file_close(file);
    spool_fixture_teardown();
}

FIXTURE(spool_fixture_setup, teardown);

static void open_file(void)
{
    struct errmsg why = {""};

    ck_assert_msg(!spool_file_open(spool_path(), &file, &why), "%s", why.text);
}

static void open_again(void)
{
    spool_file_close(TAKE(file));
    open_file();
}

static void add(int64_t batch)
{
    const struct spool_line line = spool_line_of(batch);

    ck_assert_int_eq(spool_file_add(file, &line), ERR_OK);
}

static void add_and_sync(int64_t batch)
{
    add(batch);
    ck_assert_int_eq(spool_file_sync(file), 0);
}

static void remove_line(int64_t batch)
{
    const struct spool_line line = spool_line_of(batch);

    spool_file_remove(file, &line);
}

/* What spool_file_each() reports. */
struct seen {
    int64_t batches[8];
    size_t n, n_damaged;
};

static void see(void *arg, const struct spool_line *line)
{
    struct seen *seen = arg;

    if (line)
        seen->batches[seen->n++] = line->batch;
    else
        seen->n_damaged++;
}

static struct seen look(void)
{
    struct seen seen = {0};

    spool_file_each(file, see, &seen);
    return seen;
}

TEST(spool_file_is_created_for_its_owner_only)
{
    struct stat status;

    open_file();
    ck_assert_int_eq(stat(spool_path(), &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(status.st_size, 0);
}

TEST(spool_file_has_a_line_after_the_sync)
{
    open_file();
    add(1);
    add(2);
    ck_assert_uint_eq(spool_file_unsynced(file), 2);
    ck_assert_int_eq(spool_file_sync(file), 0);
    ck_assert_uint_eq(spool_file_unsynced(file), 0);
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(2), 1);
    open_again();
    ck_assert_uint_eq(look().n, 2);
    ck_assert_int_eq(look().batches[1], 2);
}

TEST(spool_file_has_the_same_line_once)
{
    open_file();
    add_and_sync(1);
    add_and_sync(1);
    ck_assert_int_eq(spool_size(), SPOOL_LINE);
    open_again();
    add_and_sync(1);
    ck_assert_uint_eq(spool_holds(1), 1);
}

TEST(spool_file_is_empty_after_the_last_line)
{
    open_file();
    add_and_sync(1);
    add_and_sync(2);
    remove_line(1);
    ck_assert_uint_eq(spool_holds(1), 0);
    ck_assert_uint_eq(spool_holds(2), 1);
    remove_line(2);
    ck_assert_int_eq(spool_size(), 0);
    open_again();
    ck_assert_uint_eq(look().n, 0);
}

TEST(spool_file_uses_free_slots_again)
{
    open_file();
    add_and_sync(1);
    for (int64_t batch = 2; batch < 100; batch++) {
        add_and_sync(batch);
        remove_line(batch);
    }
    add_and_sync(100);
    ck_assert_int_eq(spool_size(), 2 * SPOOL_LINE);
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(100), 1);
}

TEST(spool_file_does_not_write_a_line_that_was_removed_before)
{
    open_file();
    add(1);
    remove_line(1);
    ck_assert_int_eq(spool_file_sync(file), 0);
    ck_assert_int_eq(spool_size(), 0);
}

TEST(spool_file_overwrites_an_incomplete_line_at_the_end)
{
    char bytes[SPOOL_LINE];
    const struct spool_line line = spool_line_of(2);

    open_file();
    add_and_sync(1);
    ck_assert(spool_line_write(&line, bytes));
    spool_write_at(SPOOL_LINE, bytes, 100);
    open_again();
    ck_assert_uint_eq(look().n, 1);
    ck_assert_uint_eq(look().n_damaged, 0);
    add_and_sync(3);
    ck_assert_int_eq(spool_size(), 2 * SPOOL_LINE);
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(3), 1);
}

TEST(spool_file_takes_a_line_of_nothing_as_free)
{
    const char zeros[SPOOL_LINE] = {0};

    open_file();
    spool_write_at(0, zeros, sizeof zeros);
    open_again();
    ck_assert_uint_eq(look().n, 0);
    ck_assert_uint_eq(look().n_damaged, 0);
    add_and_sync(1);
    ck_assert_int_eq(spool_size(), SPOOL_LINE);
}

TEST(spool_file_leaves_a_damaged_line_where_it_is)
{
    open_file();
    add_and_sync(1);
    add_and_sync(2);
    spool_write_at(30, "?", 1);
    open_again();
    ck_assert_uint_eq(look().n, 1);
    ck_assert_uint_eq(look().n_damaged, 1);
    remove_line(2);
    add_and_sync(3);
    remove_line(3);
    open_again();
    ck_assert_uint_eq(look().n, 0);
    ck_assert_uint_eq(look().n_damaged, 1);
}

TEST(spool_file_writes_again_what_failed)
{
    open_file();
    spool_fill();
    open_again();
    spool_fail_writes(true);
    add(1);
    ck_assert_int_eq(spool_file_sync(file), EFBIG);
    ck_assert_uint_eq(spool_file_unsynced(file), 1);
    spool_fail_writes(false);
    add(2);
    ck_assert_int_eq(spool_file_sync(file), 0);
    ck_assert_uint_eq(spool_file_unsynced(file), 0);
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(2), 1);
}

TEST(spool_file_has_a_limit)
{
    const struct spool_line more = spool_line_of(SPOOL_SLOTS_MAX + 1);
    struct spool_file *again;
    struct errmsg why = {""};

    open_file();
    for (int64_t batch = 1; batch <= SPOOL_SLOTS_MAX; batch++)
        add(batch);
    ck_assert_int_eq(spool_file_add(file, &more), ERR_TOO_BIG);
    remove_line(7);
    ck_assert_int_eq(spool_file_add(file, &more), ERR_OK);
    ck_assert_int_eq(spool_file_sync(file), 0);
    spool_write_at(spool_size(), "1", 1);
    spool_file_close(TAKE(file));
    ck_assert_int_eq(spool_file_open(spool_path(), &again, &why), ERR_STORE_DAMAGED);
    ck_assert_ptr_nonnull(strstr(why.text, "too many lines"));
}

TEST(spool_file_has_one_user_at_a_time)
{
    struct spool_file *second;
    struct errmsg why = {""};

    open_file();
    ck_assert_int_eq(spool_file_open(spool_path(), &second, &why), ERR_STORE_BUSY);
    ck_assert_ptr_nonnull(strstr(why.text, "in use by another emailsd"));
    open_again();
}

TEST(spool_file_that_others_may_read_is_rejected)
{
    struct spool_file *second;
    struct errmsg why = {""};

    open_file();
    spool_file_close(TAKE(file));
    ck_assert_int_eq(chmod(spool_path(), 0640), 0);
    ck_assert_int_eq(spool_file_open(spool_path(), &second, &why), ERR_STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(why.text, "accessible to others"));
}
