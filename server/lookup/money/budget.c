/* SPDX-License-Identifier: MIT */
/* budget.c - see budget.h. One table of clients for the current day; a new day starts with the
 * pending credits. */
#include "lookup/money/budget.h"

#include "base/hashtable.h"
#include "base/log.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MS        INT64_C(86400000)
#define ACCOUNTS_MAX  100000 /* further clients share one account */
#define SHARED_CLIENT "*"

/* Highest threshold logged for an account: `percent` of `limit`. */
struct warned {
    int64_t limit;
    int percent;
};

struct account {
    char client[ACCOUNT_NAME_MAX + 1];
    int64_t credits;
    int64_t pending; /* part of `credits` */
    struct warned warned;
    UT_hash_handle hh;
};

struct budget {
    const struct clock *clock;
    int64_t limit, day, spent;
    struct warned warned;
    struct account *accounts;
    int64_t last_refund; /* number of the last one in the accounts; see store_accounts() */
};

struct budget *budget_new(int64_t credits_per_day, const struct clock *clock)
{
    struct budget *budget = xcalloc(1, sizeof *budget);

    budget->clock = clock;
    budget->limit = credits_per_day;
    budget->day = INT64_MIN;
    return budget;
}

static void close_account(struct budget *budget, struct account *account)
{
    HASH_DEL(budget->accounts, account);
    free(account);
}

static void close_accounts(struct budget *budget)
{
    while (budget->accounts)
        close_account(budget, budget->accounts);
    budget->spent = 0;
}

void budget_free(struct budget *budget)
{
    if (!budget)
        return;
    close_accounts(budget);
    free(budget);
}

/* ---- days ---- */

/* If a new day has begun, starts it with the pending credits. */
static void turn_day(struct budget *budget)
{
    int64_t today = budget->clock->wall_ms / DAY_MS;
    struct account *account, *next;

    if (today <= budget->day)
        return;
    budget->day = today;
    budget->spent = 0;
    budget->warned = (struct warned){0};
    HASH_ITER (hh, budget->accounts, account, next) {
        account->credits = account->pending;
        account->warned = (struct warned){0};
        budget->spent += account->pending;
        if (!account->pending)
            close_account(budget, account);
    }
}

/* Returns when the current day ends, even if the wall clock has not reached that day. */
static int64_t day_ends_ms(const struct budget *budget)
{
    return (budget->day + 1) * DAY_MS;
}

/* Returns seconds, at least 1: the day has not ended. */
static int retry_after_s(const struct budget *budget)
{
    int64_t left_s = clock_ceil_s(day_ends_ms(budget) - budget->clock->wall_ms);

    return left_s > DAY_MS / 1000 ? (int)(DAY_MS / 1000) : (int)left_s;
}

/* ---- accounts ---- */

static struct account *find(const struct budget *budget, const char *client)
{
    char name[ACCOUNT_NAME_MAX + 1];
    struct account *account;

    snprintf(name, sizeof name, "%s", client);
    HASH_FIND_STR(budget->accounts, name, account);
    return account;
}

static struct account *find_or_open(struct budget *budget, const char *client)
{
    struct account *account = find(budget, client);

    if (!account && HASH_COUNT(budget->accounts) >= ACCOUNTS_MAX) {
        client = SHARED_CLIENT;
        account = find(budget, client);
    }
    if (account)
        return account;
    account = xcalloc(1, sizeof *account);
    snprintf(account->client, sizeof account->client, "%s", client);
    HASH_ADD_STR(budget->accounts, client, account);
    return account;
}

static void add(struct budget *budget, struct account *account, int64_t credits)
{
    account->credits += credits;
    budget->spent += credits;
}

static void load_account(void *arg, const char *client, int64_t credits)
{
    add(arg, find_or_open(arg, client), credits);
}

enum err budget_load(struct budget *budget, struct store *store)
{
    int64_t last_day;
    enum err err = store_last_day(store, &last_day);

    if (err)
        return err;
    close_accounts(budget);
    budget->day = last_day;
    turn_day(budget);
    /* If the clock was ahead when credits were spent, that day continues until it ends. */
    if (budget->clock->wall_ms < budget->day * DAY_MS) {
        char until[CLOCK_TEXT];
        clock_rfc3339(day_ends_ms(budget), until);
        log_event(LOG_WARN, "budget_day_in_future", LOG_STR("until", until));
    }
    return store_accounts(store, budget->day, load_account, budget, &budget->last_refund);
}

/* ---- spending ---- */

