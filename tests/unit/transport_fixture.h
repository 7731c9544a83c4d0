/* SPDX-License-Identifier: MIT */
/* transport_fixture.h - a transport and a scripted server for one test, and functions to use
 * them.
 *
 * Both are globals because Check's fixtures take no argument; each test runs in a process of its
 * own. If a wait never ends, Check ends the test after CK_DEFAULT_TIMEOUT. */
#ifndef UNIT_TRANSPORT_FIXTURE_H
#define UNIT_TRANSPORT_FIXTURE_H

#include "client/transport.h"
#include "tests/unit/raw_server.h"

#include <stddef.h>
#include <stdint.h>

#define FIXTURE_PATIENCE_MS 50000 /* for transfers that are expected to finish */
#define FIXTURE_SHORT_MS    2000  /* for transfers that are expected to time out */
#define FIXTURE_MAX_BYTES   4096

/* What a `done` callback received. */
struct seen {
    int times;
    enum transport_end end;
    int status;
    char body[FIXTURE_MAX_BYTES + 1];
    size_t body_len;
    int64_t retry_after_s, took_ms;
    char error[512];
};

extern struct transport *fixture_transport;
extern struct raw_server *fixture_server; /* NULL until fixture_serve() */

void fixture_setup(void);
void fixture_teardown(void);

void fixture_serve(const struct raw_script *scripts, size_t n);

/* Returns a URL that is valid until the next call. */
const char *fixture_url_at(const char *scheme, int port);
const char *fixture_server_url(void);

/* Returns `len` repetitions of `with`, the first ones replaced by `head`. The caller frees it. */
char *fixture_filled(size_t len, char with, const char *head);

/* Copies `piece` to `place`, without its NUL. */
void fixture_overwrite(char *place, const char *piece);

struct transport_request fixture_get(const char *url);
struct transport_request fixture_post(const char *url, const char *body);

/* A transport_done_fn that fills the struct seen at `arg`. */
void fixture_note(void *arg, const struct transport_answer *answer);

/* Clears `seen` and starts a request. */
struct transfer *fixture_start(const struct transport_request *request, struct seen *seen);

/* Waits for the next event and handles it. */
void fixture_turn(void);

/* Starts a request; returns after its completion. */
void fixture_fetch(const struct transport_request *request, struct seen *seen);

#endif
