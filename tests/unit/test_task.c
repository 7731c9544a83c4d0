/* SPDX-License-Identifier: MIT */
/* test_task.c - tests that the time of each phase of a task is added up. */
#include "base/mem.h"
#include "lookup/records/task.h"

#include "tests/support/suite.h"

static int n_moved;

static void count_move(struct task *task)
{
    (void)task;
    n_moved++;
}

static void setup(void)
{
    n_moved = 0;
}

FIXTURE(setup, NULL);

static void check_timing(const struct task *task, int64_t now_ms, struct lookup_timing expected)
{
    struct lookup_timing timing = task_timing(task, now_ms);

    ck_assert_int_eq(timing.queue_ms, expected.queue_ms);
    ck_assert_int_eq(timing.submit_ms, expected.submit_ms);
    ck_assert_int_eq(timing.upstream_ms, expected.upstream_ms);
    ck_assert_int_eq(timing.read_ms, expected.read_ms);
}

TEST(task_phase_adds_up_its_time_when_it_repeats)
{
    struct task task = {.moved = count_move};

    check_timing(&task, 1000, (struct lookup_timing){0});
    task_enter_phase(&task, TASK_QUEUED, 1000);
    task_enter_phase(&task, TASK_SUBMITTING, 1100);
    task_enter_phase(&task, TASK_QUEUED, 1300);
    task_enter_phase(&task, TASK_SUBMITTING, 1700);
    check_timing(&task, 2500, (struct lookup_timing){500, 1000, 0, 0});
    task_enter_phase(&task, TASK_PROCESSING, 3300);
    task_enter_phase(&task, TASK_FETCHING, 4900);
    task_enter_phase(&task, TASK_ENDED, 8100);
    check_timing(&task, 9999, (struct lookup_timing){500, 1800, 1600, 3200});
    ck_assert_int_eq(n_moved, 7);
}

TEST(task_phase_entered_twice_is_one_phase)
{
    struct task task = {.moved = count_move};

    task_enter_phase(&task, TASK_QUEUED, 10);
    task_enter_phase(&task, TASK_QUEUED, 20);
    check_timing(&task, 30, (struct lookup_timing){.queue_ms = 20});
    ck_assert_int_eq(n_moved, 1);
}

TEST(task_phase_changes_without_a_hook)
{
    struct task task = {0};

    task_enter_phase(&task, TASK_PROCESSING, 10);
    ck_assert_int_eq(task.phase, TASK_PROCESSING);
}
