/* SPDX-License-Identifier: MIT */
/* same_site.h - does a page of another site let a browser send this request?
 *
 * On a server that listens to this machine only, Host must be a name of this machine (a name that
 * was bent to 127.0.0.1 is none), Sec-Fetch-Site must not tell of another site, and Origin and
 * Referer, which older browsers send too, must name this machine or, on other servers, the host
 * that Host names. Ports are not compared: behind a proxy Host may lack the one that the browser
 * sees. Pure functions; any thread. */
#ifndef HTTP_AUTH_SAME_SITE_H
#define HTTP_AUTH_SAME_SITE_H

#include "base/slice.h"

#include <stdbool.h>

/* What the headers say about the page that sends it. Zeroed to begin with; slices are the
 * request's.
 */
struct same_site {
    struct slice host;            /* without its port; data NULL = none */
    struct slice origin, referer; /* the hosts that they name, "" = they name none; NULL likewise */
    bool foreign_page;            /* Sec-Fetch-Site tells that another site's page sends this */
};

/* One header field of the request; call for all of them. */
void same_site_header(struct same_site *site, struct slice name, struct slice value);

/* `local_only`: all listeners are on loopback. */
bool same_site_is_foreign(const struct same_site *site, bool local_only);

#endif
