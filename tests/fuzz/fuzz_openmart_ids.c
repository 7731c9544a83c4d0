/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_ids.c - fuzzes the list of task ids: each occurs once, and becomes one segment of a
 * path from which a server gets it back. */
#include "base/buf.h"
#include "client/openmart/openmart_id.h"
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_segment(const char *id)
{
    struct buf segment autobuf = BUF_INIT(3 * OPENMART_ID_MAX);
    struct buf decoded autobuf = BUF_INIT(OPENMART_ID_MAX);

    FUZZ_WANT(!openmart_id_add_segment(&segment, id));
    const char *text = buf_str(&segment);
    FUZZ_WANT(*text && !strpbrk(text, "/?# \\") && strcmp(text, ".") != 0 &&
              strcmp(text, "..") != 0);
    for (const char *c = text; *c; c++) {
        char byte = *c;
        if (*c == '%') {
            const char digits[] = {c[1], c[2], '\0'};
            byte = (char)strtol(digits, NULL, 16);
            c += 2;
        }
        buf_add(&decoded, &byte, 1);
    }
    FUZZ_WANT(strcmp(buf_str(&decoded), id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct openmart_ids ids = {0};
    enum err err = openmart_parse_ids((const char *)data, size, &ids);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT((ids.ids != NULL) == (err == ERR_OK));
    FUZZ_WANT(ids.n <= OPENMART_IDS_MAX && (!err || ids.n == 0));
    for (size_t i = 0; i < ids.n; i++) {
        FUZZ_WANT(openmart_id_ok(ids.ids[i]) && strlen(ids.ids[i]) <= OPENMART_ID_MAX);
        check_segment(ids.ids[i]);
        for (size_t j = 0; j < i; j++)
            FUZZ_WANT(strcmp(ids.ids[i], ids.ids[j]) != 0);
    }
    openmart_ids_done(&ids);
    FUZZ_WANT(!ids.text && !ids.ids && !ids.n);
    return 0;
}
