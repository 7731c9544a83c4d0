/* SPDX-License-Identifier: MIT */
/* test_headers.c - one walk tells the id, the accepted type, and whether there is more to it. */
#include "http/headers.h"

#include <check.h>
#include <string.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static const struct {
    const char *name, *value;
    bool special;
} rows[] = {
    {"Host", "example.org", false},      {"User-Agent", "curl/8", false},
    {"Prefer", "wait=5", true},          {"prefer", "wait=5", true},
    {"Cache-Control", "no-cache", true}, {"If-None-Match", "\"x\"", true},
    {"Preferred", "x", false},           {"Authorization", "x", false},
};

START_TEST(only_what_changes_the_answer_is_special)
{
    struct headers headers = {0};

    headers_note(&headers, slice(rows[_i].name), slice(rows[_i].value));
    ck_assert_int_eq(headers.special, rows[_i].special);
}
END_TEST

START_TEST(one_accept_is_kept_and_a_second_is_special)
{
    struct headers headers = {0};

    headers_note(&headers, slice("ACCEPT"), slice("text/csv"));
    ck_assert(!headers.special);
    ck_assert_uint_eq(headers.accept.len, 8);
    headers_note(&headers, slice("Accept"), slice("text/plain"));
    ck_assert(headers.special);
}
END_TEST

START_TEST(the_first_well_formed_id_is_taken)
{
    struct headers headers = {0};
    char long_id[HEADERS_ID_MAX + 2];

    memset(long_id, 'a', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    headers_note(&headers, slice("X-Request-Id"), slice(long_id));
    headers_note(&headers, slice("X-Request-Id"), slice("has space"));
    headers_note(&headers, slice("X-Request-Id"), slice(""));
    ck_assert_ptr_null(headers.id.data);
    headers_note(&headers, slice("x-request-id"), slice("mine-1"));
    headers_note(&headers, slice("X-Request-Id"), slice("other"));
    ck_assert_str_eq(headers.id.data, "mine-1");
}
END_TEST

Suite *suite(void);
Suite *suite(void)
{
    Suite *s = suite_create("headers");
    TCase *t = tcase_create("headers");

    tcase_add_loop_test(t, only_what_changes_the_answer_is_special, 0,
                        sizeof rows / sizeof rows[0]);
    tcase_add_test(t, one_accept_is_kept_and_a_second_is_special);
    tcase_add_test(t, the_first_well_formed_id_is_taken);
    suite_add_tcase(s, t);
    return s;
}
