/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_ids.c - fuzzes the list of task ids: each is safe in a path, and occurs once. */
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openmart_ids ids = {0};
    enum err err = openmart_parse_ids((const char *)data, size, &ids);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT((ids.doc != NULL) == (err == ERR_OK));
    FUZZ_WANT(ids.n <= OPENMART_IDS_MAX && (!err || ids.n == 0));
    for (size_t i = 0; i < ids.n; i++) {
        FUZZ_WANT(openmart_id_ok(ids.ids[i]));
        FUZZ_WANT(strlen(ids.ids[i]) <= OPENMART_ID_MAX && !strpbrk(ids.ids[i], "/?#%."));
        for (size_t j = 0; j < i; j++)
            FUZZ_WANT(strcmp(ids.ids[i], ids.ids[j]) != 0);
    }
    openmart_ids_done(&ids);
    FUZZ_WANT(!ids.doc && !ids.ids && !ids.n);
    return 0;
}
