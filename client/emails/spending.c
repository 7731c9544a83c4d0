/* SPDX-License-Identifier: MIT */
/* spending.c - see spending.h. */
#include "client/emails/spending.h"

#include "client/emails/usage.h"

void spending_start(struct spending *spending, struct session *session)
{
    const struct options *options = session->options;
    struct usage usage;

    *spending = (struct spending){.used_before = -1};
    if (options->max_credits > 0 && !options->dry_run && usage_read(session, &usage))
        spending->used_before = usage.credits;
}

void spending_lost(struct spending *spending, struct entry *entry)
{
    entry->may_be_paid = true;
    spending->in_flight++;
}

/* What the results so far, and the counts before them, say. */
static int64_t seen(const struct spending *spending, const struct session *session)
{
    return spending->spent + session->tally.yes + session->tally.maybe - spending->counted;
}

void spending_count(struct spending *spending, struct session *session)
{
    int64_t at_least = seen(spending, session);
    int64_t at_most = at_least + (int64_t)spending->in_flight;
    struct usage usage;

    if (spending->in_flight == 0 || session->options->max_credits < 0)
        return;
    spending->spent = at_most;
    spending->counted = session->tally.yes + session->tally.maybe;
    spending->in_flight = 0;
    if (spending->used_before < 0 || !usage_read(session, &usage))
        return;
    int64_t used = usage.credits - spending->used_before;
    if (used >= at_least && used < at_most) /* less: another day has begun */
        spending->spent = used;
}

int64_t spending_left(const struct spending *spending, const struct session *session)
{
    int64_t limit = session->options->max_credits, spent = seen(spending, session);

    return limit < 0 ? -1 : spent < limit ? limit - spent : 0;
}
