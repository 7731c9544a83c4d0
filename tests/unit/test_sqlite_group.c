/* SPDX-License-Identifier: MIT */
/* test_sqlite_group.c - tests writes that share a transaction: they do what they do one by one, a
 * failing one changes nothing, and what is acknowledged is on disk. */
#include "base/mem.h"
#include "tests/unit/failing_step.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FAULTS_MAX 2000 /* a group that needs more operations never ends */
#define ROWS_MAX   65536

static int64_t first, second; /* batches of the tasks 0..9 and 10..19 */

static void setup(void)
{
    store_fixture_setup();
    fault_vfs_register();
}

static void teardown(void)
{
    fault_vfs_heal();
    failing_step_heal();
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

static void open_with_batches(const char *url)
{
    store = store_open_limited(url, 3, 4);
    first = store_add_batch(store, 0, 10);
    second = store_add_batch(store, 10, 10);
}

/* Ends a task as answered, with a result of its own. */
static enum err end(size_t i)
{
    const struct store_end answered = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};
    const struct result *answer = store_answer(i, "milvali.com", STORE_DAY_MS);
    enum err err = store_end_task(store, store_tracking_id(i), &answered, answer, NULL);

    result_unref(answer);
    return err;
}

/* ---- the same as one by one ---- */

/* All kinds of writes. The limits of the store are reached, so the counts of rows matter. */
static void write_all(void)
{
    const struct store_end lost = {
        .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};

    ck_assert_int_eq(store_submitted(store, first, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_int_eq(store_submitted(store, 4711, "batch-2", STORE_NOW_MS), ERR_NO_ENTRY);
    for (size_t i = 0; i < 8; i++)
        ck_assert_int_eq(end(i), ERR_OK);
    ck_assert_int_eq(store_mark_not_sent(store, second), ERR_OK);
    ck_assert_int_eq(store_sending(store, second, 3, "token"), ERR_OK);
    ck_assert_int_eq(end(700), ERR_NO_ENTRY);
    ck_assert_int_eq(store_mark_resubmitted(store, second, 4), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, second, &lost), ERR_OK);
    ck_assert_int_eq(store_forget_key(store, store_key_of(7)), ERR_OK);
    ck_assert_int_eq(store_set_paused(store, true), ERR_OK);
    ck_assert_int_eq(end(8), ERR_OK);
}

/* Appends the columns of each row that the query returns. */
static void dump(sqlite3 *db, const char *sql, char *to)
{
    size_t len = strlen(to);
    sqlite3_stmt *query;

    ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &query, NULL), SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(query); i++) {
            const char *text = (const char *)sqlite3_column_text(query, i);
            len += (size_t)snprintf(to + len, ROWS_MAX - len, "%s\n", text ? text : "NULL");
            ck_assert_uint_lt(len, ROWS_MAX);
        }
    sqlite3_finalize(query);
}

static char *rows_of(const char *path)
{
    static const char *const queries[] = {
        "SELECT state, batch_id, risked, notify_token FROM batches ORDER BY state, batch_id",
        ("SELECT tracking_id, (SELECT state || batch_id FROM batches WHERE number = batch),"
         " outcome, code, day, ended_ms FROM tasks ORDER BY tracking_id"),
        "SELECT day, client, credits FROM accounts ORDER BY day, client",
        "SELECT hex(key), body, code, expires_ms FROM answers ORDER BY key",
        "SELECT name, value FROM settings ORDER BY name"};
    char *rows = xcalloc(ROWS_MAX, 1);
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++)
        dump(db, queries[i], rows);
    sqlite3_close(db);
    return rows;
}

TEST(group_writes_the_same_rows_as_one_by_one)
{
    open_with_batches(store_url());
    write_all();
    store_close(TAKE(store));
    autofree char *one_by_one = rows_of(store_path());

    store_fixture_teardown();
    store_fixture_setup();
    open_with_batches(store_url());
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    write_all();
    ck_assert_int_eq(store_group_end(store), ERR_OK);
    store_close(TAKE(store));
    autofree char *together = rows_of(store_path());

    ck_assert_str_eq(one_by_one, together);
    ck_assert_ptr_nonnull(strstr(together, "batch-1"));
}

