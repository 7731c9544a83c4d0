/* SPDX-License-Identifier: MIT */
/* fuzz_json.c - fuzzes untrusted JSON, and untrusted bytes in the JSON that emailsd writes. */
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define EXACT_MAX (INT64_C(1) << 53)

/* Every value reads as at most one type, and no value is deeper than the limit. */
static void check_value(const struct json *value, int depth)
{
    size_t n = 0;
    int kinds = json_is_object(value) + json_is_array(value) + json_is_null(value) +
                (json_string(value) != NULL);

    FUZZ_WANT(kinds <= 1);
    if (json_is_object(value) || json_is_array(value))
        FUZZ_WANT(depth <= JSON_MAX_DEPTH);
    if (json_string(value))
        FUZZ_WANT(text_is_utf8(json_string(value), strlen(json_string(value))));
    for (const struct json *each = json_first(value); each; each = json_next(each), n++)
        check_value(each, depth + 1);
    FUZZ_WANT(n == (json_is_array(value) ? json_size(value) : 0));
    const struct json *member = json_get(value, "a");
    FUZZ_WANT(!member || json_is_object(value));
    int64_t number = json_get_int(value, "a", INT64_MIN);
    FUZZ_WANT(number == INT64_MIN || (number >= -EXACT_MAX && number <= EXACT_MAX));
    FUZZ_WANT(number == INT64_MIN || !json_string(member));
    if (member)
        check_value(member, depth + 1);
}

static void check_reading(const char *text, size_t len)
{
    struct json *document = NULL;
    enum err err = json_parse(text, len, &document);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT((document != NULL) == (err == ERR_OK));
    if (err)
        return;
    FUZZ_WANT(text_is_utf8(text, len) && !memchr(text, '\0', len));
    check_value(document, 1);
    json_free(document);
}

/* The bytes as a written string: always valid JSON, and the same again if they are valid text. */
static void check_writing(const char *bytes, size_t len)
{
    struct buf out autobuf = BUF_INIT(8 * len + 16);
    struct json *document = NULL;

    FUZZ_WANT(!json_add_string(&out, bytes, len));
    FUZZ_WANT(text_is_utf8(out.data, out.len) && !text_has_control(out.data, out.len));
    bool has_nul = len && memchr(bytes, '\0', len);
    FUZZ_WANT((json_parse(out.data, out.len, &document) == ERR_OK) == !has_nul);
    if (document && text_is_utf8(bytes, len)) {
        const char *read = json_string(document);
        FUZZ_WANT(strlen(read) == len && memcmp(read, bytes, len) == 0);
    }
    json_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_reading((const char *)data, size);
    check_writing((const char *)data, size);
    return 0;
}
