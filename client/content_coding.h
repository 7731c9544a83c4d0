/* SPDX-License-Identifier: MIT */
/* content_coding.h - decodes the body of a response that is compressed (RFC 9110, 8.4).
 *
 * libcurl does not decode here: since 8.8 it rejects a body with a coding that it does not know,
 * and most of these labels are wrong, because servers write a charset there, as in "utf-8". What
 * was paid for must not be lost to a label. Any thread. */
#ifndef CLIENT_CONTENT_CODING_H
#define CLIENT_CONTENT_CODING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#include <stdbool.h>

/* The codings that can be decoded, as a value of Accept-Encoding. */
#define CONTENT_CODINGS "gzip, deflate"

/* The codings of a response. Zeroed: none. */
struct content_coding {
    bool is_gzip, is_deflate, is_unknown;
};

/* Adds the value of a Content-Encoding header. A second compression counts as unknown. */
void content_coding_read(struct content_coding *coding, struct slice value);

/* Returns whether content_coding_decode() applies. A body with another coding stays as it was
 * sent. */
bool content_coding_is_decodable(const struct content_coding *coding);

/* Decodes a body and appends it to `out`, which is empty: gzip (RFC 1952), zlib (RFC 1950), and
 * deflate without a header (RFC 1951), which some servers send. A body that ends early is decoded
 * as far as it goes, without an error; bytes behind its end are ignored. Errors: ERR_SYNTAX,
 * damaged; ERR_TOO_BIG, longer than the limit of `out`. What comes before the error is in `out`. */
enum err content_coding_decode(const struct content_coding *coding, const struct buf *body,
                               struct buf *out);

#endif
