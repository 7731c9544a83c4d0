/* SPDX-License-Identifier: MIT */
/* paced_client.c - sends the same request at a fixed rate, and measures the latency of the
 * responses.
 *
 *     paced_client PORT PATH RATE_PER_S SECONDS CONNECTIONS
 *
 * Open loop: request i is due at start + i / rate, independent of the server. Its latency counts
 * from that time, not from when a connection was free. So a stall of the server counts for every
 * request that was due in it (no coordinated omission). The number of keep-alive connections is
 * limited; each has at most one request at a time. Every response must have status 200. Prints
 * one line of JSON, times in microseconds. */
#include "tests/bench/histogram.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define ANSWER_MAX      16384
#define NS_PER_S        1000000000ULL
#define GRACE_NS        (5 * NS_PER_S) /* for responses, after the last request was due */

struct connection {
    int fd;
    uint64_t due_ns; /* of the request in flight */
    size_t len;
    char answer[ANSWER_MAX];
};

struct load {
    int epoll;
    char request[1024];
    size_t request_len;
    struct connection *idle[CONNECTIONS_MAX];
    size_t n_idle;
    uint64_t start_ns, interval_ns, n_due, n_sent, n_bad;
    struct histogram latencies;
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "paced_client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void connect_one(struct load *load, uint16_t port)
{
    const int on = 1;
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct connection *c = xcalloc(1, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll_ctl");
    load->idle[load->n_idle++] = c;
}

/* Sends what is due, as far as connections are free. */
static void send_due(struct load *load, uint64_t now)
{
    while (load->n_idle && load->n_sent < load->n_due) {
        uint64_t due = load->start_ns + load->n_sent * load->interval_ns;
        if (due > now)
            return;
        struct connection *c = load->idle[--load->n_idle];
        c->due_ns = due;
        c->len = 0;
        if (send(c->fd, load->request, load->request_len, MSG_NOSIGNAL) !=
            (ssize_t)load->request_len)
            die("send");
        load->n_sent++;
    }
}

/* Returns whether the response is complete. */
static bool is_whole(const struct connection *c)
{
    const char *body = strstr(c->answer, "\r\n\r\n");
    const char *length = body ? strcasestr(c->answer, "\r\nContent-Length:") : NULL;

    if (!length || length > body)
        return false;
    return c->len >= (size_t)(body + 4 - c->answer) + strtoul(length + 17, NULL, 10);
}

static void read_answer(struct load *load, struct connection *c)
{
    ssize_t got = recv(c->fd, c->answer + c->len, ANSWER_MAX - 1 - c->len, 0);

    if (got <= 0)
        die("a connection was closed");
    c->len += (size_t)got;
    c->answer[c->len] = '\0';
    if (!is_whole(c))
        return;
    histogram_add(&load->latencies, now_ns() - c->due_ns);
    load->n_bad += strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0;
    load->idle[load->n_idle++] = c;
}

static void run(struct load *load)
{
    struct epoll_event events[64];
    uint64_t end = load->start_ns + load->n_due * load->interval_ns + GRACE_NS;

    for (uint64_t now = now_ns(); load->latencies.n < load->n_due && now < end; now = now_ns()) {
        send_due(load, now);
        uint64_t next = end;
        if (load->n_idle && load->n_sent < load->n_due)
            next = load->start_ns + load->n_sent * load->interval_ns;
        uint64_t left = next > now ? next - now : 0;
        struct timespec wait = {(time_t)(left / NS_PER_S), (long)(left % NS_PER_S)};
        int n = epoll_pwait2(load->epoll, events, 64, &wait, NULL);
        if (n < 0 && errno != EINTR)
            die("epoll_pwait2");
        for (int i = 0; i < n; i++)
            read_answer(load, events[i].data.ptr);
    }
}

static void report(const struct load *load)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};

    printf("{\"n\": %ju, \"unanswered\": %ju, \"not_200\": %ju", (uintmax_t)load->latencies.n,
           (uintmax_t)(load->n_due - load->latencies.n), (uintmax_t)load->n_bad);
    for (size_t i = 0; i < ARRAY_LEN(points); i++)
        printf(", \"%s\": %.1f", points[i].name,
               (double)histogram_at(&load->latencies, points[i].share) / 1000.0);
    printf(", \"max\": %.1f}\n", (double)load->latencies.max / 1000.0);
}

int main(int argc, char **argv)
{
    struct load *load = xcalloc(1, sizeof *load);

    if (argc != 6) {
        fprintf(stderr, "usage: paced_client PORT PATH RATE_PER_S SECONDS CONNECTIONS\n");
        return 2;
    }
    uint64_t rate = strtoull(argv[3], NULL, 10);
    size_t connections = strtoul(argv[5], NULL, 10);
    if (rate < 1 || rate > NS_PER_S || connections < 1 || connections > CONNECTIONS_MAX) {
        fprintf(stderr, "paced_client: rate or connections are out of range\n");
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1); /* otherwise the kernel may wake the thread 50 us late */
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->request_len =
        (size_t)snprintf(load->request, sizeof load->request,
                         "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[2], argv[1]);
    for (size_t i = 0; i < connections; i++)
        connect_one(load, (uint16_t)strtoul(argv[1], NULL, 10));
    load->interval_ns = NS_PER_S / rate;
    load->n_due = rate * strtoull(argv[4], NULL, 10);
    load->start_ns = now_ns();
    run(load);
    report(load);
    return 0;
}
