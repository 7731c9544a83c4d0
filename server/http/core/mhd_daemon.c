/* SPDX-License-Identifier: MIT */
/* mhd_daemon.c - starts one libmicrohttpd daemon of a worker and creates and frees the context of
 * each connection. */
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/request_state.h"
#include "http/net/connection_limit.h"
#include "http/net/tls.h"
#include "http/protocol/head_memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

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

/* A daemon belongs to one thread. Without this flag, later versions put an accepted connection into
 * a queue and report its start after the next ones were checked against the limits. */
#if MHD_VERSION >= 0x00097707
#define OF_ONE_THREAD MHD_USE_NO_THREAD_SAFETY
#else
#define OF_ONE_THREAD MHD_NO_FLAG
#endif

const char mhd_no_cookie[] = "Cookie";

/* libmicrohttpd passes the raw target before it decodes it, and before it reads the headers. It
 * copies the first Cookie in the memory of the connection and splits it; if there is no room,
 * 0.9.75 sends two responses or none. Nothing here needs cookies, so the first one is empty. */
static void *note_target(void *arg, const char *target, struct MHD_Connection *handle)
{
    struct worker *worker = arg;
    struct connection *connection =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    request_target_read(&connection->target, target);
    connection_on_request_line(&worker->timeouts, &connection->timeout, worker->clock.now_ms);
    MHD_set_connection_value(handle, MHD_HEADER_KIND, mhd_no_cookie, "");
    if (!head_memory_suffices_for_target(target))
        request_reject_target(worker, handle);
    return NULL;
}

/* Decodes a path, or the name or value of an argument, in place; returns its length. Most need no
 * decoding, and libmicrohttpd's own function copies byte by byte. It keeps an invalid %xx as it is;
 * the default of 1.0 would turn the whole text into an empty one, which is as good as none. */
static size_t decode(void *arg, struct MHD_Connection *handle, char *text)
{
    (void)arg;
    (void)handle;
    return strchr(text, '%') ? MHD_http_unescape(text) : strlen(text);
}

/* libmicrohttpd's own limit is one above ours, so that is_within_limits() rejects the excess
 * connections. Its strict mode is off where head_layout.h checks more: in 0.9.75 that mode checks
 * little and closes without a response. Later versions use it to reject folded lines, NULs and bare
 * LFs, which head_layout.h cannot see there.
 *
 * There is no MHD_USE_TURBO. With it, libmicrohttpd reads a new connection before its request has
 * arrived, and does not shut down a connection after its last response: it closes it after it has
 * served all others that are ready. By then the client may have closed first, and its port would
 * stay in TIME-WAIT. A proxy that opens a connection for each request would run out of ports. */
enum err mhd_daemon_start(struct worker *worker)
{
    const struct worker_options *options = &worker->options;
    const struct MHD_OptionItem secured[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, tls_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITY},
        {MHD_OPTION_END, 0, NULL}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        (worker->tls ? MHD_USE_TLS : MHD_NO_FLAG) | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_NO_LISTEN_SOCKET | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG |
            OF_ONE_THREAD,
        0, is_within_limits, worker, request_handle, worker, MHD_OPTION_EXTERNAL_LOGGER,
        log_message, NULL, MHD_OPTION_URI_LOG_CALLBACK, note_target, worker,
        MHD_OPTION_UNESCAPE_CALLBACK, decode, NULL, MHD_OPTION_NOTIFY_CONNECTION, note_connection,
        worker, MHD_OPTION_NOTIFY_COMPLETED, request_completed, worker, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)connection_limit_max(options->connection_limit) + 1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MEMORY_BYTES, MHD_OPTION_STRICT_FOR_CLIENT,
        worker->knows_head_layout ? 0 : 1, MHD_OPTION_ARRAY,
        worker->tls ? secured : &secured[ARRAY_LEN(secured) - 1], MHD_OPTION_END);

    if (!daemon)
        return ERR_SYSTEM;
    worker->daemons[worker->n_daemons++] = daemon;
    int epoll_fd = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    return worker_add(worker, epoll_fd, EPOLLIN, NULL) ? ERR_OK : ERR_SYSTEM;
}
