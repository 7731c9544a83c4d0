/* SPDX-License-Identifier: MIT */
/* access_policy.h - derives the access policy from the configuration: clients with a key, all
 * clients on this machine, or, if the operator says so, all clients; and the domains that no client
 * may look up. Uses TLS if a certificate is configured. Main thread, after domain_start(). */
#ifndef DAEMON_ACCESS_POLICY_H
#define DAEMON_ACCESS_POLICY_H

#include "base/err.h"
#include "base/errmsg.h"
#include "config/config.h"
#include "http/auth/auth.h"
#include "http/auth/client_keys.h"
#include "http/net/tls.h"
#include "model/denied_domains.h"

struct access_policy {
    struct clients *clients;       /* NULL = no keys are required */
    struct auth_policy policy;     /* applies without keys */
    struct tls *tls;               /* NULL = plain HTTP */
    struct denied_domains *denied; /* NULL = none */
    const char *open_address; /* first one reachable from other machines without a key; or NULL */
};

/* Reads the files of keys, certificates and denied domains, if any. Addresses and host names are
 * borrowed from `config`. `before` (may be NULL) is the previous policy, from which rate limits and
 * an unchanged certificate are taken over. On success, the caller calls access_policy_done().
 * Returns ERR_SYNTAX if the configuration is not allowed; `why` then says what to change. */
enum err access_policy_load(const struct config *config, const struct access_policy *before,
                            struct access_policy *ret_policy, struct errmsg *why);

/* Releases what was read. */
void access_policy_done(struct access_policy *policy);

/* Replaces keys, certificate and denied domains by those of `read`, which must not be used
 * afterwards. The rules for clients without a key stay: they depend on the addresses, which a
 * reload does not change. */
void access_policy_replace(struct access_policy *policy, struct access_policy *read);

/* Logs the policy. */
void access_policy_log(const struct access_policy *policy);

#endif
