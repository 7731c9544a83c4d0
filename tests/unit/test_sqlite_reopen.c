/* SPDX-License-Identifier: MIT */
/* test_sqlite_reopen.c - tests how a store is opened when a statement fails meanwhile, and opened
 * again after an I/O error. */
#include "base/mem.h"
#include "tests/unit/failing_step.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <sqlite3.h>
#include <string.h>

#define STEPS_MAX 100 /* an opening that needs more never ends */

static int64_t batch;

static void setup(void)
{
    store_fixture_setup();
    store = store_open_roomy(store_url());
    batch = store_add_batch(store, 0, 3);
    store_close(TAKE(store));
}

FIXTURE(setup, store_fixture_teardown);

/* The check takes up to 300 ms and reads all tasks, and the engine waits for it. */
TEST(sqlite_store_is_not_checked_again_after_an_error)
{
    bool paused;

    store = store_open_roomy(store_url());
    int before = failing_step_checks();
    ck_assert_int_gt(before, 0);
    failing_step_arm(1, SQLITE_IOERR);
    ck_assert_int_eq(store_paused(store, &paused), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
    ck_assert_int_eq(store_paused(store, &paused), ERR_OK);
    ck_assert_int_eq(failing_step_checks(), before);
    ck_assert_uint_eq(store_look(store, batch).n, 3);
}

static const int failures[] = {SQLITE_FULL, SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_DONE};

/* SQLITE_DONE is a statement without its row. */
LOOP_TEST(sqlite_failed_statement_while_opening_has_a_reason, failures)
{
    const struct store_options options = {.url = store_url(), .max_answers = 2};
    int uncounted = 0, k = 1;
    bool failed = true;

    for (; failed && k < STEPS_MAX; k++) {
        struct errmsg why = {""};
        failing_step_arm(k, failures[_i]);
        enum err err = store_open(&options, &store, &why);
        failed = failing_step_heal();
        ck_assert_msg((err != ERR_OK) == (why.text[0] != '\0'), "k = %d: '%s'", k, why.text);
        ck_assert((err != ERR_OK) == (store == NULL));
        uncounted += strstr(why.text, "cannot count") != NULL;
        store_close(TAKE(store));
    }
    ck_assert_int_lt(k, STEPS_MAX);
    ck_assert_int_eq(uncounted > 0, failures[_i] == SQLITE_DONE);
}
