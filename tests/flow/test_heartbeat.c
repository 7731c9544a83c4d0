/* SPDX-License-Identifier: MIT */
/* test_heartbeat.c - tests that the engine shows other processes that the owner of the store is
 * alive. */
#include "flow.h"
#include "held_calls.h"
#include "store/driver.h"

#include "tests/support/suite.h"

static size_t n_heartbeats;

static enum err count_heartbeat(struct store *of, struct errmsg *reason)
{
    (void)of;
    (void)reason;
    n_heartbeats++;
    return ERR_OK;
}

/* As the store in PostgreSQL does, the store of the flow requires heartbeats. */
static void require_heartbeats(void)
{
    static struct store_driver driver;

    driver = *flow.store->driver;
    driver.heartbeat = count_heartbeat;
    flow.store->driver = &driver;
}

TEST(heartbeats_are_sent_every_second_and_one_at_a_time)
{
    require_heartbeats();
    flow_advance(5000);
    ck_assert_uint_eq(n_heartbeats, 5);
    held_calls_set(HOLD_POSTED, "heartbeat");
    flow_advance(5000);
    ck_assert_uint_eq(held_calls_count(), 1);
    held_calls_release();
    flow_advance(2000);
    ck_assert_uint_eq(n_heartbeats, 5 + 1 + 2);
}
