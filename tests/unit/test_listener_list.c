/* SPDX-License-Identifier: MIT */
/* test_listener_list.c - tests request bodies that must announce their length, as that of a list of
 * domains: what is judged before the upload, in which order, and what is received. */
#define LISTENER_ROUTES                                                                            \
    {HTTP_GET, "/list", get_list, FOR_CLIENTS, NULL},                                              \
        {HTTP_POST, "/list", post_list, FOR_CLIENTS, &list_body},                                  \
        {HTTP_DELETE, "/list", post_list, FOR_ADMINS, &list_body},                                 \
        {HTTP_POST, "/dropped", post_dropped, FOR_CLIENTS, &list_body},

#include "base/errmsg.h"
#include "base/metrics.h"
#include "http/core/router.h"

static endpoint_fn get_list, post_list, post_dropped;
static const struct route_body list_body;

#include "http/auth/client_keys.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <sys/socket.h>

#define ENTRY_BYTES ((size_t)512)
#define LIST_MAX    ((size_t)5 << 20)

/* ---- the routes ---- */

static size_t max_list(const struct service *service)
{
    return service->bulk_entries * ENTRY_BYTES;
}

static enum err accept_text(const struct request *request, struct errmsg *why)
{
    const char *type = request_header(request, "Content-Type");

    if (type && strcmp(type, "text/plain") == 0)
        return ERR_OK;
    errmsg_set(why, "send text");
    return ERR_UNSUPPORTED_MEDIA_TYPE;
}

static const struct route_body list_body = {.max_bytes = max_list,
                                            .requires_length = true,
                                            .accepts = accept_text,
                                            .accept_post = "text/plain"};

static void get_list(struct request *request)
{
    say(request, "list\n");
}

static void post_list(struct request *request)
{
    any_echo(request);
}

/* Frees the body before it replies. */
static void post_dropped(struct request *request)
{
    request_drop_body(request);
    any_echo(request);
}

/* ---- the listener ---- */

static struct listener *listener;
static int fd;
static struct raw_answer answer;

/* The keys of the clients `reader` and `limited`. */
#define READER  "Authorization: Bearer eds_reader\r\n"
#define LIMITED "Authorization: Bearer eds_limited\r\n"

static void read_keys(void)
{
    char text[512], hashes[2][2 * HASH_SIZE + 1];
    const char *const names[] = {"eds_reader", "eds_limited"};
    unsigned char hash[HASH_SIZE];
    struct errmsg why;

    for (size_t i = 0; i < 2; i++) {
        hash_sha256(names[i], strlen(names[i]), hash);
        hash_hex(hash, HASH_SIZE, hashes[i]);
    }
    snprintf(text, sizeof text, "reader sha256:%s\nlimited sha256:%s rate=1\n", hashes[0],
             hashes[1]);
    enum err err = clients_parse("keys", text, strlen(text), &fixture.service.clients, &why);
    ck_assert_msg(!err, "%s", why.text);
}

static void setup(void)
{
    read_keys();
    fixture.service.bulk_entries = LIST_MAX / ENTRY_BYTES;
    listener = start(1);
    fd = connect_to(listener);
}

static void teardown(void)
{
    close(fd);
    stop(listener);
    clients_unref(fixture.service.clients);
}

FIXTURE(setup, teardown);

#define HEAD(method, path) method " " path " HTTP/1.1\r\nHost: test\r\n"
#define POST               HEAD("POST", "/list")
#define TEXT               "Content-Type: text/plain\r\n"
#define LENGTH             "Content-Length: 5\r\n"
#define TOO_LONG           "Content-Length: 5242881\r\n"
#define EXPECT             "Expect: 100-continue\r\n"
#define CHUNKED            "Transfer-Encoding: chunked\r\n"

/* ---- what is rejected ---- */

/* Each has also all faults that are judged later. */
static const struct {
    const char *head;
    int status;
    const char *code;
} rejected[] = {
    {POST READER TEXT CHUNKED, 400, "invalid-request"},
    {POST READER TEXT LENGTH LENGTH, 400, "invalid-request"},
    {POST, 401, "unauthorized"},
    {POST "Authorization: Bearer unknown\r\n" TOO_LONG, 401, "unauthorized"},
    {HEAD("DELETE", "/list") LIMITED TOO_LONG, 403, "forbidden"},
    {HEAD("POST", "/nothing") LIMITED TOO_LONG, 404, "not-found"},
    {HEAD("POST", "/nothing") TOO_LONG, 404, "not-found"}, /* as without a body */
    {HEAD("PUT", "/list") LIMITED TOO_LONG, 405, "method-not-allowed"},
    {POST LIMITED, 411, "length-required"},
    {POST LIMITED TEXT, 411, "length-required"},
    {POST LIMITED TOO_LONG, 415, "unsupported-media-type"},
    {POST LIMITED "Content-Length: 0\r\n", 415, "unsupported-media-type"},
    {POST LIMITED "Content-Type: application/x-www-form-urlencoded\r\n" LENGTH, 415,
     "unsupported-media-type"},
    {POST LIMITED TEXT TOO_LONG, 429, "rate limit of 1 requests per second exceeded"},
    {POST READER TEXT TOO_LONG, 413, "body-too-large"},
    {POST READER TEXT "Content-Length: 9223372036854775807\r\n", 413, "body-too-large"},
    {HEAD("GET", "/list") READER LENGTH, 413, "body-too-large"},
};

/* Uses up the client's rate. Requests with another fault do not count. */
static void use_up_rate(void)
{
    int other = connect_to(listener);

    raw_send(other, HEAD("GET", "/list") LIMITED "\r\n");
    expect(other, "list\n");
    close(other);
}

