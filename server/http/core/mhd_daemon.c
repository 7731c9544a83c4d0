/* SPDX-License-Identifier: MIT */
/* mhd_daemon.c - starts one libmicrohttpd daemon of a worker and tracks its connections. */
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/worker_state.h"
#include "http/net/connection_limit.h"
#include "http/net/tls.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>

/* Memory per connection for the request's line and headers and the response's headers.
 * libmicrohttpd zeroes all of it after every response, so a larger value costs time on every hit
 * and memory on every idle connection. RFC 9112, 3, recommends supporting request lines of at least
 * 8000 bytes. */
#define CONNECTION_BYTES ((size_t)16 << 10)

__attribute__((format(printf, 2, 0))) static void be_quiet(void *arg, const char *format,
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
    enum connection_limit_verdict verdict = connection_limit_check(worker->options.seats, from);

    (void)from_len;
    if (verdict == LIMIT_NOT_REACHED)
        return MHD_YES;
    enum metrics_refused by = verdict == LIMIT_TOTAL ? CONNECTION_OF_ALL : CONNECTION_OF_ADDRESS;
    metrics_add(&metrics_mine()->http_connections_refused[by], 1);
    return MHD_NO;
}

/* libmicrohttpd accepts one callback for this, so it also creates and frees the connection
 * state. */
static void note_connection(void *arg, struct MHD_Connection *connection, void **slot,
                            enum MHD_ConnectionNotificationCode what)
{
    struct worker *worker = arg;
    bool comes = what == MHD_CONNECTION_NOTIFY_STARTED;
    int step = comes ? 1 : -1;
    const struct sockaddr *from =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

    if (comes)
        connection_limit_acquire(worker->options.seats, from);
    else
        connection_limit_release(worker->options.seats, from);
    metrics_add(&metrics_mine()->http_connections, (uint64_t)step); /* -1 wraps to a decrement */
    request_connection(worker, connection, slot, what);
}

/* libmicrohttpd's own limit is one above ours, so that is_within_limits() rejects the excess
 * connections. Its strict mode is off where head_layout.h checks more: in 0.9.75 that mode checks
 * little and closes without a response. Later versions use it to reject folded lines, NULs and bare
 * LFs, which head_layout.h cannot see there. */
enum err mhd_daemon_start(struct worker *worker)
{
    const struct worker_options *options = &worker->options;
    const struct MHD_OptionItem secured[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITY},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        (worker->tls ? MHD_USE_TLS : MHD_NO_FLAG) | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_TURBO |
            MHD_USE_ERROR_LOG,
        0, is_within_limits, worker, request_handle, worker, MHD_OPTION_EXTERNAL_LOGGER, be_quiet,
        NULL, MHD_OPTION_URI_LOG_CALLBACK, request_line, worker, MHD_OPTION_NOTIFY_CONNECTION,
        note_connection, worker, MHD_OPTION_NOTIFY_COMPLETED, request_completed, worker,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)connection_limit_max(options->seats) + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
        worker->knows_layout ? 0 : 1, MHD_OPTION_ARRAY,
        worker->tls ? secured : &secured[ARRAY_LEN(secured) - 1], MHD_OPTION_END);

    if (!daemon)
        return ERR_SYSTEM;
    worker->daemons[worker->n_daemons++] = daemon;
    int epoll_fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return worker_add(worker, epoll_fd, EPOLLIN, NULL) ? ERR_OK : ERR_SYSTEM;
}
