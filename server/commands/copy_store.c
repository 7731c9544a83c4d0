/* SPDX-License-Identifier: MIT */
/* copy_store.c - see copy_store.h. */
#include "commands/copy_store.h"

#include "store/copy.h"

static const char *const words[STORE_TABLES] = {
    [STORE_BATCHES] = "batches",     [STORE_TASKS] = "tasks",
    [STORE_ANSWERS] = "results",     [STORE_RAW_RESULTS] = "raw results",
    [STORE_ACCOUNTS] = "accounts",   [STORE_SETTINGS] = "settings",
    [STORE_PROPOSALS] = "proposals",
};

enum err copy_store_print(const struct store_options *from, const struct store_options *to,
                          FILE *out, struct errmsg *why)
{
    struct store_copied copied;
    enum err err = store_copy_all(from, to, &copied, why);

    if (err)
        return err;
    for (int table = 0; table < STORE_TABLES; table++)
        fprintf(out, "%-12s %lld\n", words[table], (long long)copied.rows[table]);
    fprintf(out, "%-12s %lld\ncopied, and every row compared\n", "credits",
            (long long)copied.credits);
    return ERR_OK;
}
