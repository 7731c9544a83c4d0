/* SPDX-License-Identifier: MIT */
/* loop.c - see loop.h. */
#include "tests/simulator/loop.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_PER_TURN 64

enum err loop_init(struct loop *loop)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        return ERR_SYSTEM;
    *loop = (struct loop){.epoll = epoll, .clock = clock_real()};
    timers_init(&loop->timers);
    return ERR_OK;
}

void loop_done(struct loop *loop)
{
    timers_done(&loop->timers);
    close(loop->epoll);
}

enum err loop_add(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_OK : ERR_SYSTEM;
}

void loop_change(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int rc = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event);

    assert(rc == 0);
    (void)rc;
}

void loop_remove(struct loop *loop, int fd)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int wait_ms(const struct loop *loop, int64_t at_most_ms)
{
    int64_t next_ms = timers_next_ms(&loop->timers);
    int64_t wait = INT64_MAX;

    if (next_ms != INT64_MAX)
        wait = next_ms > loop->clock.now_ms ? next_ms - loop->clock.now_ms : 0;
    if (at_most_ms >= 0 && at_most_ms < wait)
        wait = at_most_ms;
    if (wait == INT64_MAX)
        return -1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

void loop_turn(struct loop *loop, int64_t at_most_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, wait_ms(loop, at_most_ms));

    clock_turn(&loop->clock);
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
    timers_run(&loop->timers, loop->clock.now_ms);
}

/* ---- listening ---- */

#define BACKLOG 4096 /* thousands may connect concurrently */

/* Splits "host:port" or "[host]:port"; numeric addresses only, so no name server is contacted. */
static enum err resolve(const char *text, struct addrinfo **ret_address)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(text, ':');

    if (!colon || colon == text)
        return ERR_SYNTAX;
    bool bracketed = text[0] == '[' && colon[-1] == ']' && colon - text > 2;
    const char *from = bracketed ? text + 1 : text;
    autofree char *host = xstrndup(from, (size_t)(colon - from) - bracketed);
    return getaddrinfo(host, colon + 1, &hints, ret_address) == 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err port_of(int fd, int *ret_port)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return ERR_SYSTEM;
    if (address.ss_family == AF_INET6)
        *ret_port = ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    else
        *ret_port = ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return ERR_OK;
}

static enum err bind_and_listen(int fd, const struct addrinfo *address)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

enum err listen_open(const char *text, int *ret_fd, int *ret_port)
{
    struct addrinfo *address = NULL;
    enum err err = resolve(text, &address);

    if (err)
        return err;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = fd < 0 ? ERR_SYSTEM : bind_and_listen(fd, address);
    freeaddrinfo(address);
    int port = 0;
    if (!err)
        err = port_of(fd, &port);
    if (err) {
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_port = port;
    return ERR_OK;
}
