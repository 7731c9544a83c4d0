/* SPDX-License-Identifier: MIT */
/* raw_client.h - a client for HTTP servers that sends its input byte for byte.
 *
 * For tests of the listener: sends requests that no correct client would send, and reads
 * responses one at a time, so that no byte of the next response is consumed. Blocks; Check's
 * timeout ends a hang. Ends the test if the system has no socket left. */
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
    size_t len;          /* length of the body received */
    long announced;      /* Content-Length; -1 if it is missing */
};

/* `url` as listener_url() returns it: http://ADDR:PORT, http://[ADDR]:PORT. Returns -1 if the
 * connection is refused. */
int raw_connect(const char *url);

void raw_send(int fd, const char *text);

/* Sends "GET path HTTP/1.1" with a Host and no other header. */
void raw_get(int fd, const char *path);

/* Returns false if the connection ends before a complete response. `no_body` for the response to
 * HEAD. */
bool raw_read(int fd, struct raw_answer *answer);
bool raw_read_no_body(int fd, struct raw_answer *answer);

/* Returns the value of a header, in storage that the next call re-uses; NULL if it is absent. */
const char *raw_header(const struct raw_answer *answer, const char *name);

/* Waits for the next byte or the end of the connection; returns true for the end. */
bool raw_is_closed(int fd);

#endif
