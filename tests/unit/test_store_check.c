/* SPDX-License-Identifier: MIT */
/* test_store_check.c - tests which stores `--check-config` accepts, without opening one. */
#include "store_fixture.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct errmsg why;

FIXTURE(store_fixture_setup, store_fixture_teardown);

static enum err check(const char *url)
{
    return store_check(&(struct store_options){.url = url}, &why);
}

static void check_below(const char *path, enum err wanted)
{
    char url[PATH_MAX];

    snprintf(url, sizeof url, "sqlite:%s%s", store_folder(), path);
    ck_assert_msg(check(url) == wanted, "%s: %s", url, why.text);
}

TEST(store_check_accepts_a_folder_that_could_be_created)
{
    check_below("/emailsd.db", ERR_OK);
    check_below("/a/b/emailsd.db", ERR_OK);
    ck_assert_int_eq(check("sqlite:emailsd.db"), ERR_OK);
    ck_assert_int_eq(check("memory:"), ERR_OK);
    ck_assert_int_eq(access(store_path(), F_OK), -1);
}

TEST(store_check_rejects_a_file_instead_of_a_folder)
{
    FILE *file = fopen(store_path(), "w");

    ck_assert_ptr_nonnull(file);
    fclose(file);
    check_below("/emailsd.db", ERR_OK);
    check_below("/emailsd.db/b.db", ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, strerror(ENOTDIR)));
    check_below("/emailsd.db/a/b.db", ERR_STORAGE_UNAVAILABLE);
}

TEST(store_check_rejects_a_folder_that_cannot_be_written)
{
    uid_t before = geteuid();

    if (before == 0)
        ck_assert_int_eq(seteuid(65534), 0);
    ck_assert_int_eq(check("sqlite:/proc/a/emailsd.db"), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(check("sqlite:/nonexistent/x/y.db"), ERR_STORAGE_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(why.text, "/: "));
    ck_assert_int_eq(seteuid(before), 0);
}

static const char *const invalid_urls[] = {
    "postgres://x", "emailsd.db", "sqlite:", "sqlite:/tmp/", "sqlite::memory:", "memory:x"};

LOOP_TEST(store_check_rejects_an_invalid_url, invalid_urls)
{
    ck_assert_int_eq(check(invalid_urls[_i]), ERR_STORE_REFUSED);
    ck_assert_str_ne(why.text, "");
}
