/* SPDX-License-Identifier: MIT */
/* fuzz_prefer.c - fuzzes the Prefer header. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/protocol/prefer.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

static bool is_same(struct prefer a, struct prefer b)
{
    return a.respond_async == b.respond_async && a.has_wait == b.has_wait && a.wait_s == b.wait_s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *header = input_text(data, size);
    autofree char *other_case = input_other_case(header);
    struct buf longer autobuf = BUF_INIT(size + 64);
    struct prefer prefer = prefer_read(header);

    FUZZ_WANT(prefer.wait_s >= 0 && prefer.wait_s <= 999999);
    FUZZ_WANT(prefer.has_wait || prefer.wait_s == 0);
    FUZZ_WANT(is_same(prefer, prefer_read(other_case)));

    /* An unknown preference changes nothing; of repeated ones the first counts. */
    buf_addf(&longer, "x-unknown=\"a, wait=1\", %s", header);
    FUZZ_WANT(is_same(prefer, prefer_read(buf_str(&longer))));
    buf_clear(&longer);
    buf_addf(&longer, "wait=7, %s", header);
    struct prefer first = prefer_read(buf_str(&longer));
    FUZZ_WANT(first.has_wait && first.wait_s == 7);
    FUZZ_WANT(first.respond_async == prefer.respond_async);
    return 0;
}
