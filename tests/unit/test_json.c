/* SPDX-License-Identifier: MIT */
/* test_json.c - what json.h promises: which texts are refused, how values read, how strings are
 * written. Most rows of the first table are things that cJSON by itself takes. */
#include "base/json.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BOM "\xEF\xBB\xBF"
/* clang-format off */
#define TEXT(s) {(s), sizeof(s) - 1}
/* clang-format on */

static const struct text {
    const char *data;
    size_t len;
} refused[] = {
    TEXT(""),
    TEXT(" "),
    TEXT(BOM),
    TEXT("{"),
    TEXT("[1"),
    TEXT("[1,]"),
    TEXT("[1 2]"),
    TEXT("{\"a\":1,}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("]"),
    TEXT("[}"),
    TEXT("[1]]"),
    TEXT("[1] x"),
    TEXT("{} {}"),
    TEXT("nullx"),
    TEXT("nul"),
    TEXT("True"),
    TEXT("NaN"),
    TEXT("Infinity"),
    TEXT("01"),
    TEXT("-"),
    TEXT("-01"),
    TEXT("+1"),
    TEXT("1."),
    TEXT(".5"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1.2.3"),
    TEXT("0x10"),
    TEXT("[1]\0"),
    TEXT("[1\0]"),
    TEXT("\0[1]"),
    TEXT("[1,\x01 2]"),
    TEXT("[1\x0B]"),
    TEXT("\"a\0b\""),
    TEXT("\"a\nb\""),
    TEXT("\"a\tb\""),
    TEXT("\"a\\u0000b\""),
    TEXT("{\"a\\u0000b\":1}"),
    TEXT("\"\\u12\""),
    TEXT("\"\\u12G4\""),
    TEXT("\"\\x41\""),
    TEXT("\"\\"),
    TEXT("\"\\\""),
    TEXT("\"open"),
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""),
    TEXT("\"\\ud800\\u0041\""),
    TEXT("\"\xFF\""),
    TEXT("\"\xC0\x80\""),
    TEXT("\"\xED\xA0\x80\""),
    TEXT("\"\xE2\x82\""),
    TEXT("\xA0[1]"),
    TEXT("[1]\xC2\xA0"),
    TEXT("/* no */ 1"),
    TEXT("<html></html>"),
};

static const struct text taken[] = {
    TEXT("null"),
    TEXT(" \t\r\n[ 1 , 2 ]\n"),
    TEXT(BOM "{}"),
    TEXT("0"),
    TEXT("-0"),
    TEXT("-0.5e-7"),
    TEXT("1E+9"),
    TEXT("1e999"),
    TEXT("[]"),
    TEXT("{\"\":[]}"),
    TEXT("\"\\\\u0000\""), /* a backslash, then letters */
    TEXT("\"\\u00e9\\uD83D\\uDE00\\/\\b\""),
    TEXT("\"\x7F\xC3\xA9\xF0\x9F\x98\x80\""),
    TEXT("{\"a\":1,\"a\":2,\"A\":3}"),
};

/* Parses a copy that ends exactly where the text does, so that a sanitizer sees a step too far. */
static enum err parse_exactly(const struct text *text, struct json **ret_doc)
{
    autofree char *copy = xcalloc(text->len, 1);

    memcpy(copy, text->data, text->len);
    return json_parse(copy, text->len, ret_doc);
}

static struct json *parsed(const char *text)
{
    struct json *doc = NULL;

    ck_assert_int_eq(parse_exactly(&(struct text){text, strlen(text)}, &doc), ERR_OK);
    return doc;
}

LOOP_TEST(a_text_that_breaks_the_grammar_is_refused, refused)
{
    struct json *doc = NULL;

    ck_assert_msg(parse_exactly(&refused[_i], &doc) == ERR_SYNTAX, "taken: %s", refused[_i].data);
    ck_assert_ptr_null(doc);
}

LOOP_TEST(a_text_that_follows_the_grammar_is_taken, taken)
{
    struct json *doc = NULL;

    ck_assert_msg(parse_exactly(&taken[_i], &doc) == ERR_OK, "refused: %s", taken[_i].data);
    json_free(doc);
}

