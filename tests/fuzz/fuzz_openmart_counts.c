/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_counts.c - fuzzes the status of a batch, and the balance. */
#include "base/mem.h"
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

static bool is_count(int64_t n)
{
    return n >= 0 && n <= 1000000;
}

static bool has_true(const char *body, size_t size)
{
    autofree char *text = xstrndup(body, size);

    for (size_t i = 0; i < size; i++)
        if (strchr("19\\", text[i]) || strncasecmp(text + i, "true", 4) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    const struct openmart_counts untouched = {.total = -7};
    struct openmart_counts counts = untouched;
    int64_t balance = -7;
    enum err err = openmart_parse_counts(body, size, &counts);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    if (err) {
        FUZZ_WANT(counts.total == untouched.total && !counts.ready && !counts.known);
    } else {
        FUZZ_WANT(is_count(counts.processing) && is_count(counts.completed));
        FUZZ_WANT(is_count(counts.errored) && is_count(counts.total));
        /* A batch is ready only if the word true or a 1 occurs, or 0.99... that counts as 1. An
         * escape may hide them. */
        FUZZ_WANT(!counts.ready || has_true(body, size));
        FUZZ_WANT(counts.known ||
                  (!counts.ready &&
                   counts.processing + counts.completed + counts.errored + counts.total == 0));
    }
    err = openmart_parse_balance(body, size, &balance);
    FUZZ_WANT(err == ERR_OK || (err == ERR_SYNTAX && balance == -7));
    FUZZ_WANT(balance >= -(INT64_C(1) << 53) && balance <= INT64_C(1) << 53);
    return 0;
}
