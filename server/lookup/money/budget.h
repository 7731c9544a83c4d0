/* SPDX-License-Identifier: MIT */
/* budget.h - daily credit limit for all clients together, and what each client has spent.
 *
 * One task counts as one credit. Only the upstream knows what it really charges: at most that, or
 * little more. A credit is reserved when a lookup starts, journalled before the submit may leave,
 * and refunded if the task provably was never created. So no restart and no kill can exceed the
 * limit.
 *
 * A credit counts on the UTC day on which its submit leaves. Credits that are pending at midnight
 * may still leave, so they count on the new day from its start: they are used, and the new day's
 * limit still holds. Days only go forward: if the wall clock is set back, the current day
 * continues. Engine thread only. */
#ifndef LOOKUP_MONEY_BUDGET_H
#define LOOKUP_MONEY_BUDGET_H

#include "base/clock.h"
#include "base/err.h"
#include "model/account.h"
#include "store/store.h"

#include <stdint.h>

struct account;
struct budget;

/* One credit; a plain value. Zeroed = no credit. */
struct credit {
    struct account *account; /* while pending; NULL = committed, refunded, or no credit */
    int64_t day;             /* UTC day of its last submit, in days since 1970 */
};

/* `credits_per_day` 0 = no limit. `clock` is borrowed. */
struct budget *budget_new(int64_t credits_per_day, const struct clock *clock);
void budget_free(struct budget *budget);

/* Loads the accounts of the current day from the store, and returns its errors. Call after the
 * recovery, which may refund credits. */
enum err budget_load(struct budget *budget, struct store *store);

/* Changes the limit; thresholds are logged again. */
void budget_set_limit(struct budget *budget, int64_t credits_per_day);

/* Reserves one credit for the payer. Returns ERR_CREDITS_EXHAUSTED if the limit of the day is
 * reached; *ret_retry_after_s is then the number of seconds until the next day. Returns
 * ERR_QUOTA_EXCEEDED if only the payer's quota is reached, and 0 seconds, which is no advice: many
 * HTTP libraries sleep for the Retry-After of a 429, however long it is. */
enum err budget_reserve(struct budget *budget, const struct account_ref *payer,
                        struct credit *ret_credit, int *ret_retry_after_s);

/* Notes that its submit leaves now, for the first time or again: sets credit->day to today. The
 * credit stays pending until one of the next two calls, which are no-ops if it is not pending. */
void budget_stamp(struct budget *budget, struct credit *credit);

/* Commits the credit: it is spent, or may be. */
void budget_commit(struct budget *budget, struct credit *credit);

/* Refunds the credit: nothing was created. */
void budget_refund(struct budget *budget, struct credit *credit);

/* Another process refunded the credit of that task in the store. Counts each once, in the order of
 * their numbers, and none that was part of what budget_load() read. */
void budget_note_refund(struct budget *budget, const struct store_not_taken *task);

struct budget_state {
    int64_t day, limit, spent; /* limit 0 = no limit */
    int64_t day_ends_ms;       /* wall time */
};
struct budget_state budget_state(struct budget *budget);

/* Return what one client has spent today, and what it may still spend. */
int64_t budget_spent_by(struct budget *budget, const char *client);
struct quota_status budget_allowance(struct budget *budget, const struct account_ref *payer);

struct budget_account {
    int64_t spent;
    struct quota_status allowance; /* by its quota */
    bool is_limited;               /* by the quota or by the limit for all clients: then */
    int64_t remaining;             /* is the smaller remainder of both */
    int64_t day_ends_ms;           /* wall time */
};
struct budget_account budget_account(struct budget *budget, const struct account_ref *payer);

#endif
