/* SPDX-License-Identifier: MIT */
/* test_sim_span.c - tests that the simulator passes parts of a JSON text on byte by byte. */
#include "tests/simulator/parse.h"

#include "tests/support/suite.h"

static struct json_span text_of(const char *s)
{
    return (struct json_span){s, strlen(s)};
}

static void expect_member(const char *text, const char *key, const char *value)
{
    struct json_span found = {0};

    ck_assert_msg(json_span_get(text_of(text), key, &found), "no %s in %s", key, text);
    ck_assert_msg(json_span_is(found, value), "%s is %.*s", key, (int)found.len, found.at);
}

TEST(span_value_is_returned_as_written)
{
    expect_member("{\"a\": 1e3 , \"b\":2}", "a", "1e3");
    expect_member("{ \"a\" :\n[ 1, {\"b\":[]} ]}", "a", "[ 1, {\"b\":[]} ]");
    expect_member("{\"x\":null,\"a\":\"u\\u00e4\"}", "a", "\"u\\u00e4\"");
    expect_member("{\"a\":true}", "a", "true");
}

TEST(span_ignores_brackets_and_quotes_in_strings)
{
    expect_member("{\"a\":[\"]}\\\"\",{\"k}\":\"[\"}],\"b\":7}", "a",
                  "[\"]}\\\"\",{\"k}\":\"[\"}]");
    expect_member("{\"a\":[\"]}\\\"\",{\"k}\":\"[\"}],\"b\":7}", "b", "7");
    expect_member("{\"s\":\"\\\\\",\"b\":7}", "b", "7");
}

TEST(span_does_not_find_keys_of_inner_objects)
{
    struct json_span found = {0};

    ck_assert(!json_span_get(text_of("{\"a\":{\"b\":1}}"), "b", &found));
    ck_assert(!json_span_get(text_of("[\"b\",1]"), "b", &found));
    ck_assert(!json_span_get(text_of("{}"), "b", &found));
    ck_assert(!json_span_get(text_of(""), "b", &found));
    ck_assert_ptr_null(found.at);
}

TEST(span_finds_the_first_of_equal_keys)
{
    expect_member("{\"a\":1,\"a\":2}", "a", "1");
}

TEST(span_hex_becomes_bytes_and_other_text_is_rejected)
{
    autobuf struct buf out = BUF_INIT(4);

    ck_assert_int_eq(parse_hex("00fFa0", &out), ERR_OK);
    ck_assert_mem_eq(out.data, "\x00\xff\xa0", 3);
    ck_assert_int_eq(parse_hex("0", &out), ERR_SYNTAX);
    ck_assert_int_eq(parse_hex("0g", &out), ERR_SYNTAX);
    ck_assert_int_eq(parse_hex("0102", &out), ERR_TOO_BIG);
}
