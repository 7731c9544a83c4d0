/* SPDX-License-Identifier: MIT */
/* listener.c - turns addresses into sockets, and sockets into workers.
 *
 * Every worker gets its own socket per address, bound with SO_REUSEPORT, and the kernel spreads the
 * connections. The first socket picks port 0; the others bind the port it got. All sockets are
 * bound before any worker starts, so a port in use never leaves a partly started server. Inherited
 * sockets are shared instead: see inherited_socket.h. */
#include "http/listener.h"

#include "base/clock.h"
#include "base/heartbeat.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "http/core/app.h"
#include "http/core/stream.h"
#include "http/core/stream_limit.h"
#include "http/core/worker.h"
#include "http/net/connection_limit.h"
#include "os/inherited_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG        4096 /* the kernel limits it to net.core.somaxconn */
#define URL_TEXT       (16 + NI_MAXHOST + NI_MAXSERV)
#define RESERVED_FILES 64               /* for log, store, upstream reads and other files */
#define JOIN_MS        INT64_C(3600000) /* an unlimited wait consists of waits of this length */

struct listener {
    size_t n_workers, n_addresses;
    size_t n_joined; /* workers joined so far, from the first */
    struct worker **workers;
    struct heartbeat *heartbeats; /* of the workers; each reads those of all, until the last ends */
    char (*urls)[URL_TEXT];
    struct connection_limit *connection_limit;
    struct stream_limit *streams;
    bool draining;
};

/* ---- addresses ---- */

struct address {
    struct sockaddr_storage socket;
    socklen_t len;
};

static enum err reject(struct errmsg *why, const char *text, const char *reason)
{
    errmsg_set(why, "%.120s: %.100s", text, reason);
    return ERR_SYNTAX;
}

/* Checked here because getaddrinfo() accepts 65536 as 0. */
static bool is_port(const char *text)
{
    unsigned long value = strtoul(text, NULL, 10);

    return *text && strspn(text, "0123456789") == strlen(text) && value <= 65535;
}

/* Parses "127.0.0.1:8080" or "[::1]:8080"; numeric only, names are not resolved. */
static enum err parse_address(const char *text, struct address *ret_address, struct errmsg *why)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(text, ':');
    struct addrinfo *found;

    if (!colon || colon == text || !colon[1])
        return reject(why, text, "must be ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080");
    bool brackets = text[0] == '[' && colon[-1] == ']';
    autofree char *host = brackets ? xstrndup(text + 1, (size_t)(colon - text) - 2)
                                   : xstrndup(text, (size_t)(colon - text));
    if (!brackets && strchr(host, ':'))
        return reject(why, text, "an IPv6 address requires brackets, such as [::1]:8080");
    if (!is_port(colon + 1) || getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return reject(why, text, "address and port must be numeric");
    memcpy(&ret_address->socket, found->ai_addr, found->ai_addrlen);
    ret_address->len = found->ai_addrlen;
    freeaddrinfo(found);
    return ERR_OK;
}

static void write_url(const struct address *address, bool secured, char *url)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool v6 = address->socket.ss_family == AF_INET6;

    getnameinfo((const struct sockaddr *)&address->socket, address->len, host, sizeof host, port,
                sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(url, URL_TEXT, "%s://%s%s%s:%s", secured ? "https" : "http", v6 ? "[" : "", host,
             v6 ? "]" : "", port);
}

enum err listener_check(const char *text, struct errmsg *why)
{
    struct address address;

    return parse_address(text, &address, why);
}

bool listener_is_local(const char *text)
{
    struct errmsg why;
    struct address address;

    if (parse_address(text, &address, &why))
        return false;
    if (address.socket.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&address.socket)->sin6_addr);
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address.socket;
    return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* ---- sockets ---- */

static int bind_socket(const struct address *address, bool shared)
{
    const int on = 1;
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->socket.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&address->socket, address->len) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* SO_REUSEPORT would let a second server of the same user share the port unnoticed. Binding without
 * it detects that the port is in use. */