static enum err parse_nested(size_t depth)
{
    struct json *doc = NULL;
    autofree char *text = xcalloc(2 * depth + 1, 1);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    enum err err = json_parse(text, 2 * depth, &doc);
    json_free(doc);
    return err;
}

TEST(nesting_has_a_limit)
{
    ck_assert_int_eq(parse_nested(JSON_MAX_DEPTH), ERR_OK);
    ck_assert_int_eq(parse_nested(JSON_MAX_DEPTH + 1), ERR_SYNTAX);
    ck_assert_int_eq(parse_nested(100000), ERR_SYNTAX);
}

TEST(siblings_are_not_nesting)
{
    struct buf text autobuf = BUF_INIT(4096);

    buf_add_str(&text, "[[]");
    for (int i = 0; i < 500; i++)
        buf_add_str(&text, ",[]");
    buf_add_str(&text, "]");
    struct json *doc = parsed(buf_str(&text));
    ck_assert_uint_eq(json_size(doc), 501);
    json_free(doc);
}

TEST(size_has_a_limit)
{
    struct json *doc = NULL;
    autofree char *text = xcalloc(JSON_MAX_BYTES + 2, 1);

    memset(text, ' ', JSON_MAX_BYTES + 1);
    text[0] = '1';
    ck_assert_int_eq(json_parse(text, JSON_MAX_BYTES + 1, &doc), ERR_TOO_BIG);
    ck_assert_int_eq(json_parse(text, JSON_MAX_BYTES, &doc), ERR_OK);
    json_free(doc);
}

TEST(the_text_need_not_end_with_a_nul)
{
    struct json *doc = NULL;

    ck_assert_int_eq(json_parse("12345", 2, &doc), ERR_OK);
    json_free(doc);
    ck_assert_int_eq(json_parse("[1]garbage", 3, &doc), ERR_OK);
    ck_assert_uint_eq(json_size(doc), 1);
    json_free(doc);
}

TEST(keys_are_compared_with_their_case_and_the_first_counts)
{
    struct json *doc = parsed("{\"Key\":\"x\",\"key\":\"y\",\"key\":\"z\"}");

    ck_assert_str_eq(json_get_string(doc, "key"), "y");
    ck_assert_str_eq(json_get_string(doc, "Key"), "x");
    ck_assert_ptr_null(json_get(doc, "KEY"));
    json_free(doc);
}

TEST(a_wrong_type_reads_as_absent)
{
    struct json *doc = parsed("{\"s\":1,\"b\":\"true\",\"b1\":1,\"i\":\"7\",\"n\":null,\"a\":{}}");

    ck_assert_ptr_null(json_get_string(doc, "s"));
    ck_assert(!json_get_bool(doc, "b", false));
    ck_assert(json_get_bool(doc, "b", true));
    ck_assert(!json_get_bool(doc, "b1", false));
    ck_assert_int_eq(json_get_int(doc, "i", -7), -7);
    ck_assert_ptr_null(json_get_string(doc, "n"));
    ck_assert(json_is_null(json_get(doc, "n")));
    ck_assert(!json_is_null(json_get(doc, "absent")));
    ck_assert_ptr_null(json_first(json_get(doc, "a")));
    ck_assert_uint_eq(json_size(json_get(doc, "a")), 0);
    json_free(doc);
}

TEST(nothing_reads_as_absent)
{
    ck_assert_ptr_null(json_get(NULL, "a"));
    ck_assert_ptr_null(json_string(NULL));
    ck_assert_ptr_null(json_get_string(NULL, "a"));
    ck_assert(json_get_bool(NULL, "a", true));
    ck_assert_int_eq(json_get_int(NULL, "a", 5), 5);
    ck_assert_ptr_null(json_first(NULL));
    ck_assert_ptr_null(json_next(NULL));
    ck_assert_uint_eq(json_size(NULL), 0);
    ck_assert(!json_is_object(NULL) && !json_is_array(NULL) && !json_is_null(NULL));
    json_free(NULL);
}

TEST(an_array_has_no_members_and_an_object_no_elements)
{
    struct json *doc = parsed("[{\"a\":1}]");

    ck_assert(json_is_array(doc) && !json_is_object(doc));
    ck_assert_ptr_null(json_get(doc, "a"));
    ck_assert(json_is_object(json_first(doc)));
    ck_assert_ptr_null(json_first(json_first(doc)));
    json_free(doc);
}

