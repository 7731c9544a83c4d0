/* SPDX-License-Identifier: MIT */
/* test_json.c - tests the promises of json.h: which texts are rejected, how values are read, how
 * strings are written. cJSON itself accepts most rows of the first table. */
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
} rejected[] = {
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

/* Parses a copy that ends where the text ends, so that a sanitizer detects every read beyond it. */
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

LOOP_TEST(json_invalid_text_is_rejected, rejected)
{
    struct json *doc = NULL;

    ck_assert_msg(parse_exactly(&rejected[_i], &doc) == ERR_SYNTAX, "taken: %s", rejected[_i].data);
    ck_assert_ptr_null(doc);
}

LOOP_TEST(json_valid_text_is_accepted, taken)
{
    struct json *doc = NULL;

    ck_assert_msg(parse_exactly(&taken[_i], &doc) == ERR_OK, "rejected: %s", taken[_i].data);
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

TEST(json_nesting_is_limited)
{
    ck_assert_int_eq(parse_nested(JSON_MAX_DEPTH), ERR_OK);
    ck_assert_int_eq(parse_nested(JSON_MAX_DEPTH + 1), ERR_SYNTAX);
    ck_assert_int_eq(parse_nested(100000), ERR_SYNTAX);
}

TEST(json_siblings_are_not_nesting)
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

TEST(json_size_is_limited)
{
    struct json *doc = NULL;
    autofree char *text = xcalloc(JSON_MAX_BYTES + 2, 1);

    memset(text, ' ', JSON_MAX_BYTES + 1);
    text[0] = '1';
    ck_assert_int_eq(json_parse(text, JSON_MAX_BYTES + 1, &doc), ERR_TOO_BIG);
    ck_assert_int_eq(json_parse(text, JSON_MAX_BYTES, &doc), ERR_OK);
    json_free(doc);
}

TEST(json_text_needs_no_nul)
{
    struct json *doc = NULL;

    ck_assert_int_eq(json_parse("12345", 2, &doc), ERR_OK);
    json_free(doc);
    ck_assert_int_eq(json_parse("[1]garbage", 3, &doc), ERR_OK);
    ck_assert_uint_eq(json_size(doc), 1);
    json_free(doc);
}

TEST(json_keys_are_case_sensitive_and_the_first_counts)
{
    struct json *doc = parsed("{\"Key\":\"x\",\"key\":\"y\",\"key\":\"z\"}");

    ck_assert_str_eq(json_get_string(doc, "key"), "y");
    ck_assert_str_eq(json_get_string(doc, "Key"), "x");
    ck_assert_ptr_null(json_get(doc, "KEY"));
    json_free(doc);
}

TEST(json_wrong_type_reads_as_absent)
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

TEST(json_null_pointer_reads_as_absent)
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

TEST(json_array_has_no_members_and_object_no_elements)
{
    struct json *doc = parsed("[{\"a\":1}]");

    ck_assert(json_is_array(doc) && !json_is_object(doc));
    ck_assert_ptr_null(json_get(doc, "a"));
    ck_assert(json_is_object(json_first(doc)));
    ck_assert_ptr_null(json_first(json_first(doc)));
    json_free(doc);
}

TEST(json_elements_are_in_order)
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

LOOP_TEST(json_numbers_are_truncated_and_clamped, ints)
{
    struct json *doc = parsed(ints[_i].text);

    ck_assert_int_eq(json_get_int(doc, "n", 77), ints[_i].value);
    json_free(doc);
}

static const struct {
    const char *text;
    bool is_integer;
    int64_t value;
} integers[] = {
    {"{\"n\":0}", true, 0},
    {"{\"n\":-3}", true, -3},
    {"{\"n\":3.0}", true, 3},
    {"{\"n\":1e3}", true, 1000},
    {"{\"n\":-9007199254740992}", true, -9007199254740992},
    {"{\"n\":9007199254740992}", true, 9007199254740992},
    {"{\"n\":9007199254740994}", false, 77},
    {"{\"n\":0.5}", false, 77},
    {"{\"n\":1e999}", false, 77},
    {"{\"n\":\"3\"}", false, 77},
    {"{\"n\":true}", false, 77},
    {"{}", false, 77},
};

LOOP_TEST(json_integer_has_no_fraction, integers)
{
    struct json *doc = parsed(integers[_i].text);
    int64_t n = 77;

    ck_assert(json_integer(json_get(doc, "n"), &n) == integers[_i].is_integer);
    ck_assert_int_eq(n, integers[_i].value);
    json_free(doc);
}

TEST(json_members_are_iterated_in_their_order)
{
    struct json *doc = parsed("{\"b\":1,\"a\":[2],\"b\":3}");
    const struct json *member = json_first_member(doc);

    ck_assert_str_eq(json_member_name(member), "b");
    ck_assert_ptr_eq(member, json_get(doc, "b"));
    member = json_next(member);
    ck_assert_str_eq(json_member_name(member), "a");
    ck_assert_ptr_null(json_first_member(member));
    ck_assert_ptr_null(json_next(json_next(member)));
    ck_assert_ptr_null(json_first_member(NULL));
    json_free(doc);
}

TEST(json_booleans_are_read)
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

LOOP_TEST(json_strings_are_written_escaped, writes)
{
    struct buf out autobuf = BUF_INIT(256);

    ck_assert_int_eq(json_add_string(&out, writes[_i].in.data, writes[_i].in.len), ERR_OK);
    ck_assert_str_eq(buf_str(&out), writes[_i].out);
}

TEST(json_written_string_reads_back)
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

TEST(json_null_pointer_is_written_as_null)
{
    struct buf out autobuf = BUF_INIT(64);

    ck_assert_int_eq(json_add_text(&out, NULL), ERR_OK);
    ck_assert_str_eq(buf_str(&out), "null");
}

TEST(json_full_buffer_is_reported)
{
    struct buf out autobuf = BUF_INIT(8);

    ck_assert_int_eq(json_add_string(&out, "123456", 6), ERR_OK);
    buf_clear(&out);
    ck_assert_int_eq(json_add_string(&out, "1234567", 7), ERR_TOO_BIG);
    buf_clear(&out);
    ck_assert_int_eq(json_add_string(&out, "\x01\x01\x01", 3), ERR_TOO_BIG);
}