static bool is_free(const struct address *address)
{
    int fd = bind_socket(address, false);

    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* Binds one socket per worker: sockets[0], sockets[step], sockets[2 * step]... */
static enum err bind_all(const char *text, struct address *address, int *sockets, size_t n,
                         size_t step, struct errmsg *why)
{
    bool ok = is_free(address);

    for (size_t i = 0; ok && i < n; i++) {
        sockets[i * step] = bind_socket(address, true);
        ok = sockets[i * step] >= 0;
        if (ok && i == 0)
            getsockname(sockets[0], (struct sockaddr *)&address->socket, &address->len);
    }
    if (ok)
        return ERR_OK;
    errmsg_set(why, "%.120s: %.100s", text, strerror(errno));
    return ERR_SYSTEM;
}

/* Duplicates an existing socket once per worker, in the layout of bind_all(), and closes `fd`. */
static enum err share_all(int fd, int *sockets, size_t n, size_t step, struct errmsg *why)
{
    for (size_t i = 0; i < n; i++) {
        sockets[i * step] = inherited_socket_share(fd);
        if (sockets[i * step] < 0) {
            errmsg_set(why, "inherited descriptor %d: %.100s", fd, strerror(errno));
            return ERR_SYSTEM;
        }
    }
    close(fd);
    return ERR_OK;
}

/* ---- limits ---- */

/* Raises the soft limit on file descriptors to the hard limit and returns it. */
static rlim_t raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return RLIM_INFINITY;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

/* Sets the connection limit: as configured, or as many as the file descriptors allow. */
static enum err set_connection_limit(const struct listener_options *options,
                                     struct listener *listener, struct errmsg *why)
{
    size_t taken = RESERVED_FILES + (size_t)options->other_files +
                   listener->n_workers * (WORKER_FILES + WORKER_FILES_PER * listener->n_addresses);
    rlim_t limit = raise_file_limit();
    int max = options->max_connections;

    if (limit <= taken) {
        errmsg_set(why,
                   "the limit of %ju file descriptors (RLIMIT_NOFILE) is too low; "
                   "must be %zu plus one for each connection",
                   (uintmax_t)limit, taken);
        return ERR_SYSTEM;
    }
    if (limit != RLIM_INFINITY && limit < taken + (rlim_t)max) {
        max = (int)(limit - taken);
        log_event(LOG_WARN, "connection_limit_reduced",
                  LOG_INT("requested", options->max_connections), LOG_INT("limit", max),
                  LOG_STR("reason", "RLIMIT_NOFILE"));
    }
    listener->connection_limit = connection_limit_new(max, options->max_per_address);
    metrics_set(&metrics_mine()->http_connections_max, (uint64_t)max);
    return ERR_OK;
}

/* ---- start and stop ---- */

static enum err bind_addresses(const struct listener_options *options, bool secured,
                               struct listener *listener, int *sockets, struct errmsg *why)
{
    size_t n = listener->n_workers, step = options->n_addresses;

    for (size_t i = 0; i < options->n_addresses; i++) {
        const char *text = options->addresses[i];
        struct address address;
        enum err err = parse_address(text, &address, why);
        if (!err)
            err = options->inherited ? share_all(options->inherited[i], sockets + i, n, step, why)
                                     : bind_all(text, &address, sockets + i, n, step, why);
        if (err)
            return err;
        write_url(&address, secured, listener->urls[i]);
    }
    return ERR_OK;
}

static void close_from(int *sockets, size_t from, size_t n)
{
    for (size_t i = from; i < n; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
}

static enum err start_workers(const struct listener_options *options, struct service *service,
                              struct listener *listener, int *sockets, struct errmsg *why)
{
    size_t n = listener->n_workers, per_worker = listener->n_addresses;
    struct worker_options worker = {
        .connection_limit = listener->connection_limit,
        .header_timeout_ms = options->header_timeout_ms,
        .response_timeout_ms = options->response_timeout_ms,
        .idle_timeout_ms = options->idle_timeout_ms,
        .drain_ms = options->drain_ms,
        .head_grace_ms = options->head_grace_ms,
        .interim_ms = options->interim_ms,
        .heartbeat_ms = options->heartbeat_ms ? options->heartbeat_ms : STREAM_HEARTBEAT_MS,
        .idle_ms = options->idle_ms,
        .leaves_queue = options->inherited != NULL,
    };

    service->workers = listener->heartbeats;
    service->n_workers = n;
    service->streams = listener->streams = stream_limit_new();
    metrics_set(&metrics_mine()->streams_max, service->max_streams);
    for (listener->n_workers = 0; listener->n_workers < n; listener->n_workers++) {
        size_t i = listener->n_workers;
        worker.number = (int)i;
        worker.heartbeat = &listener->heartbeats[i];
        enum err err = worker_start(&worker, service, sockets + i * per_worker, per_worker,
                                    &listener->workers[i]);
        if (err) {
            close_from(sockets, (i + 1) * per_worker, n * per_worker);
            errmsg_set(why, "cannot start worker %zu: %s", i, strerror(errno));
            return err;
        }
    }
    return ERR_OK;
}

enum err listener_start(const struct listener_options *options, struct service *service,
                        struct listener **ret_listener, struct errmsg *why)
{
    size_t n_sockets = (size_t)options->threads * options->n_addresses;
    autofree int *sockets = xcalloc(n_sockets, sizeof *sockets);
    struct listener *listener = xcalloc(1, sizeof *listener);

    for (size_t i = 0; i < n_sockets; i++)
        sockets[i] = -1;
    listener->n_workers = (size_t)options->threads;
    listener->n_addresses = options->n_addresses;
    listener->workers = xcalloc(listener->n_workers, sizeof(struct worker *));
    listener->heartbeats = xcalloc(listener->n_workers, sizeof *listener->heartbeats);
    listener->urls = xcalloc(options->n_addresses, sizeof *listener->urls);
    enum err err = set_connection_limit(options, listener, why);
    if (!err)
        err = bind_addresses(options, service->tls != NULL, listener, sockets, why);
    if (err) {
        close_from(sockets, 0, n_sockets);
        listener->n_workers = 0;
    } else {
        err = start_workers(options, service, listener, sockets, why);
    }
    if (err) {
        listener_drain(listener);
        listener_stop(listener);
        return err;
    }
    *ret_listener = listener;
    return ERR_OK;
}

int64_t listener_age_ms(const struct listener *listener, int64_t now_ms)
{
    int64_t oldest_ms = 0;

    for (size_t i = listener->n_joined; i < listener->n_workers; i++) {
        int64_t age_ms = heartbeat_age_ms(&listener->heartbeats[i], now_ms);
        if (age_ms > oldest_ms)
            oldest_ms = age_ms;
    }
    return oldest_ms;
}

const char *listener_url(const struct listener *listener, size_t i)
{
    return listener->urls[i];
}

void listener_apply_settings(struct listener *listener, const struct settings *settings)
{
    for (size_t i = 0; i < listener->n_workers; i++)
        worker_apply_settings(listener->workers[i], settings);
}

void listener_announce_drain(struct listener *listener)
{
    for (size_t i = 0; i < listener->n_workers; i++)
        worker_announce_drain(listener->workers[i]);
}

void listener_drain(struct listener *listener)
{
    if (listener->draining)
        return;
    listener->draining = true;
    for (size_t i = 0; i < listener->n_workers; i++)
        worker_drain(listener->workers[i]);
}

bool listener_join(struct listener *listener, int64_t within_ms)
{
    struct clock clock = clock_real();
    int64_t until_ms = clock.now_ms + within_ms;

    for (; listener->n_joined < listener->n_workers; listener->n_joined++) {
        int64_t left_ms = until_ms - clock.now_ms;
        if (!worker_join(listener->workers[listener->n_joined], left_ms > 0 ? left_ms : 0))
            return false;
        clock_turn(&clock);
    }
    return true;
}

void listener_stop(struct listener *listener)
{
    while (!listener_join(listener, JOIN_MS))
        ;
    connection_limit_free(listener->connection_limit);
    stream_limit_free(listener->streams);
    free(listener->workers);
    free(listener->heartbeats);
    free(listener->urls);
    free(listener);
}
