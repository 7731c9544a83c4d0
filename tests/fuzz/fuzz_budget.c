/* SPDX-License-Identifier: MIT */
/* fuzz_budget.c - fuzzes the budget against a list of credits that is counted again each time.
 *
 * Two bytes per step: the operation, and its client, number or credit. A credit is reserved,
 * then written into a real store's journal and sent, perhaps sent again, perhaps resubmitted
 * with the risk of paying twice. Then the batch ends: paid, or never created and refunded. Days
 * pass, clocks are set back, the limit changes, and the process restarts. */
#include "base/log.h"
#include "base/mem.h"
#include "lookup/money/budget.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREDITS 128
#define CLIENTS 4
#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

enum state { UNUSED, RESERVED, SENT, PAID };

struct model {
    enum state state;
    unsigned client;
    struct credit credit;
    bool risked;
    int64_t day, batch; /* of a credit that was sent */
};

struct world {
    struct budget *budget;
    struct store *store;
    struct clock clock;
    struct model credits[CREDITS];
    int64_t day, limit; /* the day of the account, which never goes back */
};

static const char *const names[CLIENTS] = {"ann", "ben", "cho", "dee"};
/* No client's, zero, a few, many. */
static const int64_t quotas[CLIENTS] = {ACCOUNT_NO_QUOTA, 0, 3, 40};

/* ---- the model ---- */

/* Returns whether the credit counts today. A pending credit counts on every day. */
static bool counts(const struct world *world, const struct model *model)
{
    return model->state == RESERVED || model->state == SENT ||
           (model->state == PAID && model->day == world->day);
}

/* Returns the number of credits that count today; `client` CLIENTS = all. */
static int64_t count(const struct world *world, unsigned client)
{
    int64_t n = 0;

    for (size_t i = 0; i < CREDITS; i++) {
        const struct model *model = &world->credits[i];
        n += counts(world, model) && (client == CLIENTS || model->client == client);
    }
    return n;
}

static void turn_day(struct world *world)
{
    int64_t today = world->clock.wall_ms / DAY_MS;

    if (today > world->day)
        world->day = today;
}

static void check_all(struct world *world)
{
    struct budget_state state = budget_state(world->budget);

    turn_day(world);
    FUZZ_WANT(state.day == world->day && state.limit == world->limit);
    FUZZ_WANT(state.spent >= 0 && state.spent == count(world, CLIENTS));
    FUZZ_WANT(state.day_ends_ms == (world->day + 1) * DAY_MS);
    for (unsigned c = 0; c < CLIENTS; c++) {
        struct account_ref payer = {names[c], quotas[c], 1};
        struct quota_status allowance = budget_allowance(world->budget, &payer);
        int64_t spent = budget_spent_by(world->budget, names[c]);
        FUZZ_WANT(spent >= 0 && spent == count(world, c));
        FUZZ_WANT(allowance.limited == (quotas[c] >= 0));
        if (allowance.limited)
            FUZZ_WANT(allowance.left >= 0 && allowance.left <= quotas[c] &&
                      allowance.resets_s >= 1 && allowance.resets_s <= 86400);
    }
}

/* ---- the steps ---- */

static struct model *find(struct world *world, enum state state, unsigned which)
{
    for (size_t i = 0; i < CREDITS; i++) {
        struct model *model = &world->credits[(which + i) % CREDITS];
        if (model->state == state)
            return model;
    }
    return NULL;
}

/* Reserves another credit for that client, in an unused entry of the model. */
static bool reserve(struct world *world, unsigned client, struct model *model)
{
    struct account_ref payer = {names[client], quotas[client], 1};
    struct credit credit = {.day = -1};
    int retry_after_s = 0;

    turn_day(world);
    int64_t all = count(world, CLIENTS), own = count(world, client);
    enum err err = budget_reserve(world->budget, &payer, &credit, &retry_after_s);
    if (world->limit && all >= world->limit)
        FUZZ_WANT(err == ERR_CREDITS_EXHAUSTED);
    else if (quotas[client] >= 0 && own >= quotas[client])
        FUZZ_WANT(err == ERR_QUOTA_EXCEEDED);
    else
        FUZZ_WANT(err == ERR_OK);
    if (err) {
        bool is_quota = err == ERR_QUOTA_EXCEEDED;
        FUZZ_WANT(credit.day == -1);
        FUZZ_WANT(is_quota ? retry_after_s == 0 : retry_after_s >= 1 && retry_after_s <= 86400);
        return false;
    }
    FUZZ_WANT(credit.account && credit.day == world->day);
    *model = (struct model){.state = RESERVED, .client = client, .credit = credit};
    return true;
}

static void reserve_one(struct world *world, unsigned which)
{
    struct model *model = find(world, UNUSED, 0);

    if (model)
        reserve(world, which % CLIENTS, model);
}

/* Before it is written, the store does not contain it. */
static void release(struct world *world, unsigned which)
{
    struct model *model = find(world, RESERVED, which);

    if (!model)
        return;
    budget_refund(world->budget, &model->credit);
    model->state = UNUSED;
}

