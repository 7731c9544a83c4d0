/* SPDX-License-Identifier: MIT */
/* raw_server.c - see raw_server.h. Blocking sockets and one thread per connection are the
 * simplest way to play several scripts concurrently. The lock protects what tests read and the
 * table of sockets. raw_server_stop() so never closes a descriptor number that was reused. */
#include "tests/unit/raw_server.h"

#include "base/buf.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32
#define REQUESTS_MAX    64
#define REQUEST_MAX     ((size_t)4 << 20)

struct connection {
    struct raw_server *server;
    struct raw_script script;
    pthread_t thread;
    int fd; /* -1 once closed */
};

struct raw_server {
    pthread_mutex_t lock;
    pthread_t acceptor;
    int fd, port;
    bool stopped;
    struct raw_script scripts[CONNECTIONS_MAX];
    size_t n_scripts;
    struct connection connections[CONNECTIONS_MAX];
    size_t n_connections;
    char *requests[REQUESTS_MAX];
    size_t n_requests;
};

static void die(const char *what)
{
    perror(what);
    abort();
}

static int bound_socket(int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) ||
        getsockname(fd, (struct sockaddr *)&address, &len))
        die("raw_server: socket");
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int raw_server_refusing_port(void)
{
    int port;

    bound_socket(
        &port); /* bound and never listening; kept open, so that no other process gets the port */
    return port;
}

static size_t body_len(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");

    return field ? strtoul(strchr(field, ':') + 1, NULL, 10) : 0;
}

/* Returns the length of the request at the start of `in`; 0 if it is incomplete. */
static size_t complete(const struct buf *in)
{
    const char *end = strstr(buf_str(in), "\r\n\r\n");

    if (!end)
        return 0;
    size_t len = (size_t)(end + 4 - in->data) + body_len(in->data);
    return in->len >= len ? len : 0;
}

static void keep(struct raw_server *server, const char *data, size_t len)
{
    pthread_mutex_lock(&server->lock);
    if (server->n_requests < REQUESTS_MAX)
        server->requests[server->n_requests++] = xstrndup(data, len);
    pthread_mutex_unlock(&server->lock);
}

/* Returns false if the peer left before a complete request arrived. */
static bool read_request(struct connection *c)
{
    struct buf in autobuf = BUF_INIT(REQUEST_MAX);
    char piece[16384];
    size_t len;

    while (!(len = complete(&in))) {
        ssize_t n = recv(c->fd, piece, sizeof piece, 0);
        if (n <= 0 || buf_add(&in, piece, (size_t)n))
            return false;
    }
    keep(c->server, in.data, len);
    return true;
}

static void send_all(int fd, const struct raw_bytes *bytes)
{
    size_t len = bytes->data && !bytes->len ? strlen(bytes->data) : bytes->len;

    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(fd, bytes->data + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        sent += (size_t)n;
    }
}

static void play(struct connection *c)
{
    for (size_t i = 0; i < c->script.reads; i++) {
        if (!read_request(c))
            return;
        send_all(c->fd, &c->script.answers[i]);
    }
    if (c->script.end == RAW_RESET)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1},
                   sizeof(struct linger));
    char byte;
    while (c->script.end == RAW_HOLD && recv(c->fd, &byte, 1, 0) > 0)
        continue;
}

static void *connection_main(void *arg)
{
    struct connection *c = arg;

    play(c);
    pthread_mutex_lock(&c->server->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

static void begin(struct raw_server *server, int fd)
{
    struct connection *c = &server->connections[server->n_connections];

    c->server = server;
    c->fd = fd;
    if (server->n_connections < server->n_scripts)
        c->script = server->scripts[server->n_connections];
    if (pthread_create(&c->thread, NULL, connection_main, c))
        die("raw_server: thread");
    server->n_connections++;
}

static void *acceptor_main(void *arg)
{
    struct raw_server *server = arg;

    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&server->lock);
        bool done = server->stopped || server->n_connections == CONNECTIONS_MAX ||
                    (fd < 0 && errno != EINTR && errno != ECONNABORTED);
        if (fd >= 0 && !done)
            begin(server, fd);
        else if (fd >= 0)
            close(fd);
        pthread_mutex_unlock(&server->lock);
        if (done)
            return NULL;
    }
}

struct raw_server *raw_server_new(const struct raw_script *scripts, size_t n)
{
    struct raw_server *server = xcalloc(1, sizeof *server);

    if (n > CONNECTIONS_MAX)
        abort();
    if (n)
        memcpy(server->scripts, scripts, n * sizeof *scripts);
    server->n_scripts = n;
    pthread_mutex_init(&server->lock, NULL);
    server->fd = bound_socket(&server->port);
    if (listen(server->fd, CONNECTIONS_MAX))
        die("raw_server: listen");
    if (pthread_create(&server->acceptor, NULL, acceptor_main, server))
        die("raw_server: thread");
    return server;
}

int raw_server_port(const struct raw_server *server)
{
    return server->port;
}

void raw_server_stop(struct raw_server *server)
{
    if (server->stopped)
        return;
    pthread_mutex_lock(&server->lock);
    server->stopped = true;
    shutdown(server->fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->acceptor, NULL);
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->n_connections; i++)
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < server->n_connections; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->fd);
}

void raw_server_free(struct raw_server *server)
{
    raw_server_stop(server);
    for (size_t i = 0; i < server->n_requests; i++)
        free(server->requests[i]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

size_t raw_server_connections(struct raw_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->n_connections;
    pthread_mutex_unlock(&server->lock);
    return n;
}

size_t raw_server_requests(struct raw_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->n_requests;
    pthread_mutex_unlock(&server->lock);
    return n;
}

const char *raw_server_request(struct raw_server *server, size_t i)
{
    pthread_mutex_lock(&server->lock);
    const char *request = i < server->n_requests ? server->requests[i] : "";
    pthread_mutex_unlock(&server->lock);
    return request;
}
