/* SPDX-License-Identifier: MIT */
/* raw_client.h - a client of HTTP servers that sends what it is told, byte for byte.
 *
 * For tests of the listener: requests that no proper client would make, and answers read one at a
 * time, so that nothing of the next one is taken. Blocks; a hang is ended by Check's own limit.
 * Ends the test when the system has no socket left. */
#ifndef UNIT_RAW_CLIENT_H
#define UNIT_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define RAW_HEAD 4096
#define RAW_BODY 65536

struct raw_answer {
    int status;
    char head[RAW_HEAD]; /* status line and headers, NUL-terminated */
    char body[RAW_BODY]; /* NUL-terminated */
    size_t len;          /* of the body that came */
    long announced;      /* Content-Length; -1 when there was none */
};

/* `url` as listener_url() gives it: http://ADDR:PORT, http://[ADDR]:PORT. -1 when refused. */
int raw_connect(const char *url);

void raw_send(int fd, const char *text);

/* "GET path HTTP/1.1" with a Host, and nothing else. */
void raw_get(int fd, const char *path);

/* False when the connection ended before a whole answer came. `no_body` for the answer to HEAD. */
bool raw_read(int fd, struct raw_answer *answer);
bool raw_read_no_body(int fd, struct raw_answer *answer);

/* The value of a header, in storage that the next call re-uses; NULL when absent. */
const char *raw_header(const struct raw_answer *answer, const char *name);

/* Waits for what comes next; true when it is the end of the connection. */
bool raw_is_closed(int fd);

#endif
