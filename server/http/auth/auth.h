/* SPDX-License-Identifier: MIT */
/* auth.h - who sends this request, and is he let in?
 *
 * Where client keys are configured a request names its client by `Authorization: Bearer KEY` or
 * `X-API-Key: KEY`; where none are, everybody who can connect is let in, but no
 * browser that a foreign page sends (same_site.h). Browsers do not send keys by themselves, so with
 * keys the page is of no concern. Worker thread of the request. */
#ifndef HTTP_AUTH_AUTH_H
#define HTTP_AUTH_AUTH_H

#include "base/err.h"
#include "base/slice.h"
#include "http/auth/client_keys.h"
#include "http/auth/same_site.h"

#include <stdbool.h>

/* What the headers say about the sender. Zeroed to begin with; slices are the request's. */
struct credentials {
    struct slice key;
    unsigned n_keys;
    struct same_site site;
};

/* One header field of the request; call for all of them. */
void auth_header(struct credentials *credentials, struct slice name, struct slice value);

/* Who those are that need no key, and where they may come from. */
struct auth_policy {
    bool local_only; /* all listeners are on loopback */
    bool admin;      /* they may do what wants `admin` */
};

/* The client of a request. `clients` NULL = no keys are configured, and everybody is let in as the
 * client without a name. ERR_OK with *ret_client NULL when nobody is recognized; open paths are
 * served all the same. ERR_FORBIDDEN for a browser. */
enum err auth_judge(const struct clients *clients, const struct auth_policy *policy,
                    const struct credentials *credentials, const struct client **ret_client);

/* Takes one request of that client, who may be NULL, into account; ERR_QUOTA_EXCEEDED when it comes
 * too soon. */
enum err auth_pace(const struct client *client, int64_t now_ms);

#endif
