/* SPDX-License-Identifier: MIT */
/* test_emails_query.c - tests the query of /emails, argument by argument. */
#include "base/mem.h"
#include "http/endpoints/emails_query.h"

#include "bare_request.h"
#include "tests/support/suite.h"
#include <stdbool.h>
#include <string.h>

static struct slice slice(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

static const struct {
    const char *names[3], *values[3];
    enum err err;
    const char *why; /* must be part of the detail */
} rows[] = {
    {{"domain"}, {"a.com"}, ERR_OK, NULL},
    {{"domain", "wait"}, {"a.com", "0"}, ERR_OK, NULL},
    {{"domain", "company_name", "city"}, {"a.com", "A", "Z\xc3\xbcrich"}, ERR_OK, NULL},
    {{NULL}, {NULL}, ERR_OK, NULL}, /* a missing domain is reported by the question */
    {{"domain", "domain"}, {"a.com", "b.com"}, ERR_DUPLICATE_PARAMETER, "'domain'"},
    {{"domain", "domain"}, {"a.com", "a.com"}, ERR_DUPLICATE_PARAMETER, "'domain'"},
    {{"domain", "domain"}, {"a.com", NULL}, ERR_DUPLICATE_PARAMETER, "'domain'"},
    {{"Domain"}, {"a.com"}, ERR_UNKNOWN_PARAMETER, "did you mean 'domain'?"},
    {{"DOMAIN"}, {"a.com"}, ERR_UNKNOWN_PARAMETER, "did you mean 'domain'?"},
    {{"domian"}, {"a.com"}, ERR_UNKNOWN_PARAMETER, "did you mean 'domain'?"},
    {{"company"}, {"A"}, ERR_UNKNOWN_PARAMETER, "unknown parameter 'company'"},
    {{"companyname"}, {"A"}, ERR_UNKNOWN_PARAMETER, "did you mean 'company_name'?"},
    {{"zzz"}, {"1"}, ERR_UNKNOWN_PARAMETER, "unknown parameter 'zzz'"},
    {{""}, {"a.com"}, ERR_UNKNOWN_PARAMETER, "an invalid parameter name"},
    {{"a\x1b[31m"}, {""}, ERR_UNKNOWN_PARAMETER, "an invalid parameter name"},
    {{"wait"}, {"90s"}, ERR_INVALID_PARAMETER, "'wait'"},
    {{"wait"}, {"-1"}, ERR_INVALID_PARAMETER, "'wait'"},
    {{"wait"}, {""}, ERR_INVALID_PARAMETER, "'wait'"},
    {{"wait"}, {NULL}, ERR_INVALID_PARAMETER, "'wait'"},
    {{"wait"}, {"9999999999"}, ERR_INVALID_PARAMETER, "'wait'"},
    {{"max_age"}, {"0"}, ERR_OK, NULL},
    {{"max_age"}, {"1d"}, ERR_INVALID_PARAMETER, "'max_age'"},
    {{"max-age"}, {"1"}, ERR_UNKNOWN_PARAMETER, "did you mean 'max_age'?"},
    {{"async", "refresh", "cached"}, {"1", "0", "1"}, ERR_OK, NULL},
    {{"async"}, {"yes"}, ERR_INVALID_PARAMETER, "0 or 1"},
    {{"refresh"}, {""}, ERR_INVALID_PARAMETER, "0 or 1"},
    {{"cached"}, {NULL}, ERR_INVALID_PARAMETER, "0 or 1"},
    {{"format"}, {"sse"}, ERR_OK, NULL},
    {{"format"}, {"xml"}, ERR_INVALID_PARAMETER, "must be json, csv, text, ndjson or sse"},
    {{"format"}, {"CSV"}, ERR_INVALID_PARAMETER, "'format'"},
    {{"format"}, {""}, ERR_INVALID_PARAMETER, "'format'"},
    {{"format"}, {NULL}, ERR_INVALID_PARAMETER, "'format'"},
    {{"format", "format"}, {"csv", "csv"}, ERR_DUPLICATE_PARAMETER, "'format'"},
    {{"fromat"}, {"csv"}, ERR_UNKNOWN_PARAMETER, "did you mean 'format'?"},
};

LOOP_TEST(query_is_parsed_or_rejected_with_a_reason, rows)
{
    struct request request = {.n_arguments = 0};
    struct parameters parameters;
    struct errmsg why = {""};

    for (size_t i = 0; i < 3 && rows[_i].names[i]; i++) {
        request.arguments[i].name = slice(rows[_i].names[i]);
        request.arguments[i].value = slice(rows[_i].values[i]);
        request.n_arguments++;
    }
    ck_assert_int_eq(parameters_read(&request, &parameters, &why), rows[_i].err);
    if (rows[_i].why)
        ck_assert_msg(strstr(why.text, rows[_i].why), "row %d: %s", _i, why.text);
    else
        ck_assert_str_eq(why.text, "");
}

static const struct {
    const char *name, *value;
    enum err err;
} of_lists[] = {
    {"max_credits", "100", ERR_OK},
    {"wait", "5", ERR_OK},
    {"format", "csv", ERR_OK},
    {"max_credits", "-1", ERR_INVALID_PARAMETER},
    {"max_credits", "", ERR_INVALID_PARAMETER},
    {"domain", "a.com", ERR_UNKNOWN_PARAMETER},
    {"country", "CH", ERR_UNKNOWN_PARAMETER},
    {"after", "1", ERR_UNKNOWN_PARAMETER},
};

LOOP_TEST(query_of_a_list_has_no_question_and_may_limit_its_credits, of_lists)
{
    struct request request = {.arguments = {{slice(of_lists[_i].name), slice(of_lists[_i].value)}},
                              .n_arguments = 1};
    struct parameters parameters;
    struct errmsg why = {""};

    ck_assert_int_eq(parameters_read_list(&request, &parameters, &why), of_lists[_i].err);
    if (_i == 0)
        ck_assert_int_eq(parameters.max_credits, 100);
}

TEST(query_of_one_domain_cannot_limit_its_credits)
{
    struct request request = {.arguments = {{slice("max_credits"), slice("1")}}, .n_arguments = 1};
    struct parameters parameters;
    struct errmsg why;

    ck_assert_int_eq(parameters_read(&request, &parameters, &why), ERR_UNKNOWN_PARAMETER);
}

TEST(query_values_reach_their_fields)
{
    struct request request = {.arguments = {{slice("city"), slice("Bern")},
                                            {slice("domain"), slice("a.com")},
                                            {slice("wait"), slice("30")}},
                              .n_arguments = 3};
    struct parameters parameters;
    struct errmsg why;

    ck_assert_int_eq(parameters_read(&request, &parameters, &why), ERR_OK);
    ck_assert_mem_eq(parameters.fields[QUESTION_CITY].data, "Bern", 4);
    ck_assert_uint_eq(parameters.fields[QUESTION_DOMAIN].len, 5);
    ck_assert_ptr_null(parameters.fields[QUESTION_STATE].data);
    ck_assert_int_eq(parameters.wait_s, 30);
    ck_assert_int_eq(parameters.max_age_s, -1);
    ck_assert_int_eq(parameters.format, FORMATS);
    ck_assert(parameters.has_others);
}

static const struct {
    const char *name, *value; /* beside `domain` */
    bool has_others;
} others[] = {
    {NULL, NULL, false},     {"company_name", "A", true}, {"city", "", true},
    {"country", NULL, true}, {"wait", "0", true},         {"max_age", "0", true},
    {"async", "0", true},    {"refresh", "0", true},      {"cached", "0", true},
    {"format", "csv", true},
};

LOOP_TEST(query_notes_parameters_besides_the_domain, others)
{
    struct request request = {.arguments = {{slice("domain"), slice("a.com")},
                                            {slice(others[_i].name), slice(others[_i].value)}},
                              .n_arguments = others[_i].name ? 2 : 1};
    struct parameters parameters;
    struct errmsg why;

    ck_assert_int_eq(parameters_read(&request, &parameters, &why), ERR_OK);
    ck_assert_int_eq(parameters.has_others, others[_i].has_others);
}

TEST(query_name_with_a_nul_is_not_truncated)
{
    struct request request = {.arguments = {{{"domain\0x", 8}, slice("a.com")}}, .n_arguments = 1};
    struct parameters parameters;
    struct errmsg why;

    ck_assert_int_eq(parameters_read(&request, &parameters, &why), ERR_UNKNOWN_PARAMETER);
}
