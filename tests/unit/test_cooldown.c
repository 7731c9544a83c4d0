/* SPDX-License-Identifier: MIT */
/* test_cooldown.c - tests that a question is in cooldown until its time, and not longer. */
#include "base/clock.h"
#include "lookup/records/cooldown.h"

#include "tests/support/suite.h"

static const unsigned char key[HASH_SIZE] = "one question", other[HASH_SIZE] = "another";
static struct timers timers;
static struct cooldowns *cooldowns;
static const char *detail;
static int64_t until_ms;

static void setup(void)
{
    timers_init(&timers);
    cooldowns = cooldowns_new(&timers);
    detail = "untouched";
    until_ms = -1;
}

static void teardown(void)
{
    cooldowns_free(cooldowns);
    ck_assert_int_eq(timers_next_ms(&timers), INT64_MAX); /* every entry is freed */
    timers_done(&timers);
}

FIXTURE(setup, teardown);

static enum err find(const unsigned char *of)
{
    return cooldown_check(cooldowns, of, &detail, &until_ms);
}

static void set(const char *lookup_id, enum err err, const char *of, int64_t ends_ms)
{
    cooldown_set(cooldowns, key, &(struct cooldown_cause){lookup_id, err, of}, ends_ms);
}

TEST(cooldown_lasts_until_its_time)
{
    set("first", ERR_UPSTREAM_OUTCOME_UNKNOWN, "lost", 1000);
    timers_run(&timers, 999);
    ck_assert_int_eq(find(key), ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_str_eq(detail, "lost");
    ck_assert_int_eq(until_ms, 1000);
    timers_run(&timers, 1000);
    ck_assert_int_eq(find(key), ERR_OK);
    ck_assert_uint_eq(cooldowns_count(cooldowns), 0);
}

TEST(cooldown_does_not_affect_other_questions)
{
    set("first", ERR_UPSTREAM_OUTCOME_UNKNOWN, NULL, 1000);
    ck_assert_int_eq(find(other), ERR_OK);
    ck_assert_str_eq(detail, "untouched");
    ck_assert_int_eq(until_ms, -1);
}

TEST(cooldown_set_again_replaces_that_of_the_same_lookup)
{
    set("first", ERR_UPSTREAM_OUTCOME_UNKNOWN, "lost", 2000);
    set("first", ERR_LOOKUP_FAILED, NULL, 1000);
    ck_assert_int_eq(find(key), ERR_LOOKUP_FAILED);
    ck_assert_ptr_null(detail);
    ck_assert_int_eq(until_ms, 1000);
    timers_run(&timers, 1500);
    ck_assert_int_eq(find(key), ERR_OK);
}

/* In whichever order they are set. */
RANGE_TEST(cooldown_that_ends_later_is_kept_if_two_lookups_have_one, 0, 3)
{
    const char *const other_lookup = _i == 2 ? NULL : "first";

    if (_i > 0)
        set("second", ERR_UPSTREAM_OUTCOME_UNKNOWN, "lost", 2000);
    set(other_lookup, ERR_LOOKUP_FAILED, NULL, 1000);
    if (_i == 0)
        set("second", ERR_UPSTREAM_OUTCOME_UNKNOWN, "lost", 2000);
    timers_run(&timers, 1500);
    ck_assert_int_eq(find(key), ERR_UPSTREAM_OUTCOME_UNKNOWN);
    ck_assert_str_eq(detail, "lost");
    ck_assert_int_eq(until_ms, 2000);
    ck_assert_uint_eq(cooldowns_count(cooldowns), 1);
}

TEST(cooldown_is_ended_only_by_the_lookup_that_is_its_cause)
{
    set("second", ERR_UPSTREAM_OUTCOME_UNKNOWN, "lost", 1000);
    cooldown_end(cooldowns, key, "first");
    cooldown_end(cooldowns, other, "second");
    ck_assert_int_eq(find(key), ERR_UPSTREAM_OUTCOME_UNKNOWN);
    cooldown_end(cooldowns, key, "second");
    ck_assert_int_eq(find(key), ERR_OK);
}
