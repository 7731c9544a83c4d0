/* SPDX-License-Identifier: MIT */
/* same_site.c - see same_site.h. */
#include "http/auth/same_site.h"

#include <string.h>
#include <strings.h>

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

void same_site_header(struct same_site *site, struct slice name, struct slice value)
{
    if (IS_TEXT(name, "Host")) {
        site->host = host_of(value);
    } else if (IS_TEXT(name, "Origin")) {
        site->origin = page_host(value);
    } else if (IS_TEXT(name, "Referer")) {
        site->referer = page_host(value);
    } else if (IS_TEXT(name, "Sec-Fetch-Site")) {
        if (!IS_TEXT(value, "same-origin") && !IS_TEXT(value, "none"))
            site->foreign_page = true;
    }
}

/* Is a page of that host, if there is one, a page of this server? */
static bool is_ours(struct slice page, bool local_only, struct slice host)
{
    if (!page.data)
        return true;
    return local_only ? is_local(page) : host.len && is_text(page, host.data, host.len);
}

bool same_site_is_foreign(const struct same_site *site, bool local_only)
{
    return site->foreign_page || (local_only && site->host.data && !is_local(site->host)) ||
           !is_ours(site->origin, local_only, site->host) ||
           !is_ours(site->referer, local_only, site->host);
}
