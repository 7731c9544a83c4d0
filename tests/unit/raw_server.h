/* SPDX-License-Identifier: MIT */
/* raw_server.h - a TCP server on 127.0.0.1 that plays a script, byte for byte.
 *
 * For tests of HTTP clients: it can stop in the middle of a line, reset, or stay silent, which
 * no correct server would do. The first connection plays the first script, and so on;
 * connections beyond the last script are closed immediately. Each script runs on a thread of its
 * own, so a test starts its servers inside the test (Check forks). Every complete request is
 * stored before its response is sent. A test can read it after the response, and all requests
 * after raw_server_stop(). */
#ifndef UNIT_RAW_SERVER_H
#define UNIT_RAW_SERVER_H

#include <stddef.h>

#define RAW_TURNS 4 /* requests answered on one connection */

enum raw_end {
    RAW_CLOSE, /* FIN */
    RAW_RESET, /* RST */
    RAW_HOLD,  /* stays open and silent until the peer or raw_server_stop() closes it */
};

struct raw_bytes {
    const char *data; /* NULL: no response is sent */
    size_t len;       /* 0: up to the NUL */
};

struct raw_script {
    size_t reads; /* number of complete requests to read; the i-th gets answers[i] */
    struct raw_bytes answers[RAW_TURNS]; /* borrowed until raw_server_free() */
    enum raw_end end;
};

/* A small complete response, and scripts that read one request and send it. */
#define RAW_OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
/* clang-format off */
#define RAW_SENDS(...) {.reads = 1, .answers = {{__VA_ARGS__}}, .end = RAW_CLOSE}
#define RAW_SENDS_AND_HOLDS(text) {.reads = 1, .answers = {{text, 0}}, .end = RAW_HOLD}
/* clang-format on */

struct raw_server;

/* Copies the scripts. Ends the process if the system has no socket left. */
struct raw_server *raw_server_new(const struct raw_script *scripts, size_t n);
int raw_server_port(const struct raw_server *server);

/* Closes all sockets and ends all threads; accepts and stores nothing from then on. */
void raw_server_stop(struct raw_server *server);
void raw_server_free(struct raw_server *server); /* calls raw_server_stop() first */

size_t raw_server_connections(struct raw_server *server);
size_t raw_server_requests(struct raw_server *server);

/* Returns request `i` as received, head and body; "" if there is no such request. Owned by the
 * server. */
const char *raw_server_request(struct raw_server *server, size_t i);

/* Returns a port of 127.0.0.1 that refuses connections until the process ends. */
int raw_server_refusing_port(void);

#endif