static void leave(struct world *world, struct model *model)
{
    turn_day(world);
    budget_stamp(world->budget, &model->credit);
    FUZZ_WANT(model->credit.day == world->day);
    model->day = world->day;
    model->state = SENT;
}

static void intend(struct world *world, unsigned which)
{
    static const unsigned char key[HASH_SIZE];
    static long last_tracking_id;
    struct model *model = find(world, RESERVED, which);
    char tracking_id[32];

    if (!model)
        return;
    leave(world, model);
    snprintf(tracking_id, sizeof tracking_id, "t%ld", ++last_tracking_id);
    struct store_task task = {
        .tracking_id = tracking_id,
        .lookup_id = tracking_id,
        .key = key,
        .parts = {.domain = "a.com", .company_name = "A", .city = "", .state = "", .country = ""},
        .client = names[model->client],
        .day = model->credit.day};
    model->batch = store_new_number();
    FUZZ_WANT(!store_begin_batch(
        world->store,
        &(struct store_new_batch){
            .number = model->batch, .tasks = &task, .n = 1, .wall_ms = world->clock.wall_ms}));
}

static void send_again(struct world *world, unsigned which)
{
    struct model *model = find(world, SENT, which);

    if (!model)
        return;
    FUZZ_WANT(!store_mark_not_sent(world->store, model->batch));
    leave(world, model);
    FUZZ_WANT(!store_sending(world->store, model->batch, model->credit.day, NULL));
}

/* The first credit is spent; the batch reserves a second one. */
static void risk(struct world *world, unsigned which)
{
    struct model *first = find(world, SENT, which), *second = find(world, UNUSED, 0);

    if (!first || first->risked || !second || !reserve(world, first->client, second))
        return;
    FUZZ_WANT(!store_mark_resubmitted(world->store, first->batch, second->credit.day));
    leave(world, second);
    second->batch = first->batch;
    second->risked = true;
    budget_commit(world->budget, &first->credit);
    first->state = PAID;
}

static void end(struct world *world, unsigned which, bool created)
{
    struct model *model = find(world, SENT, which);

    if (!model)
        return;
    created = created || model->risked; /* the first of two may exist */
    struct store_end how = {.state = created ? STORE_UNKNOWN : STORE_NOT_CREATED,
                            .err = created ? ERR_UPSTREAM_OUTCOME_UNKNOWN : ERR_UPSTREAM_REJECTED,
                            .wall_ms = world->clock.wall_ms};
    FUZZ_WANT(!store_end_batch(world->store, model->batch, &how));
    if (created)
        budget_commit(world->budget, &model->credit);
    else
        budget_refund(world->budget, &model->credit);
    model->state = created ? PAID : UNUSED;
}

/* Drops what was reserved and not written, together with its lookups. What was in flight may be
 * paid. */
static void restart(struct world *world)
{
    int64_t last_day = INT64_MIN;
    struct model *model;

    while ((model = find(world, RESERVED, 0)))
        model->state = UNUSED;
    while (find(world, SENT, 0))
        end(world, 0, true);
    budget_free(world->budget);
    world->budget = budget_new(world->limit, &world->clock);
    FUZZ_WANT(!budget_load(world->budget, world->store));
    FUZZ_WANT(!store_last_day(world->store, &last_day));
    /* Without an account, no record shows that the later day has begun. */
    world->day = last_day;
    turn_day(world);
    for (size_t i = 0; i < CREDITS; i++) /* accounts that were deleted at the start */
        if (world->credits[i].day < world->day - STORE_ACCOUNT_DAYS)
            world->credits[i].state = UNUSED;
}

static void step(struct world *world, unsigned what, unsigned which)
{
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
        reserve_one(world, which);
        break;
    case 3:
        release(world, which);
        break;
    case 4:
        intend(world, which);
        break;
    case 5:
        end(world, which, true);
        break;
    case 6:
        end(world, which, false);
        break;
    case 7: /* a clock that is set back sometimes */
        world->clock.wall_ms += ((int64_t)which - 100) * HOUR_MS;
        break;
    case 8:
        world->limit = which % 64;
        budget_set_limit(world->budget, world->limit);
        break;
    case 9:
        send_again(world, which);
        break;
    case 10:
        risk(world, which);
        break;
    default:
        restart(world);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct store_options options = {.url = "memory:", .max_ended = 1000};
    struct input input = input_of(data, size);
    struct world world = {.clock = clock_fake(INT64_C(1795432804000)), .limit = 20};
    struct errmsg why;

    log_set_level(LOG_ERROR); /* warnings report spent credits */
    world.day = INT64_MIN;
    world.budget = budget_new(world.limit, &world.clock);
    FUZZ_WANT(!store_open(&options, &world.store, &why));
    while (input.left) {
        unsigned what = input_byte(&input);
        step(&world, what, input_byte(&input));
        check_all(&world);
    }
    budget_free(world.budget);
    store_close(world.store);
    return 0;
}
