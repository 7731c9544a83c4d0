/* SPDX-License-Identifier: MIT */
/* guard.c - counts the framing headers, then judges by a table, first match first. */
#include "http/guard.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, 5.6.2: the characters of a token besides letters and digits. */
#define TOKEN_MARKS "!#$%&'*+-.^_`|~"

/* Of a host name, an address or a port. Wider than a DNS name for the sake of names that are only
 * known on a private network; user info, paths and lists stay out. */
#define HOST_MARKS "-._:[]"

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_made_of(struct slice text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_alnum(text.data[i]) && (!text.data[i] || !strchr(marks, text.data[i])))
            return false;
    return text.len > 0;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

static bool is_named(struct slice name, const char *wanted)
{
    return name.len == strlen(wanted) && strncasecmp(name.data, wanted, name.len) == 0;
}

void guard_header(struct guard *guard, struct slice name, struct slice value)
{
    if (!is_made_of(name, TOKEN_MARKS) || has_control(value))
        guard->is_malformed = true;
    if (is_named(name, "Host")) {
        guard->hosts++;
        if (!is_made_of(value, HOST_MARKS))
            guard->is_malformed = true;
    } else if (is_named(name, "Content-Length")) {
        guard->lengths++;
        for (size_t i = 0; i < value.len; i++)
            if (value.data[i] != '0')
                guard->has_length = true;
    } else if (is_named(name, "Transfer-Encoding")) {
        guard->encodings++;
    }
}

enum err guard_verdict(const struct guard *guard, const char *version, const char **ret_detail)
{
    bool is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    const struct {
        bool applies;
        enum err err;
        const char *detail;
    } rules[] = {
        {!is_1_1 && strcmp(version, "HTTP/1.0") != 0, ERR_INVALID_REQUEST,
         "only HTTP/1.1 and HTTP/1.0 are spoken here"},
        {guard->is_malformed, ERR_INVALID_REQUEST,
         "a header has a malformed name, a malformed host or a control character"},
        {guard->hosts > 1 || (is_1_1 && guard->hosts == 0), ERR_INVALID_REQUEST,
         "a request has exactly one Host header"},
        {guard->lengths > 1 || guard->encodings > 0, ERR_INVALID_REQUEST,
         "a request has at most one Content-Length and no Transfer-Encoding"},
        {guard->has_length, ERR_BODY_TOO_LARGE, "this request takes no body"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (!rules[i].applies)
            continue;
        *ret_detail = rules[i].detail;
        return rules[i].err;
    }
    return ERR_OK;
}
