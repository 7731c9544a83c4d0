/* SPDX-License-Identifier: MIT */
/* list_oracle.c - see list_oracle.h. */
#include "list_oracle.h"

#include "lookup/lists/bulk_state.h"

#include "tests/support/suite.h"

struct list_plan list_plan;

static void check_credits(const struct list_reader *reader)
{
    const struct bulk *bulk = reader->open.reader->bulk;
    size_t spent = bulk->n_charged[CHARGED_YES] + bulk->n_charged[CHARGED_MAYBE];

    ck_assert_uint_le(bulk->n_ended, bulk->n);
    if (!bulk->is_over && bulk->list->max_credits >= 0)
        ck_assert_uint_le(spent + bulk->n_may_pay, (size_t)bulk->list->max_credits);
}

void check_lists(void)
{
    for (size_t i = 0; i < list_plan.n_readers; i++)
        if (!list_plan.readers[i]->is_closed)
            check_credits(list_plan.readers[i]);
}

static int is_expired(int i)
{
    return list_plan.has_expired && i < EXPIRED;
}

void check_ledger_of_each(void)
{
    for (int i = 0; i < COMPANIES; i++) {
        size_t n = fake_upstream_ledger_of(flow.upstream, flow_company(i));
        if (!list_plan.has_lost_submits)
            ck_assert_msg(n <= (size_t)(1 + list_plan.deleted[i] + is_expired(i)),
                          "company%d.com was paid %zu times", i, n);
    }
}

static bool is_first_reader_of_its_list(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (list_plan.readers[j]->open.reader->bulk == list_plan.readers[i]->open.reader->bulk)
            return false;
    return true;
}

void check_ledger(void)
{
    size_t yes = 0, maybe = 0, created = fake_upstream_ledger(flow.upstream);

    for (size_t i = 0; i < list_plan.n_readers; i++) {
        const struct list_reader *reader = list_plan.readers[i];
        if (!is_first_reader_of_its_list(i))
            continue;
        yes += list_charged(reader, CHARGED_YES);
        maybe += list_charged(reader, CHARGED_MAYBE);
    }
    for (size_t i = 0; i < flow.n_callers; i++) {
        const struct caller *caller = flow.callers[i];
        if (caller->from_cache || caller->collapsed || !*caller->lookup_id)
            continue;
        yes += !caller->err;
        maybe += caller->err == ERR_STILL_PROCESSING || caller->charged == CHARGED_MAYBE;
    }
    ck_assert_msg(yes <= created && created <= yes + maybe,
                  "%zu were created, %zu are charged, and %zu perhaps", created, yes, maybe);
}

/* A result is only missing if it was deleted, or is still to be written, and not in the cache. */
void check_missing(void)
{
    bool has_deleted = list_plan.was_store_away;

    for (int i = 0; i < COMPANIES; i++)
        has_deleted = has_deleted || list_plan.deleted[i];
    for (size_t i = 0; i < list_plan.n_readers && !has_deleted; i++)
        for (size_t j = 0; j < list_plan.readers[i]->n_entries; j++) {
            const struct listed *entry = &list_plan.readers[i]->entries[j];
            ck_assert(!entry->times || entry->err != ERR_NOT_CACHED ||
                      entry->outcome != BULK_FAILED);
        }
}
