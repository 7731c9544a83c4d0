/* SPDX-License-Identifier: MIT */
/* store_setup.c - see store_setup.h. */
#include "daemon/store_setup.h"

#include "base/log.h"
#include "base/mem.h"
#include "os/state_dir.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ENDED 100000 /* completed tasks retained in the journal */

/* With `memory:`, only the cache holds results. */
struct store_options store_setup_options(const struct config *config)
{
    bool in_memory = strcmp(config->store, "memory:") == 0;

    return (struct store_options){.url = config->store,
                                  .password_file = config->store_password_file,
                                  .schema = config->store_schema,
                                  .keeps_schema = !config->store_migrate,
                                  .max_answers = in_memory ? 0 : (size_t)config->store_rows,
                                  .max_ended = MAX_ENDED};
}

enum err store_setup_open(const struct config *config, struct store **ret_store, struct errmsg *why)
{
    const struct store_options options = store_setup_options(config);
    enum err err = store_open(&options, ret_store, why);

    if (!err && !store_is_durable(*ret_store))
        log_event(LOG_WARN, "store_not_persistent", LOG_STR("store", options.url));
    return err;
}

enum err store_setup_check(const struct config *config, struct errmsg *why)
{
    if (!config->store)
        return ERR_OK;
    const struct store_options options = store_setup_options(config);
    return store_check(&options, why);
}

/* ---- the spool ---- */

#define SPOOL_NAME "emailsd.spool"

static void log_state(void *arg, int error)
{
    (void)arg;
    if (error)
        log_event(LOG_WARN, "spool_write_failed", LOG_STR("reason", strerror(error)));
    else
        log_event(LOG_INFO, "spool_write_resumed", LOG_STR("spool", SPOOL_NAME));
}

/* What is removed is logged first: after a kill in between, it is logged twice. */
static void count_or_log(void *arg, const struct spool_line *line, enum err err, bool is_over)
{
    size_t *n_recorded = arg;

    if (!err)
        (*n_recorded)++;
    else if (line)
        log_event(LOG_WARN, is_over ? "spool_entry_removed" : "spool_entry_rejected",
                  LOG_STR("error", err_words(err)), LOG_STR("batch", line->batch_id),
                  LOG_INT("number", line->batch), LOG_STR("store", line->place));
    else
        log_event(LOG_WARN, "spool_entry_rejected", LOG_STR("error", "damaged line"));
}

char *store_setup_spool_path(const struct config *config)
{
    return store_is_on_server(config->store) ? state_dir_file(SPOOL_NAME) : NULL;
}

static enum err open_spool(const struct config *config, struct spool **ret_spool,
                           struct errmsg *why)
{
    autofree char *path = store_setup_spool_path(config);

    if (path)
        return spool_open(&(struct spool_options){path, log_state, NULL}, ret_spool, why);
    errmsg_set(why, "no state directory; %s", STATE_DIR_UNKNOWN);
    return ERR_STORE_REFUSED;
}

struct spool *store_setup_open_spool(const struct config *config)
{
    struct spool *spool = NULL;
    struct errmsg why;

    if (open_spool(config, &spool, &why))
        log_event(LOG_WARN, "spool_open_failed", LOG_STR("reason", why.text));
    return spool;
}

enum err store_setup_hand_in(struct spool *spool, struct store *store, struct errmsg *why)
{
    size_t n_recorded = 0;

    if (!spool)
        return ERR_OK;
    spool_use_place(spool, store_place(store));
    enum err err = spool_hand_in(spool, store, count_or_log, &n_recorded);
    if (err)
        errmsg_set(why, "the store fails while batch ids of the spool are recorded");
    if (n_recorded)
        log_event(LOG_INFO, "spool_recorded", LOG_INT("entries", n_recorded));
    return err;
}
