/* SPDX-License-Identifier: MIT */
/* test_listener_mcp.c - tests POST /mcp through a listener: what needs no engine, bodies that
 * arrive in pieces, and pages of other sites. */
#define LISTENER_ROUTES {HTTP_POST, "/mcp", mcp_post, FOR_CLIENTS, &mcp_body},

#include "http/core/router.h"
#include "http/endpoints/endpoints.h"

#include "base/json.h"
#include "http/auth/client_keys.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

static struct listener *listener;
static int fd;
static struct raw_answer answer;

static void setup(void)
{
    fixture.service.bulk_entries = 10;
    listener = start(1);
    fd = connect_to(listener);
}

static void teardown(void)
{
    close(fd);
    stop(listener);
    clients_unref(TAKE(fixture.service.clients));
    fixture.service.auth.hosts = (struct allowed_hosts){0};
}

FIXTURE(setup, teardown);

#define HEAD "POST /mcp HTTP/1.1\r\nContent-Type: application/json\r\n"
#define PING "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}"
#define PONG "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n"

/* Sends a request with that body in two pieces, cut after `at` bytes. */
static void send_in_two(const char *lines, const char *body, size_t at)
{
    struct buf autobuf head = BUF_INIT(4096);

    buf_addf(&head, HEAD "%sContent-Length: %zu\r\n\r\n", lines, strlen(body));
    buf_add(&head, body, at);
    raw_send(fd, buf_str(&head));
    raw_send(fd, body + at);
}

static void ask(const char *body)
{
    send_in_two("Host: test\r\n", body, 0);
    ck_assert(raw_read(fd, &answer));
}

TEST(body_may_be_cut_at_any_byte)
{
    for (size_t at = 0; at <= strlen(PING); at++) {
        send_in_two("Host: test\r\n", PING, at);
        expect(fd, PONG);
    }
}

TEST(notification_gets_a_response_without_a_body)
{
    ask("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}");
    ck_assert_int_eq(answer.status, 202);
    ck_assert_str_eq(answer.body, "");
    ask(PING);
    ck_assert_str_eq(answer.body, PONG);
}

TEST(tools_are_described_in_json)
{
    struct json *document;

    ask("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/list\"}");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_int_eq(json_parse(answer.body, strlen(answer.body), &document), ERR_OK);
    const struct json *tools = json_get(json_get(document, "result"), "tools");
    ck_assert_uint_eq(json_size(tools), 2);
    const struct json *domains =
        json_get(json_get(json_get(json_first(tools), "inputSchema"), "properties"), "domains");
    ck_assert_int_eq(json_get_int(domains, "maxItems", 0), 10);
    json_free(document);
}

static const struct {
    const char *body;
    int status, code;
} errors[] = {
    {"", 400, -32700},
    {"[]", 400, -32600},
    {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"nothing\"}", 200, -32601},
    {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\"}", 200, -32602},
};

LOOP_TEST(message_that_is_wrong_gets_an_error, errors)
{
    struct json *document;

    ask(errors[_i].body);
    ck_assert_int_eq(answer.status, errors[_i].status);
    ck_assert_int_eq(json_parse(answer.body, strlen(answer.body), &document), ERR_OK);
    ck_assert_int_eq(json_get_int(json_get(document, "error"), "code", 0), errors[_i].code);
    json_free(document);
    ask(PING); /* the connection stays open */
    ck_assert_str_eq(answer.body, PONG);
}

/* ---- pages of other sites ---- */

static const struct {
    const char *lines;
    int status;
} pages[] = {
    {"Host: test\r\n", 200},
    {"Host: test\r\nOrigin: http://test\r\n", 200},
    {"Host: test:80\r\nOrigin: http://TEST:8080\r\n", 200},
    {"Host: localhost\r\nOrigin: http://127.0.0.1:3000\r\n", 200},
    {"Host: listed.com\r\nOrigin: https://listed.com\r\n", 200},
    {"Host: test\r\nOrigin: http://other\r\n", 403},
    {"Host: test\r\nOrigin: null\r\n", 403},
    {"Host: test\r\nOrigin: http://other\r\nOrigin: http://test\r\n", 403},
    {"Host: test\r\nOrigin: other/://test\r\n", 403},
    {"Host: rebound.com\r\nOrigin: http://rebound.com\r\n", 403},
    {"Host: rebound.com\r\nOrigin: http://localhost\r\n", 403},
};

LOOP_TEST(page_must_be_of_this_server_although_it_has_a_key, pages)
{
    static const char *const names[] = {"listed.com"};
    static const char key[] = "reader sha256:";
    struct buf autobuf text = BUF_INIT(1024), lines = BUF_INIT(1024);
    unsigned char hash[HASH_SIZE];
    char hex[2 * HASH_SIZE + 1];
    struct errmsg why;

    hash_sha256("eds_reader", 10, hash);
    hash_hex(hash, HASH_SIZE, hex);
    buf_addf(&text, "%s%s\n", key, hex);
    close(fd);
    stop(listener);
    fixture.service.auth.hosts = (struct allowed_hosts){names, 1};
    ck_assert_int_eq(
        clients_parse("keys", buf_str(&text), text.len, &fixture.service.clients, &why), ERR_OK);
    listener = start(1);
    fd = connect_to(listener);
    buf_addf(&lines, "X-API-Key: eds_reader\r\n%s", pages[_i].lines);
    send_in_two(buf_str(&lines), PING, 0);
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, pages[_i].status);
}
