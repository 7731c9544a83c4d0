/* SPDX-License-Identifier: MIT */
/* test_list_type.c - tests which Content-Types are lists, and what clients with others learn. */
#include "http/protocol/list_parser.h"

#include "tests/support/suite.h"
#include <string.h>

static const struct {
    const char *content_type;
    enum list_type type;
} known[] = {
    {"text/plain", LIST_TEXT},
    {"Text/Plain;charset=UTF-8", LIST_TEXT},
    {"application/json", LIST_JSON},
    {"application/json; charset=utf-8", LIST_JSON},
    {"application/x-ndjson", LIST_NDJSON},
    {"application/ndjson", LIST_NDJSON},
    {"application/jsonl", LIST_NDJSON},
    {"text/csv", LIST_CSV},
    {"text/csv ; header=present; charset=\"utf-8\"", LIST_CSV},
    {"text/csv; charset=utf-8; header=present", LIST_CSV},
    {" text/csv; x=\",charset=latin1;\"; Charset=Utf-8 ", LIST_CSV},
    {"text/plain;", LIST_TEXT},
};

LOOP_TEST(list_type_is_found_with_and_without_parameters, known)
{
    enum list_type type = LIST_TYPES;
    struct errmsg why = {""};

    ck_assert_int_eq(list_type_read(known[_i].content_type, &type, &why), ERR_OK);
    ck_assert_int_eq(type, known[_i].type);
    ck_assert_str_eq(why.text, "");
}

static const struct {
    const char *content_type, *why; /* part of the message */
} unknown[] = {
    {NULL, "missing Content-Type; send text/plain (one domain per line), application/json, "
           "application/x-ndjson or text/csv"},
    {"", "missing"},
    {" ", "missing"},
    {"application/xml", "unsupported Content-Type; send text/plain"},
    {"text/html; charset=utf-8", "unsupported Content-Type"},
    {"text", "unsupported Content-Type"},
    {"text/plainly", "unsupported Content-Type"},
    {"text/plain x", "unsupported Content-Type"},
    {"text/plain, application/json", "unsupported Content-Type"},
    {"text/plain; a=b, application/json", "unsupported Content-Type"},
    {"*/*", "unsupported Content-Type"},
    {"application/x-www-form-urlencoded", "--data-binary"},
    {"Application/X-WWW-Form-Urlencoded; charset=utf-8", "-H 'Content-Type: text/plain'"},
    {"multipart/form-data; boundary=x", "--data-binary"},
    {"text/plain; charset=iso-8859-1", "unsupported charset; send the list as UTF-8"},
    {"text/plain; charset=utf-16", "unsupported charset"},
    {"text/plain; charset=utf-81", "unsupported charset"},
    {"text/plain; charset=\"utf-8", "unsupported charset"},
    {"text/plain; charset=", "unsupported charset"},
    {"text/plain; charset=utf-8; charset=latin1", "unsupported charset"},
};

LOOP_TEST(list_type_unknown_is_rejected_with_a_remedy, unknown)
{
    enum list_type type = LIST_TYPES;
    struct errmsg why = {""};

    ck_assert_int_eq(list_type_read(unknown[_i].content_type, &type, &why),
                     ERR_UNSUPPORTED_MEDIA_TYPE);
    ck_assert_int_eq(type, LIST_TYPES);
    ck_assert_msg(strstr(why.text, unknown[_i].why) != NULL, "%s", why.text);
}

TEST(list_accept_post_names_types_that_are_known)
{
    enum list_type type;
    struct errmsg why;
    size_t n = 0;

    for (const char *at = list_accept_post; *at; at += strspn(at, ", "), n++) {
        char one[64] = "";
        size_t len = strcspn(at, ",");
        memcpy(one, at, len);
        ck_assert_int_eq(list_type_read(one, &type, &why), ERR_OK);
        at += len;
    }
    ck_assert_uint_eq(n, 6);
}
