/* SPDX-License-Identifier: MIT */
/* scripted_socket.h - connections taken from libmicrohttpd, to reply as no server should.
 *
 * A duplicate of the connection's descriptor is played a script: bytes sent immediately, filler of
 * any length, bytes with pauses between them, and then an end. libmicrohttpd meanwhile drops its
 * own descriptor; because it runs with MHD_USE_TURBO it does so without a shutdown(), and the peer
 * sees nothing but the script. A peer that leaves ends the play. One thread. */
#ifndef SIMULATOR_SCRIPTED_SOCKET_H
#define SIMULATOR_SCRIPTED_SOCKET_H

#include "base/buf.h"
#include "tests/simulator/loop.h"
#include "tests/simulator/upstream.h"

enum ending {
    ENDING_FIN,
    ENDING_RST,
    ENDING_HANG /* neither a byte more nor an end, until the peer has left */
};

struct script {
    struct buf head; /* sent as fast as it goes */
    char pad;        /* then so many of this */
    int64_t pad_bytes;
    struct buf tail; /* then this, */
    size_t step;     /* so many bytes at a time when step_ms is set */
    int64_t step_ms;
    enum ending ending;
    char batch_id[UUID_TEXT]; /* handed over once the peer has all bytes; "" = none */
};

void script_done(struct script *script);

/* The peer took all bytes of a script with this batch id. */
typedef void script_sent_fn(void *arg, const char *batch_id);

struct scripted_socket;
struct scripted_sockets {
    struct loop *loop;
    struct scripted_socket *live, *dead;
    size_t n;
    script_sent_fn *sent;
    void *arg;
};

/* Takes `fd` and what `script` holds, also on failure (then the connection is closed). */
void scripted_sockets_play(struct scripted_sockets *sockets, int fd, struct script *script);

/* Closes all. */
void scripted_sockets_drop(struct scripted_sockets *sockets);

/* Frees those that ended; call between turns of the loop, never from within one. */
void scripted_sockets_bury(struct scripted_sockets *sockets);

#endif
