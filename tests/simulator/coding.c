/* SPDX-License-Identifier: MIT */
/* coding.c - see coding.h. */
#include "tests/simulator/coding.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Values of deflateInit2()'s windowBits: what is around the deflate stream. */
#define WINDOW_ZLIB 15
#define WINDOW_GZIP (15 + 16)
#define WINDOW_RAW  (-15)

static void compress_body(int window_bits, struct buf *body)
{
    z_stream stream = {0};

    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        mem_ran_out();
    size_t room = deflateBound(&stream, body->len);
    autofree char *out = xcalloc(1, room);
    stream.next_in = (Bytef *)body->data;
    stream.avail_in = (uInt)body->len;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)room;
    deflate(&stream, Z_FINISH); /* ends in one step, because deflateBound() made the room */
    buf_clear(body);
    buf_add(body, out, stream.total_out);
    deflateEnd(&stream);
}

static enum sent_coding accepted(const char *accept)
{
    if (accept && strstr(accept, "gzip"))
        return CODING_GZIP;
    return accept && strstr(accept, "deflate") ? CODING_DEFLATE : CODING_NONE;
}

void coding_apply(enum sent_coding coding, const char *accept, struct reply *reply)
{
    static const struct {
        const char *name;
        int window_bits; /* 0: the label only */
    } codings[CODINGS] = {
        [CODING_GZIP] = {"gzip", WINDOW_GZIP},
        [CODING_DEFLATE] = {"deflate", WINDOW_ZLIB},
        [CODING_DEFLATE_RAW] = {"deflate", WINDOW_RAW},
        [CODING_BR_LABEL] = {"br", 0},
    };

    if (coding == CODING_ACCEPTED)
        coding = accepted(accept);
    const char *name = codings[coding].name;
    if (!name || reply->body.len == 0)
        return;
    if (codings[coding].window_bits)
        compress_body(codings[coding].window_bits, &reply->body);
    reply_header(reply, "Content-Encoding", name, strlen(name));
}
