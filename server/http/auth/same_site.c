/* SPDX-License-Identifier: MIT */
/* same_site.c - see same_site.h. */
#include "http/auth/same_site.h"

#include "base/mem.h"

#include <string.h>

static const struct slice no_host = {"", 0};

/* Returns what follows "https://" or "http://", the only schemes of pages that a server has; data
 * NULL = another scheme, or none. */
static struct slice after_scheme(struct slice url)
{
    static const struct slice schemes[] = {{"https://", 8}, {"http://", 7}};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = schemes[i].len;
        if (url.len >= len && strncasecmp(url.data, schemes[i].data, len) == 0)
            return (struct slice){url.data + len, url.len - len};
    }
    return (struct slice){0};
}

/* Returns the host of an Origin or a Referer. "" = no host, as in "null", which browsers send for
 * isolated pages. An empty header value counts as absent. */
static struct slice page_host(struct slice url)
{
    struct slice rest = after_scheme(url);
    size_t len = 0;

    if (!url.len)
        return (struct slice){0};
    if (!rest.data)
        return no_host;
    while (len < rest.len && !strchr("/?#", rest.data[len]))
        len++;
    return memchr(rest.data, '@', len) ? no_host
                                       : host_without_port((struct slice){rest.data, len});
}

/* No browser repeats the header. A request that does belongs to no page of this server. */
static void read_page(struct slice *page, struct slice url)
{
    *page = page->data ? no_host : page_host(url);
}

void same_site_header(struct same_site *site, struct slice name, struct slice value)
{
    if (slice_equals_nocase(name, "Host")) {
        site->host = host_without_port(value);
    } else if (slice_equals_nocase(name, "Origin")) {
        read_page(&site->origin, value);
    } else if (slice_equals_nocase(name, "Referer")) {
        read_page(&site->referer, value);
    } else if (slice_equals_nocase(name, "Sec-Fetch-Site")) {
        if (!slice_equals_nocase(value, "same-origin") && !slice_equals_nocase(value, "none"))
            site->foreign_page = true;
    } else if (slice_equals_nocase(name, "Sec-Fetch-Mode")) {
        site->navigates = slice_equals_nocase(value, "navigate");
    } else if (slice_equals_nocase(name, "Sec-Fetch-Dest")) {
        site->is_document = slice_equals_nocase(value, "document");
    }
}

void same_site_allow_link(struct same_site *site)
{
    if (!site->navigates || !site->is_document)
        return;
    site->foreign_page = false;
    site->referer = (struct slice){0};
}

static bool is_our_host(struct slice host, const struct allowed_hosts *listed)
{
    return !host.data || (listed ? allowed_hosts_accept(listed, host) : host_is_local(host));
}

/* Returns whether that page, if there is one, belongs to this server. */
static bool is_our_page(struct slice page, struct slice host, const struct allowed_hosts *listed)
{
    if (!page.data)
        return true;
    if (!listed)
        return host_is_local(page);
    return host.len && page.len == host.len && strncasecmp(page.data, host.data, host.len) == 0;
}

#define REJECTED     "cross-site browser request rejected: "
#define UNKNOWN_HOST REJECTED "Host is a public name, which the operator can accept with --host"
#define OTHER_ORIGIN REJECTED "Origin names another site"

const char *same_site_fault(const struct same_site *site, const struct allowed_hosts *listed)
{
    if (site->foreign_page)
        return REJECTED "Sec-Fetch-Site says that another site's page sends it";
    if (!is_our_host(site->host, listed))
        return listed ? UNKNOWN_HOST
                      : REJECTED "Host must name this machine, such as localhost or 127.0.0.1";
    if (!is_our_page(site->origin, site->host, listed))
        return OTHER_ORIGIN;
    if (!is_our_page(site->referer, site->host, listed))
        return REJECTED "Referer names another site";
    return NULL;
}

const char *same_site_page_fault(const struct same_site *site, const struct allowed_hosts *listed)
{
    if (!site->origin.data)
        return NULL;
    if (!is_our_page(site->origin, site->host, listed) &&
        !(host_is_local(site->origin) && host_is_local(site->host)))
        return OTHER_ORIGIN;
    return is_our_host(site->host, listed) ? NULL : UNKNOWN_HOST;
}
