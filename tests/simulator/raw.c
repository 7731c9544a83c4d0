/* SPDX-License-Identifier: MIT */
/* raw.c - see raw.h. `at` counts bytes through head, filler and tail as if they were one string. */
#include "tests/simulator/raw.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define LINGER_MS   2000 /* for the peer to close after our FIN */
#define PAD_PIECE   ((size_t)64 << 10)
#define PEER_EVENTS ((uint32_t)(EPOLLIN | EPOLLRDHUP))

enum raw_state { RAW_SENDING, RAW_PAUSED, RAW_ENDED, RAW_CLOSED };

struct raw {
    struct raws *raws;
    enum raw_state state;
    int fd;
    struct script script;
    int64_t at;
    struct watch watch;
    struct timer timer;
    struct raw *prev, *next;
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

static void raw_close(struct raw *raw)
{
    if (raw->state == RAW_CLOSED)
        return;
    raw->state = RAW_CLOSED;
    timer_disarm(&raw->raws->loop->timers, &raw->timer);
    loop_remove(raw->raws->loop, raw->fd);
    close(raw->fd);
    script_done(&raw->script);
    DL_DELETE(raw->raws->live, raw);
    LL_PREPEND(raw->raws->dead, raw);
    raw->raws->n--;
}

/* The peer has taken all it will take: it left in order after the last byte, or stays silent. Had
 * it thrown away a part, its kernel would have sent a reset. */
static void taken(struct raw *raw)
{
    if (raw->state == RAW_ENDED && raw->script.batch_id[0])
        raw->raws->sent(raw->raws->arg, raw->script.batch_id);
    raw_close(raw);
}

static void linger_over(struct timer *timer)
{
    taken(container_of(timer, struct raw, timer));
}

/* Without SO_LINGER the kernel would still send what is queued, and then a FIN. */
static void reset(struct raw *raw)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    raw_close(raw);
}

static void end(struct raw *raw)
{
    struct raws *raws = raw->raws;

    raw->state = RAW_ENDED;
    loop_change(raws->loop, raw->fd, PEER_EVENTS, &raw->watch);
    switch (raw->script.ending) {
    case ENDING_FIN:
        shutdown(raw->fd, SHUT_WR);
        timer_arm(&raws->loop->timers, &raw->timer, raws->loop->clock.now_ms + LINGER_MS,
                  linger_over);
        break;
    case ENDING_RST:
        reset(raw);
        break;
    case ENDING_HANG:
        break;
    }
}

/* What to send next; empty at the end. Only pieces of the tail are cut into steps. */
static struct piece next_piece(const struct raw *raw)
{
    static char padding[PAD_PIECE];
    const struct script *script = &raw->script;
    size_t at = (size_t)raw->at;

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

static bool in_tail(const struct raw *raw)
{
    return raw->at >= (int64_t)raw->script.head.len + raw->script.pad_bytes;
}

static void go_on(struct timer *timer);

static void pause_step(struct raw *raw)
{
    struct loop *loop = raw->raws->loop;

    raw->state = RAW_PAUSED;
    loop_change(loop, raw->fd, PEER_EVENTS, &raw->watch);
    timer_arm(&loop->timers, &raw->timer, loop->clock.now_ms + raw->script.step_ms, go_on);
}

/* Sends one piece; false when there is nothing more to do now. */
static bool send_piece(struct raw *raw)
{
    struct piece piece = next_piece(raw);

    if (piece.len == 0) {
        end(raw);
        return false;
    }
    bool paced = raw->script.step_ms && in_tail(raw);
    ssize_t sent = send(raw->fd, piece.at, piece.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        loop_change(raw->raws->loop, raw->fd, PEER_EVENTS | EPOLLOUT, &raw->watch);
        return false;
    }
    if (sent < 0) {
        raw_close(raw);
        return false;
    }
    raw->at += sent;
    if (!paced || next_piece(raw).len == 0)
        return true;
    pause_step(raw);
    return false;
}

static void pump(struct raw *raw)
{
    while (raw->state == RAW_SENDING && send_piece(raw))
        ;
}

static void go_on(struct timer *timer)
{
    struct raw *raw = container_of(timer, struct raw, timer);

    raw->state = RAW_SENDING;
    pump(raw);
}

enum peer { PEER_THERE, PEER_LEFT, PEER_RESET };

/* Reads and forgets what the peer says. */
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
    struct raw *raw = container_of(watch, struct raw, watch);

    if (raw->state == RAW_CLOSED)
        return;
    bool spoke = (events & ~(uint32_t)EPOLLOUT) != 0;
    switch (spoke ? look_at_peer(raw->fd) : PEER_THERE) {
    case PEER_THERE:
        pump(raw);
        break;
    case PEER_LEFT:
        taken(raw);
        break;
    case PEER_RESET:
        raw_close(raw);
        break;
    }
}

void raws_play(struct raws *raws, int fd, struct script *script)
{
    struct raw *raw = xcalloc(1, sizeof(*raw));

    raw->raws = raws;
    raw->state = RAW_SENDING;
    raw->fd = fd;
    raw->script = *script;
    *script = (struct script){0};
    raw->watch.ready = on_ready;
    DL_APPEND(raws->live, raw);
    raws->n++;
    if (loop_add(raws->loop, fd, PEER_EVENTS, &raw->watch) != ERR_OK)
        raw_close(raw);
    else
        pump(raw);
}

void raws_drop(struct raws *raws)
{
    while (raws->live)
        raw_close(raws->live);
}

void raws_bury(struct raws *raws)
{
    while (raws->dead) {
        struct raw *raw = raws->dead;
        raws->dead = raw->next;
        free(raw);
    }
}
