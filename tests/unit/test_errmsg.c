/* SPDX-License-Identifier: MIT */
/* test_errmsg.c - tests that a message is replaced, prefixed and truncated as errmsg.h says. */
#include "base/errmsg.h"

#include "tests/support/suite.h"
#include <string.h>

TEST(errmsg_set_replaces_the_message)
{
    struct errmsg errmsg = {"the message before"};

    errmsg_set(&errmsg, "line %d: %s", 7, "unknown key");
    ck_assert_str_eq(errmsg.text, "line 7: unknown key");
}

TEST(errmsg_prefix_stands_before_the_message)
{
    struct errmsg errmsg = {"missing key"};

    errmsg_prefix(&errmsg, "keys.conf");
    errmsg_prefix(&errmsg, "--client-keys-file");
    ck_assert_str_eq(errmsg.text, "--client-keys-file: keys.conf: missing key");
}

TEST(errmsg_too_long_is_truncated)
{
    char words[2 * ERRMSG_MAX];
    struct errmsg errmsg;

    memset(words, 'w', sizeof words);
    words[sizeof words - 1] = '\0';
    errmsg_set(&errmsg, "%s", words);
    ck_assert_uint_eq(strlen(errmsg.text), ERRMSG_MAX - 1);
    errmsg_prefix(&errmsg, "p");
    ck_assert_uint_eq(strlen(errmsg.text), ERRMSG_MAX - 1);
    ck_assert_int_eq(strncmp(errmsg.text, "p: www", 6), 0);
}
