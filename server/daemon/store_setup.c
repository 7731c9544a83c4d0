/* SPDX-License-Identifier: MIT */
/* store_setup.c - see store_setup.h. */
#include "daemon/store_setup.h"

#include "base/log.h"

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
