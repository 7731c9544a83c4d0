/* SPDX-License-Identifier: MIT */
/* test_store_calls.c - tests the order and the failures of calls to the store, with a driver that
 * records what it executes. */
#include "base/mem.h"
#include "store/calls.h"
#include "store/driver.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

#define MAX 16

static struct {
    struct store store;
    enum err next_err;     /* of the next write */
    int64_t executed[MAX]; /* batches of writes, in order */
    size_t n_executed, n_reads;
} disk;

static struct store_calls *calls;
static int64_t returned[MAX];
static enum err errs[MAX];
static size_t n_returned, n_failures;

static enum err disk_mark_not_sent(struct store *store, int64_t batch)
{
    enum err err = disk.next_err;

    ck_assert_ptr_eq(store, &disk.store);
    disk.next_err = ERR_OK;
    disk.executed[disk.n_executed++] = batch;
    return err;
}

static enum err disk_find(struct store *store, const unsigned char *key,
                          const struct result **ret_result)
{
    (void)store;
    (void)key;
    (void)ret_result;
    disk.n_reads++;
    return ERR_NO_ENTRY;
}

/* Two questions have results, and there is a raw one. */
static enum err disk_forget_domain(struct store *store, const char *domain, store_key_fn *each,
                                   void *arg, size_t *ret_n)
{
    (void)store;
    ck_assert_str_eq(domain, "milvali.com");
    for (int i = 1; i <= 2; i++) {
        unsigned char key[HASH_SIZE] = {(unsigned char)i};
        each(arg, key);
    }
    *ret_n = 3;
    return ERR_OK;
}

static const struct store_driver driver = {
    .mark_not_sent = disk_mark_not_sent, .find = disk_find, .forget_domain = disk_forget_domain};

static void failed(void *arg, const struct store_call *call)
{
    size_t *n = arg;

    ck_assert_int_eq(call->err, ERR_STORAGE_UNAVAILABLE);
    (*n)++;
}

static void setup(void)
{
    disk.store.driver = &driver;
    calls = store_calls_new(&disk.store);
    store_calls_on_failure(calls, failed, &n_failures);
}

static void teardown(void)
{
    store_calls_free(calls);
}

FIXTURE(setup, teardown);

static void write_done(struct store_call *call)
{
    const struct store_mark_not_sent_call *mark =
        container_of(call, struct store_mark_not_sent_call, call);

    errs[n_returned] = call->err;
    returned[n_returned++] = mark->batch;
}

static void post(struct store_mark_not_sent_call *mark, int64_t batch)
{
    *mark = (struct store_mark_not_sent_call){.call.done = write_done, .batch = batch};
    store_post_mark_not_sent(calls, mark);
}

TEST(calls_return_later_and_in_order)
{
    struct store_mark_not_sent_call marks[3];

    for (int64_t i = 0; i < 3; i++)
        post(&marks[i], i + 1);
    ck_assert_uint_eq(n_returned, 0);
    store_calls_run(calls);
    ck_assert_uint_eq(n_returned, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(disk.executed[i], (int64_t)i + 1);
        ck_assert_int_eq(returned[i], (int64_t)i + 1);
        ck_assert_int_eq(errs[i], ERR_OK);
    }
    ck_assert_uint_eq(n_failures, 0);
}

static struct store_mark_not_sent_call follower;

static void post_follower(struct store_call *call)
{
    write_done(call);
    post(&follower, 2);
    ck_assert_uint_eq(n_returned, 1);
}

TEST(calls_that_are_posted_by_done_return_in_the_same_run)
{
    struct store_mark_not_sent_call mark = {.call.done = post_follower, .batch = 1};

    store_post_mark_not_sent(calls, &mark);
    store_calls_run(calls);
    ck_assert_uint_eq(n_returned, 2);
    ck_assert_int_eq(returned[1], 2);
}

TEST(calls_after_a_failure_are_not_executed)
{
    struct store_mark_not_sent_call marks[3];

    disk.next_err = ERR_STORAGE_UNAVAILABLE;
    for (int64_t i = 0; i < 3; i++)
        post(&marks[i], i + 1);
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_executed, 1);
    ck_assert_uint_eq(n_returned, 3);
    ck_assert_uint_eq(n_failures, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(errs[i], ERR_STORAGE_UNAVAILABLE);
}

TEST(calls_are_executed_again_after_resume)
{
    struct store_mark_not_sent_call marks[2];

    disk.next_err = ERR_STORAGE_UNAVAILABLE;
    post(&marks[0], 1);
    store_calls_run(calls);
    store_calls_resume(calls);
    post(&marks[1], 2);
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_executed, 2);
    ck_assert_int_eq(errs[1], ERR_OK);
}

TEST(calls_continue_after_an_error_that_is_not_of_the_disk)
{
    struct store_mark_not_sent_call marks[2];

    disk.next_err = ERR_NO_ENTRY;
    post(&marks[0], 1);
    post(&marks[1], 2);
    store_calls_run(calls);
    ck_assert_int_eq(errs[0], ERR_NO_ENTRY);
    ck_assert_int_eq(errs[1], ERR_OK);
    ck_assert_uint_eq(n_failures, 0);
}

static void read_done(struct store_call *call)
{
    ck_assert_int_eq(call->err, ERR_NO_ENTRY);
    ck_assert_ptr_null(container_of(call, struct store_find_call, call)->result);
    n_returned++;
}

TEST(calls_that_read_are_executed_after_a_failed_write)
{
    struct store_mark_not_sent_call mark;
    struct store_find_call find = {.call.done = read_done};

    disk.next_err = ERR_STORAGE_UNAVAILABLE;
    post(&mark, 1);
    store_post_find(calls, &find);
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_reads, 1);
    ck_assert_uint_eq(n_returned, 2);
}

static void forget_done(struct store_call *call)
{
    const struct store_forget_domain_call *forget =
        container_of(call, struct store_forget_domain_call, call);

    ck_assert_int_eq(call->err, ERR_OK);
    ck_assert_uint_eq(forget->n, 3);
    ck_assert_uint_eq(forget->n_keys, 2);
    ck_assert_uint_eq(forget->keys[0][0], 1);
    ck_assert_uint_eq(forget->keys[1][0], 2);
    n_returned++;
}

TEST(calls_that_delete_a_domain_return_the_keys)
{
    struct store_forget_domain_call forget = {.call.done = forget_done, .domain = "milvali.com"};

    store_post_forget_domain(calls, &forget);
    store_calls_run(calls);
    ck_assert_uint_eq(n_returned, 1);
    free(forget.keys);
}

static struct store_call *taken;

static void take(struct store_detour *detour, struct store_call *call)
{
    (void)detour;
    ck_assert_ptr_null(taken);
    taken = call;
}

TEST(calls_are_passed_to_the_detour)
{
    struct store_detour detour = {take};
    struct store_mark_not_sent_call mark;

    store_calls_set_detour(calls, &detour);
    post(&mark, 1);
    store_calls_run(calls);
    ck_assert_uint_eq(disk.n_executed + n_returned, 0);
    ck_assert_int_eq(store_call_class(taken), STORE_JOURNAL);
    ck_assert_str_eq(store_call_name(taken), "mark_not_sent");
    store_calls_execute(calls, taken);
    store_calls_return(calls, taken);
    ck_assert_uint_eq(disk.n_executed, 1);
    ck_assert_uint_eq(n_returned, 0);
    store_calls_run(calls);
    ck_assert_uint_eq(n_returned, 1);
}
