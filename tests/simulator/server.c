/* SPDX-License-Identifier: MIT */
/* server.c - the loop of the simulator, and HTTP: libmicrohttpd driven by that loop; see sim.h.
 *
 * libmicrohttpd calls the handler for the headers, then for pieces of the body, then once more
 * for the whole. Only the last call responds or suspends, since 0.9.75 closes a connection that
 * got its response in the first. After a delay the handler is called again, with the call's new
 * state. MHD_USE_TURBO keeps libmicrohttpd from calling shutdown() on a connection that a script
 * has taken over (scripted_socket.h). */
#include "tests/simulator/sim.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the loop ---- */

#define EVENTS_PER_TURN 64

enum err loop_init(struct loop *loop)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        return ERR_SYSTEM;
    *loop = (struct loop){.epoll = epoll, .clock = clock_real()};
    timers_init(&loop->timers);
    return ERR_OK;
}

void loop_done(struct loop *loop)
{
    timers_done(&loop->timers);
    close(loop->epoll);
}

enum err loop_add(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? ERR_OK : ERR_SYSTEM;
}

void loop_change(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int rc = epoll_ctl(loop->epoll, EPOLL_CTL_MOD, fd, &event);

    assert(rc == 0);
    (void)rc;
}

void loop_remove(struct loop *loop, int fd)
{
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static int wait_ms(const struct loop *loop, int64_t at_most_ms)
{
    int64_t next_ms = timers_next_ms(&loop->timers);
    int64_t wait = INT64_MAX;

    if (next_ms != INT64_MAX)
        wait = next_ms > loop->clock.now_ms ? next_ms - loop->clock.now_ms : 0;
    if (at_most_ms >= 0 && at_most_ms < wait)
        wait = at_most_ms;
    if (wait == INT64_MAX)
        return -1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

/* Waits until an event happens, a timer is due or `at_most_ms` have passed (-1: no limit), and
 * handles it. */
static void loop_turn(struct loop *loop, int64_t at_most_ms)
{
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(loop->epoll, events, EVENTS_PER_TURN, wait_ms(loop, at_most_ms));

    clock_turn(&loop->clock);
    for (int i = 0; i < n; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
    timers_run(&loop->timers, loop->clock.now_ms);
}

/* ---- listening ---- */

#define BACKLOG 4096 /* thousands may connect concurrently */

/* Splits "host:port" or "[host]:port"; numeric addresses only, so no name server is contacted. */
static enum err resolve(const char *text, struct addrinfo **ret_address)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                   .ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    const char *colon = strrchr(text, ':');

    if (!colon || colon == text)
        return ERR_SYNTAX;
    bool bracketed = text[0] == '[' && colon[-1] == ']' && colon - text > 2;
    const char *from = bracketed ? text + 1 : text;
    autofree char *host = xstrndup(from, (size_t)(colon - from) - bracketed);
    return getaddrinfo(host, colon + 1, &hints, ret_address) == 0 ? ERR_OK : ERR_SYNTAX;
}

static enum err port_of(int fd, int *ret_port)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);

    memset(&address, 0, sizeof address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return ERR_SYSTEM;
    if (address.ss_family == AF_INET6)
        *ret_port = ntohs(((const struct sockaddr_in6 *)(const void *)&address)->sin6_port);
    else
        *ret_port = ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
    return ERR_OK;
}

static enum err bind_and_listen(int fd, const struct addrinfo *address)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return ERR_SYSTEM;
    return ERR_OK;
}

/* Opens "127.0.0.1:0" or "[::1]:8080". The caller owns the socket, which is non-blocking.
 * ERR_SYNTAX: not an address and a port; ERR_SYSTEM: see errno. */
static enum err listen_open(const char *text, int *ret_fd, int *ret_port)
{
    struct addrinfo *address = NULL;
    enum err err = resolve(text, &address);

    if (err)
        return err;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    err = fd < 0 ? ERR_SYSTEM : bind_and_listen(fd, address);
    freeaddrinfo(address);
    int port = 0;
    if (!err)
        err = port_of(fd, &port);
    if (err) {
        if (fd >= 0)
            close(fd);
        return err;
    }
    *ret_fd = fd;
    *ret_port = port;
    return ERR_OK;
}

/* ---- HTTP ---- */

#define CONNECTIONS_MAX 8192u

/* Enough iterations for libmicrohttpd to finish connections that were resumed for the stop. */
#define TURNS_TO_STOP 3

/* One for each connection, as libmicrohttpd's socket context. */
struct link {
    uint64_t number; /* 0 until it has a call to the upstream */
    uint64_t reset;  /* the number was assigned after this many resets */
};

static struct link *link_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

static int fd_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static enum MHD_Result on_accept(void *arg, const struct sockaddr *address, socklen_t len)
{
    struct sim *sim = arg;

    (void)address;
    (void)len;
    if (!faults_meet_accept(&sim->faults))
        return MHD_YES;
    sim->calls->accept_closed++;
    return MHD_NO;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct sim *sim = arg;

    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = xcalloc(1, sizeof(struct link));
        sim->open++;
        return;
    }
    free(*context);
    sim->open--;
}