RANGE_TEST(group_is_possible_in_each_store, 0, IN_POSTGRES)
{
    open_with_batches(store_url_of(_i));
    ck_assert(store_has_groups(store));
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    ck_assert_int_eq(end(0), ERR_OK);
    ck_assert_int_eq(end(1), ERR_OK);
    ck_assert_int_eq(store_group_end(store), ERR_OK);
    ck_assert_uint_eq(store_look(store, first).n_open, 8);
    ck_assert_int_eq(end(2), ERR_OK);
}

/* ---- failing members ---- */

static const int failures[] = {SQLITE_FULL, SQLITE_CORRUPT, SQLITE_CONSTRAINT};

/* Each statement of a member fails in turn. */
LOOP_TEST(group_failed_write_is_undone_and_the_others_are_not, failures)
{
    bool failed = true;
    size_t i = 0;

    store = store_open_roomy(store_url());
    for (int k = 1; failed; k++, i += 10) {
        int64_t batch = store_add_batch(store, i, 10);
        ck_assert_int_eq(store_group_begin(store), ERR_OK);
        ck_assert_int_eq(end(i), ERR_OK);
        failing_step_arm(k, failures[_i]);
        enum err err = end(i + 1);
        failed = failing_step_heal();
        ck_assert_int_eq(err != ERR_OK, failed);
        ck_assert_int_eq(end(i + 2), ERR_OK);
        ck_assert_int_eq(store_group_end(store), ERR_OK);
        ck_assert_uint_eq(store_look(store, batch).n_open, failed ? 8 : 7);
        ck_assert_int_eq(store_kept(store, i + 1), failed ? ERR_NO_ENTRY : ERR_OK);
        ck_assert_int_eq(store_kept(store, i + 2), ERR_OK);
    }
    ck_assert_uint_ge(i, 70); /* of seven statements, and none */
}