TEST(elements_come_in_order)
{
    struct json *doc = parsed("[\"a\",\"b\",\"c\"]");
    char seen[8] = "";
    size_t n = 0;

    for (const struct json *e = json_first(doc); e; e = json_next(e))
        seen[n++] = json_string(e)[0];
    ck_assert_str_eq(seen, "abc");
    json_free(doc);
}

static const struct int_row {
    const char *text;
    int64_t value;
} ints[] = {
    {"{\"n\":0}", 0},
    {"{\"n\":-3}", -3},
    {"{\"n\":998931751}", 998931751},
    {"{\"n\":3.99}", 3},
    {"{\"n\":-3.99}", -3},
    {"{\"n\":9007199254740991}", 9007199254740991},
    {"{\"n\":9007199254740993}", 9007199254740992},
    {"{\"n\":1e300}", 9007199254740992},
    {"{\"n\":-1e300}", -9007199254740992},
    {"{\"n\":1e999}", 9007199254740992},
    {"{\"n\":-1e999}", -9007199254740992},
};

LOOP_TEST(numbers_are_cut_and_clamped, ints)
{
    struct json *doc = parsed(ints[_i].text);

    ck_assert_int_eq(json_get_int(doc, "n", 77), ints[_i].value);
    json_free(doc);
}

TEST(booleans_read_as_they_are)
{
    struct json *doc = parsed("{\"t\":true,\"f\":false}");

    ck_assert(json_get_bool(doc, "t", false));
    ck_assert(!json_get_bool(doc, "f", true));
    json_free(doc);
}

static const struct write_row {
    struct text in;
    const char *out;
} writes[] = {
    {TEXT(""), "\"\""},
    {TEXT("plain text /"), "\"plain text /\""},
    {TEXT("a\"b\\c"), "\"a\\\"b\\\\c\""},
    {TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
    {TEXT("\x01\x1F\x7F"), "\"\\u0001\\u001F\\u007F\""},
    {TEXT("a\0b"), "\"a\\u0000b\""},
    {TEXT("\xC2\x80\xC2\x9F\xC2\xA0"), "\"\\u0080\\u009F\xC2\xA0\""},
    {TEXT("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA"), "\"\\u2028\\u2029\xE2\x80\xAA\""},
    {TEXT("b\xC3\xBC"
          "cher \xF0\x9F\x98\x80"),
     "\"b\xC3\xBC"
     "cher \xF0\x9F\x98\x80\""},
    {TEXT("a\xFF"
          "b"),
     "\"a\xEF\xBF\xBD"
     "b\""},
    {TEXT("\xC3"), "\"\xEF\xBF\xBD\""},
    {TEXT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {TEXT("\xF0\x9F\x98x"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx\""},
};

LOOP_TEST(strings_are_written_escaped, writes)
{
    struct buf out autobuf = BUF_INIT(256);

    ck_assert_int_eq(json_add_string(&out, writes[_i].in.data, writes[_i].in.len), ERR_OK);
    ck_assert_str_eq(buf_str(&out), writes[_i].out);
}

TEST(what_is_written_reads_the_same)
{
    struct buf out autobuf = BUF_INIT(4096);
    char all[128];

    for (int i = 0; i < 127; i++)
        all[i] = (char)(i + 1);
    all[127] = '\0';
    ck_assert_int_eq(json_add_text(&out, all), ERR_OK);
    struct json *doc = parsed(buf_str(&out));
    ck_assert_str_eq(json_string(doc), all);
    json_free(doc);
}

TEST(no_text_is_written_as_null)
{
    struct buf out autobuf = BUF_INIT(64);

    ck_assert_int_eq(json_add_text(&out, NULL), ERR_OK);
    ck_assert_str_eq(buf_str(&out), "null");
}

TEST(a_full_buffer_is_told)
{
    struct buf out autobuf = BUF_INIT(8);

    ck_assert_int_eq(json_add_string(&out, "123456", 6), ERR_OK);
    buf_clear(&out);
    ck_assert_int_eq(json_add_string(&out, "1234567", 7), ERR_TOO_BIG);
    buf_clear(&out);
    ck_assert_int_eq(json_add_string(&out, "\x01\x01\x01", 3), ERR_TOO_BIG);
}
