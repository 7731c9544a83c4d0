/* SPDX-License-Identifier: MIT */
/* test_transport_codings.c - tests which content codings of a response are decoded, and what a body
 * that cannot be decoded is reported as. The server sends codings that were not accepted, as
 * intermediaries do. */
#include "client/transport.h"

#include "base/buf.h"
#include "base/mem.h"
#include "tests/unit/raw_server.h"
#include "tests/unit/transport_fixture.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

FIXTURE(fixture_setup, fixture_teardown);

#define TEXT      "{\"batch_id\":\"b\"}"
#define DEFLATED  "\xab\x56\x4a\x4a\x2c\x49\xce\x88\xcf\x4c\x51\xb2\x52\x4a\x52\xaa\x05\x00"
#define GZIP_HEAD "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03"
#define GZIPPED   GZIP_HEAD DEFLATED "\x16\x70\xf4\xaf\x10\x00\x00\x00"

/* A body and its length. */
#define BYTES(literal) literal, sizeof(literal) - 1

static const struct coding_row {
    const char *coding, *data;
    size_t len;
    enum transport_end end;
    const char *body; /* NULL: any */
} coding_rows[] = {
    {"identity", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"gzip", BYTES(GZIPPED), TRANSPORT_ANSWERED, TEXT},
    {"GZip", BYTES(GZIPPED), TRANSPORT_ANSWERED, TEXT},
    {"x-gzip", BYTES(GZIPPED), TRANSPORT_ANSWERED, TEXT},
    {"deflate", BYTES("\x78\x9c" DEFLATED "\x2f\x80\x05\x4b"), TRANSPORT_ANSWERED, TEXT},
    {"deflate", BYTES(DEFLATED), TRANSPORT_ANSWERED, TEXT}, /* without the header of zlib */
    {"gzip", BYTES(GZIPPED GZIPPED), TRANSPORT_ANSWERED, TEXT TEXT},
    {"gzip", BYTES(GZIPPED "\x1f more"), TRANSPORT_ANSWERED, TEXT},
    {"gzip", BYTES(""), TRANSPORT_ANSWERED, ""},
    /* One that ends early looks complete: its reader finds that it is no JSON. */
    {"gzip", BYTES(GZIP_HEAD "\xab\x56\x4a\x4a\x2c"), TRANSPORT_ANSWERED, NULL},
    {"gzip", BYTES(GZIP_HEAD DEFLATED "\x16\x70\xf4\xae\x10\x00\x00\x00"), TRANSPORT_BROKEN, NULL},
    {"gzip", BYTES(GZIP_HEAD "\xff\xff\xff\xff\xff\xff\xff\xff"), TRANSPORT_BROKEN, NULL},
    {"gzip", BYTES(TEXT), TRANSPORT_BROKEN, NULL},
    {"deflate", BYTES(TEXT), TRANSPORT_BROKEN, NULL},
    /* What is not known is most often no coding. */
    {"utf-8", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"none", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"identity, UTF-8", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"gzip2", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"compress", BYTES("\x1f\x9d\x90{"), TRANSPORT_ANSWERED, "\x1f\x9d\x90{"},
    {"gzip, aws-chunked", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"gzip, gzip", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"deflate\r\nContent-Encoding: gzip", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
    {"identity, gzip", BYTES(GZIPPED), TRANSPORT_ANSWERED, TEXT},
    {"deflate\r\nContent-Encoding: utf-8", BYTES(TEXT), TRANSPORT_ANSWERED, TEXT},
};

static void fetch(const struct coding_row *row, struct seen *seen)
{
    struct buf response autobuf = BUF_INIT(16384);

    buf_addf(&response, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
             row->coding, row->len);
    buf_add(&response, row->data, row->len);
    const struct raw_script script = {
        .reads = 1, .answers = {{response.data, response.len}}, .end = RAW_HOLD};
    fixture_serve(&script, 1);
    struct transport_request request = fixture_post(fixture_server_url(), "[]");
    request.only_once = true;
    fixture_fetch(&request, seen);
    raw_server_stop(fixture_server);
}

LOOP_TEST(coding_is_decoded_or_the_response_is_broken, coding_rows)
{
    const struct coding_row *row = &coding_rows[_i];
    struct seen seen;

    fetch(row, &seen);
    ck_assert_msg(seen.end == row->end, "%s: end %d, '%s'", row->coding, seen.end, seen.error);
    ck_assert_int_eq(seen.status, 200);
    if (row->body)
        ck_assert_str_eq(seen.body, row->body);
    ck_assert((seen.end == TRANSPORT_ANSWERED) == (seen.error[0] == '\0'));
}

/* 41 bytes that are 5000 when decoded. */
TEST(coding_does_not_evade_the_size_limit)
{
    static const struct coding_row bomb = {
        .coding = "gzip",
        BYTES("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb"
              "\x5f\xc2\x14\x7e\x40\x01\x00\x00\x00\x00\x6f\x03\x76\x59\xf4\x4c\x88\x13\x00\x00"),
    };
    struct seen seen;

    fetch(&bomb, &seen);
    ck_assert_int_eq(seen.end, TRANSPORT_TOO_BIG);
    ck_assert_int_eq(seen.status, 200);
    ck_assert_uint_le(seen.body_len, FIXTURE_MAX_BYTES);
}
