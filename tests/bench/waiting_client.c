/* SPDX-License-Identifier: MIT */
/* waiting_client.c - many concurrent callers, each with a connection and one request.
 *
 *     waiting_client PORT CONNECTIONS PATH [SECONDS]
 *
 * In PATH every '%' becomes the number of the caller. All connections are opened first; then all
 * requests are sent, and "parked" is printed. When each caller has its response, or after
 * SECONDS, a line is printed for every caller: its number, the status (0 = no response), and
 * when its request was sent and its response arrived, both as wall time in microseconds. */
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATH_MAX_LEN 512
#define EVENTS       256

struct accepted {
    int fd, status;
    int64_t sent_us, answered_us;
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void die(const char *what, size_t number)
{
    fprintf(stderr, "waiting_client: caller %zu: %s: %s\n", number, what, strerror(errno));
    exit(1);
}

static void allow_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int open_connection(uint16_t port, size_t number)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("connect", number);
    return fd;
}

/* Replaces each '%' of the path by the number. */
static void send_request(struct accepted *caller, const char *path, size_t number)
{
    char target[PATH_MAX_LEN] = "", request[PATH_MAX_LEN + 128];
    size_t len = 0;

    for (; *path && len < sizeof target - 24; path++)
        len += (size_t)(*path == '%' ? snprintf(target + len, 24, "%zu", number)
                                     : snprintf(target + len, 24, "%c", *path));
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", target);
    caller->sent_us = now_us();
    if (send(caller->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("send", number);
}

/* The first bytes of a response count as all of it: responses are small, and written in one
 * call. */
static void read_answer(struct accepted *caller)
{
    char answer[8192];
    ssize_t got = recv(caller->fd, answer, sizeof answer - 1, 0);

    caller->answered_us = now_us();
    if (got > 12) {
        answer[got] = '\0';
        caller->status = (int)strtol(answer + 9, NULL, 10);
    }
    close(caller->fd);
}

static void await_answers(struct accepted *callers, size_t n, int64_t deadline_us)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    for (size_t i = 0; i < n; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &callers[i]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, callers[i].fd, &event) != 0)
            die("epoll_ctl", i);
    }
    for (size_t left = n; left;) {
        int64_t wait_us = deadline_us - now_us();
        int ready = wait_us > 0 ? epoll_wait(epoll, events, EVENTS, (int)(wait_us / 1000) + 1) : 0;
        if (ready <= 0)
            break;
        for (int i = 0; i < ready; i++)
            read_answer(events[i].data.ptr);
        left -= (size_t)ready;
    }
    close(epoll);
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 5 || strlen(argv[3]) > PATH_MAX_LEN / 2) {
        fprintf(stderr, "usage: waiting_client PORT CONNECTIONS PATH [SECONDS]\n");
        return 2;
    }
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t n = strtoul(argv[2], NULL, 10);
    int64_t patience_s = argc == 5 ? strtol(argv[4], NULL, 10) : 120;
    struct accepted *callers = xcalloc(n, sizeof *callers);
    allow_files();
    for (size_t i = 0; i < n; i++)
        callers[i].fd = open_connection(port, i);
    for (size_t i = 0; i < n; i++)
        send_request(&callers[i], argv[3], i);
    printf("parked\n");
    fflush(stdout);
    await_answers(callers, n, now_us() + patience_s * 1000000);
    for (size_t i = 0; i < n; i++)
        printf("%zu %d %jd %jd\n", i, callers[i].status, (intmax_t)callers[i].sent_us,
               (intmax_t)callers[i].answered_us);
    free(callers);
    return 0;
}
