/* SPDX-License-Identifier: MIT */
/* fuzz_header_scan.c - fuzzes the pass over a request's headers: its id, its trace, its key, and
 * the page or host that it comes from.
 *
 * Each line of the input is a header line: NAME:VALUE. */
#include "base/mem.h"
#include "http/auth/auth.h"
#include "http/protocol/header_scan.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 64

/* Returns whether the slice is part of one of the lines. */
static bool is_borrowed(struct slice slice, char *const lines[], const size_t lens[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice.data >= lines[i] && slice.data + slice.len <= lines[i] + lens[i])
            return true;
    return slice.len == 0;
}

static void check_id(struct slice id)
{
    FUZZ_WANT(id.len <= HEADER_SCAN_ID_MAX);
    FUZZ_WANT(input_is_printable(id.data, id.len) && !memchr(id.data ? id.data : "", ' ', id.len));
    for (size_t i = 0; i < id.len; i++) /* it is copied unchanged into a header and into the log */
        FUZZ_WANT(!strchr("\"\\=;,", id.data[i]));
}

static void check_trace(struct slice trace)
{
    static const char digits[] = "0123456789abcdef";

    if (!trace.len)
        return;
    FUZZ_WANT(trace.len >= 55 && memcmp(trace.data, "ff", 2) != 0);
    FUZZ_WANT(trace.len == 55 || (trace.data[55] == '-' && memcmp(trace.data, "00", 2) != 0));
    FUZZ_WANT(trace.data[2] == '-' && trace.data[35] == '-' && trace.data[52] == '-');
    for (size_t i = 0; i < 55; i++)
        FUZZ_WANT(i == 2 || i == 35 || i == 52 || memchr(digits, trace.data[i], 16));
}

static void check_credentials(const struct credentials *credentials, bool any)
{
    FUZZ_WANT(credentials->n_keys > 0 || !credentials->key.len);
    FUZZ_WANT(any || (!credentials->n_keys && !credentials->site.foreign_page));
    FUZZ_WANT(any || (!credentials->site.host.data && !credentials->site.origin.data &&
                      !credentials->site.referer.data));
    for (size_t i = 0; i < credentials->key.len; i++)
        FUZZ_WANT(i > 0 || credentials->key.data[i] != ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct header_scan scan = {0};
    struct credentials credentials = {0};
    char *lines[LINES_MAX];
    size_t lens[LINES_MAX], n = 0;

    while (n < LINES_MAX && (lines[n] = input_line(&input, &lens[n]))) {
        char *colon = memchr(lines[n], ':', lens[n]);
        size_t name_len = colon ? (size_t)(colon - lines[n]) : lens[n];
        size_t value_at = name_len + (colon != NULL);
        value_at += strspn(lines[n] + value_at, " \t"); /* as libmicrohttpd passes it */
        const struct slice name = {lines[n], name_len},
                           value = {lines[n] + value_at, lens[n] - value_at};
        header_scan_add(&scan, name, value);
        auth_header(&credentials, name, value);
        n++;
    }
    FUZZ_WANT(is_borrowed(scan.id, lines, lens, n));
    FUZZ_WANT(is_borrowed(scan.trace, lines, lens, n));
    FUZZ_WANT(is_borrowed(scan.accept, lines, lens, n));
    FUZZ_WANT(is_borrowed(credentials.key, lines, lens, n));
    check_id(scan.id);
    check_trace(scan.trace);
    check_credentials(&credentials, n > 0);
    while (n)
        free(lines[--n]);
    return 0;
}