/* What was written before the error is not committed either: the connection is not trusted. */
RANGE_TEST(group_is_lost_by_an_io_error, 1, 4)
{
    open_with_batches(store_url());
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    ck_assert_int_eq(end(0), ERR_OK);
    failing_step_arm(_i, SQLITE_IOERR);
    ck_assert_int_eq(end(1), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
    ck_assert_int_eq(store_kept(store, 0), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(end(2), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_group_end(store), ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(store_look(store, first).n_open, 10);
    ck_assert_int_eq(end(0), ERR_OK);
}

/* 1: the return to the savepoint fails, 2: its release. */
RANGE_TEST(group_that_cannot_undo_a_write_is_lost, 1, 3)
{
    open_with_batches(store_url());
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    ck_assert_int_eq(end(0), ERR_OK);
    failing_step_arm(3 + _i, SQLITE_FULL); /* after the savepoint, the UPDATE and a SELECT */
    ck_assert_int_eq(end(700), ERR_NO_ENTRY);
    ck_assert(failing_step_heal());
    ck_assert_int_eq(end(2), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_group_end(store), ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(store_look(store, first).n_open, 10);
}

/* 1: the transaction does not begin, 2: it is not committed. */
RANGE_TEST(group_that_fails_leaves_nothing, 1, 3)
{
    open_with_batches(store_url());
    if (_i == 1)
        failing_step_arm(1, SQLITE_BUSY);
    enum err err = store_group_begin(store);
    ck_assert_int_eq(err, _i == 1 ? ERR_STORAGE_UNAVAILABLE : ERR_OK);
    if (!err) {
        ck_assert_int_eq(end(0), ERR_OK);
        failing_step_arm(1, SQLITE_FULL);
        ck_assert_int_eq(store_group_end(store), ERR_STORAGE_UNAVAILABLE);
    }
    ck_assert(failing_step_heal());
    ck_assert_uint_eq(store_look(store, first).n_open, 10);
    ck_assert_int_eq(store_kept(store, 0), ERR_NO_ENTRY);
    ck_assert_int_eq(end(0), ERR_OK);
}

/* The limit is 3. Another process deletes two of three results, which a count finds out; the count
 * is undone with the group, so it is made again. */
TEST(group_that_fails_forgets_that_rows_were_counted)
{
    open_with_batches(store_url());
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(end(i), ERR_OK);
    struct store *other = store_open_second(store_url());
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(store_forget_key(other, store_key_of(i)), ERR_OK);
    store_close(other);

    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    ck_assert_int_eq(end(3), ERR_OK);
    failing_step_arm(1, SQLITE_FULL);
    ck_assert_int_eq(store_group_end(store), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
    ck_assert_int_eq(end(3), ERR_OK);
    ck_assert_int_eq(store_kept(store, 2), ERR_OK);
    ck_assert_int_eq(store_kept(store, 3), ERR_OK);
}

/* 0: the group fails, 1: a write of it. The limits are 3 results and 4 ended tasks. */
RANGE_TEST(group_that_fails_does_not_count_its_rows, 0, 2)
{
    const struct result *result = NULL;

    store = store_open_limited(store_url(), 3, 4);
    for (size_t i = 0; i < 3; i++)
        store_add_batch(store, i, 1);
    ck_assert(!end(0) && !end(1));
    for (int n = 0; n < 4; n++) {
        ck_assert_int_eq(store_group_begin(store), ERR_OK);
        if (_i == 1)
            failing_step_arm(6, SQLITE_FULL); /* its last statement */
        ck_assert_int_eq(end(2) != ERR_OK, _i == 1);
        if (_i == 0)
            failing_step_arm(1, SQLITE_FULL);
        ck_assert_int_eq(store_group_end(store) != ERR_OK, _i == 0);
        ck_assert(failing_step_heal());
    }
    ck_assert_int_eq(end(2), ERR_OK);
    ck_assert_int_eq(store_kept(store, 0), ERR_OK);
    ck_assert_int_eq(store_find_lookup(store, store_lookup_id(0), &result), ERR_OK);
    result_unref(result);
}

static void count_open(void *arg, const struct store_batch *batch)
{
    size_t *n_open = arg;

    *n_open = 0;
    for (size_t i = 0; i < batch->n; i++)
        *n_open += batch->tasks[i].task_state == STORE_OPEN;
}

static size_t open_tasks(int64_t batch)
{
    size_t n_open = 0;

    ck_assert_int_eq(store_read_batch(store, batch, count_open, &n_open), ERR_OK);
    return n_open;
}

/* The engine reads a batch in the group that resumes it. 0: the group succeeds, 1: it fails. */
RANGE_TEST(group_reads_what_it_has_written, 0, 2)
{
    const struct store_end lost = {
        .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};

    store = store_open_roomy(store_url());
    first = store_add_batch(store, 0, 10);
    second = store_add_batch(store, 10, 10);
    ck_assert_int_eq(store_end_batch(store, first, &lost), ERR_OK);
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, first, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(open_tasks(first), 10);
    ck_assert_int_eq(end(10), ERR_OK);
    ck_assert_uint_eq(open_tasks(second), 9);
    if (_i == 1)
        failing_step_arm(1, SQLITE_FULL);
    ck_assert_int_eq(store_group_end(store), _i == 1 ? ERR_STORAGE_UNAVAILABLE : ERR_OK);
    ck_assert(failing_step_heal() == (_i == 1));
    ck_assert_uint_eq(open_tasks(first), _i == 1 ? 0 : 10);
    ck_assert_uint_eq(open_tasks(second), _i == 1 ? 10 : 9);
    ck_assert_int_eq(store_resolve_batch(store, first, "batch-1", STORE_NOW_MS), ERR_OK);
    ck_assert_uint_eq(open_tasks(first), 10);
}

/* ---- the disk ---- */

static const struct mode {
    unsigned kinds;
    bool lasting, full;
} modes[] = {{FAULT_WRITE, false, true},  {FAULT_WRITE, true, true},
             {FAULT_WRITE, false, false}, {FAULT_WRITE, true, false},
             {FAULT_SYNC, false, false},  {FAULT_SYNC, true, false},
             {FAULT_ALL, false, false},   {FAULT_WRITE | FAULT_HALF, false, false}};

/* Writes the tasks i..i+4 as a group. */
static enum err write_group(size_t i)
{
    enum err err = store_group_begin(store);

    if (err)
        return err;
    for (size_t n = 0; n < 5; n++)
        (void)end(i + n);
    return store_group_end(store);
}

static bool run_with_fault(const struct mode *mode, int k)
{
    store = store_open_limited(store_url(), 6, 6);
    int64_t batch = store_add_batch(store, 0, 10);

    ck_assert_int_eq(write_group(0), ERR_OK);
    fault_vfs_arm(mode->kinds, k, mode->lasting, mode->full);
    enum err err = write_group(5);
    bool fired = fault_vfs_heal();

    ck_assert_msg(!err || err == ERR_STORAGE_UNAVAILABLE, "k = %d: %s", k, err_words(err));
    if (err) {
        ck_assert_uint_eq(store_look(store, batch).n_open, 5);
        ck_assert_int_eq(store_kept(store, 5), ERR_NO_ENTRY);
        ck_assert_int_eq(write_group(5), ERR_OK);
    }
    ck_assert_uint_eq(store_look(store, batch).n_batches, 0);
    ck_assert_int_eq(store_kept(store, 9), ERR_OK);
    store_close(TAKE(store));
    return fired;
}

LOOP_TEST(group_with_a_failed_operation_is_done_or_leaves_nothing, modes)
{
    bool fired = true;
    int k = 1;

    for (; fired && k < FAULTS_MAX; k++) {
        fired = run_with_fault(&modes[_i], k);
        store_fixture_teardown();
        store_fixture_setup();
    }
    ck_assert_int_lt(k, FAULTS_MAX);
    ck_assert_int_gt(k, 2);
}

static enum err end_with_raw_bytes(size_t i)
{
    static const char bytes[STORE_RAW_MAX] = "{";
    const struct store_end lost = {.state = STORE_UNKNOWN,
                                   .err = ERR_UPSTREAM_OUTCOME_UNKNOWN,
                                   .wall_ms = STORE_NOW_MS,
                                   .raw = bytes,
                                   .raw_len = sizeof bytes};

    return store_end_task(store, store_tracking_id(i), &lost, NULL, NULL);
}

/* A group that does not fit the cache writes before its commit. If the disk is full then, SQLite
 * rolls it back. The disk has space again before the next write, which must not be one of its own.
 */
TEST(group_that_sqlite_has_rolled_back_writes_nothing_more)
{
    size_t i = 0;

    store = store_open_roomy(store_url());
    int64_t batch = store_add_batch(store, 0, 100);
    fault_vfs_arm(FAULT_WRITE, 1, true, true);
    ck_assert_int_eq(store_group_begin(store), ERR_OK);
    while (i < 90 && !end_with_raw_bytes(i))
        i++;
    ck_assert(fault_vfs_heal());
    ck_assert_uint_lt(i, 90);
    ck_assert_int_eq(end(95), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(store_group_end(store), ERR_STORAGE_UNAVAILABLE);
    ck_assert_uint_eq(store_look(store, batch).n_open, 100);
    ck_assert_int_eq(store_kept(store, 95), ERR_NO_ENTRY);
    ck_assert_int_eq(end(95), ERR_OK);
}

TEST(group_that_is_acknowledged_survives_power_loss)
{
    char folder[256], url[300];

    fault_vfs_watch(store_folder());
    open_with_batches(store_url());
    ck_assert_int_eq(write_group(0), ERR_OK);
    snprintf(folder, sizeof folder, "%s/left", store_folder());
    snprintf(url, sizeof url, "sqlite:%s/emailsd.db", folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    fault_vfs_power_cut(folder);
    fault_vfs_watch("");
    struct store *left = store_open_roomy(url);
    ck_assert_uint_eq(store_look(left, first).n_open, 5);
    ck_assert_int_eq(store_kept(left, 4), ERR_OK);
    store_close(left);
}
