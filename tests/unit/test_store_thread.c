/* SPDX-License-Identifier: MIT */
/* test_store_thread.c - tests the threads of the store, with a driver whose writes the test can
 * hold. The test is the engine: it runs the inbox in which the calls return. */
#include "base/clock.h"
#include "base/mem.h"
#include "store/calls.h"
#include "store/driver.h"

#include "tests/support/suite.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CALLS_MAX 400
#define LONG_MS   180000

/* The driver. The lock protects what follows it. */
static struct disk {
    struct store store, reader;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_held;                /* writes wait inside */
    bool is_inside;              /* one does */
    int64_t failing;             /* the batch whose write fails by the disk; 0 = none */
    bool commit_fails;           /* of the next group */
    int64_t executed[CALLS_MAX]; /* batches of the writes, in order */
    size_t n_executed, groups[CALLS_MAX], n_groups;
    char writer[16], finder[16]; /* names of the threads that execute them */
    bool is_signal_blocked, is_fault_blocked;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct inbox *inbox;
static struct store_calls *calls;
static struct store_mark_not_sent_call marks[CALLS_MAX];
static int64_t returned[CALLS_MAX];
static enum err errs[CALLS_MAX];
static size_t n_returned, n_failures, n_found;

/* ---- the driver ---- */

static enum err disk_mark_not_sent(struct store *store, int64_t batch)
{
    sigset_t blocked;

