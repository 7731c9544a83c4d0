/* SPDX-License-Identifier: MIT */
/* auth.h - authenticates a request and authorizes its client.
 *
 * If client keys are configured, a request names its client by `Authorization: Bearer KEY` or
 * `X-API-Key: KEY`. Without client keys, every client that can connect is accepted, except for
 * browsers that act for a page of another site (same_site.h). Browsers do not add keys on their
 * own, so with keys that check is not needed. A server on loopback without keys also rejects what a
 * proxy passes on: it would make the whole network a client on this machine. A proxy that adds no
 * header and replaces Host, as nginx by default, cannot be detected. Worker thread of the request.
 */
#ifndef HTTP_AUTH_AUTH_H
#define HTTP_AUTH_AUTH_H

#include "base/err.h"
#include "base/slice.h"
#include "http/auth/client_keys.h"
#include "http/auth/same_site.h"

#include <stdbool.h>

/* What the headers say about the client. Zero it first; slices are borrowed from the request. */
struct credentials {
    struct slice key;
    unsigned n_keys;
    struct same_site site;
    bool forwarded; /* has a header that proxies add */
};

/* Records one header field; call for all of them. */
void auth_header(struct credentials *credentials, struct slice name, struct slice value);

/* Which clients need no key. */
enum anonymous_access {
    ANONYMOUS_LOCAL, /* programs on this machine; all listeners are on loopback */
    ANONYMOUS_ALL,   /* every client, as --allow-anonymous says */
    ANONYMOUS_ADMIN, /* every client, with the right `admin` */
};

/* The policy for clients without a key. */
struct auth_policy {
    enum anonymous_access access;
    struct allowed_hosts hosts; /* with ANONYMOUS_LOCAL only for auth_page_denial() */
};

/* Finds the client of a request. `clients` NULL = no keys configured: returns the client without a
 * name, or ERR_FORBIDDEN if auth_denial() has a reason. Otherwise returns ERR_OK, with *ret_client
 * NULL if the key is missing or unknown; routes open to all are still served then. *ret_client is
 * borrowed from `clients` or static. */
enum err auth_identify(const struct clients *clients, const struct auth_policy *policy,
                       const struct credentials *credentials, const struct client **ret_client);

/* Returns NULL, or why a request without a key is rejected: a static message for the client, which
 * names the header. */
const char *auth_denial(const struct auth_policy *policy, const struct credentials *credentials);

/* Returns NULL, or why a request for a page of another site is rejected although it may have a key,
 * for routes that require it: against DNS rebinding. */
const char *auth_page_denial(const struct auth_policy *policy,
                             const struct credentials *credentials);

/* Counts one request of that client, who may be NULL. Returns ERR_RATE_LIMITED if its rate limit is
 * exceeded. */
enum err auth_check_rate(const struct client *client, int64_t now_ms);

#endif
