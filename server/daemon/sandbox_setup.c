/* SPDX-License-Identifier: MIT */
/* sandbox_setup.c - see sandbox_setup.h.
 *
 * Every option that names a file that is opened while the daemon runs, such as on SIGHUP, must be
 * in `named`. Otherwise the daemon would start, but fail at the first reload. A reload that names
 * a file in another folder requires a restart. A store in PostgreSQL reads its certificates and
 * passwords for each connection; otherwise it connects and resolves names as the upstream's client
 * does. Its spool is in the state directory. */
#include "daemon/sandbox_setup.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/store_setup.h"

#include <stdlib.h>
#include <string.h>

/* Returns the path of a store in a file; NULL for any other. */
static const char *store_file(const char *url)
{
    static const char scheme[] = "sqlite:";

    return strncmp(url, scheme, strlen(scheme)) == 0 ? url + strlen(scheme) : NULL;
}

#define STORE_FILES 16 /* more than store_each_file() reports */

struct store_files {
    char *paths[STORE_FILES];
    size_t n;
};

static void add_file(void *arg, const char *path)
{
    struct store_files *files = arg;

    if (files->n < STORE_FILES)
        files->paths[files->n++] = xstrdup(path);
}

void sandbox_setup_files(const struct config *config, struct sandbox_state *ret_state)
{
    const struct store_options store = store_setup_options(config);
    autofree char *spool = store_setup_spool_path(config);
    struct store_files files = {.n = 0};
    const char *const named[] = {config->api_key_file, config->client_keys_file,
                                 config->config_file,  config->tls_cert,
                                 config->tls_key,      config->upstream_ca,
                                 config->deny_domains, config->store_password_file,
                                 getenv("PGPASSFILE")};
    const char *reread[ARRAY_LEN(named) + STORE_FILES] = {NULL};
    const char *const written[] = {store_file(config->store), spool};
    const struct sandbox_options options = {.parts = (unsigned)config->sandbox,
                                            .reread = reread,
                                            .n_reread = ARRAY_LEN(reread),
                                            .written = written,
                                            .n_written = ARRAY_LEN(written)};

    store_each_file(&store, add_file, &files);
    memcpy(reread, named, sizeof named);
    memcpy(reread + ARRAY_LEN(named), files.paths, sizeof files.paths);
    sandbox_restrict_files(&options, ret_state);
    for (size_t i = 0; i < files.n; i++)
        free(files.paths[i]);
}

void sandbox_setup_calls(const struct config *config, struct sandbox_state *state)
{
    sandbox_restrict_syscalls((unsigned)config->sandbox, state);
    log_event(state->is_short ? LOG_WARN : LOG_INFO, "sandbox_applied",
              LOG_STR("seccomp", state->seccomp), LOG_STR("landlock", state->landlock),
              LOG_STR("reason", *state->why.text ? state->why.text : NULL));
}
