/* SPDX-License-Identifier: MIT */
/* scripted_socket.h - connections taken over from libmicrohttpd, to reply as no correct server
 * would.
 *
 * A script is played on a duplicate of the connection's descriptor: bytes sent immediately,
 * filler of any length, bytes with pauses between them, and then an end. libmicrohttpd meanwhile
 * closes its own descriptor. Because it runs with MHD_USE_TURBO it does so without a shutdown(),
 * and the peer sees nothing but the script. If the peer leaves, the script ends. One thread. */
#ifndef SIMULATOR_SCRIPTED_SOCKET_H
#define SIMULATOR_SCRIPTED_SOCKET_H

#include "base/buf.h"
#include "tests/simulator/upstream.h"

enum ending {
    ENDING_FIN,
    ENDING_RST,
    ENDING_HANG /* neither a further byte nor an end, until the peer has left */
};

struct script {
    struct buf head; /* sent without pauses */
    char pad;        /* then this many bytes of this */
    int64_t pad_bytes;
    struct buf tail; /* then this text, */
    size_t step;     /* in steps of this many bytes if step_ms is set */
    int64_t step_ms;
    enum ending ending;
    char batch_id[UUID_TEXT]; /* delivered once the peer has all bytes; "" = no id */
};

struct loop;

void script_done(struct script *script);

/* Called when the peer has received all bytes of a script with this batch id. */
typedef void script_sent_fn(void *arg, const char *batch_id);

struct scripted_socket;
struct scripted_sockets {
    struct loop *loop;
    struct scripted_socket *live, *dead;
    size_t n;
    script_sent_fn *sent;
    void *arg;
};

/* Takes over `fd` and the content of `script`, also on failure (then the connection is closed). */
void scripted_sockets_play(struct scripted_sockets *sockets, int fd, struct script *script);

/* Closes all connections. */
void scripted_sockets_drop(struct scripted_sockets *sockets);

/* Frees those that ended; call between loop iterations, never within one. */
void scripted_sockets_bury(struct scripted_sockets *sockets);

#endif