static void expect_rejection(size_t i, const char *more)
{
    raw_send(fd, rejected[i].head);
    raw_send(fd, more);
    ck_assert(raw_read(fd, &answer)); /* no 100 (Continue) before it */
    ck_assert_msg(answer.status == rejected[i].status, "status %d: %s", answer.status, answer.body);
    if (is_of_library(&answer))
        return;
    ck_assert_msg(strstr(answer.body, rejected[i].code) != NULL, "%s", answer.body);
    ck_assert_pstr_eq(raw_header(&answer, "Connection"), "close");
    ck_assert_int_eq(!!raw_header(&answer, "Accept-Post"), answer.status == 415);
    ck_assert(raw_is_closed(fd));
}

LOOP_TEST(list_is_rejected_before_it_is_uploaded, rejected)
{
    use_up_rate();
    expect_rejection((size_t)_i, "\r\n");
}

LOOP_TEST(list_is_rejected_in_place_of_100_continue, rejected)
{
    use_up_rate();
    expect_rejection((size_t)_i, EXPECT "\r\n");
}

TEST(list_rejection_is_counted_by_its_status)
{
    size_t code = metrics_code_index(411);
    struct metrics sum;
    uint64_t n = 0;

    raw_send(fd, POST READER TEXT "\r\n");
    ck_assert(raw_read(fd, &answer));
    ck_assert(raw_is_closed(fd));
    metrics_read(&sum);
    for (size_t i = 0; i < METRICS_ROUTES; i++)
        n += sum.http_requests[i][code];
    ck_assert_uint_eq(n, 1);
    ck_assert_uint_lt(code, METRICS_CODES - 1); /* not among the others */
}

TEST(list_rejection_names_the_types_and_the_limit)
{
    raw_send(fd, POST READER LENGTH "\r\n");
    ck_assert(raw_read(fd, &answer));
    ck_assert_pstr_eq(raw_header(&answer, "Accept-Post"), "text/plain");
    ck_assert_ptr_nonnull(strstr(answer.body, "\"detail\":\"send text\""));
    close(fd);
    fd = connect_to(listener);
    raw_send(fd, POST READER TEXT TOO_LONG "\r\n");
    ck_assert(raw_read(fd, &answer));
    ck_assert_ptr_nonnull(strstr(answer.body, "at most 5242880 bytes"));
}

TEST(list_route_without_a_limit_does_not_exist)
{
    fixture.service.bulk_entries = 0;
    raw_send(fd, POST READER TEXT LENGTH "\r\nhello");
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 405);
    ck_assert_pstr_eq(raw_header(&answer, "Allow"), "GET, HEAD");
}

/* ---- what is accepted ---- */

static void expect_echo(const char *text)
{
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, text);
}

TEST(list_is_received_whole)
{
    raw_send(fd, POST READER TEXT LENGTH "\r\nhello");
    expect_echo("5:532");
    raw_send(fd, POST READER TEXT "Content-Length: 0\r\n\r\n");
    expect_echo("0:0");
    raw_send(fd, POST READER TEXT "Content-Length: 0\r\n" EXPECT "\r\n");
    ck_assert(raw_read_no_body(fd, &answer));
    if (answer.status == 100) /* later versions omit it for an empty body */
        expect_echo("0:0");
    else
        ck_assert_int_eq(recv(fd, answer.body, 3, MSG_WAITALL), 3);
    raw_send(fd, HEAD("POST", "/dropped") READER TEXT LENGTH "\r\nhello");
    expect_echo("0:0");
    raw_send(fd, HEAD("GET", "/list") READER "\r\n");
    expect_echo("list\n");
}

TEST(list_is_awaited_by_100_continue)
{
    raw_send(fd, POST READER TEXT LENGTH EXPECT "\r\n");
    ck_assert(raw_read_no_body(fd, &answer));
    ck_assert_int_eq(answer.status, 100);
    raw_send(fd, "hello");
    expect_echo("5:532");
}

/* A request counts once for the rate, though the client is looked at twice. */
TEST(list_counts_once_for_the_rate)
{
    raw_send(fd, POST LIMITED TEXT LENGTH "\r\nhello");
    expect_echo("5:532");
}

static void send_letters(size_t n)
{
    static char letters[1 << 16];

    memset(letters, 'a', sizeof letters);
    while (n > 0) {
        ssize_t sent = send(fd, letters, n < sizeof letters ? n : sizeof letters, MSG_NOSIGNAL);
        ck_assert_int_gt(sent, 0);
        n -= (size_t)sent;
    }
}

TEST(list_of_the_maximum_length_is_received_whole)
{
    char sum[64];

    raw_send(fd, POST READER TEXT "Content-Length: 5242880\r\n\r\n");
    send_letters(LIST_MAX);
    snprintf(sum, sizeof sum, "%zu:%zu", LIST_MAX, LIST_MAX * 'a');
    expect_echo(sum);
}

/* Lists that arrive slowly leave room for notifications, and these for lists. */
TEST(list_is_rejected_while_too_many_arrive)
{
    int slow[4];

    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = connect_to(listener);
        raw_send(slow[i], POST READER TEXT "Content-Length: 5242880\r\n" EXPECT "\r\n");
        ck_assert(raw_read_no_body(slow[i], &answer));
        ck_assert_int_eq(answer.status, 100);
    }
    raw_send(fd, HEAD("POST", "/echo") LENGTH "\r\nhello");
    expect_echo("5:532");
    raw_send(fd, POST READER TEXT LENGTH "\r\nhello");
    ck_assert(raw_read(fd, &answer));
    ck_assert_int_eq(answer.status, 503);
    ck_assert_ptr_nonnull(strstr(answer.body, "overloaded"));
    for (size_t i = 0; i < ARRAY_LEN(slow); i++)
        close(slow[i]);
}
