/* SPDX-License-Identifier: MIT */
/* test_list_time.c - tests that a long list takes hardly longer than the upstream's limits allow.
 *
 * Three submits of a hundred at a time, of 26 s each, then the slowest task of the last batch. The
 * reads fit into that: 11.5 tasks per second of the eighteen reads. */
#include "list_flow.h"

#include "tests/support/suite.h"

#define BATCH      100
#define AT_A_TIME  3 /* the last of four submit slots is not for lists */
#define SUBMIT_MS  INT64_C(26000)
#define LEAST_MS   5000
#define SPREAD_MS  20000
#define SLOWEST_MS (LEAST_MS + SPREAD_MS * 99 / 100)

/* Spreads the times of the tasks evenly over each batch. */
static void set_task_times(int n)
{
    for (int i = 0; i < n; i++)
        fake_upstream_rule(
            flow.upstream,
            (struct fake_rule){.domain = flow_company(i),
                               .task_ms = LEAST_MS + SPREAD_MS * (i * 37 % 100) / 100});
}

static int64_t least_ms(int n)
{
    int rounds = (n + BATCH * AT_A_TIME - 1) / (BATCH * AT_A_TIME);

    return rounds * SUBMIT_MS + SLOWEST_MS;
}

/* Returns how long a list takes whose reader reads immediately. */
static int64_t time_of(struct bulk_list *list)
{
    int64_t from_ms = flow_now_ms();
    struct list_reader *reader = list_open(list);

    list_read_all(reader, HOUR_MS);
    list_free(reader);
    return flow_now_ms() - from_ms;
}

static const struct {
    int slots;
    int64_t task_ms;
} slow[] = {{4, MINUTE_MS}, {4, 5 * MINUTE_MS}, {8, MINUTE_MS}, {12, 20000}};

/* Many lookups have to be on the way then. For an asynchronous list, nothing limits them for the
 * sake of its reader. */
LOOP_TEST(reader_that_reads_does_not_slow_its_list_down, slow)
{
    struct engine_options options = flow_options();
    int64_t took_ms[2];

    options.batch.slots = slow[_i].slots;
    for (int i = 0; i < 2; i++) {
        struct bulk_list *list;
        flow_start(options);
        fake_upstream_set_task_ms(flow.upstream, slow[_i].task_ms);
        list = list_of_companies(i * 2000, 2000);
        list->is_async = i == 0;
        took_ms[i] = time_of(list);
    }
    ck_assert_int_le(took_ms[1], took_ms[0] * 21 / 20);
}

TEST(list_of_3000_takes_at_most_a_twentieth_longer_than_it_must)
{
    set_task_times(3000);
    struct list_reader *reader = list_open(list_of_companies(0, 3000));
    list_read_all(reader, least_ms(3000) * 21 / 20);
    ck_assert_uint_eq(list_charged(reader, CHARGED_YES), 3000);
    ck_assert_uint_eq(fake_upstream_calls(flow.upstream, FAKE_SUBMIT), 30);
    list_free(reader);
}
