/* SPDX-License-Identifier: MIT */
/* fuzz_content_coding.c - fuzzes Content-Encoding headers, and the bodies that they describe. A
 * line is a header; the rest is the body. */
#include "base/mem.h"
#include "client/content_coding.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define DECODED_MAX 65536

/* A body that fits is decoded the same with more room, and one that does not fit ends at the limit.
 */
static void decode(const struct content_coding *coding, const struct buf *body)
{
    struct buf out autobuf = BUF_INIT(DECODED_MAX), more autobuf = BUF_INIT(8 * DECODED_MAX);
    enum err err = content_coding_decode(coding, body, &out);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX || err == ERR_TOO_BIG);
    FUZZ_WANT(out.len <= DECODED_MAX);
    FUZZ_WANT(body->len || (!err && !out.len));
    FUZZ_WANT((err == ERR_TOO_BIG) == (buf_check(&out) != ERR_OK));
    enum err again = content_coding_decode(coding, body, &more);
    FUZZ_WANT(err == ERR_TOO_BIG || again == err);
    FUZZ_WANT(err == ERR_TOO_BIG || more.len == out.len);
    FUZZ_WANT(!out.len || memcmp(buf_str(&out), buf_str(&more), out.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct content_coding coding = {0};
    struct buf body autobuf = BUF_INIT(4096);
    size_t len = 0;
    autofree char *header = input_line(&input, &len);

    if (!header)
        return 0;
    content_coding_read(&coding, (struct slice){header, len});
    FUZZ_WANT(!content_coding_is_decodable(&coding) || len >= strlen("gzip"));
    buf_add(&body, input.at, input.left);
    if (content_coding_is_decodable(&coding))
        decode(&coding, &body);
    return 0;
}
