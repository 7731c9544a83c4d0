/* SPDX-License-Identifier: MIT */
/* balance_check.c - see balance_check.h. */
#include "lookup/batching/balance_check.h"

#include "base/mem.h"

bool balance_check_is_denial(enum err err)
{
    return err == ERR_UPSTREAM_AUTH || err == ERR_CREDITS_EXHAUSTED || err == ERR_UPSTREAM_BANNED;
}

static struct balance_answer meaning_of(const struct openmart_reply *reply, int64_t balance)
{
    if (balance_check_is_denial(reply->err))
        return (struct balance_answer){.meaning = BALANCE_DENIED, .err = reply->err};
    if (reply->verdict != VERDICT_DONE)
        return (struct balance_answer){.meaning = BALANCE_UNKNOWN};
    if (balance <= 0)
        return (struct balance_answer){.meaning = BALANCE_NONE};
    return (struct balance_answer){.meaning = BALANCE_LEFT, .credits = balance};
}

static void was_read(void *arg, const struct openmart_reply *reply, int64_t balance)
{
    struct balance_check *check = arg;
    const struct balance_answer answer = meaning_of(reply, balance);

    check->call = NULL;
    check->done(check->arg, &answer);
}

void balance_check_start(struct balance_check *check)
{
    if (!check->call)
        check->call = openmart_credit_balance(check->openmart, was_read, check);
}

void balance_check_cancel(struct balance_check *check)
{
    if (check->call)
        openmart_cancel(TAKE(check->call));
}
