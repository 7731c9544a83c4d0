/* SPDX-License-Identifier: MIT */
/* resolve.c - see resolve.h. The store decides whether a lookup can be resolved, so that a running
 * daemon that resolves it at the same time does not matter. */
#include "commands/resolve.h"

#include <string.h>
#include <time.h>

#define BATCH_ID_MAX 128

static enum resolve_end reject(enum resolve_end end, const char *text, struct errmsg *why)
{
    errmsg_set(why, "%s", text);
    return end;
}

static int64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_batch_id(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return len > 0 && len <= BATCH_ID_MAX;
}

static enum resolve_end judge(enum err err, const char *if_absent, struct errmsg *why)
{
    if (!err)
        return RESOLVE_DONE;
    return reject(RESOLVE_REJECTED,
                  err == ERR_NO_ENTRY ? if_absent : "cannot access the store now; try again", why);
}

static enum resolve_end resume(struct store *store, const struct resolution *resolution,
                               struct errmsg *why)
{
    int64_t batch;
    enum err err = store_batch_of(store, resolution->tracking_id, &batch);

    if (err)
        return judge(err, "unknown tracking id; `emailsd inspect` lists them", why);
    return judge(store_resolve_batch(store, batch, resolution->batch_id, wall_ms()),
                 "the outcome of this lookup is not unknown, or its batch has another id; see "
                 "`emailsd inspect`",
                 why);
}

static enum resolve_end refund(struct store *store, const struct resolution *resolution,
                               struct errmsg *why)
{
    return judge(store_resolve_not_taken(store, resolution->tracking_id, wall_ms()),
                 "unknown tracking id, or the outcome of this lookup is known; see `emailsd "
                 "inspect`",
                 why);
}

enum resolve_end resolve_print(struct store *store, const struct resolution *resolution, FILE *out,
                               struct errmsg *why)
{
    struct store_stats stats;

    if (!resolution->batch_id == !resolution->not_taken)
        return reject(RESOLVE_USAGE,
                      "usage: emailsd resolve TRACKING-ID --batch BATCH-ID, or --not-taken", why);
    if (resolution->batch_id && !is_batch_id(resolution->batch_id))
        return reject(RESOLVE_USAGE, "--batch: must be 1 to 128 printable characters", why);
    enum resolve_end end =
        resolution->batch_id ? resume(store, resolution, why) : refund(store, resolution, why);
    if (end != RESOLVE_DONE)
        return end;
    bool runs = !store_stats(store, &stats) && stats.owned;
    if (resolution->not_taken)
        fputs("refunded: the question may be asked again\n", out);
    else
        fprintf(out, "resumed: the results of the batch are read %s\n",
                runs ? "now" : "when emailsd is started");
    return RESOLVE_DONE;
}
