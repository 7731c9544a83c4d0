/* SPDX-License-Identifier: MIT */
/* test_json_rpc.c - tests which bodies are JSON-RPC messages, and how responses are written. */
#include "http/protocol/json_rpc.h"

#include "base/mem.h"
#include "tests/support/suite.h"

#include <check.h>
#include <string.h>

static struct json_rpc_message message;
static const char *why;

static void setup(void)
{
    why = NULL;
}

static void teardown(void)
{
    json_rpc_message_done(&message);
}

FIXTURE(setup, teardown);

static enum json_rpc_code read_text(const char *text)
{
    return json_rpc_read((struct slice){text, strlen(text)}, &message, &why);
}

/* ---- reading ---- */

TEST(request_has_its_members)
{
    ck_assert_int_eq(
        read_text(
            "{\"jsonrpc\":\"2.0\",\"id\":\"a\\\"b\",\"method\":\"m\",\"params\":{\"x\":1}}\n"),
        JSON_RPC_OK);
    ck_assert_str_eq(message.id, "\"a\\\"b\"");
    ck_assert_str_eq(message.method, "m");
    ck_assert_int_eq(json_get_int(message.params, "x", 0), 1);
}

TEST(message_without_an_id_is_a_notification)
{
    ck_assert_int_eq(read_text("{\"jsonrpc\":\"2.0\",\"method\":\"m\"}"), JSON_RPC_OK);
    ck_assert_ptr_null(message.id);
    ck_assert_ptr_null(message.params);
}

static const struct {
    const char *id, *text; /* `text` NULL = not a valid id */
} ids[] = {
    {"1", "1"},
    {"-0", "0"},
    {"1e3", "1000"},
    {"9007199254740991", "9007199254740991"},
    {"-9007199254740991", "-9007199254740991"},
    {"9007199254740992", NULL}, /* as which 2^53 + 1 is read */
    {"9007199254740993", NULL},
    {"-9007199254740993", NULL},
    {"1.5", NULL},
    {"\"\"", "\"\""},
    {"\"\\u20AC\"", "\"\xe2\x82\xac\""},
    {"null", NULL},
    {"true", NULL},
    {"[1]", NULL},
    {"{}", NULL},
};

LOOP_TEST(id_is_a_string_or_an_integer, ids)
{
    struct buf autobuf text = BUF_INIT(1024);

    buf_addf(&text, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"method\":\"m\"}", ids[_i].id);
    ck_assert_int_eq(read_text(buf_str(&text)),
                     ids[_i].text ? JSON_RPC_OK : JSON_RPC_INVALID_REQUEST);
    ck_assert_pstr_eq(message.id, ids[_i].text);
    ck_assert_int_eq(why != NULL, ids[_i].text == NULL);
}

static const char *const broken[] = {"", " ", "{", "{}x", "\xff", "{\"a\":\"\\u0000\"}", "'a'"};

LOOP_TEST(body_that_is_not_json_is_a_parse_error, broken)
{
    ck_assert_int_eq(read_text(broken[_i]), JSON_RPC_PARSE_ERROR);
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_null(message.id);
}

/* Those with an id keep it, for the response. */
static const struct {
    const char *text, *id;
} invalid[] = {
    {"[]", NULL},
    {"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\"}]", NULL},
    {"1", NULL},
    {"null", NULL},
    {"{}", NULL},
    {"{\"id\":1,\"method\":\"m\"}", "1"},
    {"{\"jsonrpc\":2.0,\"id\":1,\"method\":\"m\"}", "1"},
    {"{\"jsonrpc\":\"2.1\",\"id\":1,\"method\":\"m\"}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":[]}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"m\",\"params\":null}", "1"},
    {"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":\"x\"}", NULL},
};

LOOP_TEST(other_json_is_an_invalid_request, invalid)
{
    ck_assert_int_eq(read_text(invalid[_i].text), JSON_RPC_INVALID_REQUEST);
    ck_assert_ptr_nonnull(why);
    ck_assert_pstr_eq(message.id, invalid[_i].id);
    ck_assert_ptr_null(message.method);
}

/* ---- writing ---- */

TEST(result_is_enclosed_by_its_response)
{
    struct buf autobuf out = BUF_INIT(1024);

    json_rpc_begin_result("7", &out);
    buf_add_str(&out, "{}");
    json_rpc_end(&out);
    ck_assert_str_eq(buf_str(&out), "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n");
}

TEST(error_has_the_id_and_the_data_that_are_known)
{
    struct buf autobuf out = BUF_INIT(1024);

    json_rpc_write_error(NULL, JSON_RPC_PARSE_ERROR, "a \"b\"", NULL, &out);
    json_rpc_write_error("\"x\"", JSON_RPC_UNSUPPORTED_VERSION, "c", "{\"d\":1}", &out);
    ck_assert_str_eq(
        buf_str(&out),
        "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":-32700,\"message\":\"a \\\"b\\\"\"}}\n"
        "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"error\":{\"code\":-32022,\"message\":\"c\","
        "\"data\":{\"d\":1}}}\n");
}
