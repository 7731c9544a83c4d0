/* SPDX-License-Identifier: MIT */
/* test_sim_settings.c - tests how the simulator reads numbers, and parts of a JSON text, which it
 * passes on byte by byte. */
#include "base/mem.h"
#include "tests/simulator/settings.h"

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

/* ---- numbers ---- */

TEST(units_durations_have_millisecond_precision)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"26s", 26000}, {"250ms", 250}, {"0", 0},
                {"0s", 0},      {"2m", 120000}, {"1h", 3600000}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        ck_assert_int_eq(parse_duration(rows[i].text, &ms), ERR_OK);
        ck_assert_int_eq(ms, rows[i].ms);
    }
}

TEST(units_prices_have_three_decimals)
{
    static const struct {
        const char *text;
        int64_t thousandths;
    } rows[] = {{"0.3", 300}, {"1", 1000}, {"0.001", 1}, {"2.25", 2250}, {"0", 0}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = -1;
        ck_assert_int_eq(parse_thousandths(rows[i].text, &value), ERR_OK);
        ck_assert_int_eq(value, rows[i].thousandths);
    }
}

TEST(units_invalid_number_is_rejected_and_changes_nothing)
{
    static const char *const bad[] = {"",  " 1", "-1", "1 s", "s", "26 ", "99999999999999999999s",
                                      "1x"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t value = 7;
        ck_assert_int_eq(parse_duration(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(parse_count(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(parse_thousandths(bad[i], &value), ERR_SYNTAX);
        ck_assert_int_eq(value, 7);
    }
}

TEST(units_duration_without_unit_is_rejected)
{
    int64_t value = 7;

    ck_assert_int_eq(parse_duration("26", &value), ERR_SYNTAX);
    ck_assert_int_eq(parse_thousandths("0.0001", &value), ERR_SYNTAX);
    ck_assert_int_eq(value, 7);
}
