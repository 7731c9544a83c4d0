/* SPDX-License-Identifier: MIT */
/* same_site.c - see same_site.h. */
#include "http/auth/same_site.h"

#include <string.h>
#include <strings.h>

static bool ends_with(struct slice slice, const char *tail, size_t len)
{
    return slice.len >= len && strncasecmp(slice.data + slice.len - len, tail, len) == 0;
}

/* Removes the port. */
static struct slice host_of(struct slice value)
{
    const char *bracket = memrchr(value.data, ']', value.len);
    const char *colon = memrchr(value.data, ':', value.len);

    if (colon && (!bracket || colon > bracket))
        value.len = (size_t)(colon - value.data);
    return value;
}

/* Matches 127.0.0.0/8 in its usual form. Other forms that inet_aton() accepts (0x7f.1) do not
 * match. */
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

/* Returns the host of an Origin or a Referer. "" = no host, as in "null", which browsers send for
 * isolated pages. An empty header value counts as absent. */
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

/* RFC 6761, 6.3: "localhost" and names that end in ".localhost" are this machine; a final dot is
 * allowed. */
static bool is_local(struct slice host)
{
    if (host.len && host.data[host.len - 1] == '.')
        host.len--;
    return is_loopback_v4(host) || slice_equals_nocase(host, "localhost") ||
           slice_equals_nocase(host, "[::1]") ||
           ends_with(host, ".localhost", sizeof ".localhost" - 1);
}

void same_site_header(struct same_site *site, struct slice name, struct slice value)
{
    if (slice_equals_nocase(name, "Host")) {
        site->host = host_of(value);
    } else if (slice_equals_nocase(name, "Origin")) {
        site->origin = page_host(value);
    } else if (slice_equals_nocase(name, "Referer")) {
        site->referer = page_host(value);
    } else if (slice_equals_nocase(name, "Sec-Fetch-Site")) {
        if (!slice_equals_nocase(value, "same-origin") && !slice_equals_nocase(value, "none"))
            site->foreign_page = true;
    }
}

/* Returns whether that page, if there is one, belongs to this server. */
static bool is_ours(struct slice page, bool local_only, struct slice host)
{
    if (!page.data)
        return true;
    if (local_only)
        return is_local(page);
    return host.len && page.len == host.len && strncasecmp(page.data, host.data, host.len) == 0;
}

bool same_site_is_foreign(const struct same_site *site, bool local_only)
{
    return site->foreign_page || (local_only && site->host.data && !is_local(site->host)) ||
           !is_ours(site->origin, local_only, site->host) ||
           !is_ours(site->referer, local_only, site->host);
}
