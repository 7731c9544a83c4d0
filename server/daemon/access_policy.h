/* SPDX-License-Identifier: MIT */
/* access_policy.h - who may ask and over what, by the configuration: those with a key, everybody on
 * this machine, or everybody there is, if the operator says so; by TLS when there is a certificate.
 * Main thread. */
#ifndef DAEMON_ACCESS_POLICY_H
#define DAEMON_ACCESS_POLICY_H

#include "base/err.h"
#include "config/config.h"
#include "http/auth/auth.h"
#include "http/auth/client_keys.h"
#include "http/net/tls.h"

#define ADMISSION_WHY 512

struct access_policy {
    struct clients *clients;   /* NULL = no keys are wanted */
    struct auth_policy policy; /* without keys */
    struct tls *tls;           /* NULL = plain HTTP */
    const char *open_address;  /* the first that other machines can reach without a key; NULL */
};

/* Reads the files of keys and certificates, if there are any; `before` (may be NULL) is what was
 * read last. ERR_SYNTAX when the configuration must not be served so;
 * `why` (ADMISSION_WHY bytes) then says what to change. */
enum err access_policy_load(const struct config *config, const struct access_policy *before,
                            struct access_policy *ret_policy, char *why);
void access_policy_done(struct access_policy *policy);

/* Takes keys and certificate out of `read`, which is then done with. Who may come without a key
 * stays: it goes by the addresses, which a reload does not change. */
void access_policy_replace(struct access_policy *policy, struct access_policy *read);

/* Logs who is let in. */
void access_policy_log(const struct access_policy *policy);

#endif
