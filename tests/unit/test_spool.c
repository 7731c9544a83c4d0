/* SPDX-License-Identifier: MIT */
/* test_spool.c - tests when an id is in the spool, and what the next process makes of it, with a
 * store whose writes the test can hold. */
#include "base/inbox.h"
#include "base/mem.h"
#include "store/calls.h"
#include "store/driver.h"
#include "store/spool.h"
#include "tests/unit/spool_fixture.h"

#include "tests/support/suite.h"
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#define LONG_MS 180000
#define LINES   4

static struct spool *spool;

/* ---- the store ---- */

static struct {
    struct store store;
    bool is_held;
    sem_t entered, released;
    enum err submitted_err, resolve_err, outlived_err;
    bool has_outlived; /* the batch */
    int64_t submitted[LINES], resolved[LINES];
    size_t n_submitted, n_resolved;
    char batch_id[32];
    int64_t wall_ms;
} disk;

static enum err disk_submitted(struct store *store, int64_t batch, const char *batch_id,
                               int64_t wall_ms)
{
    (void)store;
    if (disk.is_held) {
        sem_post(&disk.entered);
        sem_wait(&disk.released);
    }
    disk.submitted[disk.n_submitted++] = batch;
    memccpy(disk.batch_id, batch_id, '\0', sizeof disk.batch_id);
    disk.wall_ms = wall_ms;
    return disk.submitted_err;
}

static enum err disk_resolve_batch(struct store *store, int64_t batch, const char *batch_id,
                                   int64_t wall_ms)
{
    (void)store;
    ck_assert_str_eq(batch_id, disk.batch_id);
    ck_assert_int_eq(wall_ms, disk.wall_ms);
    disk.resolved[disk.n_resolved++] = batch;
    return disk.resolve_err;
}

static enum err disk_has_outlived(struct store *store, int64_t batch, int64_t wall_ms,
                                  bool *ret_outlived)
{
    (void)store;
    ck_assert_int_eq(batch, disk.resolved[disk.n_resolved - 1]);
    ck_assert_int_eq(wall_ms, disk.wall_ms);
    if (!disk.outlived_err)
        *ret_outlived = disk.has_outlived;
    return disk.outlived_err;
}

static const struct store_driver driver = {.submitted = disk_submitted,
                                           .resolve_batch = disk_resolve_batch,
                                           .has_outlived = disk_has_outlived};

/* ---- the spool ---- */

static sem_t reported;
static atomic_int last_report;

static void changed(void *arg, int error)
{
    ck_assert_ptr_eq(arg, &disk);
    atomic_store(&last_report, error);
    sem_post(&reported);
}

static void open_spool_of(const char *place)
{
    const struct spool_options options = {spool_path(), changed, &disk};
    struct errmsg why = {""};

    ck_assert_msg(!spool_open(&options, &spool, &why), "%s", why.text);
    spool_use_place(spool, place);
}

static void open_spool(void)
{
    open_spool_of(SPOOL_STORE);
}

static void open_again(void)
{
    spool_close(TAKE(spool));
    open_spool();
}

static void setup(void)
{
    disk.store.driver = &driver;
    sem_init(&disk.entered, 0, 0);
    sem_init(&disk.released, 0, 0);
    sem_init(&reported, 0, 0);
    spool_fixture_setup();
    open_spool();
}

static void teardown(void)
{
    spool_close(spool);
    spool_fixture_teardown();
}

FIXTURE(setup, teardown);

static void add(int64_t batch)
{
    spool_add(spool, batch, spool_line_of(batch).batch_id, SPOOL_NOW_MS);
}

static void confirm(int64_t batch)
{
    spool_confirm(spool, batch, spool_line_of(batch).batch_id);
}

static void await_written(void)
{
    while (spool_pending(spool))
        sched_yield();
}

/* ---- handing in ---- */

struct handed_in {
    size_t n_ok, n_rejected, n_removed, n_damaged;
};

static void count(void *arg, const struct spool_line *line, enum err err, bool is_over)
{
    struct handed_in *handed_in = arg;

    if (line)
        ck_assert_str_eq(line->place, SPOOL_STORE);
    if (is_over)
        ck_assert_uint_eq(spool_holds(line->batch), 1); /* it is removed after this */
    handed_in->n_ok += !err && is_over;
    handed_in->n_rejected += line && err && !is_over;
    handed_in->n_removed += err && is_over;
    handed_in->n_damaged += !line;
}

