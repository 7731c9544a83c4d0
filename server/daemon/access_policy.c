/* SPDX-License-Identifier: MIT */
/* access_policy.c - see access_policy.h. */
#include "daemon/access_policy.h"

#include "base/log.h"
#include "base/mem.h"
#include "http/listener.h"

#include <stdio.h>

/* The first address that other machines can reach; NULL when there is none. */
static const char *find_open(const struct config *config)
{
    for (size_t i = 0; i < config->n_listen; i++)
        if (!listener_is_local(config->listen[i]))
            return config->listen[i];
    return NULL;
}

static enum err check(const struct config *config, const char *open, char *why)
{
    const char *path = config->client_keys_file;

    if (path && config->allow_anonymous) {
        snprintf(why, ADMISSION_WHY,
                 "--client-keys-file is not allowed with --allow-anonymous; choose one");
        return ERR_SYNTAX;
    }
    if (!path && !config->allow_anonymous && open) {
        snprintf(why, ADMISSION_WHY,
                 "%.120s: reachable from other machines; set --client-keys-file, or "
                 "--allow-anonymous to let all of them spend credits",
                 open);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static enum err read_keys(const struct config *config, const struct admission *before,
                          struct admission *admission, char *why)
{
    char fault[CLIENTS_WHY];

    if (!config->client_keys_file)
        return ERR_OK;
    if (clients_read(config->client_keys_file, &admission->clients, fault)) {
        snprintf(why, ADMISSION_WHY, "--client-keys-file: %s", fault);
        return ERR_SYNTAX;
    }
    if (before && before->clients)
        clients_follow(admission->clients, before->clients);
    return ERR_OK;
}

static enum err read_tls(const struct config *config, const struct admission *before,
                         struct admission *admission, char *why)
{
    char fault[TLS_WHY];

    if (!config->tls_cert != !config->tls_key) {
        snprintf(why, ADMISSION_WHY, "--tls-cert and --tls-key must be set together");
        return ERR_SYNTAX;
    }
    if (!config->tls_cert || !tls_read(config->tls_cert, config->tls_key,
                                       before ? before->tls : NULL, &admission->tls, fault))
        return ERR_OK;
    snprintf(why, ADMISSION_WHY, "TLS: %s", fault);
    return ERR_SYNTAX;
}

enum err access_policy_load(const struct config *config, const struct admission *before,
                            struct admission *ret_admission, char *why)
{
    const char *open = find_open(config);
    struct admission admission = {
        .policy = {.local_only = !open, .admin = !open},
        .open_address = config->client_keys_file ? NULL : open,
    };
    enum err err = check(config, open, why);

    if (!err)
        err = read_keys(config, before, &admission, why);
    if (!err)
        err = read_tls(config, before, &admission, why);
    if (err) {
        admission_done(&admission);
        return ERR_SYNTAX;
    }
    *ret_admission = admission;
    return ERR_OK;
}

void admission_done(struct admission *admission)
{
    clients_unref(admission->clients);
    tls_unref(admission->tls);
}

void access_policy_replace(struct admission *admission, struct admission *read)
{
    admission_done(admission);
    admission->clients = TAKE(read->clients);
    admission->tls = TAKE(read->tls);
}

void access_policy_log(const struct admission *admission)
{
    const char *remark = admission->tls ? tls_remark(admission->tls) : NULL;
    char clients[24];

    if (remark)
        log_event(LOG_WARN, "tls_certificate_warning", "reason", remark, NULL);
    if (admission->open_address)
        log_event(LOG_WARN, "anonymous_access_enabled", "address", admission->open_address, NULL);
    if (!admission->clients)
        return;
    snprintf(clients, sizeof clients, "%zu", clients_count(admission->clients));
    log_event(LOG_INFO, "client_keys_loaded", "clients", clients, NULL);
}