/* A call begins with its request line. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *connection)
{
    struct call *call = xcalloc(1, sizeof(*call));

    call->sim = arg;
    call->connection = connection;
    call->uri = xstrdup(uri);
    call->body = BUF_INIT(CALL_MAX_BODY);
    reply_init(&call->reply);
    return call;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct sim *sim = arg;
    struct call *call = *context;

    (void)connection;
    if (!call)
        return;
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK && call->state == CALL_READY &&
        !call->peer_gone && call->reply.batch_id[0])
        upstream_answered(&sim->upstream, call->reply.batch_id);
    reply_done(&call->reply);
    script_done(&call->script);
    fault_unref(call->fault);
    buf_done(&call->body);
    free(call->uri);
    free(call->method);
    free(call->path);
    free(call->api.id);
    free(call);
    *context = NULL;
}

static void begin(struct call *call, const char *method, const char *path, const char *version)
{
    struct link *link = link_of(call->connection);

    call->state = CALL_READING;
    call->method = xstrdup(method);
    call->path = xstrdup(path);
    call->for_upstream = !control_owns(path);
    if (!call->for_upstream)
        return;
    if (link->number == 0 || link->reset != call->sim->resets)
        link->number = ++call->sim->calls->connections;
    link->reset = call->sim->resets;
    call_headers(call, version, link->number);
}

static void handle(struct call *call)
{
    if (call->body.overflowed) {
        reply_detail(&call->reply, 413, "request body too large");
        call->state = CALL_READY;
    } else if (call->for_upstream) {
        call_serve(call);
    } else {
        control_call(call);
    }
}

/* libmicrohttpd reports a response as completed even if its client has left. */
static bool peer_gone(struct call *call)
{
    struct pollfd peer = {.fd = fd_of(call->connection), .events = POLLRDHUP};

    return poll(&peer, 1, 0) > 0;
}

static enum MHD_Result send_reply(struct call *call)
{
    struct reply *reply = &call->reply;
    size_t len = 0;

    if (reply->status == 204 || reply->status == 304)
        buf_clear(&reply->body);
    call->peer_gone = peer_gone(call);
    char *body = buf_take(&reply->body, &len);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(body);
        return MHD_NO;
    }
    for (size_t i = 0; i < reply->n_headers; i++)
        MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    enum MHD_Result result =
        MHD_queue_response(call->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* MHD_NO makes libmicrohttpd close the connection without a response. */
static enum MHD_Result play_script(struct call *call)
{
    int fd = fcntl(fd_of(call->connection), F_DUPFD_CLOEXEC, 0);

    if (fd >= 0)
        scripted_sockets_play(&call->sim->sockets, fd, &call->script);
    return MHD_NO;
}

static enum MHD_Result respond(struct call *call)
{
    switch (call->state) {
    case CALL_ASLEEP:
        MHD_suspend_connection(call->connection);
        return MHD_YES;
    case CALL_READY:
        return send_reply(call);
    case CALL_SCRIPTED:
        return play_script(call);
    case CALL_NEW:
    case CALL_READING:
    case CALL_DROPPED:
        break;
    }
    return MHD_NO;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct call *call = *context;

    (void)arg;
    (void)connection;
    if (call->state == CALL_NEW) {
        begin(call, method, path, version);
        return MHD_YES;
    }
    if (*len) {
        buf_add(&call->body, data, *len);
        *len = 0;
        return MHD_YES;
    }
    if (call->state == CALL_READING)
        handle(call);
    return respond(call);
}

static void on_daemon_ready(struct watch *watch, uint32_t events)
{
    (void)watch; /* MHD_run() follows in every iteration */
    (void)events;
}

static enum err watch_daemon(struct sim *sim)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(sim->daemon, MHD_DAEMON_INFO_EPOLL_FD);

    sim->daemon_watch.ready = on_daemon_ready;
    return loop_add(&sim->loop, info->epoll_fd, EPOLLIN, &sim->daemon_watch);
}

enum err server_start(struct sim *sim, const char *listen_on)
{
    int fd = -1;
    enum err err = listen_open(listen_on, &fd, &sim->port);

    if (err)
        return err;
    sim->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, on_accept, sim, on_request,
        sim, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, sim, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        sim, MHD_OPTION_URI_LOG_CALLBACK, on_uri, sim, MHD_OPTION_END);
    if (!sim->daemon) {
        close(fd);
        return ERR_SYSTEM;
    }
    return watch_daemon(sim);
}

/* Without a thread of its own, libmicrohttpd neither signals a resumed connection on its epoll
 * descriptor nor counts it in its timeout, so this flag records it. */
static int64_t mhd_timeout_ms(const struct sim *sim)
{
    MHD_UNSIGNED_LONG_LONG ms = 0;

    if (sim->resumed)
        return 0;
    if (MHD_get_timeout(sim->daemon, &ms) != MHD_YES)
        return -1;
    return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

/* Any event of an iteration - a timer, a script, a request - may have changed a counter that a
 * call waits for. */
static void turn(struct sim *sim)
{
    loop_turn(&sim->loop, mhd_timeout_ms(sim));
    sim->resumed = false;
    MHD_run(sim->daemon);
    control_recheck(sim);
    scripted_sockets_bury(&sim->sockets);
    notifier_bury(&sim->notifier);
}

void server_run(struct sim *sim)
{
    while (!sim->stopping)
        turn(sim);
}

void server_stop(struct sim *sim)
{
    while (sim->asleep)
        call_drop(sim->asleep);
    scripted_sockets_drop(&sim->sockets);
    scripted_sockets_bury(&sim->sockets);
    for (int i = 0; sim->daemon && i < TURNS_TO_STOP; i++)
        MHD_run(sim->daemon);
    if (sim->daemon)
        MHD_stop_daemon(sim->daemon);
    sim->daemon = NULL;
    scripted_sockets_drop(&sim->sockets);
    scripted_sockets_bury(&sim->sockets);
}
