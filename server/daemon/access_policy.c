/* SPDX-License-Identifier: MIT */
/* access_policy.c - see access_policy.h. */
#include "daemon/access_policy.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "http/listener.h"

/* Returns the first address that other machines can reach, or NULL. */
static const char *find_open(const struct config *config)
{
    for (size_t i = 0; i < config->listen.n; i++)
        if (!listener_is_local(config->listen.values[i]))
            return config->listen.values[i];
    return NULL;
}

static enum err check(const struct config *config, const char *open, struct errmsg *why)
{
    const char *path = config->client_keys_file;

    if (path && config->allow_anonymous) {
        errmsg_set(why, "--client-keys-file is not allowed with --allow-anonymous; choose one");
        return ERR_SYNTAX;
    }
    if (!path && !config->allow_anonymous && open) {
        errmsg_set(why,
                   "%.120s: reachable from other machines; set --client-keys-file, or "
                   "--allow-anonymous to let all of them spend credits",
                   open);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static enum err check_hosts(const struct config *config, struct errmsg *why)
{
    for (size_t i = 0; i < config->hosts.n; i++) {
        if (allowed_hosts_can_list(config->hosts.values[i]))
            continue;
        errmsg_set(why, "--host: invalid name '%.60s': must be a host name without a port",
                   config->hosts.values[i]);
        return ERR_SYNTAX;
    }
    if (!config->hosts.n || config->allow_anonymous || config->client_keys_file)
        return ERR_OK;
    errmsg_set(why, "--host has no effect without --allow-anonymous: on loopback, Host must name "
                    "this machine");
    return ERR_SYNTAX;
}

static enum err read_keys(const struct config *config, const struct access_policy *before,
                          struct access_policy *policy, struct errmsg *why)
{
    if (!config->client_keys_file)
        return ERR_OK;
    if (clients_read(config->client_keys_file, &policy->clients, why)) {
        errmsg_prefix(why, "--client-keys-file");
        return ERR_SYNTAX;
    }
    if (before && before->clients)
        clients_adopt_rate_limits(policy->clients, before->clients);
    return ERR_OK;
}

static enum err read_tls(const struct config *config, const struct access_policy *before,
                         struct access_policy *policy, struct errmsg *why)
{
    if (!config->tls_cert != !config->tls_key) {
        errmsg_set(why, "--tls-cert and --tls-key must be set together");
        return ERR_SYNTAX;
    }
    if (!config->tls_cert || !tls_read(config->tls_cert, config->tls_key,
                                       before ? before->tls : NULL, &policy->tls, why))
        return ERR_OK;
    errmsg_prefix(why, "TLS");
    return ERR_SYNTAX;
}

static enum err read_denied(const struct config *config, struct access_policy *policy,
                            struct errmsg *why)
{
    const char *path = config->deny_domains;
    autofree char *text = NULL;
    size_t len;

    if (!path || (!small_file_read(path, DENIED_DOMAINS_FILE_MAX, &text, &len, why) &&
                  !denied_domains_parse(path, text, len, &policy->denied, why)))
        return ERR_OK;
    errmsg_prefix(why, "--deny-domains");
    return ERR_SYNTAX;
}

enum err access_policy_load(const struct config *config, const struct access_policy *before,
                            struct access_policy *ret_policy, struct errmsg *why)
{
    const char *open = find_open(config);
    struct access_policy policy = {
        .policy = {.access = (enum anonymous_access)config->allow_anonymous,
                   .hosts = {(const char *const *)config->hosts.values, config->hosts.n}},
        .open_address = config->client_keys_file ? NULL : open,
    };
    enum err err = check(config, open, why);

    if (!err)
        err = check_hosts(config, why);
    if (!err)
        err = read_keys(config, before, &policy, why);
    if (!err)
        err = read_tls(config, before, &policy, why);
    if (!err)
        err = read_denied(config, &policy, why);
    if (err) {
        access_policy_done(&policy);
        return ERR_SYNTAX;
    }
    *ret_policy = policy;
    return ERR_OK;
}

void access_policy_done(struct access_policy *policy)
{
    clients_unref(policy->clients);
    tls_unref(policy->tls);
    denied_domains_unref(policy->denied);
}

void access_policy_replace(struct access_policy *policy, struct access_policy *read)
{
    access_policy_done(policy);
    policy->clients = TAKE(read->clients);
    policy->tls = TAKE(read->tls);
    policy->denied = TAKE(read->denied);
}

void access_policy_log(const struct access_policy *policy)
{
    const char *remark = policy->tls ? tls_remark(policy->tls) : NULL;

    if (remark)
        log_event(LOG_WARN, "tls_certificate_warning", LOG_STR("reason", remark));
    if (policy->open_address)
        log_event(LOG_WARN, "anonymous_access_enabled", LOG_STR("address", policy->open_address),
                  LOG_BOOL("admin", policy->policy.access == ANONYMOUS_ADMIN));
    if (policy->clients)
        log_event(LOG_INFO, "client_keys_loaded",
                  LOG_INT("clients", clients_count(policy->clients)));
    if (policy->denied)
        log_event(LOG_INFO, "denied_domains_loaded",
                  LOG_INT("domains", denied_domains_count(policy->denied)));
}
