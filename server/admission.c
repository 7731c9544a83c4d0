/* SPDX-License-Identifier: MIT */
/* admission.c - see admission.h. */
#include "admission.h"

#include "base/log.h"
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
                 "--client-keys-file is given together with --allow-anonymous; choose one");
        return ERR_SYNTAX;
    }
    if (!path && !config->allow_anonymous && open) {
        snprintf(why, ADMISSION_WHY,
                 "%.120s: other machines can reach it; give --client-keys-file, or "
                 "--allow-anonymous if everybody there may spend your credits",
                 open);
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

enum err admission_read(const struct config *config, struct admission *ret_admission, char *why)
{
    const char *open = find_open(config);
    struct admission admission = {.policy = {.local_only = !open, .admin = !open}};
    char fault[CLIENTS_WHY];
    enum err err = check(config, open, why);

    if (!err && config->client_keys_file) {
        err = clients_read(config->client_keys_file, &admission.clients, fault);
        if (err)
            snprintf(why, ADMISSION_WHY, "--client-keys-file: %s", fault);
    } else {
        admission.open_address = open;
    }
    if (err)
        return ERR_SYNTAX;
    *ret_admission = admission;
    return ERR_OK;
}

void admission_tell(const struct admission *admission)
{
    char clients[24];

    if (admission->open_address)
        log_event(LOG_WARN, "anonymous-allowed", "address", admission->open_address, NULL);
    if (!admission->clients)
        return;
    snprintf(clients, sizeof clients, "%zu", clients_count(admission->clients));
    log_event(LOG_INFO, "client-keys", "clients", clients, NULL);
}