    ck_assert_ptr_eq(store, &disk.store);
    pthread_mutex_lock(&disk.lock);
    pthread_getname_np(pthread_self(), disk.writer, sizeof disk.writer);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    disk.is_signal_blocked = sigismember(&blocked, SIGTERM) == 1;
    disk.is_fault_blocked = sigismember(&blocked, SIGBUS) == 1;
    disk.is_inside = true;
    pthread_cond_broadcast(&disk.changed);
    while (disk.is_held)
        pthread_cond_wait(&disk.changed, &disk.lock);
    disk.is_inside = false;
    disk.executed[disk.n_executed++] = batch;
    disk.groups[disk.n_groups]++;
    bool fails = batch == disk.failing;
    pthread_mutex_unlock(&disk.lock);
    return fails ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

static enum err disk_find(struct store *store, const unsigned char *key,
                          const struct result **ret_result)
{
    (void)key;
    (void)ret_result;
    ck_assert_ptr_eq(store, disk.store.driver->open_reader ? &disk.reader : &disk.store);
    pthread_mutex_lock(&disk.lock);
    pthread_getname_np(pthread_self(), disk.finder, sizeof disk.finder);
    pthread_mutex_unlock(&disk.lock);
    return ERR_NO_ENTRY;
}

static enum err disk_group_begin(struct store *store)
{
    (void)store;
    pthread_mutex_lock(&disk.lock);
    disk.groups[disk.n_groups] = 0;
    pthread_mutex_unlock(&disk.lock);
    return ERR_OK;
}

static enum err disk_group_end(struct store *store)
{
    (void)store;
    pthread_mutex_lock(&disk.lock);
    disk.n_groups++;
    bool fails = disk.commit_fails;
    disk.commit_fails = false;
    pthread_mutex_unlock(&disk.lock);
    return fails ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

static enum err disk_open_reader(struct store *store, struct store **ret_reader, struct errmsg *why)
{
    (void)store;
    (void)why;
    *ret_reader = &disk.reader;
    return ERR_OK;
}

static enum err cannot_open_reader(struct store *store, struct store **ret_reader,
                                   struct errmsg *why)
{
    (void)store;
    (void)ret_reader;
    errmsg_set(why, "no reader");
    return ERR_STORE_DAMAGED;
}

static void disk_close(struct store *store)
{
    ck_assert_ptr_eq(store, &disk.reader);
    disk.reader.driver = NULL;
}

static struct store_driver driver = {.close = disk_close,
                                     .open_reader = disk_open_reader,
                                     .group_begin = disk_group_begin,
                                     .group_end = disk_group_end,
                                     .mark_not_sent = disk_mark_not_sent,
                                     .find = disk_find};

static void hold(bool is_held)
{
    pthread_mutex_lock(&disk.lock);
    disk.is_held = is_held;
    pthread_cond_broadcast(&disk.changed);
    pthread_mutex_unlock(&disk.lock);
}

static void await_write_inside(void)
{
    pthread_mutex_lock(&disk.lock);
    while (!disk.is_inside)
        pthread_cond_wait(&disk.changed, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

/* ---- the engine ---- */

static void failed(void *arg, const struct store_call *call)
{
    ck_assert_int_eq(call->err, ERR_STORAGE_UNAVAILABLE);
    size_t *n = arg;

    (*n)++;
}

static void start(void)
{
    struct errmsg why = {""};

    ck_assert_msg(!store_calls_start(calls, inbox, &why), "%s", why.text);
}

static void setup(void)
{
    disk.store.driver = disk.reader.driver = &driver;
    ck_assert_int_eq(inbox_new(&inbox), ERR_OK);
    calls = store_calls_new(&disk.store);
    store_calls_on_failure(calls, failed, &n_failures);
}

static void teardown(void)
{
    ck_assert(store_calls_stop(calls, LONG_MS));
    inbox_run_all(inbox);
    store_calls_free(calls);
    inbox_free(inbox);
}

FIXTURE(setup, teardown);

static void await(const size_t *n, size_t wanted)
{
    while (*n < wanted) {
        struct pollfd fd = {.fd = inbox_fd(inbox), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, LONG_MS), 1);
        inbox_run_all(inbox);
    }
    ck_assert_uint_eq(*n, wanted);
}

static void write_done(struct store_call *call)
{
    static size_t n_failed;

    n_failed += call->err == ERR_STORAGE_UNAVAILABLE;
    ck_assert_uint_eq(n_failed, n_failures); /* failed() runs before */
    errs[n_returned] = call->err;
    returned[n_returned++] = container_of(call, struct store_mark_not_sent_call, call)->batch;
}

/* Posts the writes of the batches from..to, for which a call of the test each is used. */
static void post(int64_t from, int64_t to)
{
    for (int64_t batch = from; batch <= to; batch++) {
        marks[batch] = (struct store_mark_not_sent_call){.call.done = write_done, .batch = batch};
        store_post_mark_not_sent(calls, &marks[batch]);
    }
}

static void find_done(struct store_call *call)
{
    ck_assert_int_eq(call->err, ERR_NO_ENTRY);
    n_found++;
}

/* Holds the first write, so that those that follow wait. */
static void post_and_hold(int64_t last)
{
    start();
    hold(true);
    post(1, 1);
    await_write_inside();
    post(2, last);
}

/* ---- order and groups ---- */

TEST(thread_returns_calls_in_order)
{
    start();
    post(1, 300);
    ck_assert_uint_eq(n_returned, 0);
    await(&n_returned, 300);
    for (size_t i = 0; i < 300; i++) {
        ck_assert_int_eq(disk.executed[i], (int64_t)i + 1);
        ck_assert_int_eq(returned[i], (int64_t)i + 1);
        ck_assert_int_eq(errs[i], ERR_OK);
    }
    ck_assert_uint_eq(n_failures, 0);
}

TEST(thread_writes_what_waits_as_groups)
{
    post_and_hold(301);
    hold(false);
    await(&n_returned, 301);
    ck_assert_uint_eq(disk.n_groups, 3); /* the first call was alone */
    ck_assert_uint_eq(disk.groups[0], STORE_GROUP_MAX);
    ck_assert_uint_eq(disk.groups[1], STORE_GROUP_MAX);
    ck_assert_uint_eq(disk.groups[2], 300 - 2 * STORE_GROUP_MAX);
}

TEST(thread_of_reads_does_not_wait_for_a_write)
{
    struct store_find_call find = {.call.done = find_done};

    post_and_hold(2);
    store_post_find(calls, &find);
    await(&n_found, 1);
    ck_assert_uint_eq(n_returned, 0);
    hold(false);
    await(&n_returned, 2);
    ck_assert_str_eq(disk.writer, "store");
    ck_assert_str_eq(disk.finder, "store-read");
}

TEST(thread_of_writes_reads_if_there_is_one_handle)
{
    struct store_find_call find = {.call.done = find_done};

    driver.open_reader = NULL;
    start();
    store_post_find(calls, &find);
    await(&n_found, 1);
    ck_assert_str_eq(disk.finder, "store");
    ck_assert(!store_calls_health(calls, clock_real().now_ms).reads.is_busy);
}

static void post_next(struct store_call *call)
{
    write_done(call);
    post(2, 2);
}

TEST(thread_takes_calls_that_done_posts)
{
    start();
    marks[1] = (struct store_mark_not_sent_call){.call.done = post_next, .batch = 1};
    store_post_mark_not_sent(calls, &marks[1]);
    await(&n_returned, 2);
    ck_assert_int_eq(returned[1], 2);
}

TEST(thread_gets_no_signal_but_those_of_its_faults)
{
    start();
    post(1, 1);
    await(&n_returned, 1);
    ck_assert(disk.is_signal_blocked);
    ck_assert(!disk.is_fault_blocked);
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    ck_assert(!sigismember(&blocked, SIGTERM));
}

/* ---- failures ---- */

TEST(thread_fails_what_follows_a_failed_write)
{
    disk.failing = 4;
    post_and_hold(6);
    hold(false);
    await(&n_returned, 6);
    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(errs[i], i < 3 ? ERR_OK : ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(n_failures, 3);
    ck_assert_uint_eq(disk.n_executed, 4);
    ck_assert(store_calls_health(calls, clock_real().now_ms).writes.has_failed);
}

TEST(thread_fails_all_of_a_group_that_is_not_committed)
{
    disk.commit_fails = true;
    post_and_hold(5);
    hold(false);
    await(&n_returned, 5);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(errs[i], i < 1 ? ERR_OK : ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(n_failures, 4);
}

TEST(thread_executes_again_after_resume)
{
    disk.commit_fails = true;
    post_and_hold(3);
    hold(false);
    await(&n_returned, 3);
    post(4, 4);
    await(&n_returned, 4);
    ck_assert_int_eq(errs[3], ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(disk.n_executed, 3);
    store_calls_resume(calls);
    post(5, 6);
    await(&n_returned, 6);
    ck_assert_int_eq(errs[4], ERR_OK);
    ck_assert_int_eq(errs[5], ERR_OK);
    ck_assert(!store_calls_health(calls, clock_real().now_ms).writes.has_failed);
}

TEST(thread_knows_what_failed_inline)
{
    disk.failing = 1;
    post(1, 1);
    store_calls_run(calls);
    start();
    post(2, 2);
    await(&n_returned, 2);
    ck_assert_int_eq(errs[1], ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(disk.n_executed, 1);
}

/* ---- health ---- */

TEST(thread_health_while_a_write_is_held)
{
    post_and_hold(3);
    int64_t now_ms = clock_real().now_ms;
    struct store_health health = store_calls_health(calls, now_ms + 5000);
    ck_assert(health.writes.is_busy);
    ck_assert_int_ge(health.writes.busy_ms, 5000);
    ck_assert_uint_eq(health.writes.waiting, 3);
    ck_assert(!health.writes.has_failed);
    ck_assert(!health.reads.is_busy);
    ck_assert_int_eq(health.reads.busy_ms, 0);
    ck_assert_uint_eq(health.reads.waiting, 0);
    hold(false);
    await(&n_returned, 3);
    ck_assert_uint_eq(store_calls_health(calls, now_ms).writes.waiting, 0);
    ck_assert(store_calls_stop(calls, LONG_MS));
    ck_assert(!store_calls_health(calls, now_ms).writes.is_busy);
}

/* ---- start and end ---- */

TEST(thread_stop_executes_what_waits)
{
    post_and_hold(10);
    ck_assert(!store_calls_stop(calls, 0));
    ck_assert(!store_calls_stop(calls, 1));
    hold(false);
    ck_assert(store_calls_stop(calls, LONG_MS));
    ck_assert_uint_eq(disk.n_executed, 10);
    ck_assert_ptr_null(disk.reader.driver);
    ck_assert_uint_eq(n_returned, 0);
    inbox_run_all(inbox);
    ck_assert_uint_eq(n_returned, 10);

    post(11, 11);
    ck_assert_uint_eq(disk.n_executed, 11);
    store_calls_run(calls);
    ck_assert_int_eq(returned[10], 11);
}

TEST(thread_starts_again_after_stop)
{
    start();
    ck_assert(store_calls_stop(calls, LONG_MS));
    ck_assert(store_calls_stop(calls, 0)); /* no-op */
    disk.reader.driver = &driver;
    start();
    post(1, 2);
    await(&n_returned, 2);
}

TEST(thread_without_a_reader_does_not_start)
{
    struct errmsg why = {""};

    driver.open_reader = cannot_open_reader;
    ck_assert_int_eq(store_calls_start(calls, inbox, &why), ERR_STORE_DAMAGED);
    ck_assert_str_eq(why.text, "no reader");
    post(1, 1);
    ck_assert_uint_eq(disk.n_executed, 1);
    store_calls_run(calls);
}

/* So many descriptors are left; each thread needs one. */
RANGE_TEST(thread_start_without_descriptors_fails, 0, 2)
{
    struct errmsg why = {""};
    struct rlimit limit;
    int lowest = fcntl(inbox_fd(inbox), F_DUPFD_CLOEXEC, 0);

    close(lowest);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)lowest + (rlim_t)_i;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(store_calls_start(calls, inbox, &why), ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(why.text, "open files"));
    ck_assert_ptr_null(disk.reader.driver);
    post(1, 1);
    ck_assert_uint_eq(disk.n_executed, 1);
    store_calls_run(calls);
}
