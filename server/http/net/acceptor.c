/* SPDX-License-Identifier: MIT */
/* acceptor.c - see acceptor.h. */
#include "http/net/acceptor.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PAUSE_MS 100
#define QUIET_MS 60000 /* pauses within this time of another are logged once */

void acceptor_init(struct acceptor *acceptor, int epoll_fd)
{
    *acceptor = (struct acceptor){.epoll_fd = epoll_fd};
}

static bool watch(struct acceptor *acceptor, int socket, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = acceptor};

    return epoll_ctl(acceptor->epoll_fd, how, socket, &event) == 0;
}

/* Removes each socket from the epoll set, where it would stay if other descriptors refer to it,
 * such as an inherited one. */
void acceptor_close(struct acceptor *acceptor)
{
    while (acceptor->n > 0) {
        int socket = acceptor->sockets[--acceptor->n];
        watch(acceptor, socket, EPOLL_CTL_DEL, 0);
        close(socket);
    }
    acceptor->resume_ms = 0;
}

bool acceptor_add(struct acceptor *acceptor, int socket)
{
    assert(acceptor->n < ACCEPTOR_SOCKETS);
    acceptor->sockets[acceptor->n++] = socket;
    return watch(acceptor, socket, EPOLL_CTL_ADD, EPOLLIN);
}

/* ---- the pause ---- */

/* Changing the watched events needs no memory, so it works when resources are exhausted. EPOLLET
 * alone silences the socket: epoll reports errors in any case, but then only once. */
static void watch_all(struct acceptor *acceptor, uint32_t events)
{
    for (size_t i = 0; i < acceptor->n; i++)
        watch(acceptor, acceptor->sockets[i], EPOLL_CTL_MOD, events);
}

static void pause_for(struct acceptor *acceptor, int error, int64_t now_ms)
{
    watch_all(acceptor, EPOLLET);
    acceptor->resume_ms = now_ms + PAUSE_MS;
    if (now_ms >= acceptor->log_suppressed_until_ms)
        log_event(LOG_WARN, "accept_paused", LOG_STR("error", strerror(error)));
    acceptor->log_suppressed_until_ms = now_ms + QUIET_MS;
}

void acceptor_turn(struct acceptor *acceptor, int64_t now_ms)
{
    if (!acceptor->resume_ms || now_ms < acceptor->resume_ms)
        return;
    acceptor->resume_ms = 0;
    watch_all(acceptor, EPOLLIN);
}

int64_t acceptor_next_ms(const struct acceptor *acceptor)
{
    return acceptor->resume_ms ? acceptor->resume_ms : INT64_MAX;
}

/* ---- accepting ---- */

/* Returns whether no connection waits, or the connection broke already. Other errors may
 * persist. */
static bool is_transient(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED;
}

bool acceptor_accept(struct acceptor *acceptor, size_t i, int64_t now_ms,
                     struct accepted *ret_accepted)
{
    if (acceptor->resume_ms)
        return false;
    ret_accepted->from_len = sizeof ret_accepted->from;
    ret_accepted->fd = accept4(acceptor->sockets[i], (struct sockaddr *)&ret_accepted->from,
                               &ret_accepted->from_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (ret_accepted->fd >= 0)
        return true;
    if (!is_transient(errno))
        pause_for(acceptor, errno, now_ms);
    return false;
}
