/* SPDX-License-Identifier: MIT */
/* test_store_execute.c - tests which calls share a transaction or a write, and what a failure does
 * to the others, with a driver that records what it executes. */
#include "base/mem.h"
#include "store/driver.h"
#include "store/execute.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <utlist.h>

#define CALLS_MAX 300

static struct {
    struct store store;
    enum err begin_err, end_err; /* of the next group */
    size_t n_begun, n_ended;
    bool is_in_group;
    /* Calls of the kind `alike`, if there are no groups: */
    enum err many_err;
    size_t n_together, n_many, most; /* those of the last one; number of writes; its limit */
} disk;

/* A call that returns `planned`. */
struct step {
    struct store_call call;
    enum err planned;
    size_t n_executed;
    bool was_in_group;
};

static struct step steps[CALLS_MAX];
static struct store_call *list;
static struct store_executor executor = {.store = &disk.store};

static enum err begin(struct store *store)
{
    ck_assert_ptr_eq(store, &disk.store);
    ck_assert(!disk.is_in_group);
    disk.n_begun++;
    disk.is_in_group = disk.begin_err == ERR_OK;
    return disk.begin_err;
}

static enum err end(struct store *store)
{
    ck_assert_ptr_eq(store, &disk.store);
    ck_assert(disk.is_in_group);
    disk.n_ended++;
    disk.is_in_group = false;
    return disk.end_err;
}

static const struct store_driver driver = {.group_begin = begin, .group_end = end};
static const struct store_driver without_groups = {.group_begin = NULL};

static enum err execute(struct store *store, struct store_call *call)
{
    struct step *step = container_of(call, struct step, call);

    ck_assert_ptr_eq(store, &disk.store);
    step->n_executed++;
    step->was_in_group = disk.is_in_group;
    return step->planned;
}

static enum err execute_many(struct store *store, struct store_call *first, size_t n, size_t *ret_n)
{
    ck_assert_ptr_eq(store, &disk.store);
    ck_assert_uint_ge(n, 2);
    disk.n_together = n;
    disk.n_many++;
    if (disk.many_err)
        return disk.many_err;
    *ret_n = disk.most && disk.most < n ? disk.most : n;
    for (size_t i = 0; i < *ret_n; i++, first = first->next)
        first->err = execute(store, first);
    return ERR_OK;
}

static const struct store_kind journal = {"test", STORE_JOURNAL, execute, NULL};
static const struct store_kind alike = {"alike", STORE_JOURNAL, execute, execute_many};
static const struct store_kind also_alike = {"also_alike", STORE_JOURNAL, execute, execute_many};
static const struct store_kind alone = {"test", STORE_JOURNAL_ALONE, execute, NULL};
static const struct store_kind upkeep = {"test", STORE_UPKEEP, execute, NULL};

static void setup(void)
{
    disk.store.driver = &driver;
}

FIXTURE(setup, NULL);

static void add(size_t i, const struct store_kind *kind, uint64_t era)
{
    steps[i].call.kind = kind;
    steps[i].call.era = era;
    DL_APPEND(list, &steps[i].call);
}

static void add_journal(size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(i, &journal, 1);
}

static void check_errs(size_t n, const enum err *errs)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(steps[i].call.err == errs[i], "call %zu: %s", i,
                      err_words(steps[i].call.err));
}

static void check_executed(size_t n, const char *marks)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(steps[i].n_executed == (marks[i] == 'x'), "call %zu", i);
}

TEST(execute_group_is_one_transaction)
{
    add_journal(3);
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    ck_assert_uint_eq(disk.n_ended, 1);
    check_executed(3, "xxx");
    for (size_t i = 0; i < 3; i++)
        ck_assert(steps[i].was_in_group);
}

TEST(execute_group_of_one_has_no_savepoint)
{
    add_journal(1);
    ck_assert_uint_eq(store_execute_group(&executor, list), 1);
    ck_assert_uint_eq(disk.n_begun, 0);
    check_executed(1, "x");
}

