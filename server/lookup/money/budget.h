/* SPDX-License-Identifier: MIT */
/* budget.h - what may be spent in a day, for all together, and what each client has spent.
 *
 * A credit is one task: what the vendor really takes for it is known to the vendor alone, and is at
 * most that much or little more. It is reserved when a lookup starts, written with the journal's
 * intent - before the submit may leave - and given back when the task provably was never created.
 * So no restart, and no kill, can spend more than the limit.
 *
 * What was bought is on the account of the day on which its submit left. What is pending at
 * midnight, and so may yet leave, counts on the new day from its beginning: whatever was reserved
 * in time is sent, and the new day's limit holds all the same. Days are UTC's and only go forward:
 * a wall clock that is set back stays on the day that has begun. Engine thread only. */
#ifndef LOOKUP_MONEY_BUDGET_H
#define LOOKUP_MONEY_BUDGET_H

#include "base/clock.h"
#include "base/err.h"
#include "model/account.h"
#include "store/store.h"

#include <stdint.h>

struct account;
struct budget;

/* One credit. Plain value; zeroed is none. */
struct credit {
    struct account *account; /* while it is pending; NULL = spent, given back, or none */
    int64_t day;             /* on which it left last */
};

/* `credits_per_day` 0 = no limit. */
struct budget *budget_new(int64_t credits_per_day, const struct clock *clock);
void budget_free(struct budget *budget);

/* Takes over what the store says of today. After the recovery, which may give credits back. */
enum err budget_load(struct budget *budget, struct store *store);

/* Another limit from now on; warned of anew. */
void budget_set_limit(struct budget *budget, int64_t credits_per_day);

/* One credit for the asker, pending. ERR_CREDITS_EXHAUSTED when the day's are spent,
 * ERR_QUOTA_EXCEEDED when only the asker's own are; then *ret_retry_after_s is when the next day
 * begins. */
enum err budget_reserve(struct budget *budget, const struct account_ref *payer,
                        struct credit *ret_credit, int *ret_retry_after_s);

/* Its submit leaves now, for the first time or again: credit->day is today. It stays pending until
 * one of these, which do nothing to a credit that is not. */
void budget_stamp(struct budget *budget, struct credit *credit);

/* It is spent, or may be. */
void budget_commit(struct budget *budget, struct credit *credit);

/* Nothing was created: given back. */
void budget_refund(struct budget *budget, struct credit *credit);

struct budget_state {
    int64_t day, limit, spent; /* limit 0 = none */
    int64_t day_ends_ms;       /* wall time */
};
struct budget_state budget_state(struct budget *budget);

/* What one client has spent today, and may spend still. */
int64_t budget_spent_by(struct budget *budget, const char *client);
struct quota_status budget_allowance(struct budget *budget, const struct account_ref *payer);

struct budget_account {
    int64_t spent;
    struct quota_status allowance; /* by the quota */
    bool is_limited;               /* by the quota, or by what all together may spend: then */
    int64_t remaining;             /* is the smaller one of both */
    int64_t day_ends_ms;           /* wall time */
};
struct budget_account budget_account(struct budget *budget, const struct account_ref *payer);

#endif
