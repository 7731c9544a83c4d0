/* SPDX-License-Identifier: MIT */
/* scripted_socket.c - see scripted_socket.h. `at` counts bytes through head, filler and tail as if
 * they were one string. */
#include "tests/simulator/scripted_socket.h"

#include "base/mem.h"
#include "tests/simulator/sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define LINGER_MS   2000 /* for the peer to close after the FIN */
#define PAD_PIECE   ((size_t)64 << 10)
#define PEER_EVENTS ((uint32_t)(EPOLLIN | EPOLLRDHUP))

enum raw_state { SOCKET_SENDING, SOCKET_PAUSED, SOCKET_ENDED, SOCKET_CLOSED };

struct scripted_socket {
    struct scripted_sockets *sockets;
    enum raw_state state;
    int fd;
    struct script script;
    int64_t at;
    struct watch watch;
    struct timer timer;
    struct scripted_socket *prev, *next;
};

struct piece {
    const char *at;
    size_t len;
};

void script_done(struct script *script)
{
    buf_done(&script->head);
    buf_done(&script->tail);
}

static void close_socket(struct scripted_socket *sock)
{
    if (sock->state == SOCKET_CLOSED)
        return;
    sock->state = SOCKET_CLOSED;
    timer_disarm(&sock->sockets->loop->timers, &sock->timer);
    loop_remove(sock->sockets->loop, sock->fd);
    close(sock->fd);
    script_done(&sock->script);
    DL_DELETE(sock->sockets->live, sock);
    LL_PREPEND(sock->sockets->dead, sock);
    sock->sockets->n--;
}

/* The peer has read all that it will read: it closed in order after the last byte, or stays
 * silent. If it had discarded bytes, its kernel would have sent a reset. */
static void taken(struct scripted_socket *sock)
{
    if (sock->state == SOCKET_ENDED && sock->script.batch_id[0])
        sock->sockets->sent(sock->sockets->arg, sock->script.batch_id);
    close_socket(sock);
}

static void linger_over(struct timer *timer)
{
    taken(container_of(timer, struct scripted_socket, timer));
}

/* Without SO_LINGER the kernel would still send what is queued, and then a FIN. */
static void reset(struct scripted_socket *sock)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close_socket(sock);
}

static void end(struct scripted_socket *sock)
{
    struct scripted_sockets *sockets = sock->sockets;

    sock->state = SOCKET_ENDED;
    loop_change(sockets->loop, sock->fd, PEER_EVENTS, &sock->watch);
    switch (sock->script.ending) {
    case ENDING_FIN:
        shutdown(sock->fd, SHUT_WR);
        timer_arm(&sockets->loop->timers, &sock->timer, sockets->loop->clock.now_ms + LINGER_MS,
                  linger_over);
        break;
    case ENDING_RST:
        reset(sock);
        break;
    case ENDING_HANG:
        break;
    }
}

/* Returns what to send next; empty at the end. Only the tail is split into steps. */
static struct piece next_piece(const struct scripted_socket *sock)
{
    static char padding[PAD_PIECE];
    const struct script *script = &sock->script;
    size_t at = (size_t)sock->at;

    if (at < script->head.len)
        return (struct piece){script->head.data + at, script->head.len - at};
    at -= script->head.len;
    if (at < (size_t)script->pad_bytes) {
        size_t left = (size_t)script->pad_bytes - at;
        memset(padding, script->pad, sizeof(padding));
        return (struct piece){padding, left < PAD_PIECE ? left : PAD_PIECE};
    }
    at -= (size_t)script->pad_bytes;
    size_t left = script->tail.len - at;
    if (script->step_ms && script->step < left)
        left = script->step - at % script->step;
    return (struct piece){script->tail.data + at, left};
}

static bool in_tail(const struct scripted_socket *sock)
{
    return sock->at >= (int64_t)sock->script.head.len + sock->script.pad_bytes;
}

static void go_on(struct timer *timer);

static void pause_step(struct scripted_socket *sock)
{
    struct loop *loop = sock->sockets->loop;

    sock->state = SOCKET_PAUSED;
    loop_change(loop, sock->fd, PEER_EVENTS, &sock->watch);
    timer_arm(&loop->timers, &sock->timer, loop->clock.now_ms + sock->script.step_ms, go_on);
}

/* Sends one piece; returns false if there is nothing more to do now. */
static bool send_piece(struct scripted_socket *sock)
{
    struct piece piece = next_piece(sock);

    if (piece.len == 0) {
        end(sock);
        return false;
    }
    bool paced = sock->script.step_ms && in_tail(sock);
    ssize_t sent = send(sock->fd, piece.at, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        loop_change(sock->sockets->loop, sock->fd, PEER_EVENTS | EPOLLOUT, &sock->watch);
        return false;
    }
    if (sent < 0) {
        close_socket(sock);
        return false;
    }
    sock->at += sent;
    if (!paced || next_piece(sock).len == 0)
        return true;
    pause_step(sock);
    return false;
}

static void pump(struct scripted_socket *sock)
{
    while (sock->state == SOCKET_SENDING && send_piece(sock))
        ;
}

static void go_on(struct timer *timer)
{
    struct scripted_socket *sock = container_of(timer, struct scripted_socket, timer);

    sock->state = SOCKET_SENDING;
    pump(sock);
}

enum peer { PEER_THERE, PEER_LEFT, PEER_RESET };

/* Reads and discards what the peer sends. */
static enum peer look_at_peer(int fd)
{
    char waste[4096];
    ssize_t n = 0;

    do
        n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
    while (n > 0);
    if (n == 0)
        return PEER_LEFT;
    return errno == EAGAIN || errno == EINTR ? PEER_THERE : PEER_RESET;
}

static void on_ready(struct watch *watch, uint32_t events)
{
    struct scripted_socket *sock = container_of(watch, struct scripted_socket, watch);

    if (sock->state == SOCKET_CLOSED)
        return;
    bool spoke = (events & ~(uint32_t)EPOLLOUT) != 0;
    switch (spoke ? look_at_peer(sock->fd) : PEER_THERE) {
    case PEER_THERE:
        pump(sock);
        break;
    case PEER_LEFT:
        taken(sock);
        break;
    case PEER_RESET:
        close_socket(sock);
        break;
    }
}

void scripted_sockets_play(struct scripted_sockets *sockets, int fd, struct script *script)
{
    struct scripted_socket *sock = xcalloc(1, sizeof(*sock));

    sock->sockets = sockets;
    sock->state = SOCKET_SENDING;
    sock->fd = fd;
    sock->script = *script;
    *script = (struct script){0};
    sock->watch.ready = on_ready;
    DL_APPEND(sockets->live, sock);
    sockets->n++;
    if (loop_add(sockets->loop, fd, PEER_EVENTS, &sock->watch) != ERR_OK)
        close_socket(sock);
    else
        pump(sock);
}

void scripted_sockets_drop(struct scripted_sockets *sockets)
{
    while (sockets->live)
        close_socket(sockets->live);
}

void scripted_sockets_bury(struct scripted_sockets *sockets)
{
    while (sockets->dead) {
        struct scripted_socket *sock = sockets->dead;
        sockets->dead = sock->next;
        free(sock);
    }
}
