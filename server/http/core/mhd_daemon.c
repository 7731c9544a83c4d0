/* SPDX-License-Identifier: MIT */
/* mhd_daemon.c - starts one libmicrohttpd daemon of a worker and creates and frees the context of
 * each connection. */
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/request_state.h"
#include "http/net/connection_limit.h"
#include "http/net/tls.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

/* Memory per connection for the request's line and headers and the response's headers.
 * libmicrohttpd zeroes all of it after every response, so a larger value costs time on every hit
 * and memory on every idle connection. RFC 9112, 3, recommends supporting request lines of at least
 * 8000 bytes. */
#define CONNECTION_BYTES ((size_t)16 << 10)

__attribute__((format(printf, 2, 0))) static void log_message(void *arg, const char *format,
                                                              va_list args)
{
    char text[200];

    (void)arg;
    vsnprintf(text, sizeof text, format, args);
    log_event(LOG_DEBUG, "mhd_message", LOG_STR("text", text));
}

static enum MHD_Result is_within_limits(void *arg, const struct sockaddr *from, socklen_t from_len)
{
    struct worker *worker = arg;
    enum connection_limit_verdict verdict =
        connection_limit_check(worker->options.connection_limit, from);

    (void)from_len;
    if (verdict == LIMIT_NOT_REACHED)
        return MHD_YES;
    enum metrics_refused by = verdict == LIMIT_TOTAL ? CONNECTION_OF_ALL : CONNECTION_OF_ADDRESS;
    metrics_add(&metrics_mine()->http_connections_refused[by], 1);
    return MHD_NO;
}

static struct connection *open_connection(struct worker *worker, struct MHD_Connection *handle)
{
    struct connection *connection = xcalloc(1, sizeof *connection);

    connection->timeout.fd =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    connection_enter_phase(&worker->timeouts, &connection->timeout, PHASE_HEADER,
                           worker->clock.now_ms);
    return connection;
}

/* `slot` holds our context of the connection. */
static void note_connection(void *arg, struct MHD_Connection *handle, void **slot,
                            enum MHD_ConnectionNotificationCode what)
{
    struct worker *worker = arg;
    struct connection *connection = *slot;
    const struct sockaddr *from =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_limit_acquire(worker->options.connection_limit, from);
        metrics_add(&metrics_mine()->http_connections, 1);
        *slot = open_connection(worker, handle);
    } else {
        connection_limit_release(worker->options.connection_limit, from);
        metrics_add(&metrics_mine()->http_connections, UINT64_MAX); /* wraps to a decrement */
        connection_enter_phase(&worker->timeouts, &connection->timeout, PHASE_NONE, 0);
        free(connection);
        *slot = NULL;
    }
}

/* libmicrohttpd passes the raw target before it decodes it. */
static void *note_target(void *arg, const char *target, struct MHD_Connection *handle)
{
    struct worker *worker = arg;
    struct connection *connection =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    request_target_read(&connection->target, target);
    connection_on_request_line(&worker->timeouts, &connection->timeout, worker->clock.now_ms);
    return NULL;
}

/* Decodes in place what is valid and keeps the rest, as 0.9.75 does by default: the strict mode of
 * later versions would turn a value with an invalid escape into an empty one, which is as good as
 * none. */
static size_t unescape(void *arg, struct MHD_Connection *handle, char *text)
{
    (void)arg;
    (void)handle;
    return MHD_http_unescape(text);
}

/* libmicrohttpd's own limit is one above ours, so that is_within_limits() rejects the excess
 * connections. Its strict mode is off where head_layout.h checks more: in 0.9.75 that mode checks
 * little and closes without a response. Later versions use it to reject folded lines, NULs and bare
 * LFs, which head_layout.h cannot see there. */
enum err mhd_daemon_start(struct worker *worker)
{
    const struct worker_options *options = &worker->options;
    /* The first two are for TLS. */
    const struct MHD_OptionItem items[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITY},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)unescape, NULL},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        (worker->tls ? MHD_USE_TLS : MHD_NO_FLAG) | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_TURBO |
            MHD_USE_ERROR_LOG,
        0, is_within_limits, worker, request_handle, worker, MHD_OPTION_EXTERNAL_LOGGER,
        log_message, NULL, MHD_OPTION_URI_LOG_CALLBACK, note_target, worker,
        MHD_OPTION_NOTIFY_CONNECTION, note_connection, worker, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, worker, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)connection_limit_max(options->connection_limit) + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
        worker->knows_head_layout ? 0 : 1, MHD_OPTION_ARRAY, worker->tls ? items : &items[2],
        MHD_OPTION_END);

    if (!daemon)
        return ERR_SYSTEM;
    worker->daemons[worker->n_daemons++] = daemon;
    int epoll_fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return worker_add(worker, epoll_fd, EPOLLIN, NULL) ? ERR_OK : ERR_SYSTEM;
}
