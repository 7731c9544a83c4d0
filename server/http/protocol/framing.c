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
        for (size_t i = 0; i < value.len; i++)
            if (value.data[i] != '0')
                framing->has_length = true;
    } else if (slice_equals_nocase(name, "Transfer-Encoding")) {
        framing->encodings++;
    }
}

enum err framing_verdict(const struct framing *framing, const char *version,
                         const char **ret_detail)
{
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
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
        {framing->lengths > 1 || framing->encodings > 0, ERR_INVALID_REQUEST,
         "at most one Content-Length and no Transfer-Encoding is allowed"},
        {framing->has_length, ERR_BODY_TOO_LARGE, "this request must not have a body"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].applies)
            continue;
        *ret_detail = rules[i].detail;
        return rules[i].err;
    }
    return ERR_OK;
}
