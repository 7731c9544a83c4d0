/* SPDX-License-Identifier: MIT */
/* test_sqlite_faults.c - lets every operation on the disk fail once, one at a time, and cuts the
 * power at every step.
 *
 * Acknowledged work survives, rejected work leaves no part, and the store works again without
 * being reopened. */
#include "base/mem.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define OPERATIONS_MAX 3000 /* a call that needs more never ends */

static int64_t batch;

static void setup(void)
{
    store_fixture_setup();
    fault_vfs_register();
}

static void teardown(void)
{
    fault_vfs_heal();
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

/* ---- one step of the journal, and whether it is there ---- */

static int64_t number_of(size_t i)
{
    return 1000 + (int64_t)i;
}

static enum err intend(size_t i)
{
    const struct store_task tasks[] = {store_task_of(i), store_task_of(i + 1)};
    const struct store_new_batch new = {
        .number = number_of(i), .tasks = tasks, .n = 2, .wall_ms = STORE_NOW_MS};
    enum err err = store_begin_batch(store, &new);

    if (!err)
        batch = new.number;
    return err;
}

static bool is_intended(size_t i)
{
    return store_look(store, number_of(i)).n == 2;
}

static enum err submit(size_t i)
{
    (void)i;
    return store_submitted(store, batch, "batch-4711", STORE_NOW_MS);
}

static bool is_submitted(size_t i)
{
    (void)i;
    return store_look(store, batch).state == STORE_SUBMITTED;
}

static enum err end(size_t i)
{
    const struct store_end answered = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
    const struct result *answer = store_answer(i, "milvali.com", STORE_DAY_MS);
    enum err err = store_end_task(store, store_tracking_id(i), &answered, answer, NULL);

    result_unref(answer);
    return err;
}

/* Both or neither: the completion of the task, and its result. */
static bool is_ended(size_t i)
{
    bool ended = store_look(store, batch).n_open == 1, kept = store_kept(store, i) == ERR_OK;

    ck_assert_int_eq(ended, kept);
    return ended;
}

static enum err forget(size_t i)
{
    size_t n;

    (void)i;
    return store_forget_address(store, "info@milvali.com", &n);
}

static bool is_forgotten(size_t i)
{
    const struct result *result = NULL;

    ck_assert_int_eq(store_find(store, store_key_of(i), &result), ERR_OK);
    bool forgotten = result->n_emails == 1;
    result_unref(result);
    return forgotten;
}

static const struct step {
    const char *name;
    enum err (*take)(size_t i);
    bool (*is_done)(size_t i);
    bool may_be_half; /* it consists of several transactions */
} steps[] = {{"intend", intend, is_intended, false},
             {"submit", submit, is_submitted, false},
             {"end", end, is_ended, false},
             {"forget", forget, is_forgotten, true}};

/* Runs all steps before this one, with the i-th pair of tasks. */
static void walk_to(size_t i, const struct step *until)
{
    for (const struct step *step = steps; step < until; step++)
        ck_assert_msg(!step->take(i), "%s", step->name);
}

/* ---- faults ---- */

static const struct mode {
    unsigned kinds;
    bool lasting, full;
} modes[] = {{FAULT_WRITE, false, true},
             {FAULT_WRITE, true, true},
             {FAULT_WRITE, false, false},
             {FAULT_WRITE, true, false},
             {FAULT_SYNC, false, false},
             {FAULT_SYNC, true, false},
             {FAULT_ALL, false, false},
             {FAULT_ALL, true, false},
             /* D6: short writes */
             {FAULT_WRITE | FAULT_HALF, false, true},
             {FAULT_WRITE | FAULT_HALF, true, true},
             {FAULT_WRITE | FAULT_HALF, false, false},
             {FAULT_WRITE | FAULT_HALF, true, false}};

/* Returns true if the k-th operation failed. A rejected call may be repeated and then succeeds;
 * acknowledged work is stored. Only this attempt uses `i`. */
static bool try_with_fault(const struct step *step, const struct mode *mode, int k, size_t i)
{
    walk_to(i, step);
    fault_vfs_arm(mode->kinds, k, mode->lasting, mode->full);
    int64_t before = batch;
    enum err err = step->take(i);
    for (int again = 0; err && mode->lasting && again < 2; again++)
        ck_assert_int_eq(step->take(i), ERR_STORAGE_UNAVAILABLE);
    bool fired = fault_vfs_heal();

    ck_assert_msg(!err || err == ERR_STORAGE_UNAVAILABLE, "%s, k = %d: %s", step->name, k,
                  err_words(err));
    if (err && !step->may_be_half) {
        ck_assert_int_eq(batch, before);
        ck_assert_msg(!step->is_done(i), "%s, k = %d: rejected, but stored", step->name, k);
    }
    if (err)
        ck_assert_msg(!(err = step->take(i)), "%s, k = %d: %s", step->name, k, err_words(err));
    ck_assert_msg(step->is_done(i), "%s, k = %d: acknowledged, and not done", step->name, k);
    return fired;
}

static void run_step(const struct step *step, const struct mode *mode)
{
    bool fired = true;
    int k = 1;

    for (; fired && k < OPERATIONS_MAX; k++) {
        store = store_open_roomy(store_url());
        fired = try_with_fault(step, mode, k, 2 * (size_t)(k % 400));
        store_close(TAKE(store));
        store_fixture_teardown();
        store_fixture_setup();
    }
    ck_assert_int_lt(k, OPERATIONS_MAX);
}

LOOP_TEST(sqlite_failed_operation_leaves_nothing_half_done, modes)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        run_step(&steps[i], &modes[_i]);
}

