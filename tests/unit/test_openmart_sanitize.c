/* SPDX-License-Identifier: MIT */
/* test_openmart_sanitize.c - tests how upstream text is sanitized before it is read or repeated. */
#include "client/openmart/openmart_sanitize.h"

#include "base/mem.h"
#include "base/text.h"
#include "client/openmart/openmart_parse.h"

#include "tests/support/suite.h"
#include <string.h>

#define FFFD "\xEF\xBF\xBD"
#define KEY  "om_canary_4711"

/* --- Details ---------------------------------------------------------------------------------- */

static const struct {
    const char *body, *detail;
} details[] = {
    {"{\"detail\":\"Domain is required\"}", "Domain is required"},
    {"{\"detail\":[{\"msg\":\"a\",\"loc\":[\"body\"]},{\"msg\":\"b\"}]}", "a; b"},
    {"{\"detail\":[\"a\",\"b\"]}", "a; b"},
    {"{\"detail\":{\"message\":\"m\"}}", "m"},
    {"{\"detail\":{\"msg\":\"m\"}}", "m"},
    {"{\"message\":\"m\"}", "m"},
    {"{\"error\":\"e\"}", "e"},
    {"{\"error\":{\"message\":\"e\"}}", "e"},
    {"{\"error\":\"e\",\"detail\":\"d\"}", "d"},
    {"{\"detail\":null,\"error\":\"e\"}", "e"},
    {"{\"detail\":\"\",\"error\":\"e\"}", "e"},
    {"{\"detail\":{},\"message\":7,\"error\":\"e\"}", "e"},
    {"{\"detail\":7}", ""},
    {"{}", ""},
    {"[]", ""},
    {"", ""},
    {"<html>upstream connect error</html>", ""},
    {"{\"detail\":\"cut", ""},
    {"{\"detail\":\"a\\r\\nb\\tc\\u0007d\\u007fe\"}", "a  b c d e"},
    {"{\"detail\":\"a\\u0085b\\u2028c\"}", "a b c"},
    {"{\"detail\":\"a\\u0000b\xFF"
     "c\"}",
     "a" FFFD "b" FFFD "c"},
    {"{\"detail\":\"" KEY " is no key, " KEY "\"}", "*** is no key, ***"},
    {"{\"detail\":\"key=" KEY KEY "x\"}", "key=******x"},
    {"{\"detail\":\"\\u006fm_canary_4711\"}", "***"},
};

LOOP_TEST(sanitize_detail_accepts_every_known_shape, details)
{
    char got[OPENMART_DETAIL_TEXT];

    openmart_parse_detail(details[_i].body, strlen(details[_i].body), KEY, got);
    ck_assert_str_eq(got, details[_i].detail);
}

/* Returns `text` after `n` times 'a', sanitized; valid until the next call. */
static const char *cleaned_behind(size_t n, const char *text)
{
    static char got[OPENMART_DETAIL_TEXT];
    struct buf in autobuf = BUF_INIT(4096);

    for (size_t i = 0; i < n; i++)
        buf_add_str(&in, "a");
    buf_add_str(&in, text);
    openmart_clean(buf_str(&in), KEY, got);
    ck_assert(text_is_utf8(got, strlen(got)));
    ck_assert_uint_le(strlen(got), OPENMART_DETAIL_MAX);
    return got;
}

TEST(sanitize_long_detail_is_cut_between_characters)
{
    ck_assert_uint_eq(strlen(cleaned_behind(199, "b")), 200);
    ck_assert_uint_eq(strlen(cleaned_behind(200, "b")), 200);
    ck_assert_uint_eq(strlen(cleaned_behind(199, "\xC3\xA9")), 199);
    ck_assert_uint_eq(strlen(cleaned_behind(198, "\xC3\xA9")), 200);
    ck_assert_uint_eq(strlen(cleaned_behind(4000, "")), 200);
}

TEST(sanitize_cut_leaves_no_part_of_the_key)
{
    for (size_t n = 150; n <= 200; n++)
        ck_assert_ptr_null(strstr(cleaned_behind(n, KEY "bcd"), "om"));
}

TEST(sanitize_invalid_bytes_are_replaced)
{
    ck_assert_str_eq(cleaned_behind(1, "\xFF\xC3x\n"), "a??x ");
}

TEST(sanitize_empty_key_matches_nothing)
{
    char got[OPENMART_DETAIL_TEXT];

    openmart_clean("abc", "", got);
    ck_assert_str_eq(got, "abc");
}

/* --- Repair of UTF-8 -------------------------------------------------------------------------- */

static const struct {
    const char *in, *out;
} damaged[] = {
    {"{\"a\":[1,\"b\\\"\\\\\"]}", "{\"a\":[1,\"b\\\"\\\\\"]}"},
    {"\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\""},
    {"\"\\u0000\"", "\"\\ufffd\""},
    {"\"\\\x88\"", "\"\\" FFFD "\""},
    {"\"\\\xc3\xa9\"", "\"\\\xc3\xa9\""},
    {"\"\\\x01\\n\"", "\"\\" FFFD "\\n\""},
    {"\"\\\\u0000\"", "\"\\\\u0000\""},
    {"\"\\ud83dx\"", "\"\\ufffdx\""},
    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ufffd\\ud83d\\ude00\""},
    {"\"\\udE00\"", "\"\\ufffd\""},
    {"\"\x01\n\"\n", "\"" FFFD FFFD "\"\n"},
    {"\"\xE2\x82\"", "\"" FFFD FFFD "\""},
    {"\"\\u12", "\"\\u12"},
    {"\"\\", "\"\\"},
    {"", ""},
};

LOOP_TEST(sanitize_replaces_damage_and_keeps_the_rest, damaged)
{
    struct buf out autobuf = BUF_INIT(256);

    ck_assert_int_eq(openmart_repair(damaged[_i].in, strlen(damaged[_i].in), &out), ERR_OK);
    ck_assert_str_eq(buf_str(&out), damaged[_i].out);
}