static struct handed_in hand_in(enum err expected)
{
    struct handed_in handed_in = {0};

    ck_assert_int_eq(spool_hand_in(spool, &disk.store, count, &handed_in), expected);
    return handed_in;
}

TEST(spool_hands_in_what_the_last_process_has_left)
{
    add(1);
    add(2);
    confirm(1);
    open_again();
    struct handed_in handed_in = hand_in(ERR_OK);
    ck_assert_uint_eq(handed_in.n_ok, 1);
    ck_assert_uint_eq(disk.n_submitted, 1);
    ck_assert_int_eq(disk.submitted[0], 2);
    ck_assert_str_eq(disk.batch_id, "id-2");
    ck_assert_int_eq(disk.wall_ms, SPOOL_NOW_MS);
    ck_assert_uint_eq(disk.n_resolved, 0);
    ck_assert_int_eq(spool_size(), 0);
}

TEST(spool_resumes_a_batch_that_was_given_up)
{
    disk.submitted_err = ERR_NO_ENTRY;
    add(1);
    ck_assert_uint_eq(hand_in(ERR_OK).n_ok, 1);
    ck_assert_uint_eq(disk.n_resolved, 1);
    ck_assert_int_eq(disk.resolved[0], 1);
    ck_assert_int_eq(spool_size(), 0);
}

static const enum err rejections[] = {ERR_NO_ENTRY, ERR_INTERNAL};

LOOP_TEST(spool_keeps_what_the_store_does_not_accept, rejections)
{
    disk.submitted_err = disk.resolve_err = rejections[_i];
    add(1);
    for (size_t i = 1; i <= 2; i++) {
        struct handed_in handed_in = hand_in(ERR_OK);
        ck_assert_uint_eq(handed_in.n_ok, 0);
        ck_assert_uint_eq(handed_in.n_rejected, 1);
        ck_assert_uint_eq(disk.n_submitted, i);
        ck_assert_uint_eq(spool_holds(1), 1);
        open_again();
    }
}

TEST(spool_removes_what_its_store_has_deleted)
{
    disk.submitted_err = disk.resolve_err = ERR_NO_ENTRY;
    disk.has_outlived = true;
    add(1);
    struct handed_in handed_in = hand_in(ERR_OK);
    ck_assert_uint_eq(handed_in.n_removed, 1);
    ck_assert_uint_eq(handed_in.n_rejected + handed_in.n_ok, 0);
    ck_assert_int_eq(spool_size(), 0);
}

TEST(spool_keeps_what_another_store_may_have)
{
    disk.submitted_err = disk.resolve_err = ERR_NO_ENTRY;
    disk.has_outlived = true;
    add(1);
    spool_close(TAKE(spool));
    open_spool_of("postgres/other");
    ck_assert_uint_eq(hand_in(ERR_OK).n_rejected, 1);
    ck_assert_uint_eq(spool_holds(1), 1);
}

TEST(spool_keeps_what_the_store_may_have_while_it_fails)
{
    disk.submitted_err = disk.resolve_err = ERR_NO_ENTRY;
    disk.outlived_err = ERR_STORAGE_UNAVAILABLE;
    add(1);
    ck_assert_uint_eq(hand_in(ERR_STORAGE_UNAVAILABLE).n_rejected, 0);
    ck_assert_uint_eq(spool_holds(1), 1);
}

TEST(spool_keeps_all_while_the_store_fails)
{
    disk.submitted_err = ERR_STORAGE_UNAVAILABLE;
    add(1);
    add(2);
    ck_assert_uint_eq(hand_in(ERR_STORAGE_UNAVAILABLE).n_rejected, 0);
    ck_assert_uint_eq(disk.n_submitted, 1);
    ck_assert_uint_eq(disk.n_resolved, 0);
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(2), 1);
    disk.submitted_err = ERR_OK;
    ck_assert_uint_eq(hand_in(ERR_OK).n_ok, 2);
}

