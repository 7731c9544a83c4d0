/* SPDX-License-Identifier: MIT */
/* connection_timeout.c - see connection_timeout.h. Calling shutdown() on the socket is safe until
 * libmicrohttpd reports that the connection ended, because it reports that before it closes the
 * socket. */
#include "http/net/connection_timeout.h"

#include "http/net/tcp_reset.h"

#include <linux/tcp.h> /* that of the C library has not all members */
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <utlist.h>

#define CHECKS 4 /* of an idle connection, per header timeout */

/* Bytes that arrive this soon after the end of a request may belong to that request: its end is
 * only known as the start of the loop iteration that handled it. */
#define SLACK_MS 100

void connection_timeouts_init(struct connection_timeouts *all, int64_t header_ms,
                              int64_t response_ms, int64_t idle_ms)
{
    int64_t check_ms = header_ms / CHECKS + 1;

    all->after_ms[PHASE_HEADER] = header_ms;
    all->after_ms[PHASE_SENDING] = response_ms;
    all->after_ms[PHASE_IDLE] = check_ms < idle_ms ? check_ms : idle_ms;
    all->idle_ms = idle_ms;
}

static void set_timeout(struct connection_timeouts *all, struct connection_timeout *one,
                        enum connection_phase phase, int64_t now_ms)
{
    if (one->armed)
        DL_DELETE(all->lists[one->phase], one);
    one->armed = phase != PHASE_NONE;
    if (!one->armed)
        return;
    one->phase = phase;
    one->at_ms = now_ms + all->after_ms[phase];
    DL_APPEND(all->lists[phase], one);
}

void connection_enter_phase(struct connection_timeouts *all, struct connection_timeout *one,
                            enum connection_phase phase, int64_t now_ms)
{
    if (phase == PHASE_IDLE)
        one->idle_since_ms = now_ms;
    set_timeout(all, one, phase, now_ms);
}

void connection_on_request_line(struct connection_timeouts *all, struct connection_timeout *one,
                                int64_t now_ms)
{
    if (one->armed && one->phase == PHASE_IDLE)
        set_timeout(all, one, PHASE_HEADER, now_ms);
}

struct connection_timeout *connection_timeouts_pop_expired(struct connection_timeouts *all,
                                                           int64_t now_ms)
{
    for (int phase = 0; phase < PHASES; phase++) {
        struct connection_timeout *first = all->lists[phase];
        if (!first || first->at_ms > now_ms)
            continue;
        set_timeout(all, first, PHASE_NONE, now_ms);
        return first;
    }
    return NULL;
}

/* Returns whether the client has taken bytes since the last check. libmicrohttpd hands a piece over
 * only when the buffer of the system has much room again, so a slow client needs more than one
 * timeout for that. */
static bool has_taken(struct connection_timeout *one)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    uint64_t before = one->acked;

    if (getsockopt(one->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
        one->acked = info.tcpi_bytes_acked;
    return one->acked != before;
}

/* Returns whether bytes arrived after the last request ended, `idle_ms` ago. libmicrohttpd has read
 * them already, but the kernel reports when the last data arrived. */
static bool has_begun(int fd, int64_t idle_ms)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_last_data_recv + SLACK_MS < idle_ms;
}

static void end_connection(const struct connection_timeout *one)
{
    if (one->resets)
        tcp_reset(one->fd);
    else
        shutdown(one->fd, SHUT_RDWR);
}

void connection_timeouts_end_stalled(struct connection_timeouts *all, int64_t stalled_ms,
                                     int64_t now_ms)
{
    struct connection_timeout *one;

    DL_FOREACH (all->lists[PHASE_SENDING], one)
        if (!has_taken(one) && one->at_ms - all->after_ms[PHASE_SENDING] + stalled_ms <= now_ms)
            end_connection(one);
}

void connection_timeouts_end_sending(struct connection_timeouts *all)
{
    struct connection_timeout *one;

    DL_FOREACH (all->lists[PHASE_SENDING], one)
        end_connection(one);
}

void connection_on_timeout(struct connection_timeouts *all, struct connection_timeout *expired,
                           int64_t now_ms)
{
    int64_t idle_ms = now_ms - expired->idle_since_ms;

    if (expired->phase == PHASE_SENDING && expired->is_stream && has_taken(expired))
        set_timeout(all, expired, PHASE_SENDING, now_ms);
    else if (expired->phase != PHASE_IDLE || idle_ms >= all->idle_ms)
        end_connection(expired);
    else if (has_begun(expired->fd, idle_ms))
        set_timeout(all, expired, PHASE_HEADER, now_ms);
    else
        set_timeout(all, expired, PHASE_IDLE, now_ms);
}

void connection_timeouts_check_idle(struct connection_timeouts *all, int64_t now_ms)
{
    struct connection_timeout *one, *next;

    DL_FOREACH_SAFE (all->lists[PHASE_IDLE], one, next)
        if (has_begun(one->fd, now_ms - one->idle_since_ms))
            set_timeout(all, one, PHASE_HEADER, now_ms);
}

bool connection_timeouts_await_heads(const struct connection_timeouts *all)
{
    return all->lists[PHASE_HEADER] != NULL;
}

int64_t connection_timeouts_next_ms(const struct connection_timeouts *all)
{
    int64_t next = INT64_MAX;

    for (int phase = 0; phase < PHASES; phase++)
        if (all->lists[phase] && all->lists[phase]->at_ms < next)
            next = all->lists[phase]->at_ms;
    return next;
}