RANGE_TEST(sqlite_failed_open_leaves_a_store_that_opens, 0, 2)
{
    bool fired = true;

    for (int k = 1; fired; k++) {
        const struct store_options options = {.url = store_url(), .max_answers = 9};
        struct errmsg why = {""};
        fault_vfs_arm(FAULT_ALL, k, _i, false);
        enum err err = store_open(&options, &store, &why);
        fired = fault_vfs_heal();
        if (err) {
            ck_assert_msg(err == ERR_STORAGE_UNAVAILABLE, "k = %d: %s: %s", k, err_words(err),
                          why.text);
            ck_assert_str_ne(why.text, "");
            store = store_open_roomy(store_url());
        }
        ck_assert_int_eq(intend(0), ERR_OK);
        store_close(TAKE(store));
        store_fixture_teardown();
        store_fixture_setup();
    }
}

TEST(sqlite_full_disk_rejects_writes_until_space_is_free)
{
    store = store_open_roomy(store_url());
    ck_assert_int_eq(intend(0), ERR_OK);
    fault_vfs_arm(FAULT_WRITE, 1, true, true);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(intend(2 + 2 * i), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(submit(0), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY); /* reads still succeed */
    fault_vfs_heal();
    ck_assert_int_eq(submit(0), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 1);
}

TEST(sqlite_failed_disk_rejects_everything_until_it_works)
{
    store = store_open_roomy(store_url());
    ck_assert_int_eq(intend(0), ERR_OK);
    fault_vfs_arm(FAULT_ALL, 1, true, false);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(intend(2 + 2 * i), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_kept(store, 0), ERR_STORAGE_UNAVAILABLE);
    fault_vfs_heal();
    ck_assert_int_eq(submit(0), ERR_OK);
    ck_assert_uint_eq(store_look(store, batch).n_batches, 1);
}

/* ---- power loss ---- */

/* Opens what remains after a power loss now. */
static struct store *open_what_is_left(const char *name)
{
    char folder[256], url[300];

    snprintf(folder, sizeof folder, "%s/%s", store_folder(), name);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    fault_vfs_power_cut(folder);
    snprintf(url, sizeof url, "sqlite:%s/emailsd.db", folder);
    return store_open_roomy(url);
}

TEST(sqlite_acknowledged_work_survives_power_loss)
{
    static const char *const names[] = {"a", "b", "c", "d"};

    fault_vfs_watch(store_folder());
    store = store_open_roomy(store_url());
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        ck_assert_int_eq(steps[i].take(0), ERR_OK);
        struct store *mine = store;
        store = open_what_is_left(names[i]);
        ck_assert_msg(steps[i].is_done(0), "%s", steps[i].name);
        store_close(store);
        store = mine;
    }
    fault_vfs_watch("");
}
