/* SPDX-License-Identifier: MIT */
/* request_input.c - gives endpoints the input of a request; its life cycle is in request.c. */
#include "http/core/request_state.h"

#include <arpa/inet.h>

enum http_method request_method(const struct request *request)
{
    return request->method;
}

const char *request_path(const struct request *request)
{
    return connection_of(request)->target.path;
}

struct service *request_service(const struct request *request)
{
    return request->worker->service;
}

const struct limits *request_limits(const struct request *request)
{
    return &request->worker->limits;
}

const char *request_id(const struct request *request)
{
    return request->id;
}

const struct clock *request_clock(const struct request *request)
{
    return &request->worker->clock;
}

static enum MHD_Result note_line(void *lines, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    field_lines_add(lines, (struct slice){name, name_len}, (struct slice){value, value_len});
    return MHD_YES;
}

const char *request_header(const struct request *request, const char *name)
{
    struct field_lines lines = {.name = name};

    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, note_line, &lines);
    return field_lines_join(&lines, &connection_of(request)->joined);
}

static void write_peer(const struct sockaddr *address, char *peer)
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;

    inet_ntop(address->sa_family, bytes, peer, INET6_ADDRSTRLEN);
}

const char *request_peer(struct request *request)
{
    if (!*request->peer)
        write_peer(MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
                       ->client_addr,
                   request->peer);
    return request->peer;
}

void request_set_route(struct request *request, const struct route *route, const char *tail)
{
    request->route = route;
    request->tail = tail;
}

const struct route *request_route(const struct request *request)
{
    return request->route;
}

const struct client *request_client(const struct request *request)
{
    return request->client;
}

const char *request_account(struct request *request)
{
    return *request->who ? request->who : request_peer(request);
}

const char *request_path_tail(const struct request *request)
{
    return request->tail ? request->tail : "";
}

struct argument_walk {
    request_argument_fn *each;
    void *arg;
    enum err err;
};

static enum MHD_Result walk_argument(void *cls, enum MHD_ValueKind kind, const char *key,
                                     size_t key_len, const char *value, size_t value_len)
{
    struct argument_walk *walk = cls;

    (void)kind;
    if (key_len == 0 && !value)
        return MHD_YES; /* "&&" */
    walk->err = walk->each(walk->arg, (struct slice){key, key_len},
                           (struct slice){value, value ? value_len : 0});
    return walk->err ? MHD_NO : MHD_YES;
}

enum err request_each_argument(const struct request *request, request_argument_fn *each, void *arg)
{
    struct argument_walk walk = {.each = each, .arg = arg};

    MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, walk_argument, &walk);
    return walk.err;
}
