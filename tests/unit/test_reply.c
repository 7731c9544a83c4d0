/* SPDX-License-Identifier: MIT */
/* test_reply.c - tests that a reply keeps what it is given, and has limits. */
#include "base/buf.h"
#include "http/core/reply.h"
#include "model/result.h"

#include "tests/support/suite.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

TEST(reply_new_has_its_status_and_no_body)
{
    struct reply reply;

    memset(&reply, 0xAA, sizeof reply);
    reply_init(&reply, 404);
    ck_assert_int_eq(reply.status, 404);
    ck_assert_uint_eq(reply.body.len, 0);
    ck_assert_ptr_null(reply.owned_body);
    ck_assert_ptr_null(reply.keeper);
    ck_assert_uint_eq(reply.n_headers, 0);
}

TEST(reply_headers_keep_order_and_values)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_header(&reply, "Age", "%d", 17);
    reply_header(&reply, "Vary", "Accept, %s", "Prefer");
    ck_assert_uint_eq(reply.n_headers, 2);
    ck_assert_str_eq(reply.headers[0].name, "Age");
    ck_assert_str_eq(reply_value(&reply, 0), "17");
    ck_assert_str_eq(reply.headers[1].name, "Vary");
    ck_assert_str_eq(reply_value(&reply, 1), "Accept, Prefer");
}

TEST(reply_holds_the_promised_number_of_headers)
{
    struct reply reply;

    reply_init(&reply, 200);
    for (int i = 0; i < REPLY_HEADERS; i++)
        reply_header(&reply, "X", "%d", i);
    for (int i = 0; i < REPLY_HEADERS; i++)
        ck_assert_int_eq(strtol(reply_value(&reply, (size_t)i), NULL, 10), i);
}

SIGNAL_TEST(reply_with_one_header_too_many_aborts, SIGABRT)
{
    struct reply reply;

    reply_init(&reply, 200);
    for (int i = 0; i <= REPLY_HEADERS; i++)
        reply_header(&reply, "X", "%d", i);
}

TEST(reply_value_of_maximum_length_fits)
{
    struct reply reply;
    char value[REPLY_HEADER_BYTES];

    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    reply_init(&reply, 200);
    reply_header(&reply, "X", "%s", value);
    ck_assert_str_eq(reply_value(&reply, 0), value);
}

SIGNAL_TEST(reply_with_a_too_long_value_aborts, SIGABRT)
{
    struct reply reply;

    reply_init(&reply, 200);
    reply_header(&reply, "X", "%*d", REPLY_HEADER_BYTES, 1);
}

TEST(reply_static_body_is_borrowed)
{
    static const char text[] = "ok\n";
    struct reply reply;

    reply_init(&reply, 200);
    reply_body_static(&reply, text, 3);
    ck_assert_ptr_eq(reply.body.data, text);
    ck_assert_uint_eq(reply.body.len, 3);
    ck_assert_ptr_null(reply.owned_body);
}

TEST(reply_taken_body_leaves_the_buffer_empty)
{
    struct buf autobuf buf = BUF_INIT(64);
    struct reply reply;

    buf_add_str(&buf, "body");
    reply_init(&reply, 200);
    reply_body_take(&reply, &buf);
    ck_assert_ptr_null(buf.data);
    ck_assert_ptr_eq(reply.body.data, reply.owned_body);
    ck_assert_uint_eq(reply.body.len, 4);
    ck_assert_str_eq(reply.owned_body, "body");
    free(reply.owned_body);
}

TEST(reply_keeps_its_result_alive)
{
    const unsigned char key[HASH_SIZE] = {0};
    const struct result_email email = {"info@a.example", "VALID"};
    const struct result_facts facts = {
        .key = key, .domain = "a.example", .company_name = "A", .emails = &email, .n_emails = 1};
    const struct result *result = result_new_answer(&facts);
    struct reply reply;

    reply_init(&reply, 200);
    reply_body_of(&reply, result, RESULT_TEXT);
    result_unref(result); /* sanitizers check the reads below */
    ck_assert_ptr_eq(reply.keeper, result);
    ck_assert_uint_eq(reply.body.len, strlen("info@a.example\n"));
    ck_assert_mem_eq(reply.body.data, "info@a.example\n", reply.body.len);
    result_unref(reply.keeper);
}
