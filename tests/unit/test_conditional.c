/* SPDX-License-Identifier: MIT */
/* test_conditional.c - tests the header fields of conditional requests, and what they demand of a
 * stored result. */
#include "base/mem.h"
#include "http/protocol/conditional.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *header;
    bool matches;
} tags[] = {
    {NULL, false},
    {"", false},
    {"\"abc\"", true},
    {"W/\"abc\"", true},
    {"*", true},
    {" * ", true},
    {"\"x\", \"abc\"", true},
    {"\"x\",W/\"abc\" , \"y\"", true},
    {"\"abc\" , x", true},
    {"\"ab\"", false},
    {"\"abcd\"", false},
    {"abc", false},
    {"\"abc", false},
    {"\"", false},
    {"\"abc\"x", false},
    {"\"abc\"\"", false},
    {"\"x\" \"abc\"", false},
    {"\"x\"; \"abc\"", false},
    {"*, \"x\"", false},
};

LOOP_TEST(none_match_finds_entity_tag_in_its_list, tags)
{
    ck_assert_msg(conditional_none_match(tags[_i].header, "\"abc\"") == tags[_i].matches,
                  "If-None-Match: %s", tags[_i].header ? tags[_i].header : "(none)");
}

/* A result fetched at 2026-11-23T11:20:04.567Z. */
#define FETCHED_MS INT64_C(1795432804567)

static const struct result *new_result(void)
{
    static const unsigned char key[HASH_SIZE] = {1};
    static const struct result_email email = {"info@milvali.com", "VALID"};

    return result_new_answer(&(struct result_facts){.key = key,
                                                    .domain = "milvali.com",
                                                    .company_name = "Milvali",
                                                    .emails = &email,
                                                    .n_emails = 1,
                                                    .fetched_ms = FETCHED_MS,
                                                    .ttl_found_ms = 1000});
}

/* Reads the fields; TAG stands for the tag of the JSON body. */
static struct precondition read_fields(const struct result *result, const char *if_match,
                                       const char *since)
{
    const char *tag = if_match ? strstr(if_match, "TAG") : NULL;
    struct precondition precondition;
    char text[256] = "";

    if (tag)
        snprintf(text, sizeof text, "%.*s%s%s", (int)(tag - if_match), if_match,
                 result->bodies[RESULT_JSON].etag, tag + 3);
    conditional_read(tag ? text : if_match, since, &precondition);
    return precondition;
}

static const struct {
    const char *if_match, *since;
    bool holds, holds_for_text, holds_for_none;
} preconditions[] = {
    {NULL, NULL, true, true, true},
    {"TAG", NULL, true, false, false},
    {"\"x\", TAG", NULL, true, false, false},
    {"*", NULL, true, true, false},
    {"W/TAG", NULL, false, false, false}, /* strong comparison: RFC 9110, 13.1.1 */
    {"\"x\"", NULL, false, false, false},
    {"", NULL, false, false, false},
    {"TAGx", NULL, false, false, false},
    {NULL, "Mon, 23 Nov 2026 11:20:04 GMT", true, true, true},
    {NULL, "Mon, 23 Nov 2026 11:20:03 GMT", false, false, true},
    {NULL, "Monday, 23-Nov-26 11:20:04 GMT", true, true, true},
    {NULL, "Monday, 23-Nov-26 11:20:03 GMT", false, false, true},
    {NULL, "Mon Nov 23 11:20:04 2026", true, true, true},
    {NULL, "Mon Nov 23 11:20:03 2026", false, false, true},
    {NULL, "Thu, 01 Jan 1970 00:00:00 GMT", false, false, true},
    {NULL, "yesterday", true, true, true},
    {NULL, "Mon, 23 Nov 2020 11:20:04 GMT and more", true, true, true},
    {"TAG", "Mon, 23 Nov 2020 11:20:04 GMT", true, false, false},
};

LOOP_TEST(precondition_is_evaluated_for_one_format_or_any, preconditions)
{
    const struct result *result = new_result();
    struct precondition read =
        read_fields(result, preconditions[_i].if_match, preconditions[_i].since);

    ck_assert_int_eq(precondition_holds(&read, result, RESULT_JSON), preconditions[_i].holds);
    ck_assert_int_eq(precondition_holds(&read, result, RESULT_FORMATS), preconditions[_i].holds);
    ck_assert_int_eq(precondition_holds(&read, result, RESULT_TEXT),
                     preconditions[_i].holds_for_text);
    ck_assert_int_eq(precondition_holds(&read, NULL, RESULT_FORMATS),
                     preconditions[_i].holds_for_none);
    result_unref(result);
}

TEST(precondition_of_many_tags_ends_at_a_limit)
{
    const struct result *result = new_result();
    struct precondition precondition;
    char text[2048] = "";

    for (size_t i = 0; i < PRECONDITION_TAGS; i++)
        snprintf(text + i * 36, sizeof text - i * 36, "\"%032zu\", ", i);
    conditional_read(text, NULL, &precondition);
    ck_assert_uint_eq(precondition.n_tags, PRECONDITION_TAGS);
    snprintf(text + PRECONDITION_TAGS * 36, 40, "%s", result->bodies[RESULT_JSON].etag);
    conditional_read(text, NULL, &precondition);
    ck_assert(!precondition_holds(&precondition, result, RESULT_JSON));
    result_unref(result);
}
