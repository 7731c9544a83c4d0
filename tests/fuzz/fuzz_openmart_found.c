/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_found.c - fuzzes the search for ids in the body of a notification: each is usable,
 * is in the text, and occurs once; what comes first stays first. */
#include "client/openmart/openmart_found.h"
#include "client/openmart/openmart_id.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openmart_found found = {0}, again = {0};
    const char *text = (const char *)data;

    openmart_find_ids(text, size, &found);
    FUZZ_WANT(found.n <= OPENMART_FOUND_MAX);
    for (size_t i = 0; i < found.n; i++) {
        const char *id = found.ids[i].id;
        FUZZ_WANT(openmart_id_ok(id));
        FUZZ_WANT(memmem(text, size, id, strlen(id)));
        FUZZ_WANT(i == 0 || found.ids[i - 1].kind <= found.ids[i].kind);
        for (size_t j = 0; j < i; j++)
            FUZZ_WANT(strcmp(found.ids[j].id, id) != 0);
    }
    again = found;
    openmart_find_ids(text, size, &again);
    FUZZ_WANT(found.n == OPENMART_FOUND_MAX || again.n == found.n);
    return 0;
}
