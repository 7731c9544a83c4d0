/* SPDX-License-Identifier: MIT */
/* test_fair_queue.c - tests that clients are served in turn, and a client's tasks in their
 * order. */
#include "base/mem.h"
#include "lookup/batching/fair_queue.h"
#include "lookup/records/task.h"

#include "tests/support/suite.h"

static struct task tasks[8];
static struct fair_queue queue;

static void setup(void)
{
    queue = (struct fair_queue){0};
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        tasks[i] = (struct task){0};
}

static void teardown(void)
{
    fair_queue_done(&queue);
}

FIXTURE(setup, teardown);

TEST(queue_serves_clients_in_turn)
{
    fair_queue_add(&queue, &tasks[0], "flood");
    fair_queue_add(&queue, &tasks[1], "flood");
    fair_queue_add(&queue, &tasks[2], "flood");
    fair_queue_add(&queue, &tasks[3], "small");
    fair_queue_add(&queue, &tasks[4], "other");
    fair_queue_add(&queue, &tasks[5], "other");
    static const size_t order[] = {0, 3, 4, 1, 5, 2};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[order[i]]);
    ck_assert_ptr_null(fair_queue_take(&queue));
    ck_assert_uint_eq(queue.n, 0);
}

TEST(queue_returning_client_goes_to_the_end)
{
    fair_queue_add(&queue, &tasks[0], "a");
    fair_queue_add(&queue, &tasks[1], "b");
    fair_queue_add(&queue, &tasks[2], "b");
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[0]);
    fair_queue_add(&queue, &tasks[3], "a");
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[1]);
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[3]);
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[2]);
}

TEST(queue_weight_is_the_number_of_tasks_per_turn)
{
    for (size_t i = 0; i < 5; i++) {
        tasks[i].payer.weight = 2;
        fair_queue_add(&queue, &tasks[i], "heavy");
    }
    fair_queue_add(&queue, &tasks[5], "light");
    fair_queue_add(&queue, &tasks[6], "light");
    fair_queue_add(&queue, &tasks[7], "light");
    static const size_t order[] = {0, 1, 5, 2, 3, 6, 4, 7};
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[order[i]]);
}

TEST(queue_reports_the_oldest_task)
{
    ck_assert_ptr_null(queue.oldest);
    fair_queue_add(&queue, &tasks[0], "a");
    fair_queue_add(&queue, &tasks[1], "a");
    fair_queue_add(&queue, &tasks[2], "b");
    ck_assert_ptr_eq(queue.oldest, &tasks[0]);
    fair_queue_remove(&queue, &tasks[0]);
    ck_assert_ptr_eq(queue.oldest, &tasks[1]);
    fair_queue_take(&queue);
    ck_assert_ptr_eq(queue.oldest, &tasks[2]);
    fair_queue_take(&queue);
    ck_assert_ptr_null(queue.oldest);
}

TEST(queue_takes_the_oldest_task_of_any_client)
{
    ck_assert_ptr_null(fair_queue_take_oldest(&queue));
    fair_queue_add(&queue, &tasks[0], "a");
    fair_queue_add(&queue, &tasks[1], "a");
    fair_queue_add(&queue, &tasks[2], "b");
    ck_assert_ptr_eq(fair_queue_take_oldest(&queue), &tasks[0]);
    ck_assert_ptr_eq(fair_queue_take_oldest(&queue), &tasks[1]);
    ck_assert_ptr_eq(fair_queue_take_oldest(&queue), &tasks[2]);
    ck_assert_ptr_null(queue.oldest);
    ck_assert_ptr_null(queue.rotation);
}

TEST(queue_removes_a_task_at_any_position)
{
    fair_queue_add(&queue, &tasks[0], "a");
    fair_queue_add(&queue, &tasks[1], "a");
    fair_queue_add(&queue, &tasks[2], "b");
    fair_queue_remove(&queue, &tasks[0]);
    fair_queue_remove(&queue, &tasks[2]);
    ck_assert_uint_eq(queue.n, 1);
    ck_assert_ptr_null(tasks[2].fifo);
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[1]);
    ck_assert_ptr_null(fair_queue_take(&queue));
}

/* At most four tasks in total: the number that each of three clients has; may the last client
 * add one? */
static const struct {
    size_t held[3];
    bool has_room;
} rooms[] = {
    {{0, 0, 0}, true},  {{3, 0, 0}, true},
    {{4, 0, 0}, true},                      /* one client filled it, another has no task */
    {{4, 0, 1}, true},                      /* one of two, which may have two each */
    {{4, 0, 2}, false},                     /* its share */
    {{0, 0, 4}, false},                     /* the client that filled it is full */
    {{4, 1, 0}, true},                      /* of three, one each */
    {{4, 1, 1}, false}, {{7, 1, 0}, false}, /* twice the maximum */
};

LOOP_TEST(queue_full_accepts_clients_below_their_share, rooms)
{
    static const char *const names[] = {"flood", "other", "small"};
    size_t next = 0;

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        for (size_t n = 0; n < rooms[_i].held[i]; n++)
            fair_queue_add(&queue, &tasks[next++], names[i]);
    ck_assert_int_eq(fair_queue_has_room(&queue, "small", 4), rooms[_i].has_room);
}

TEST(queue_long_names_with_equal_start_share_a_fifo)
{
    char a[200], b[200];

    for (size_t i = 0; i < sizeof a; i++)
        a[i] = b[i] = i < sizeof a - 1 ? 'x' : '\0';
    b[150] = 'y';
    fair_queue_add(&queue, &tasks[0], a);
    fair_queue_add(&queue, &tasks[1], b);
    ck_assert_ptr_eq(tasks[0].fifo, tasks[1].fifo);
}

/* A task of a list leaves its queue when a request of its own waits for it. */
TEST(queue_task_moves_to_another_queue)
{
    struct fair_queue listed = {0};

    for (size_t i = 0; i < 3; i++)
        fair_queue_add(&listed, &tasks[i], "a");
    fair_queue_add(&queue, &tasks[3], "a");
    fair_queue_remove(&listed, &tasks[1]);
    fair_queue_add(&queue, &tasks[1], "a");
    ck_assert_uint_eq(listed.n, 2);
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[3]);
    ck_assert_ptr_eq(fair_queue_take(&queue), &tasks[1]);
    ck_assert_ptr_eq(fair_queue_take(&listed), &tasks[0]);
    ck_assert_ptr_eq(fair_queue_take_oldest(&listed), &tasks[2]);
    ck_assert_ptr_null(listed.oldest);
    fair_queue_done(&listed);
}
