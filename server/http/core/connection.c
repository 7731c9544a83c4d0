/* SPDX-License-Identifier: MIT */
/* connection.c - see connection.h. Calling shutdown() on the socket is safe until libmicrohttpd
 * reports that the connection ended, because it reports that before it closes the socket. */
#include "http/core/connection.h"

#include "base/mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define LOOKS 4 /* checks per header timeout */

/* Bytes that arrive this soon after the end of a request may belong to that request: its end is
 * only known as the start of the loop iteration that handled it. */
#define SLACK_MS 100

void connection_times(struct deadlines *all, int64_t header_ms, int64_t answer_ms, int64_t idle_ms)
{
    int64_t look_ms = header_ms / LOOKS + 1;

    all->after_ms[DEADLINE_HEADER] = header_ms;
    all->after_ms[DEADLINE_ANSWER] = answer_ms;
    all->after_ms[DEADLINE_IDLE] = look_ms < idle_ms ? look_ms : idle_ms;
}

void connection_init(struct connection *connection, int fd, struct deadlines *all, int64_t now_ms)
{
    connection->fd = fd;
    deadline_set(all, &connection->deadline, DEADLINE_HEADER, now_ms);
}

void connection_done(struct connection *connection, struct deadlines *all)
{
    deadline_set(all, &connection->deadline, DEADLINE_NONE, 0);
}

/* ---- the target ---- */

/* Returns the path and query of a target in absolute form; returns any other target unchanged. */
static const char *origin_form(const char *target)
{
    static const char host[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._:[]";
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], len) != 0)
            continue;
        size_t host_len = strspn(target + len, host);
        const char *rest = target + len + host_len;
        if (host_len == 0 || !strchr("/?", *rest))
            return target;
        return *rest == '/' ? rest : "/"; /* an empty path is the root */
    }
    return target;
}

static void keep_target(struct connection *connection, const char *target)
{
    const char *path = origin_form(target);
    size_t path_len = strcspn(path, "?"), target_len = strlen(target);

    /* RFC 9112, 2.2: a CR without an LF is invalid; other recipients may treat it as a line end. */
    connection->target_end = memchr(target, '\r', target_len) ? NULL : target + target_len;
    if (path_len >= sizeof connection->path)
        path_len = 0;
    memcpy(connection->path, path, path_len);
    connection->path[path_len] = '\0';
    connection->target_len = target_len <= sizeof connection->target ? target_len : 0;
    memcpy(connection->target, target, connection->target_len);
}

/* ---- timeouts ---- */

void connection_line(struct connection *connection, const char *target, struct deadlines *all,
                     int64_t now_ms)
{
    keep_target(connection, target);
    if (connection->deadline.armed && connection->deadline.kind == DEADLINE_IDLE)
        deadline_set(all, &connection->deadline, DEADLINE_HEADER, now_ms);
}

void connection_enter_waiting(struct connection *connection, struct deadlines *all)
{
    deadline_set(all, &connection->deadline, DEADLINE_NONE, 0);
}

void connection_enter_sending(struct connection *connection, struct deadlines *all, int64_t now_ms)
{
    deadline_set(all, &connection->deadline, DEADLINE_ANSWER, now_ms);
}

void connection_enter_idle(struct connection *connection, struct deadlines *all, int64_t now_ms)
{
    connection->idle_since_ms = now_ms;
    deadline_set(all, &connection->deadline, DEADLINE_IDLE, now_ms);
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

void connection_on_timeout(struct deadline *over, struct deadlines *all, int64_t idle_timeout_ms,
                           int64_t now_ms)
{
    const struct connection *connection = container_of(over, struct connection, deadline);
    int64_t idle_ms = now_ms - connection->idle_since_ms;

    if (over->kind != DEADLINE_IDLE || idle_ms >= idle_timeout_ms)
        shutdown(connection->fd, SHUT_RDWR);
    else if (has_begun(connection->fd, idle_ms))
        deadline_set(all, over, DEADLINE_HEADER, now_ms);
    else
        deadline_set(all, over, DEADLINE_IDLE, now_ms);
}