TEST(execute_group_is_limited)
{
    add_journal(STORE_GROUP_MAX + 1);
    ck_assert_uint_eq(store_execute_group(&executor, list), STORE_GROUP_MAX);
    ck_assert_uint_eq(steps[STORE_GROUP_MAX].n_executed, 0);
}

TEST(execute_without_groups_is_one_by_one)
{
    disk.store.driver = &without_groups;
    add_journal(2);
    ck_assert_uint_eq(store_execute_group(&executor, list), 1);
    check_executed(2, "x-");
}

TEST(execute_group_ends_before_a_call_of_its_own)
{
    add(0, &journal, 1);
    add(1, &journal, 1);
    add(2, &alone, 1);
    add(3, &journal, 1);
    ck_assert_uint_eq(store_execute_group(&executor, list), 2);
    ck_assert_uint_eq(store_execute_group(&executor, &steps[2].call), 1);
    check_executed(4, "xxx-");
    ck_assert(!steps[2].was_in_group);
    ck_assert_uint_eq(disk.n_begun, 1);
}

TEST(execute_call_that_finds_nothing_does_not_fail_the_others)
{
    add_journal(3);
    steps[1].planned = ERR_NO_ENTRY;
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    check_errs(3, (enum err[]){ERR_OK, ERR_NO_ENTRY, ERR_OK});
}

/* What was executed before is committed, if the driver can. */
TEST(execute_failed_call_fails_those_behind_it)
{
    add_journal(4);
    steps[1].planned = ERR_STORAGE_UNAVAILABLE;
    ck_assert_uint_eq(store_execute_group(&executor, list), 4);
    check_executed(4, "xx--");
    check_errs(4, (enum err[]){ERR_OK, ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE,
                               ERR_STORAGE_UNAVAILABLE});
}