/* Logs each threshold once per day, and again if the limit changes. `client` NULL = all clients. */
static void warn(const char *client, int64_t spent, int64_t limit, struct warned *warned)
{
    static const int steps[] = {95, 80, 50};

    if (warned->limit != limit)
        *warned = (struct warned){.limit = limit};
    for (size_t i = 0; i < ARRAY_LEN(steps) && steps[i] > warned->percent; i++) {
        if (spent * 100 < limit * steps[i])
            continue;
        warned->percent = steps[i];
        log_event(LOG_WARN, "credits_threshold_reached", LOG_STR("client", client),
                  LOG_INT("percent", steps[i]), LOG_INT("spent", spent), LOG_INT("limit", limit));
        return;
    }
}

static void warn_all(struct budget *budget)
{
    if (budget->limit)
        warn(NULL, budget->spent, budget->limit, &budget->warned);
}

void budget_set_limit(struct budget *budget, int64_t credits_per_day)
{
    turn_day(budget);
    budget->limit = credits_per_day;
    warn_all(budget);
}

enum err budget_reserve(struct budget *budget, const struct account_ref *payer,
                        struct credit *ret_credit, int *ret_retry_after_s)
{
    enum err err = ERR_OK;

    turn_day(budget);
    if (budget->limit && budget->spent >= budget->limit)
        err = ERR_CREDITS_EXHAUSTED;
    else if (payer->quota >= 0 && budget_spent_by(budget, payer->name) >= payer->quota)
        err = ERR_QUOTA_EXCEEDED;
    if (err) {
        *ret_retry_after_s = err == ERR_QUOTA_EXCEEDED ? 0 : retry_after_s(budget);
        return err;
    }
    struct account *account = find_or_open(budget, payer->name);
    add(budget, account, 1);
    account->pending++;
    warn_all(budget);
    if (payer->quota >= 0)
        warn(payer->name, account->credits, payer->quota, &account->warned);
    *ret_credit = (struct credit){.account = account, .day = budget->day};
    return ERR_OK;
}

void budget_stamp(struct budget *budget, struct credit *credit)
{
    turn_day(budget);
    credit->day = budget->day;
}

/* Ends a pending credit; `counts` says whether it stays on the account of the current day. */
static void end_credit(struct budget *budget, struct credit *credit, bool counts)
{
    struct account *account = credit->account;

    credit->account = NULL;
    account->pending--;
    if (!counts)
        add(budget, account, -1);
}

void budget_commit(struct budget *budget, struct credit *credit)
{
    turn_day(budget);
    if (credit->account)
        end_credit(budget, credit, credit->day == budget->day);
}

void budget_refund(struct budget *budget, struct credit *credit)
{
    turn_day(budget);
    if (credit->account)
        end_credit(budget, credit, false);
}

void budget_note_refund(struct budget *budget, const struct store_not_taken *task)
{
    turn_day(budget);
    struct account *account = find(budget, task->client);
    if (task->number <= budget->last_refund)
        return;
    budget->last_refund = task->number;
    if (account && task->day == budget->day && account->credits > account->pending)
        add(budget, account, -1);
}

struct budget_state budget_state(struct budget *budget)
{
    turn_day(budget);
    return (struct budget_state){.day = budget->day,
                                 .limit = budget->limit,
                                 .spent = budget->spent,
                                 .day_ends_ms = day_ends_ms(budget)};
}

int64_t budget_spent_by(struct budget *budget, const char *client)
{
    turn_day(budget);
    const struct account *account = find(budget, client);
    return account ? account->credits : 0;
}

struct quota_status budget_allowance(struct budget *budget, const struct account_ref *payer)
{
    int64_t spent = budget_spent_by(budget, payer->name);

    if (payer->quota < 0)
        return (struct quota_status){0};
    return (struct quota_status){.limited = true,
                                 .quota = payer->quota,
                                 .left = spent < payer->quota ? payer->quota - spent : 0,
                                 .resets_s = retry_after_s(budget)};
}

struct budget_account budget_account(struct budget *budget, const struct account_ref *payer)
{
    struct budget_state all = budget_state(budget);
    struct budget_account account = {.spent = budget_spent_by(budget, payer->name),
                                     .allowance = budget_allowance(budget, payer),
                                     .day_ends_ms = all.day_ends_ms};
    int64_t left = all.limit > all.spent ? all.limit - all.spent : 0;

    account.is_limited = account.allowance.limited || all.limit;
    account.remaining = account.allowance.left;
    if (all.limit && (!account.allowance.limited || left < account.remaining))
        account.remaining = left;
    return account;
}
