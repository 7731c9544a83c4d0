/* SPDX-License-Identifier: MIT */
/* auth.c - see auth.h. */
#include "http/auth/auth.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* ---- what the headers say ---- */

static bool is_text(struct slice slice, const char *text, size_t len)
{
    return slice.len == len && strncasecmp(slice.data, text, len) == 0;
}
#define IS_TEXT(slice, literal) is_text(slice, literal, sizeof(literal) - 1)

static bool ends_with(struct slice slice, const char *tail, size_t len)
{
    return slice.len >= len && strncasecmp(slice.data + slice.len - len, tail, len) == 0;
}

/* Without its port. */
static struct slice host_of(struct slice value)
{
    const char *bracket = memrchr(value.data, ']', value.len);
    const char *colon = memrchr(value.data, ':', value.len);

    if (colon && (!bracket || colon > bracket))
        value.len = (size_t)(colon - value.data);
    return value;
}

/* 127.0.0.0/8 as people write it; what else inet_aton() would take (0x7f.1) is nobody's habit. */
static bool is_loopback_v4(struct slice host)
{
    int dots = 0;

    if (host.len < sizeof "127." || strncmp(host.data, "127.", 4) != 0)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        if (host.data[i] != '.' && (host.data[i] < '0' || host.data[i] > '9'))
            return false;
        dots += host.data[i] == '.';
    }
    return dots == 3;
}

/* The host of an Origin or a Referer: "" when it has none, as "null", which browsers send for pages
 * that they keep apart. An empty value says nothing, as if it were not there. */
static struct slice page_host(struct slice url)
{
    static const char mark[] = "://";
    struct slice host = {"", 0};

    if (!url.len)
        return (struct slice){0};
    const char *at = memmem(url.data, url.len, mark, sizeof mark - 1), *end = url.data + url.len;
    if (!at)
        return host;
    host.data = at + sizeof mark - 1;
    while (host.data + host.len < end && !strchr("/?#", host.data[host.len]))
        host.len++;
    return memchr(host.data, '@', host.len) ? (struct slice){"", 0} : host_of(host);
}

/* RFC 6761, 6.3: "localhost" and what ends in it are this machine's; a dot may close it. */
static bool is_local(struct slice host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    return is_loopback_v4(host) || IS_TEXT(host, "localhost") || IS_TEXT(host, "[::1]") ||
           ends_with(host, ".localhost", sizeof ".localhost" - 1);
}

/* Takes the scheme "Bearer" off; false for another one, which is no key of ours but, say, a user
 * and password for a proxy that passes them on. */
static bool take_bearer(struct slice *value)
{
    static const char scheme[] = "Bearer ";

    if (value->len < sizeof scheme - 1 || strncasecmp(value->data, scheme, sizeof scheme - 1) != 0)
        return false;
    value->data += sizeof scheme - 1;
    value->len -= sizeof scheme - 1;
    while (value->len && *value->data == ' ') {
        value->data++;
        value->len--;
    }
    return true;
}

static void note_key(struct credentials *credentials, struct slice key)
{
    credentials->n_keys++;
    credentials->key = key;
}

void auth_header(struct credentials *credentials, struct slice name, struct slice value)
{
    if (IS_TEXT(name, "Authorization")) {
        if (take_bearer(&value))
            note_key(credentials, value);
    } else if (IS_TEXT(name, "X-API-Key")) {
        note_key(credentials, value);
    } else if (IS_TEXT(name, "Host")) {
        credentials->host = host_of(value);
    } else if (IS_TEXT(name, "Origin")) {
        credentials->origin = page_host(value);
    } else if (IS_TEXT(name, "Referer")) {
        credentials->referer = page_host(value);
    } else if (IS_TEXT(name, "Sec-Fetch-Site")) {
        if (!IS_TEXT(value, "same-origin") && !IS_TEXT(value, "none"))
            credentials->foreign_page = true;
    }
}

/* ---- the judgement ---- */

static const struct client *anonymous(bool admin)
{
    static const struct client all[2] = {
        {.quota = CLIENT_NO_QUOTA, .max_wait_ms = INT64_MAX, .weight = 1, .allow_refresh = true},
        {.quota = CLIENT_NO_QUOTA,
         .max_wait_ms = INT64_MAX,
         .weight = 1,
         .allow_refresh = true,
         .admin = true},
    };

    return &all[admin];
}

/* Is a page of that host, if there is one, a page of this server? */
static bool is_ours(struct slice page, const struct auth_policy *policy, struct slice host)
{
    if (!page.data)
        return true;
    return policy->local_only ? is_local(page) : host.len && is_text(page, host.data, host.len);
}

static bool is_foreign(const struct credentials *credentials, const struct auth_policy *policy)
{
    struct slice host = credentials->host;

    return credentials->foreign_page || (policy->local_only && host.data && !is_local(host)) ||
           !is_ours(credentials->origin, policy, host) ||
           !is_ours(credentials->referer, policy, host);
}

enum err auth_judge(const struct clients *clients, const struct auth_policy *policy,
                    const struct credentials *credentials, const struct client **ret_client)
{
    struct slice none = {"", 0};

    if (!clients) {
        if (is_foreign(credentials, policy))
            return ERR_FORBIDDEN;
        *ret_client = anonymous(policy->admin);
        return ERR_OK;
    }
    /* Two keys in one request are none, whichever of them would do. */
    *ret_client = clients_find(clients, credentials->n_keys == 1 ? credentials->key : none);
    return ERR_OK;
}

enum err auth_pace(const struct client *client, int64_t now_ms)
{
    int wait_s;

    return client && !client_admits(client, now_ms, &wait_s) ? ERR_QUOTA_EXCEEDED : ERR_OK;
}
