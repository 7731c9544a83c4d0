/* SPDX-License-Identifier: MIT */
/* framing.c - counts the framing headers, then checks a table of rules; the first match decides. */
#include "http/protocol/framing.h"

#include "base/mem.h"

#include <string.h>

enum { IN_TOKEN = 1, IN_HOST = 2, CONTROL = 4 };

/* Classes of each byte; every byte of every header is looked up here. IN_TOKEN: RFC 9110, 5.6.2.
 * IN_HOST: allowed in a host name, an address or a port; wider than DNS, for names that exist only
 * on private networks, but without user info, paths and lists. CONTROL: not allowed in any value; a
 * tab is allowed. */
static const unsigned char classes[256] = {
    [0 ... 8] = CONTROL,
    [10 ... 31] = CONTROL,
    [127] = CONTROL,
    ['0' ... '9'] = IN_TOKEN | IN_HOST,
    ['A' ... 'Z'] = IN_TOKEN | IN_HOST,
    ['a' ... 'z'] = IN_TOKEN | IN_HOST,
    ['-'] = IN_TOKEN | IN_HOST,
    ['.'] = IN_TOKEN | IN_HOST,
    ['_'] = IN_TOKEN | IN_HOST,
    [':'] = IN_HOST,
    ['['] = IN_HOST,
    [']'] = IN_HOST,
    ['!'] = IN_TOKEN,
    ['#'] = IN_TOKEN,
    ['$'] = IN_TOKEN,
    ['%'] = IN_TOKEN,
    ['&'] = IN_TOKEN,
    ['\''] = IN_TOKEN,
    ['*'] = IN_TOKEN,
    ['+'] = IN_TOKEN,
    ['^'] = IN_TOKEN,
    ['`'] = IN_TOKEN,
    ['|'] = IN_TOKEN,
    ['~'] = IN_TOKEN,
};

static bool is_made_of(struct slice text, unsigned char class)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(classes[(unsigned char)text.data[i]] & class))
            return false;
    return text.len > 0;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (classes[(unsigned char)text.data[i]] & CONTROL)
            return true;
    return false;
}

void framing_method(struct framing *framing, struct slice method)
{
    if (!is_made_of(method, IN_TOKEN))
        framing->is_malformed = true;
}

/* RFC 9110, 8.6: digits only. libmicrohttpd rejects other values too; this does not rely on it. */
static void read_length(struct framing *framing, struct slice value)
{
    uint64_t length = 0;

    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(value.data[i] - '0');
        if (digit > 9)
            framing->is_malformed = true;
        else if (__builtin_mul_overflow(length, 10, &length) ||
                 __builtin_add_overflow(length, digit, &length))
            length = UINT64_MAX;
    }
    if (value.len == 0)
        framing->is_malformed = true;
    if (length > framing->length) /* of several, which are rejected, the order does not matter */
        framing->length = length;
}

void framing_header(struct framing *framing, struct slice name, struct slice value)
{
    if (!is_made_of(name, IN_TOKEN) || has_control(value))
        framing->is_malformed = true;
    if (slice_equals_nocase(name, "Host")) {
        framing->hosts++;
        if (!is_made_of(value, IN_HOST))
            framing->is_malformed = true;
    } else if (slice_equals_nocase(name, "Content-Length")) {
        framing->lengths++;
        read_length(framing, value);
    } else if (slice_equals_nocase(name, "Transfer-Encoding")) {
        framing->encodings++;
        if (slice_equals_nocase(value, "chunked"))
            framing->is_chunked = true;
    }
}

bool framing_has_body(const struct framing *framing)
{
    return framing->encodings > 0 || framing->length > 0;
}

/* RFC 9112, 6.1: the sender of a Transfer-Encoding beside a Content-Length, or in HTTP/1.0, may
 * disagree with us about the length. A coding that is not exactly "chunked" is unknown here. */
static bool has_valid_encoding(const struct framing *framing, bool is_1_1)
{
    return framing->encodings == 1 && framing->is_chunked && framing->lengths == 0 && is_1_1;
}

enum err framing_verdict(const struct framing *framing, const char *version,
                         enum framing_accepts accepts, const char **ret_detail)
{
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    bool is_encoded = framing->encodings > 0;
    const struct {
        bool applies;
        enum err err;
        const char *detail;
    } rules[] = {
        {!is_1_1 && strcmp(version, "HTTP/1.0") != 0, ERR_INVALID_REQUEST,
         "only HTTP/1.0 and HTTP/1.1 are supported"},
        {framing->is_malformed, ERR_INVALID_REQUEST,
         "invalid method, header name or host, or a control character in a header value"},
        {framing->has_gaps, ERR_INVALID_REQUEST,
         "header lines must end in CR LF and must not be folded or contain NUL"},
        {framing->hosts > 1 || (is_1_1 && framing->hosts == 0), ERR_INVALID_REQUEST,
         "exactly one Host header is required"},
        {framing->lengths > 1 || (is_encoded && accepts != FRAMING_ANY_BODY), ERR_INVALID_REQUEST,
         "at most one Content-Length and no Transfer-Encoding is allowed"},
        {is_encoded && !has_valid_encoding(framing, is_1_1), ERR_INVALID_REQUEST,
         "a body requires one Content-Length, or in HTTP/1.1 Transfer-Encoding: chunked"},
        {framing->length > 0 && accepts == FRAMING_NO_BODY, ERR_BODY_TOO_LARGE,
         "this request must not have a body"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].applies)
            continue;
        *ret_detail = rules[i].detail;
        return rules[i].err;
    }
    return ERR_OK;
}
