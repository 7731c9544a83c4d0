/* SPDX-License-Identifier: MIT */
/* fuzz_result.c - fuzzes a result from the bytes of a store: a damaged file must not become a
 * result that reads differently each time. */
#include "base/mem.h"
#include "base/text.h"
#include "model/result.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

static const unsigned char key[HASH_SIZE] = {2};
static const struct result_times times = {INT64_C(1795432804123), INT64_C(1795432904123)};

static const struct result *read_body(const struct result *result, const char *leave_out)
{
    const struct result_body *body = &result->bodies[RESULT_JSON];

    return result_from_json(key, body->data, body->len, &times, leave_out);
}

static size_t count_lines(const struct result_body *body)
{
    size_t n = 0;

    for (size_t i = 0; i < body->len; i++)
        n += body->data[i] == '\n';
    return n;
}

/* Removes the address, and nothing else. */
static void check_forgetting(const struct result *result)
{
    const struct result_body *text = &result->bodies[RESULT_TEXT];
    size_t len = strcspn(text->data, "\n");
    autofree char *first = xstrndup(text->data, len);

    if (count_lines(text) != result->n_emails || !result->n_emails)
        return; /* an address of several lines: emailsd never writes one */
    const struct result *without = read_body(result, first);
    FUZZ_WANT(without && without->n_emails + 1 == result->n_emails);
    FUZZ_WANT(without->bodies[RESULT_TEXT].len == text->len - len - 1);
    FUZZ_WANT(
        memcmp(without->bodies[RESULT_TEXT].data, text->data + len + 1, text->len - len - 1) == 0);
    result_unref(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct result *result = result_from_json(key, (const char *)data, size, &times, NULL);

    if (!result)
        return 0;
    FUZZ_WANT(result->err == ERR_OK && memcmp(result->key, key, HASH_SIZE) == 0);
    FUZZ_WANT(result->fetched_ms == times.fetched_ms && result->expires_ms == times.expires_ms);
    for (int i = 0; i < RESULT_FORMATS; i++)
        FUZZ_WANT(text_is_utf8(result->bodies[i].data, result->bodies[i].len));
    const struct result *again = read_body(result, NULL);
    FUZZ_WANT(again && again->n_emails == result->n_emails);
    for (int i = 0; i < RESULT_FORMATS; i++)
        FUZZ_WANT(strcmp(again->bodies[i].etag, result->bodies[i].etag) == 0);
    check_forgetting(result);
    result_unref(again);
    result_unref(result);
    return 0;
}
