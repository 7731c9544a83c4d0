/* SPDX-License-Identifier: MIT */
/* test_small_file.c - tests that a file is read whole, or not at all. */
#include "base/mem.h"
#include "base/small_file.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/small-file-XXXXXX";
static char path[64];

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

FIXTURE(setup, teardown);

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

TEST(file_is_read_whole_up_to_the_limit)
{
    autofree char *text = NULL;
    struct errmsg why = {""};
    size_t len = 0;

    write_file("12345678");
    ck_assert_int_eq(small_file_read(path, 8, &text, &len, &why), ERR_OK);
    ck_assert_uint_eq(len, 8);
    ck_assert_str_eq(text, "12345678");
}

TEST(file_over_the_limit_is_refused)
{
    char *text = NULL;
    struct errmsg why = {""};
    size_t len = 7;

    write_file("12345678");
    ck_assert_int_eq(small_file_read(path, 7, &text, &len, &why), ERR_TOO_BIG);
    ck_assert_ptr_nonnull(strstr(why.text, "/file is longer than 7 bytes"));
    ck_assert_ptr_null(text);
    ck_assert_uint_eq(len, 7);
}

TEST(file_that_cannot_be_read_is_named)
{
    char *text = NULL;
    struct errmsg why = {""};
    size_t len;

    ck_assert_int_eq(small_file_read(path, 8, &text, &len, &why), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.text, "/file: No such file or directory"));
    ck_assert_int_eq(small_file_read(folder, 8, &text, &len, &why), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.text, ": Is a directory"));
}

TEST(file_that_is_a_pipe_is_not_waited_for)
{
    autofree char *text = NULL;
    struct errmsg why = {""};
    size_t len = 7;

    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(small_file_read(path, 8, &text, &len, &why), ERR_OK);
    ck_assert_uint_eq(len, 0);
}
