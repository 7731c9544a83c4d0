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
    {"\"\x01\x0B\"\n", "\"" FFFD FFFD "\"\n"},
    {"\"\ta\r\nb\"\t", "\"\\ta\\r\\nb\"\t"},
    {"\"\xE2\x82\"", "\"" FFFD FFFD "\""},
    {"\"\\u12", "\"\\u12"},
    {"\"\\", "\"\\"},
    {"", ""},
    {"[NaN,Infinity,-Infinity]", "[null,null,null]"},
    {"{\"NaN\":\"NaN -Infinity\",\"a\":NaN}", "{\"NaN\":\"NaN -Infinity\",\"a\":null}"},
    {"[\"\\\"\",NaN]", "[\"\\\"\",null]"},
    {"NaN", "null"},
    {"[Na,Infinit,-Inf", "[Na,Infinit,-Inf"},
    {"[123456789012345,-123456789012345]", "[123456789012345,-123456789012345]"},
    {"[1234567890123456,-1234567890123456]", "[\"1234567890123456\",\"-1234567890123456\"]"},
    {"{\"1234567890123456\":1.234567890123456789}", "{\"1234567890123456\":1.234567890123456789}"},
    {"[0.1234567890123456789012345678901234567890123456789012345678901234]",
     "[\"0.1234567890123456789012345678901234567890123456789012345678901234\"]"},
    {"[1,-,1-2,1e5,E7]", "[1,-,1-2,1e5,E7]"},
};

LOOP_TEST(sanitize_replaces_damage_and_keeps_the_rest, damaged)
{
    struct buf out autobuf = BUF_INIT(256);

    ck_assert_int_eq(openmart_repair(damaged[_i].in, strlen(damaged[_i].in), &out), ERR_OK);
    ck_assert_str_eq(buf_str(&out), damaged[_i].out);
}

/* Writes text inside `depth` lists, of which `closed` have an end. */
static void write_nested(struct buf *out, size_t depth, const char *inside, size_t closed)
{
    for (size_t i = 0; i < depth; i++)
        buf_add_str(out, "[");
    buf_add_str(out, inside);
    for (size_t i = 0; i < closed; i++)
        buf_add_str(out, "]");
}

static const struct {
    size_t depth;
    const char *inside;
    size_t closed;
    const char *repaired; /* what is left inside JSON_MAX_DEPTH lists; NULL: all */
} nested[] = {
    {JSON_MAX_DEPTH, "1", JSON_MAX_DEPTH, NULL},
    {JSON_MAX_DEPTH, "1,{},[],2", JSON_MAX_DEPTH, "1,\"" FFFD "\",\"" FFFD "\",2"},
    {JSON_MAX_DEPTH + 1, "1", JSON_MAX_DEPTH + 1, "\"" FFFD "\""},
    {JSON_MAX_DEPTH + 9, "{\"]\\\"}\":[\"\\\\\"]}", JSON_MAX_DEPTH + 9, "\"" FFFD "\""},
    {100000, "", 100000, "\"" FFFD "\""},
};

LOOP_TEST(sanitize_replaces_what_is_nested_too_deeply, nested)
{
    struct buf in autobuf = BUF_INIT(1 << 20), out autobuf = BUF_INIT(1 << 20);
    struct buf expected autobuf = BUF_INIT(4096);

    write_nested(&in, nested[_i].depth, nested[_i].inside, nested[_i].closed);
    write_nested(&expected, JSON_MAX_DEPTH,
                 nested[_i].repaired ? nested[_i].repaired : nested[_i].inside, JSON_MAX_DEPTH);
    ck_assert_int_eq(openmart_repair(buf_str(&in), in.len, &out), ERR_OK);
    ck_assert_str_eq(buf_str(&out), buf_str(&expected));
}

TEST(sanitize_does_not_complete_nested_text_that_was_cut)
{
    struct buf in autobuf = BUF_INIT(4096);
    struct json *doc = NULL;

    write_nested(&in, JSON_MAX_DEPTH + 9, "1", 8);
    ck_assert_int_eq(openmart_parse_json(buf_str(&in), in.len, &doc), ERR_SYNTAX);
    ck_assert_ptr_null(doc);
}

TEST(sanitize_counts_no_brackets_in_strings_and_no_ends_without_a_start)
{
    struct buf in autobuf = BUF_INIT(4096), out autobuf = BUF_INIT(4096);

    buf_add_str(&in, "]]]}");
    for (size_t i = 0; i < 2 * JSON_MAX_DEPTH; i++)
        buf_add_str(&in, "[\"[[{\"]");
    ck_assert_int_eq(openmart_repair(buf_str(&in), in.len, &out), ERR_OK);
    ck_assert_str_eq(buf_str(&out), buf_str(&in));
}

TEST(sanitize_parses_what_it_repaired)
{
    static const char body[] = "{\"n\":12345678901234567890,\"x\":[NaN],\"s\":\"\xFF\"}";
    struct json *doc = NULL;

    ck_assert_int_eq(openmart_parse_json(body, strlen(body), &doc), ERR_OK);
    ck_assert_str_eq(json_get_string(doc, "n"), "12345678901234567890");
    ck_assert(json_is_null(json_first(json_get(doc, "x"))));
    ck_assert_str_eq(json_get_string(doc, "s"), FFFD);
    json_free(doc);
}

/* --- Excerpts --------------------------------------------------------------------------------- */

static const struct {
    const char *body;
    size_t len; /* 0: up to the NUL */
    const char *excerpt;
} excerpts[] = {
    {"", 0, ""},
    {"<html>\r\n<body>\t7", 0, "<html>  <body> 7"},
    {"a\0b\x7F\xC2\x85"
     "c\xFF",
     8, "a b  c?"},
    {"key " KEY " " KEY, 0, "key *** ***"},
    {"{\"email\":\"info@x.com\"},\"b.c+d@y.org\",<e@z>", 0,
     "{\"email\":\"****@x.com\"},\"*****@y.org\",<*@z>"},
    {"caf\xC3\xA9@x.com mailto:info@x.com a@b@c @d", 0, "*****@x.com mailto:****@x.com ***@c @d"},
};

LOOP_TEST(sanitize_excerpt_is_one_line_without_secrets, excerpts)
{
    char got[OPENMART_EXCERPT_TEXT];
    size_t len = excerpts[_i].len ? excerpts[_i].len : strlen(excerpts[_i].body);

    openmart_clean_body(excerpts[_i].body, len, KEY, got);
    ck_assert_str_eq(got, excerpts[_i].excerpt);
}

/* The end of an excerpt may lie inside a character, the key or an address. */
TEST(sanitize_excerpt_ends_without_a_part_of_what_is_hidden)
{
    static const char *const tails[] = {KEY, "info@x.yz", "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"};
    char got[OPENMART_EXCERPT_TEXT];

    for (size_t t = 0; t < ARRAY_LEN(tails); t++)
        for (size_t n = OPENMART_EXCERPT_MAX - 16; n <= OPENMART_EXCERPT_MAX; n++) {
            struct buf body autobuf = BUF_INIT(4096);
            for (size_t i = 0; i < n; i++)
                buf_add_str(&body, ",");
            buf_addf(&body, "%s,%s", tails[t], tails[t]);
            openmart_clean_body(buf_str(&body), body.len, KEY, got);
            ck_assert_uint_le(strlen(got), OPENMART_EXCERPT_MAX);
            ck_assert(text_is_utf8(got, strlen(got)));
            ck_assert_ptr_null(strpbrk(got, "oin"));
        }
}