TEST(spool_reports_a_damaged_line_and_hands_in_the_others)
{
    add(1);
    add(2);
    spool_write_at(20, "?", 1);
    open_again();
    struct handed_in handed_in = hand_in(ERR_OK);
    ck_assert_uint_eq(handed_in.n_damaged, 1);
    ck_assert_uint_eq(handed_in.n_ok, 1);
    ck_assert_int_eq(spool_size(), 2 * SPOOL_LINE);
}

/* ---- its thread ---- */

TEST(spool_thread_writes_and_removes)
{
    ck_assert_int_eq(spool_start(spool), ERR_OK);
    add(1);
    add(2);
    await_written();
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(spool_holds(2), 1);
    confirm(1);
    await_written();
    ck_assert_uint_eq(spool_holds(1), 0);
    confirm(2);
    ck_assert(spool_stop(spool, LONG_MS));
    ck_assert_int_eq(spool_size(), 0);
    add(3);
    ck_assert_uint_eq(spool_holds(3), 1);
}

TEST(spool_thread_writes_again_after_a_failure)
{
    spool_fill();
    open_again();
    spool_fail_writes(true);
    ck_assert_int_eq(spool_start(spool), ERR_OK);
    add(1);
    sem_wait(&reported);
    ck_assert_int_eq(atomic_load(&last_report), EFBIG);
    ck_assert_uint_ge(spool_pending(spool), 1);
    spool_fail_writes(false);
    sem_wait(&reported);
    ck_assert_int_eq(atomic_load(&last_report), 0);
    await_written();
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert(spool_stop(spool, LONG_MS));
}

/* ---- calls of the store ---- */

static size_t n_returned;

static void returned(struct store_call *call)
{
    ck_assert_int_eq(call->err, disk.submitted_err);
    n_returned++;
}

static void run_inbox(struct inbox *inbox)
{
    struct pollfd fd = {.fd = inbox_fd(inbox), .events = POLLIN};

    ck_assert_int_eq(poll(&fd, 1, LONG_MS), 1);
    inbox_run_all(inbox);
}

static struct store_submitted_call submitted_call(const char *batch_id)
{
    return (struct store_submitted_call){
        .call.done = returned, .batch = 1, .batch_id = batch_id, .wall_ms = SPOOL_NOW_MS};
}

/* The essential promise: a kill while the store does not reply leaves the id. */
TEST(spool_has_an_id_while_the_store_does_not_reply)
{
    struct store_calls *calls = store_calls_new(&disk.store);
    struct store_submitted_call submitted = submitted_call("id-1");
    struct inbox *inbox;
    struct errmsg why = {""};

    disk.is_held = true;
    ck_assert_int_eq(inbox_new(&inbox), ERR_OK);
    store_calls_use_spool(calls, spool);
    ck_assert_msg(!store_calls_start(calls, inbox, &why), "%s", why.text);
    store_post_submitted(calls, &submitted);
    sem_wait(&disk.entered);
    while (store_calls_health(calls, 0).spool_pending)
        sched_yield();
    ck_assert_uint_eq(spool_holds(1), 1);
    ck_assert_uint_eq(n_returned, 0);
    sem_post(&disk.released);
    while (n_returned == 0)
        run_inbox(inbox);
    ck_assert(store_calls_stop(calls, LONG_MS));
    ck_assert_int_eq(spool_size(), 0);
    store_calls_free(calls);
    inbox_free(inbox);
}

static const struct {
    enum err err;
    bool stays;
} returns[] = {{ERR_OK, false}, {ERR_STORAGE_UNAVAILABLE, true}, {ERR_NO_ENTRY, true}};

LOOP_TEST(spool_loses_an_id_only_after_it_is_stored, returns)
{
    struct store_calls *calls = store_calls_new(&disk.store);
    struct store_submitted_call submitted = submitted_call("id-1");

    disk.submitted_err = returns[_i].err;
    store_calls_use_spool(calls, spool);
    store_post_submitted(calls, &submitted);
    ck_assert_uint_eq(spool_holds(1), 1);
    store_calls_run(calls);
    ck_assert_uint_eq(n_returned, 1);
    ck_assert_uint_eq(spool_holds(1), returns[_i].stays);
    store_calls_free(calls);
}
