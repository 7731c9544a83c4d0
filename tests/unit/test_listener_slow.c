/* SPDX-License-Identifier: MIT */
/* test_listener_slow.c - who is too slow is closed when his time is over, however busy he looks;
 * who waits for a lookup is not. Times are cut to a fraction of a second, and the tests wait for
 * the closing itself. */
#include "base/clock.h"
#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <poll.h>
#include <sys/socket.h>

#define SHORT_MS 150
#define LONG_MS  60000

static struct listener *listener;
static int fd = -1;

static void start_hasty(int64_t header_ms, int64_t answer_ms, int64_t idle_ms)
{
    static const char *const address = "127.0.0.1:0";

    listener = start_with(&(struct listener_options){.addresses = &address,
                                                     .n_addresses = 1,
                                                     .threads = 1,
                                                     .max_connections = 8,
                                                     .header_timeout_ms = header_ms,
                                                     .answer_timeout_ms = answer_ms,
                                                     .idle_timeout_ms = idle_ms,
                                                     .drain_ms = 0});
}

/* With the connection `fd`. */
static void start_hasty_and_connect(int64_t header_ms, int64_t answer_ms, int64_t idle_ms)
{
    start_hasty(header_ms, answer_ms, idle_ms);
    fd = connect_to(listener);
}

static void teardown(void)
{
    stop(listener);
    close(fd);
}

FIXTURE(NULL, teardown);

/* Sends a byte at a time until the server closes. */
static void trickle(void)
{
    while (send(fd, "x", 1, MSG_NOSIGNAL) == 1)
        poll(NULL, 0, 5); /* polls; the closing ends it */
}

/* A header without end: a byte whenever the server lets us, until it closes. */
TEST(C5_who_trickles_his_header_is_closed_at_his_deadline)
{
    start_hasty_and_connect(SHORT_MS, LONG_MS, LONG_MS);
    struct clock before = clock_real();

    raw_send(fd, "GET /now HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    trickle();
    struct clock after = clock_real();
    ck_assert_int_ge(after.now_ms - before.now_ms, SHORT_MS - 10);
}

/* Between two requests only the kernel knows that something has come. */
static const char *const beginnings[] = {"", "GET /n", "GET /now HTTP/1.1\r\nHost: "};

LOOP_TEST(C5_who_trickles_a_later_header_is_closed_at_his_deadline, beginnings)
{
    start_hasty_and_connect(SHORT_MS, LONG_MS, LONG_MS);
    get_and_expect_now(fd);
    struct clock before = clock_real();
    raw_send(fd, beginnings[_i]);
    trickle();
    struct clock after = clock_real();
    ck_assert_int_ge(after.now_ms - before.now_ms, SHORT_MS - 10);
}

/* It came with the request before, so no look can tell it from that; its request line can. */
TEST(C5_half_a_header_behind_a_request_has_its_deadline_too)
{
    start_hasty_and_connect(SHORT_MS, LONG_MS, LONG_MS);
    raw_send(fd, "GET /now HTTP/1.1\r\nHost: test\r\n\r\nGET /now HTTP/1.1\r\nHost: ");
    expect(fd, "now\n");
    ck_assert(raw_is_closed(fd));
}

/* Who is idle is looked at many times in this, and stays. */
TEST(who_is_only_idle_may_stay_for_longer_than_a_header)
{
    start_hasty_and_connect(SHORT_MS, LONG_MS, LONG_MS);
    get_and_expect_now(fd);
    for (int i = 0; i < 3; i++) {
        int silent = connect_to(listener);
        ck_assert(raw_is_closed(silent)); /* the time of a header has passed */
        close(silent);
    }
    get_and_expect_now(fd);
}

/* So many arguments that the library has no memory left to refuse them with. */
TEST(Q14_who_gets_no_answer_is_closed_at_the_deadline_of_his_header)
{
    start_hasty_and_connect(SHORT_MS, LONG_MS, LONG_MS);
    struct buf autobuf text = BUF_INIT(16384);

    buf_add_str(&text, "GET /arguments?");
    for (int i = 0; i < 1500; i++)
        buf_add_str(&text, "a=b&");
    buf_add_str(&text, " HTTP/1.1\r\nHost: test\r\n\r\n");
    raw_send(fd, buf_str(&text));
    ck_assert(raw_is_closed(fd));
}

TEST(C7_who_says_nothing_is_closed_and_makes_room)
{
    int silent[8];

    start_hasty(SHORT_MS, LONG_MS, LONG_MS);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++)
        silent[i] = connect_to(listener);
    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        ck_assert(raw_is_closed(silent[i]));
        close(silent[i]);
    }
    fd = connect_to(listener);
    get_and_expect_now(fd);
}

TEST(C4_who_does_not_take_his_answer_is_closed)
{
    start_hasty_and_connect(LONG_MS, SHORT_MS, LONG_MS);
    char bytes[4096];
    ssize_t n;
    size_t got = 0;

    raw_get(fd, "/big");
    while (recv(fd, bytes, 1, 0) == 1 && got < 20) {
        got++;
        poll(NULL, 0, SHORT_MS / 10); /* polls; a byte at a time, past the deadline */
    }
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        got += (size_t)n;
    ck_assert_uint_lt(got, sizeof big); /* what the kernel had taken, and no more */
}

TEST(who_keeps_his_connection_for_nothing_is_closed)
{
    start_hasty_and_connect(LONG_MS, LONG_MS, SHORT_MS);
    get_and_expect_now(fd);
    ck_assert(raw_is_closed(fd));
}

TEST(who_waits_for_a_lookup_has_all_the_time)
{
    start_hasty_and_connect(SHORT_MS, SHORT_MS, SHORT_MS);
    int idles = connect_to(listener);

    raw_get(fd, "/parked");
    wait_parked(1);
    ck_assert(raw_is_closed(idles)); /* a later connection's time is over by now */
    let_all_go();
    expect(fd, "later\n");
    close(idles);
}