RANGE_TEST(execute_failed_group_fails_all_of_it, 0, 2)
{
    static const enum err unavailable[] = {ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE,
                                           ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE};

    if (_i == 0)
        disk.begin_err = ERR_STORAGE_UNAVAILABLE;
    else
        disk.end_err = ERR_STORAGE_UNAVAILABLE;
    add_journal(4);
    steps[1].planned = ERR_NO_ENTRY;
    ck_assert_uint_eq(store_execute_group(&executor, list), 4);
    check_errs(4, unavailable);
    check_executed(4, _i == 0 ? "----" : "xxxx");
    ck_assert_uint_eq(disk.n_ended, _i == 0 ? 0 : 1);

    add(4, &journal, 1); /* of the same era */
    store_execute(&executor, &steps[4].call);
    ck_assert_int_eq(steps[4].call.err, ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(steps[4].n_executed, 0);
}

/* The third call fails each time. As parts of groups, the first two would never be stored. */
TEST(execute_after_a_failed_group_is_one_by_one)
{
    disk.end_err = ERR_STORAGE_UNAVAILABLE;
    add_journal(3);
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    disk.end_err = ERR_OK;
    for (size_t i = 0; i < 5; i++)
        add(10 + i, &journal, 2);
    for (size_t i = 0; i < 3; i++)
        ck_assert_uint_eq(store_execute_group(&executor, &steps[10 + i].call), 1);
    ck_assert_uint_eq(disk.n_begun, 1);
    ck_assert_uint_eq(store_execute_group(&executor, &steps[13].call), 2);
    ck_assert_uint_eq(disk.n_begun, 2);
}

TEST(execute_later_era_in_the_same_group)
{
    add(0, &journal, 1);
    add(1, &journal, 1);
    add(2, &journal, 2);
    steps[0].planned = ERR_STORAGE_UNAVAILABLE;
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    check_executed(3, "x-x");
    check_errs(3, (enum err[]){ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE, ERR_OK});
}

/* Its transaction was not committed, so the later era has failed too. */
TEST(execute_failed_group_fails_its_last_era)
{
    disk.end_err = ERR_STORAGE_UNAVAILABLE;
    add(0, &journal, 1);
    add(1, &journal, 2);
    ck_assert_uint_eq(store_execute_group(&executor, list), 2);
    add(2, &journal, 2);
    store_execute(&executor, &steps[2].call);
    check_executed(3, "xx-");
}

TEST(execute_upkeep_after_a_failure_of_the_journal)
{
    add(0, &journal, 1);
    add(1, &upkeep, 1);
    steps[0].planned = ERR_STORAGE_UNAVAILABLE;
    for (size_t i = 0; i < 2; i++)
        store_execute(&executor, &steps[i].call);
    check_errs(2, (enum err[]){ERR_STORAGE_UNAVAILABLE, ERR_OK});
}

TEST(execute_failed_upkeep_does_not_stop_the_journal)
{
    add(0, &upkeep, 1);
    add(1, &journal, 1);
    steps[0].planned = ERR_STORAGE_UNAVAILABLE;
    for (size_t i = 0; i < 2; i++)
        store_execute(&executor, &steps[i].call);
    check_errs(2, (enum err[]){ERR_STORAGE_UNAVAILABLE, ERR_OK});
}

/* ---- without groups: calls of one kind ---- */

static void add_alike(size_t n)
{
    disk.store.driver = &without_groups;
    for (size_t i = 0; i < n; i++)
        add(i, &alike, 1);
}

TEST(execute_calls_of_one_kind_together)
{
    add_alike(3);
    steps[1].planned = ERR_NO_ENTRY;
    add(3, &also_alike, 1);
    add(4, &alike, 1);
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    check_executed(5, "xxx--");
    check_errs(3, (enum err[]){ERR_OK, ERR_NO_ENTRY, ERR_OK});
    ck_assert_uint_eq(store_execute_group(&executor, &steps[3].call), 1);
    ck_assert_uint_eq(disk.n_many, 1);
    check_executed(5, "xxxx-");
}

TEST(execute_calls_together_is_limited)
{
    add_alike(STORE_GROUP_MAX + 1);
    ck_assert_uint_eq(store_execute_group(&executor, list), STORE_GROUP_MAX);
    ck_assert_uint_eq(disk.n_together, STORE_GROUP_MAX);
}

TEST(execute_together_as_many_as_the_driver_takes)
{
    add_alike(5);
    disk.most = 2;
    ck_assert_uint_eq(store_execute_group(&executor, list), 2);
    ck_assert_uint_eq(store_execute_group(&executor, &steps[2].call), 2);
    ck_assert_uint_eq(store_execute_group(&executor, &steps[4].call), 1);
    check_executed(5, "xxxxx");
}

TEST(execute_groups_instead_of_calls_of_one_kind)
{
    add_alike(3);
    disk.store.driver = &driver;
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    ck_assert_uint_eq(disk.n_ended, 1);
    ck_assert_uint_eq(disk.n_many, 0);
}

/* One of them cannot be written. */
TEST(execute_rejected_calls_one_by_one)
{
    add_alike(4);
    disk.many_err = ERR_INTERNAL;
    steps[1].planned = ERR_INTERNAL;
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(store_execute_group(&executor, &steps[i].call), 1);
    check_executed(4, "xxxx");
    check_errs(4, (enum err[]){ERR_OK, ERR_INTERNAL, ERR_OK, ERR_OK});
    ck_assert_uint_eq(disk.n_many, 1);

    disk.many_err = ERR_OK;
    add(4, &alike, 1);
    add(5, &alike, 1);
    ck_assert_uint_eq(store_execute_group(&executor, &steps[4].call), 2);
}

TEST(execute_calls_together_fail_together)
{
    add_alike(3);
    disk.many_err = ERR_STORAGE_UNAVAILABLE;
    ck_assert_uint_eq(store_execute_group(&executor, list), 3);
    check_errs(
        3, (enum err[]){ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE});
    add(3, &alike, 1); /* of the same era */
    add(4, &alike, 2);
    add(5, &alike, 2);
    disk.many_err = ERR_OK;
    for (size_t i = 3; i < 6; i++)
        ck_assert_uint_eq(store_execute_group(&executor, &steps[i].call), 1);
    check_errs(6, (enum err[]){ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE,
                               ERR_STORAGE_UNAVAILABLE, ERR_STORAGE_UNAVAILABLE, ERR_OK, ERR_OK});
    check_executed(6, "----xx");
    ck_assert_uint_eq(disk.n_many, 1);
}
