/* SPDX-License-Identifier: MIT */
/* submit_policy.c - see submit_policy.h. The verdicts come from
 * client/openmart/openmart_verdict.c. */
#include "lookup/batching/submit_policy.h"

#include "base/backoff.h"
#include "base/err.h"

static enum submit_next after_refusal(const struct openmart_reply *reply,
                                      const struct submit_past *past)
{
    if (reply->err == ERR_CREDITS_EXHAUSTED)
        return SUBMIT_UNPAID;
    return reply->err == ERR_UPSTREAM_REJECTED && past->n_tasks > 1 ? SUBMIT_SPLIT : SUBMIT_END;
}

enum submit_next submit_next(const struct openmart_reply *reply, const struct submit_past *past)
{
    bool waits_long = reply->retry_after_s > SUBMIT_RETRY_AFTER_S;

    switch (reply->verdict) {
    case VERDICT_DONE:
        return SUBMIT_COLLECT;
    case VERDICT_REFUSED:
        return after_refusal(reply, past);
    case VERDICT_RETRYABLE:
        if (reply->status == 429)
            return SUBMIT_WAIT;
        return past->tries < SUBMIT_TRIES && !waits_long ? SUBMIT_RETRY : SUBMIT_END;
    case VERDICT_UNKNOWN:
        return past->may_risk && !waits_long ? SUBMIT_RISK : SUBMIT_END;
    }
    return SUBMIT_END;
}

bool submit_is_unreadable(const struct openmart_reply *reply)
{
    return reply->verdict == VERDICT_UNKNOWN && reply->status >= 200 && reply->status <= 299 &&
           reply->body_len > 0;
}

struct task_end submit_end(const struct openmart_reply *reply)
{
    bool unknown = reply->verdict == VERDICT_UNKNOWN;
    bool unreadable = submit_is_unreadable(reply);

    return (struct task_end){.raw = unreadable ? reply->body : NULL,
                             .raw_len = unreadable ? reply->body_len : 0,
                             .err = reply->err,
                             .detail = *reply->detail ? reply->detail : NULL,
                             .charged = unknown ? CHARGED_MAYBE : CHARGED_NO,
                             .retry_after_s =
                                 reply->retry_after_s > 0 ? (int)reply->retry_after_s : 0};
}

int64_t submit_wait_ms(const struct openmart_reply *reply, int tries)
{
    static const struct backoff backoff = {.first_ms = 1000, .max_ms = 4000};

    return backoff_ms(&backoff, tries, reply->retry_after_s * 1000);
}
