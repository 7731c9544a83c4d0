/* SPDX-License-Identifier: MIT */
/* upstream_balance.c - see upstream_balance.h. A failed read is ignored; the next one may
 * succeed. */
#include "lookup/money/upstream_balance.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"

#define FIRST_MS INT64_C(5000) /* not during startup */

static void read_balance(struct timer *timer);

static void read_in(struct upstream_balance *balance, int64_t ms)
{
    timer_arm(balance->timers, &balance->due, balance->clock->now_ms + ms, read_balance);
}

static void was_read(void *arg, const struct openmart_reply *reply, int64_t credits)
{
    struct upstream_balance *balance = arg;
    struct metrics *metrics = metrics_mine();

    balance->call = NULL;
    read_in(balance, balance->every_ms);
    if (reply->verdict != VERDICT_DONE)
        return;
    log_event(LOG_INFO, "upstream_balance", LOG_INT("credits", credits));
    metrics_set(&metrics->balance_known, 1);
    metrics_set(&metrics->balance, credits > 0 ? (uint64_t)credits : 0);
}

static void read_balance(struct timer *timer)
{
    struct upstream_balance *balance = container_of(timer, struct upstream_balance, due);

    balance->call = openmart_credit_balance(balance->openmart, was_read, balance);
}

void upstream_balance_start(struct upstream_balance *balance)
{
    if (balance->every_ms)
        read_in(balance, balance->every_ms < FIRST_MS ? balance->every_ms : FIRST_MS);
}

void upstream_balance_stop(struct upstream_balance *balance)
{
    if (balance->call)
        openmart_cancel(balance->call);
    balance->call = NULL;
    if (timer_armed(&balance->due))
        timer_disarm(balance->timers, &balance->due);
}
