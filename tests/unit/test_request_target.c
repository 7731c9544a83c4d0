/* SPDX-License-Identifier: MIT */
/* test_request_target.c - tests that a raw target is split into path and cache text, also in
 * absolute form. */
#include "http/protocol/request_target.h"

#include "tests/support/suite.h"
#include <string.h>

static struct request_target target;

static const struct {
    const char *raw, *path;
} paths[] = {
    {"/emails?domain=a.org", "/emails"},
    {"/livez", "/livez"},
    {"/?", "/"},
    {"*", "*"},
    {"http://host/emails?domain=a.org", "/emails"},
    {"HTTPS://[::1]:8443/livez", "/livez"},
    {"http://host", "/"},
    {"http://host?x=/y", "/"},
    {"http:///livez", "http:///livez"},
    {"http://user@host/livez", "http://user@host/livez"},
    {"ftp://host/livez", "ftp://host/livez"},
};

LOOP_TEST(target_path_is_that_of_the_origin_form, paths)
{
    request_target_read(&target, paths[_i].raw);
    ck_assert_str_eq(target.path, paths[_i].path);
    ck_assert_uint_eq(target.len, strlen(paths[_i].raw));
    ck_assert_mem_eq(target.text, paths[_i].raw, target.len);
    ck_assert_ptr_eq(target.end, paths[_i].raw + target.len);
}

TEST(target_with_a_long_path_matches_no_route)
{
    char raw[REQUEST_TARGET_PATH + 1] = "/";

    memset(raw + 1, 'a', REQUEST_TARGET_PATH - 2);
    request_target_read(&target, raw);
    ck_assert_str_eq(target.path, raw);
    raw[REQUEST_TARGET_PATH - 1] = 'a';
    request_target_read(&target, raw);
    ck_assert_str_eq(target.path, "");
}

TEST(target_longer_than_the_text_is_not_cached)
{
    char raw[REQUEST_TARGET_TEXT + 2] = "/?";

    memset(raw + 2, 'a', REQUEST_TARGET_TEXT - 2);
    request_target_read(&target, raw);
    ck_assert_uint_eq(target.len, REQUEST_TARGET_TEXT);
    raw[REQUEST_TARGET_TEXT] = 'a';
    request_target_read(&target, raw);
    ck_assert_uint_eq(target.len, 0);
    ck_assert_str_eq(target.path, "/");
}

TEST(target_with_a_carriage_return_has_no_end)
{
    request_target_read(&target, "/livez\r");
    ck_assert_ptr_null(target.end);
}

static const struct {
    const char *raw, *authority;
} authorities[] = {
    {"/emails?domain=http://x/", ""},       {"http://host/emails", "host"},
    {"HTTPS://[::1]:8443?x", "[::1]:8443"}, {"http://a.example:80", "a.example:80"},
    {"http://user@host/livez", ""},         {"http:///livez", ""},
};

LOOP_TEST(target_authority_is_that_of_the_absolute_form, authorities)
{
    const char *raw = authorities[_i].raw, *authority = authorities[_i].authority;

    request_target_read(&target, raw);
    ck_assert_uint_eq(target.size, strlen(raw));
    ck_assert_uint_eq(target.authority.len, strlen(authority));
    ck_assert(!*authority || target.authority.data == strstr(raw, authority));
}

TEST(target_without_authority_does_not_keep_the_last_one)
{
    request_target_read(&target, "http://host/livez");
    request_target_read(&target, "/livez");
    ck_assert_uint_eq(target.authority.len, 0);
}
