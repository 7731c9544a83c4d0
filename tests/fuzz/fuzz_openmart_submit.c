/* SPDX-License-Identifier: MIT */
/* fuzz_openmart_submit.c - fuzzes the response to the paid call: whether it has a batch, and
 * which.
 *
 * Also fuzzes what all responses share: the repair of UTF-8, and the detail of a rejection. */
#include "base/mem.h"
#include "base/text.h"
#include "client/openmart/openmart_id.h"
#include "client/openmart/openmart_parse.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define KEY "om_live_0123456789abcdef"

static bool has_long_number(const char *body, size_t len)
{
    size_t run = 0;

    for (size_t i = 0; i < len && run <= 15; i++)
        run = body[i] && strchr("+-.0123456789eE", body[i]) ? run + 1 : 0;
    return run > 15;
}

static void check_mending(const char *body, size_t len)
{
    struct buf once autobuf = BUF_INIT(8 * len + 64), twice autobuf = BUF_INIT(8 * len + 64);
    struct json *doc = NULL;

    FUZZ_WANT(!openmart_repair(body, len, &once));
    FUZZ_WANT(text_is_utf8(buf_str(&once), once.len));
    FUZZ_WANT(!openmart_repair(buf_str(&once), once.len, &twice));
    FUZZ_WANT(once.len == twice.len && strcmp(buf_str(&once), buf_str(&twice)) == 0);
    if (json_parse(body, len, &doc)) /* valid text needs no repair, */
        return;
    json_free(doc);
    doc = NULL;
    FUZZ_WANT(!json_parse(buf_str(&once), once.len, &doc)); /* and stays valid. Without a */
    json_free(doc);
    if (!has_long_number(body, len)) /* number that a double cannot hold, it is not changed. */
        FUZZ_WANT(once.len == len && memcmp(buf_str(&once), body, len) == 0);
}

/* What Python writes for numbers that JSON does not have, around a valid document. */
static void check_not_json(const char *body, size_t len)
{
    struct buf text autobuf = BUF_INIT(len + 64);
    struct json *doc = NULL, *all = NULL;

    if (json_parse(body, len, &doc) || memmem(body, len, "\xEF\xBB\xBF", 3)) {
        json_free(doc);
        return;
    }
    json_free(doc);
    buf_add_str(&text, "\xEF\xBB\xBF[NaN,");
    buf_add(&text, body, len);
    buf_add_str(&text, ",-Infinity,Infinity]");
    FUZZ_WANT(!openmart_parse_json(buf_str(&text), text.len, &all));
    FUZZ_WANT(json_size(all) == 4 && json_is_null(json_first(all)));
    json_free(all);
}

static void check_detail(const char *body, size_t len)
{
    char detail[OPENMART_DETAIL_TEXT];

    openmart_parse_detail(body, len, KEY, detail);
    size_t n = strnlen(detail, sizeof detail);
    FUZZ_WANT(n <= OPENMART_DETAIL_MAX);
    FUZZ_WANT(text_is_utf8(detail, n) && !text_has_control(detail, n));
    FUZZ_WANT(!strstr(detail, KEY));
}

static void check_cleaning(const char *text)
{
    char detail[OPENMART_DETAIL_TEXT];

    openmart_clean(text, KEY, detail);
    size_t n = strnlen(detail, sizeof detail);
    FUZZ_WANT(n <= OPENMART_DETAIL_MAX);
    FUZZ_WANT(text_is_utf8(detail, n) && !text_has_control(detail, n));
    FUZZ_WANT(!strstr(detail, KEY));
}

static void check_excerpt(const char *body, size_t len)
{
    char excerpt[OPENMART_EXCERPT_TEXT];

    openmart_clean_body(body, len, KEY, excerpt);
    size_t n = strnlen(excerpt, sizeof excerpt);
    FUZZ_WANT(n <= OPENMART_EXCERPT_MAX);
    FUZZ_WANT(text_is_utf8(excerpt, n) && !text_has_control(excerpt, n));
    FUZZ_WANT(!strstr(excerpt, KEY));
    for (const char *at = strchr(excerpt, '@'); at; at = strchr(at + 1, '@'))
        FUZZ_WANT(at == excerpt || strchr("* \"<>()[],;:\\", at[-1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data;
    char id[OPENMART_ID_MAX + 1] = "untouched", again[OPENMART_ID_MAX + 1] = "untouched";
    struct buf padded autobuf = BUF_INIT(size + 16);
    autofree char *text = input_text(data, size);
    enum err err = openmart_parse_submit(body, size, id);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT(err ? strcmp(id, "untouched") == 0 : openmart_id_ok(id));
    if (!err)
        FUZZ_WANT(memmem(body, size, "batch_id", 8) || memchr(body, '\\', size));
    if (size < 3 || memcmp(body, "\xEF\xBB\xBF", 3) != 0) /* a mark is one at the start only */
        buf_add_str(&padded, " \r\n\t");
    buf_add(&padded, body, size);
    buf_add_str(&padded, "\n ");
    FUZZ_WANT(openmart_parse_submit(padded.data, padded.len, again) == err);
    FUZZ_WANT(strcmp(id, again) == 0);
    check_mending(body, size);
    check_not_json(body, size);
    check_excerpt(body, size);
    check_detail(body, size);
    check_cleaning(text);
    return 0;
}
