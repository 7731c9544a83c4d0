/* SPDX-License-Identifier: MIT */
/* content_coding.c - see content_coding.h; the only user of zlib in the daemon. */
#include "client/content_coding.h"

#include "base/mem.h"

#include <string.h>
#include <zlib.h>

/* Values of inflateInit2()'s windowBits. */
#define WINDOW_GZIP_OR_ZLIB (15 + 32)
#define WINDOW_RAW          (-15)

static void add_coding(struct content_coding *coding, struct slice name)
{
    bool is_second = coding->is_gzip || coding->is_deflate;

    if (slice_equals_nocase(name, "identity"))
        return;
    if (slice_equals_nocase(name, "gzip") || slice_equals_nocase(name, "x-gzip"))
        coding->is_gzip = true;
    else if (slice_equals_nocase(name, "deflate"))
        coding->is_deflate = true;
    else
        coding->is_unknown = true;
    coding->is_unknown |= is_second;
}

void content_coding_read(struct content_coding *coding, struct slice value)
{
    static const char separators[] = {',', ' ', '\t', '\r', '\n'};

    for (size_t i = 0, n = 0; i < value.len; i += n + 1) {
        for (n = 0; i + n < value.len && !memchr(separators, value.data[i + n], sizeof separators);)
            n++;
        if (n)
            add_coding(coding, (struct slice){value.data + i, n});
    }
}

bool content_coding_is_decodable(const struct content_coding *coding)
{
    return (coding->is_gzip || coding->is_deflate) && !coding->is_unknown;
}

/* Inflates until the input or the stream ends, or an error. Returns zlib's result, or Z_MEM_ERROR
 * if `out` is full. */
static int inflate_all(z_stream *stream, struct buf *out)
{
    char part[16384];
    int result;

    do {
        stream->next_out = (Bytef *)part;
        stream->avail_out = sizeof part;
        result = inflate(stream, Z_NO_FLUSH);
        if (buf_add(out, part, sizeof part - stream->avail_out))
            return Z_MEM_ERROR;
    } while (result == Z_OK);
    return result;
}

/* Decodes each member of the body: gzip permits several (RFC 1952, 2.2). */
static int decode_as(int window_bits, const struct buf *body, struct buf *out)
{
    z_stream stream = {.next_in = (Bytef *)body->data, .avail_in = (uInt)body->len};
    bool has_ended = false;
    int result;

    if (inflateInit2(&stream, window_bits) != Z_OK)
        mem_ran_out();
    do {
        result = inflate_all(&stream, out);
        if (result == Z_DATA_ERROR && has_ended)
            result = Z_STREAM_END; /* what follows is no member */
        has_ended = true;
    } while (result == Z_STREAM_END && stream.avail_in && inflateReset(&stream) == Z_OK);
    inflateEnd(&stream);
    return result;
}

enum err content_coding_decode(const struct content_coding *coding, const struct buf *body,
                               struct buf *out)
{
    if (!body->len)
        return ERR_OK;
    int result = decode_as(WINDOW_GZIP_OR_ZLIB, body, out);
    if (result == Z_DATA_ERROR && coding->is_deflate && !out->len)
        result = decode_as(WINDOW_RAW, body, out);
    if (result == Z_MEM_ERROR)
        return ERR_TOO_BIG;
    return result == Z_STREAM_END || result == Z_BUF_ERROR ? ERR_OK : ERR_SYNTAX;
}
