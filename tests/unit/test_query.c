/* SPDX-License-Identifier: MIT */
/* test_query.c - tests that a table of parameters accepts each name once, checks its value, and
 * suggests the nearest name for an unknown one. */
#include "http/protocol/query.h"

#include "base/mem.h"
#include "tests/support/suite.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static struct values {
    struct slice text;
    int64_t seconds;
    bool flag, toggle;
} values;

static const struct query_parameter table[] = {
    {"name", QUERY_TEXT, offsetof(struct values, text), NULL},
    {"wait", QUERY_NUMBER, offsetof(struct values, seconds), "'wait' must be a number"},
    {"async", QUERY_FLAG, offsetof(struct values, flag), "'async' must be 0 or 1"},
    {"verbose", QUERY_SWITCH, offsetof(struct values, toggle), "'verbose' must be 0, 1 or empty"},
};

static struct query query;
static struct errmsg errmsg;

static void setup(void)
{
    values = (struct values){.seconds = -1};
    errmsg = (struct errmsg){""};
    query = (struct query){
        .table = table, .n_parameters = ARRAY_LEN(table), .values = &values, .errmsg = &errmsg};
}

FIXTURE(setup, NULL);

/* `value` NULL = no "=". */
static enum err take(const char *name, const char *value)
{
    return query_take(&query, (struct slice){name, strlen(name)},
                      (struct slice){value, value ? strlen(value) : 0});
}

TEST(query_absent_parameters_keep_their_defaults)
{
    ck_assert_int_eq(take("async", "1"), ERR_OK);
    ck_assert(values.flag && !values.toggle);
    ck_assert_int_eq(values.seconds, -1);
    ck_assert_ptr_null(values.text.data);
    ck_assert_uint_eq(query.given, 1U << 2);
}

TEST(query_text_without_a_value_is_empty_but_given)
{
    ck_assert_int_eq(take("name", NULL), ERR_OK);
    ck_assert_ptr_nonnull(values.text.data);
    ck_assert_uint_eq(values.text.len, 0);
}

static const struct {
    const char *name, *value;
    enum err err;
    const char *message;
} rows[] = {
    {"wait", "0", ERR_OK, ""},
    {"wait", "999999999", ERR_OK, ""},
    {"wait", "1000000000", ERR_INVALID_PARAMETER, "'wait' must be a number"},
    {"wait", "+1", ERR_INVALID_PARAMETER, "'wait' must be a number"},
    {"wait", NULL, ERR_INVALID_PARAMETER, "'wait' must be a number"},
    {"async", "0", ERR_OK, ""},
    {"async", "", ERR_INVALID_PARAMETER, "'async' must be 0 or 1"},
    {"async", "2", ERR_INVALID_PARAMETER, "'async' must be 0 or 1"},
    {"async", "01", ERR_INVALID_PARAMETER, "'async' must be 0 or 1"},
    {"verbose", NULL, ERR_OK, ""},
    {"verbose", "", ERR_OK, ""},
    {"verbose", "0", ERR_OK, ""},
    {"verbose", "yes", ERR_INVALID_PARAMETER, "'verbose' must be 0, 1 or empty"},
    {"Verbose", "1", ERR_UNKNOWN_PARAMETER, "unknown parameter 'Verbose'; did you mean 'verbose'?"},
    {"zzzzzzz", "1", ERR_UNKNOWN_PARAMETER, "unknown parameter 'zzzzzzz'"},
    {"", "1", ERR_UNKNOWN_PARAMETER, "the query contains an invalid parameter name"},
    {"it's", "1", ERR_UNKNOWN_PARAMETER, "the query contains an invalid parameter name"},
    {"a\tb", "1", ERR_UNKNOWN_PARAMETER, "the query contains an invalid parameter name"},
};

LOOP_TEST(query_value_is_read_or_rejected_with_a_message, rows)
{
    ck_assert_int_eq(take(rows[_i].name, rows[_i].value), rows[_i].err);
    ck_assert_str_eq(errmsg.text, rows[_i].message);
}

TEST(query_switch_without_a_value_is_on)
{
    ck_assert_int_eq(take("verbose", NULL), ERR_OK);
    ck_assert(values.toggle);
}

TEST(query_second_value_of_a_name_is_rejected)
{
    ck_assert_int_eq(take("wait", "1"), ERR_OK);
    ck_assert_int_eq(take("wait", "1"), ERR_DUPLICATE_PARAMETER);
    ck_assert_str_eq(errmsg.text, "duplicate parameter 'wait'");
    ck_assert_int_eq(values.seconds, 1);
}
