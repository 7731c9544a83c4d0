/* SPDX-License-Identifier: MIT */
/* test_listener_inherited.c - tests sockets that another process opened, and from where an
 * address can be reached. */
#include "os/inherited_socket.h"

#include "listener_fixture.h"
#include "tests/support/suite.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#define OLD_MS 300

static int open_socket(int type, bool listens)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, type, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (listens)
        ck_assert_int_eq(listen(fd, 100), 0);
    return fd;
}

static struct listener *start_inherited(const int *sockets, size_t n, int threads)
{
    static char names[4][INHERITED_NAME];
    static const char *const addresses[] = {names[0], names[1], names[2], names[3]};
    struct listener_options options = patient_options();
    struct errmsg why;

    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(inherited_socket_name(sockets[i], names[i], &why), ERR_OK);
    options.addresses = addresses;
    options.n_addresses = n;
    options.inherited = sockets;
    options.threads = threads;
    return start_with(&options);
}

TEST(inherited_socket_is_served_by_all_workers)
{
    const int sockets[] = {open_socket(SOCK_STREAM, true), open_socket(SOCK_STREAM, true)};
    struct listener *listener = start_inherited(sockets, 2, 4);

    for (int i = 0; i < 100; i++) {
        int fd = raw_connect(listener_url(listener, (size_t)i % 2));
        get_and_expect_now(fd);
        close(fd);
    }
    stop(listener);
}

TEST(inherited_socket_parked_request_keeps_its_worker)
{
    const int fd = open_socket(SOCK_STREAM, true);
    struct listener *listener = start_inherited(&fd, 1, 4);
    int clients[50];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        clients[i] = connect_to(listener);
        raw_get(clients[i], "/parked");
    }
    wait_parked(ARRAY_LEN(clients));
    let_all_go();
    for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
        expect(clients[i], "later\n");
        close(clients[i]);
    }
    stop(listener);
}

TEST(listener_closes_the_descriptors_it_was_given)
{
    const int fd = open_socket(SOCK_STREAM, true);
    struct listener *listener = start_inherited(&fd, 1, 2);
    char name[INHERITED_NAME];
    struct errmsg why;

    /* Another file may have the number by now. */
    ck_assert_int_eq(inherited_socket_name(fd, name, &why), ERR_SYNTAX);
    stop(listener);
}

TEST(inherited_socket_is_non_blocking_and_close_on_exec)
{
    int fd = open_socket(SOCK_STREAM, true);
    int other = inherited_socket_share(fd);

    ck_assert_int_ge(other, 3);
    ck_assert_int_ne(other, fd);
    ck_assert_int_ne(fcntl(other, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(other, F_GETFD) & FD_CLOEXEC, 0);
    close(other);
    close(fd);
}

/* ---- their names ---- */

static const struct {
    const char *address, *name; /* without the port */
} names[] = {
    {"127.0.0.1", "127.0.0.1:"}, {"0.0.0.0", "0.0.0.0:"}, {"::1", "[::1]:"}, {"::", "[::]:"}};

LOOP_TEST(inherited_socket_name_is_a_listen_address, names)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    char name[INHERITED_NAME];
    struct errmsg why;
    struct addrinfo *found;

    ck_assert_int_eq(getaddrinfo(names[_i].address, "0", &hints, &found), 0);
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, found->ai_addr, found->ai_addrlen), 0);
    freeaddrinfo(found);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(inherited_socket_name(fd, name, &why), ERR_OK);
    ck_assert_int_eq(strncmp(name, names[_i].name, strlen(names[_i].name)), 0);
    ck_assert_int_gt(strtol(name + strlen(names[_i].name), NULL, 10), 0);
    ck_assert_int_eq(listener_is_local(name), _i % 2 == 0);
    close(fd);
}

TEST(inherited_socket_unsuitable_has_no_name)
{
    char name[INHERITED_NAME] = "untouched";
    struct errmsg why;
    int fd = open_socket(SOCK_DGRAM, false);

    ck_assert_int_eq(inherited_socket_name(fd, name, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "not a TCP socket"));
    close(fd);
    ck_assert_int_eq(inherited_socket_name(fd, name, &why), ERR_SYNTAX);
    ck_assert_str_eq(name, "untouched");
}

/* ---- a wait longer than the time for sending a response ---- */

/* One request is parked past drain_ms while another client reads a large response slowly. When
 * the last parked request is answered, the other client still has drain_ms. If this process needs
 * most of that time itself, the end of the response shows nothing. */
TEST(drain_time_to_send_starts_after_the_last_wait)
{
    enum { DRAIN_MS = 5000 };
    struct listener_options options = patient_options();
    options.drain_ms = DRAIN_MS;
    struct listener *listener = start_with(&options);
    int waiting = connect_to(listener), slow = connect_to(listener);
    static struct raw_answer part;
    size_t n = 0;

    raw_get(slow, "/big");
    raw_get(waiting, "/parked");
    wait_parked(1);
    listener_drain(listener);
    ck_assert(!listener_join(listener, DRAIN_MS + DRAIN_MS / 4));
    struct clock before = clock_real();
    let_all_go();
    expect(waiting, "later\n");
    for (ssize_t got; (got = recv(slow, part.body, sizeof part.body, 0)) > 0; n += (size_t)got)
        ;
    struct clock after = clock_real();
    ck_assert(n > sizeof big || after.now_ms - before.now_ms > DRAIN_MS / 2);
    listener_stop(listener);
    close(waiting);
    close(slow);
}

/* ---- heartbeats of workers ---- */

/* Returns as soon as the condition is true; Check's timeout ends a hang. */
static void await_age(const struct listener *listener, bool is_old)
{
    struct clock clock = clock_real();

    while ((listener_age_ms(listener, clock.now_ms) >= OLD_MS) != is_old) {
        poll(NULL, 0, 1);
        clock_turn(&clock);
    }
}

TEST(listener_age_is_that_of_the_hanging_worker)
{
    struct listener_options options = patient_options();
    options.threads = 2;
    options.idle_ms = OLD_MS / 20;
    struct listener *listener = start_with(&options);
    int fd = raw_connect(listener_url(listener, 0));

    raw_get(fd, "/held");
    while (sem_wait(&fixture.held) != 0)
        ;
    await_age(listener, true); /* although the other worker runs */
    sem_post(&fixture.let_go);
    await_age(listener, false);
    stop(listener);
    close(fd);
}
