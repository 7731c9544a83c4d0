/* SPDX-License-Identifier: MIT */
/* resolve.c - see resolve.h. The store decides whether a lookup can be resolved, so that a running
 * daemon that resolves it at the same time does not matter. An id may be mistyped, so it is only
 * proposed: the daemon asks the upstream whether that batch contains the lookups. */
#include "commands/resolve.h"

#include <string.h>
#include <time.h>

#define BATCH_ID_MAX 128
#define POLLS        600 /* of a running daemon, each after POLL_NS */
#define POLL_NS      100000000L

static enum resolve_end reject(enum resolve_end end, const char *text, struct errmsg *why)
{
    errmsg_set(why, "%s", text);
    return end;
}

static bool is_batch_id(const char *text)
{
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    return len > 0 && len <= BATCH_ID_MAX && text[0] != ' ' && text[len - 1] != ' ';
}

static enum resolve_end judge(enum err err, const char *if_absent, struct errmsg *why)
{
    if (!err)
        return RESOLVE_DONE;
    return reject(RESOLVE_REJECTED,
                  err == ERR_NO_ENTRY ? if_absent : "cannot access the store now; try again", why);
}

static enum resolve_end propose(struct store *store, const struct resolution *resolution,
                                struct errmsg *why)
{
    int64_t batch;
    enum err err = store_batch_of(store, resolution->tracking_id, &batch);

    if (err)
        return judge(err, "unknown tracking id; `emailsd inspect` lists them", why);
    return judge(store_propose_batch(store, resolution->tracking_id, resolution->batch_id),
                 "the outcome of this lookup is not unknown, or its batch has another id; see "
                 "`emailsd inspect`",
                 why);
}

/* Waits until the running daemon has checked the proposal. Returns STORE_PROPOSED if that takes too
 * long. */
static enum store_proposal_state await_check(struct store *store, const char *tracking_id)
{
    const struct timespec pause = {0, POLL_NS};
    enum store_proposal_state state = STORE_PROPOSED;

    for (int i = 0; i < POLLS && state == STORE_PROPOSED; i++) {
        nanosleep(&pause, NULL);
        store_proposal_state(store, tracking_id, &state); /* if it fails, the next poll may not */
    }
    return state;
}

static enum resolve_end resume(struct store *store, const struct resolution *resolution, FILE *out,
                               struct errmsg *why)
{
    struct store_stats stats;
    enum resolve_end end = propose(store, resolution, why);

    if (end != RESOLVE_DONE)
        return end;
    if (store_stats(store, &stats) || !stats.owned) {
        fputs("recorded: the id is checked when emailsd is started\n", out);
        return RESOLVE_DONE;
    }
    switch (await_check(store, resolution->tracking_id)) {
    case STORE_PROPOSED:
        fputs("recorded: the upstream has not confirmed the id yet; emailsd asks again\n", out);
        break;
    case STORE_PROPOSAL_CONFIRMED:
        fputs("resumed: the results of the batch are read now\n", out);
        break;
    case STORE_PROPOSAL_REJECTED:
        return reject(RESOLVE_REJECTED,
                      "the upstream has no such batch, or it does not contain this lookup; nothing "
                      "was changed",
                      why);
    }
    return RESOLVE_DONE;
}

static enum resolve_end refund(struct store *store, const struct resolution *resolution, FILE *out,
                               struct errmsg *why)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    enum resolve_end end = judge(
        store_resolve_not_taken(store, resolution->tracking_id,
                                (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000),
        "unknown tracking id, or the outcome of this lookup is known; see `emailsd inspect`", why);
    if (end == RESOLVE_DONE)
        fputs("refunded: the question may be asked again\n", out);
    return end;
}

enum resolve_end resolve_print(struct store *store, const struct resolution *resolution, FILE *out,
                               struct errmsg *why)
{
    if (!resolution->batch_id == !resolution->not_taken)
        return reject(RESOLVE_USAGE,
                      "usage: emailsd resolve TRACKING-ID --batch BATCH-ID, or --not-taken", why);
    if (resolution->batch_id && !is_batch_id(resolution->batch_id))
        return reject(RESOLVE_USAGE, "--batch: must be 1 to 128 printable characters", why);
    return resolution->batch_id ? resume(store, resolution, out, why)
                                : refund(store, resolution, out, why);
}
