/* SPDX-License-Identifier: MIT */
/* ratelimit_fields.c - see ratelimit_fields.h. */
#include "http/core/ratelimit_fields.h"

#define DAY_S 86400

void ratelimit_fields_write_day(struct reply *reply, const struct quota_status *allowance)
{
    if (!allowance->limited)
        return;
    reply_header(reply, "RateLimit-Policy", "\"day\";q=%lld;w=%d", (long long)allowance->quota,
                 DAY_S);
    reply_header(reply, "RateLimit", "\"day\";r=%lld;t=%d", (long long)allowance->left,
                 allowance->resets_s);
}

void ratelimit_fields_write_rate(struct reply *reply, int64_t rate)
{
    reply_header(reply, "RateLimit-Policy", "\"second\";q=%lld;w=1", (long long)rate);
    reply_text(reply, "RateLimit", "\"second\";r=0;t=1");
}
