/* SPDX-License-Identifier: MIT */
/* same_site.h - detects browser requests that a page of another site causes.
 *
 * Sec-Fetch-Site must not name another site. If the server listens on loopback only, Host, Origin
 * and Referer (which older browsers send) must name this machine; a foreign name that resolves to
 * 127.0.0.1 does not. On other servers, Host must be a name that no other site can have
 * (allowed_hosts.h), and Origin and Referer must name the host of Host. Ports are not compared:
 * behind a proxy, Host may lack the port that the browser sees. Pure functions; any thread. */
#ifndef HTTP_AUTH_SAME_SITE_H
#define HTTP_AUTH_SAME_SITE_H

#include "base/slice.h"
#include "http/auth/allowed_hosts.h"

#include <stdbool.h>

/* What the headers say about the page that sends the request. Zero it first; slices are borrowed
 * from the request. */
struct same_site {
    struct slice host;            /* without its port; data NULL = absent */
    struct slice origin, referer; /* hosts named there; "" = no host; NULL = absent */
    bool foreign_page;            /* Sec-Fetch-Site names another site */
    bool navigates, is_document;  /* to show the response as the page of a tab: not in a frame */
};

/* Records one header field; call for all of them. */
void same_site_header(struct same_site *site, struct slice name, struct slice value);

/* For constant pages without data, after the last header: forgets which page a browser comes from,
 * if it says that a link has opened this one in a tab. Host and Origin still count. */
void same_site_allow_link(struct same_site *site);

/* Returns NULL, or why a page of another site may have caused the request: a static message for the
 * client, which names the header. `listed` NULL: all listeners are on loopback. */
const char *same_site_fault(const struct same_site *site, const struct allowed_hosts *listed);

/* The same, only for a request that a browser sends for a page and that has a client key: Origin,
 * if present, must name the host of Host, or both this machine; and Host a name that no other site
 * can have, or a listed one. */
const char *same_site_page_fault(const struct same_site *site, const struct allowed_hosts *listed);

#endif
