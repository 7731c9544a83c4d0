/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_counts.c - fuzzes the status of a batch, and the balance. */
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static bool is_count(int64_t n)
{
    return n >= 0 && n <= 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    const struct openmart_counts untouched = {.total = -7, .ready = false};
    struct openmart_counts counts = untouched;
    int64_t balance = -7;
    enum err err = openmart_parse_counts(body, size, &counts);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    if (err) {
        FUZZ_WANT(counts.total == untouched.total && !counts.ready);
    } else {
        FUZZ_WANT(is_count(counts.processing) && is_count(counts.completed));
        FUZZ_WANT(is_count(counts.errored) && is_count(counts.total));
        /* A batch is ready only if the word true occurs. */
        FUZZ_WANT(!counts.ready || memmem(body, size, "true", 4));
    }
    err = openmart_parse_balance(body, size, &balance);
    FUZZ_WANT(err == ERR_OK || (err == ERR_SYNTAX && balance == -7));
    FUZZ_WANT(balance >= -(INT64_C(1) << 53) && balance <= INT64_C(1) << 53);
    return 0;
}
