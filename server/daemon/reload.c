/* SPDX-License-Identifier: MIT */
/* reload.c - see reload.h. */
#include "daemon/reload.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/upstream_setup.h"
#include "os/state_dir.h"

/* The new settings, not yet in effect. */
struct prepared {
    struct config config;
    struct access_policy policy;
};

struct limits reload_limits_of(const struct config *config)
{
    return (struct limits){
        .wait_ms = config->wait_ms,
        .max_wait_ms = config->max_wait_ms,
        .stream_drain_ms = config->drain_timeout_ms,
        .freshness = {.stale_while_revalidate_ms = config->stale_while_revalidate_ms,
                      .stale_if_error_ms = config->stale_if_error_ms}};
}

static enum err prepare(const struct reload *reload, struct prepared *prepared, struct errmsg *why)
{
    const struct access_policy *before = reload->policy, *now = &prepared->policy;
    enum err err = config_read(reload->argc, reload->argv, &prepared->config, why);
    bool is_plaintext; /* was logged at startup */

    if (err)
        return err;
    /* Completed as at startup, so that only real changes differ. */
    sockets_name(reload->sockets, &prepared->config);
    if (!prepared->config.store)
        prepared->config.store = state_dir_store_url();
    err = upstream_check(&prepared->config, &is_plaintext, why);
    if (!err) /* the file in use; a different one requires a restart */
        err = upstream_check_key(reload->config, why);
    if (!err)
        err = access_policy_load(&prepared->config, before, &prepared->policy, why);
    if (!err && (!before->clients != !now->clients || !before->tls != !now->tls)) {
        errmsg_set(why, "enabling or disabling client keys or TLS requires a restart");
        access_policy_done(&prepared->policy);
        err = ERR_SYNTAX;
    }
    if (err)
        config_done(&prepared->config);
    return err;
}

static void log_restart_required(void *arg, const char *key, bool reloads)
{
    (void)arg;
    if (!reloads)
        log_event(LOG_WARN, "restart_required", LOG_STR("option", key));
}

/* Options that require a restart keep their values in `reload->config`, which describes the running
 * daemon. The next reload is compared with it, and logs again what is not yet in effect. */
static void commit(const struct reload *reload, struct prepared *prepared)
{
    struct config *config = reload->config;

    config_each_change(config, &prepared->config, log_restart_required, NULL);
    config_adopt(config, &prepared->config);
    config_done(&prepared->config);
    access_policy_replace(reload->policy, &prepared->policy);
    const struct limits limits = reload_limits_of(config);
    log_set_level((enum log_level)config->log_level);
    log_set_json(config->log_json);
    listener_apply_settings(reload->listener,
                            &(struct settings){reload->policy->clients, &limits,
                                               reload->policy->tls, reload->policy->denied});
    engine_setup_reload(reload->setup);
}

bool reload_now(const struct reload *reload)
{
    struct errmsg why = {""};
    struct prepared prepared;

    if (prepare(reload, &prepared, &why)) {
        log_event(LOG_ERROR, "reload_rejected", LOG_STR("reason", why.text));
        return false;
    }
    commit(reload, &prepared);
    access_policy_log(reload->policy);
    log_event(LOG_INFO, "reloaded");
    return true;
}
