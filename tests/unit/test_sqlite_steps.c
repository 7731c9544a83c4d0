/* SPDX-License-Identifier: MIT */
/* test_sqlite_steps.c - lets every statement of every call fail once, one at a time.
 *
 * Disk faults (test_sqlite_faults.c) mostly appear at a commit, because a transaction works in
 * memory until then. Here sqlite3_step() itself fails, so that each statement of a transaction
 * is tested: the call is rejected, and leaves no part. The calls that settle an unknown outcome are
 * in test_sqlite_resolve.c. */
#include "base/mem.h"
#include "tests/unit/failing_step.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 200 /* a call that needs more never ends */

static int64_t sending, resting; /* batches of the tasks 0..1 and 2..4 */

/* ---- the calls ---- */

static const struct store_end unknown = {
    .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};
static const struct store_end not_created = {
    .state = STORE_NOT_CREATED, .err = ERR_UPSTREAM_REJECTED, .wall_ms = STORE_NOW_MS};
static const struct store_end answered = {.state = STORE_ANSWERED, .wall_ms = STORE_NOW_MS};

static enum err intend(void)
{
    const struct store_task tasks[] = {store_task_of(20), store_task_of(21)};
    const struct store_new_batch new = {
        .number = 7, .tasks = tasks, .n = 2, .wall_ms = STORE_NOW_MS};

    return store_begin_batch(store, &new);
}

static enum err rest(void)
{
    return store_mark_not_sent(store, sending);
}

static enum err send_again(void)
{
    return store_sending(store, resting, 1, "another token");
}

static enum err take_a_risk(void)
{
    return store_mark_resubmitted(store, sending, 1);
}

static enum err submit(void)
{
    return store_submitted(store, sending, "batch-1", STORE_NOW_MS);
}

static enum err split(void)
{
    const char *const ids[] = {store_tracking_id(2), store_tracking_id(3)};

    return store_split(store, resting, 8, ids, 2, STORE_NOW_MS);
}

/* Its result is one too many, and so is its completion. */
static enum err end_with_an_answer(void)
{
    const struct result *answer = store_answer(0, "milvali.com", STORE_DAY_MS);
    enum err err = store_end_task(store, store_tracking_id(0), &answered, answer, NULL);

    result_unref(answer);
    return err;
}

static enum err end_with_raw_bytes(void)
{
    struct store_end end = unknown;

    end.raw = "info@milvali.com";
    end.raw_len = 16;
    return store_end_task(store, store_tracking_id(2), &end, NULL, NULL);
}

static enum err end_with_a_response(void)
{
    struct store_end end = unknown;

    end.raw = "no id";
    end.raw_len = 5;
    return store_end_batch(store, sending, &end);
}

static enum err end_without_an_answer(void)
{
    return store_end_task(store, store_tracking_id(1), &unknown, NULL, NULL);
}

static enum err end_all(void)
{
    return store_end_batch(store, resting, &unknown);
}

static enum err give_back(void)
{
    return store_end_batch(store, resting, &not_created);
}

static void note_account(void *arg, const char *client, int64_t credits)
{
    *(int64_t *)arg += credits;
    ck_assert_str_eq(client, "client");
}

static enum err read_accounts(void)
{
    int64_t credits = 0, last = -7;
    enum err err = store_accounts(store, 0, note_account, &credits, &last);

    ck_assert_int_eq(last, err ? -7 : 0);
    return err;
}

static enum err read_last_day(void)
{
    int64_t day = -7;
    enum err err = store_last_day(store, &day);

    ck_assert_int_eq(day, err ? -7 : 0);
    return err;
}

static enum err read_pause(void)
{
    bool paused = true;
    enum err err = store_paused(store, &paused);

    ck_assert_int_eq(paused, err != ERR_OK);
    return err;
}

static enum err pause_buying(void)
{
    return store_set_paused(store, true);
}

static enum err try_the_disk(void)
{
    return store_try(store, STORE_NOW_MS);
}

static enum err forget(void)
{
    return store_forget_key(store, store_key_of(10));
}

static void note_batch(void *arg, const struct store_batch *batch)
{
    (void)arg;
    ck_assert_uint_gt(batch->n, 0);
}

static enum err read_open(void)
{
    return store_for_each_open_batch(store, note_batch, NULL);
}

static void note_task(void *arg, const struct store_task *task, const char *batch_id)
{
    (void)arg;
    (void)batch_id;
    ck_assert_int_eq(task->task_state, STORE_UNKNOWN);
}

static enum err read_unknown(void)
{
    return store_each_unknown(store, 0, 10, note_task, NULL);
}

static enum err read_lookup(void)
{
    const struct result *result = NULL;
    enum err err = store_find_lookup(store, store_lookup_id(10), &result);

    ck_assert((result == NULL) == (err != ERR_OK));
    result_unref(result);
    return err;
}

static enum err read_stats(void)
{
    struct store_stats stats = {.schema = -7};
    enum err err = store_stats(store, &stats);

    ck_assert((stats.schema == -7) == (err != ERR_OK));
    return err;
}

static void note_raw(void *arg, const struct store_raw *raw)
{
    (void)arg;
    ck_assert_uint_gt(raw->len, 0);
}

static enum err read_raw(void)
{
    return store_each_raw(store, STORE_ANY_PARSER, 9, note_raw, NULL);
}

static enum err put_parsed(void)
{
    const struct result *answer = store_answer(12, "milvali.com", STORE_DAY_MS);
    struct store_parsed parsed[] = {{store_tracking_id(13), NULL, false},
                                    {store_tracking_id(12), answer, false}};
    enum err err = store_put_parsed(store, 2, parsed, 2);

    result_unref(answer);
    return err;
}

static enum err find_by_token(void)
{
    return store_find_batch(store, "token", note_batch, NULL);
}

static enum err forget_the_address(void)
{
    size_t n = 77;
    enum err err = store_forget_address(store, "other@milvali.com", &n);

    ck_assert_uint_eq(n, err ? 77 : 0);
    return err;
}

static enum err drop_expired(void)
{
    bool more = true;
    enum err err = store_trim(
        store, &(struct store_ages){.expired_before_ms = STORE_NOW_MS + 10 * STORE_DAY_MS}, &more);

    ck_assert_int_eq(more, err != ERR_OK);
    return err;
}

static const struct call {
    const char *name;
    enum err (*make)(void);
} calls[] = {{"intend", intend},
             {"rest", rest},
             {"send again", send_again},
             {"take a risk", take_a_risk},
             {"submit", submit},
             {"split", split},
             {"end with an answer", end_with_an_answer},
             {"end with raw bytes", end_with_raw_bytes},
             {"end with a response", end_with_a_response},
             {"end without an answer", end_without_an_answer},
             {"end all", end_all},
             {"give back", give_back},
             {"read accounts", read_accounts},
             {"read the last day", read_last_day},
             {"read the pause", read_pause},
             {"pause", pause_buying},
             {"try the disk", try_the_disk},
             {"forget", forget},
             {"read what is open", read_open},
             {"read what is unknown", read_unknown},
             {"read a lookup", read_lookup},
             {"read the counts", read_stats},
             {"read raw results", read_raw},
             {"put what was parsed", put_parsed},
             {"find by token", find_by_token},
             {"forget an address", forget_the_address},
             {"drop what expired", drop_expired}};

/* ---- the state before each call ---- */

/* Two raw results, of the tasks 12 and 13, and a batch with an unknown outcome. */
static void add_raw_and_lost(void)
{
    struct store_end end = unknown;
    const struct store_task task = store_task_of(14);
    const struct store_new_batch new = {.tasks = &task, .n = 1, .notify_token = "token"};

    end.raw = "{}";
    end.raw_len = 2;
    store_add_batch(store, 12, 2);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(12), &end, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_end_task(store, store_tracking_id(13), &end, NULL, NULL), ERR_OK);
    ck_assert_int_eq(store_end_batch(store, store_add(store, new), &unknown), ERR_OK);
}

static void setup(void)
{
    store_fixture_setup();
    store = store_open_limited(store_url(), 2, 5);
    sending = store_add_batch(store, 0, 2);
    resting = store_add_batch(store, 2, 3);
    ck_assert_int_eq(store_mark_not_sent(store, resting), ERR_OK);
    int64_t over = store_add_batch(store, 10, 2);
    store_end_answered(store, 10, "one.com", STORE_DAY_MS);
    store_end_answered(store, 11, "two.com", 2 * STORE_DAY_MS);
    ck_assert_uint_eq(store_look(store, over).n, 0);
    add_raw_and_lost();
}

static void teardown(void)
{
    failing_step_heal();
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

/* Counts everything that can be counted. */
struct state {
    struct store_stats stats;
    struct store_seen sending, resting;
    int64_t credits, last_not_taken, last_day;
    bool paused;
};

static struct state look(void)
{
    struct state state = {.sending = store_look(store, sending),
                          .resting = store_look(store, resting)};

    ck_assert_int_eq(store_stats(store, &state.stats), ERR_OK);
    ck_assert_int_eq(store_accounts(store, 0, note_account, &state.credits, &state.last_not_taken),
                     ERR_OK);
    ck_assert_int_eq(store_last_day(store, &state.last_day), ERR_OK);
    ck_assert_int_eq(store_paused(store, &state.paused), ERR_OK);
    state.stats.bytes = 0; /* the log also grows by rolled back writes */
    return state;
}

static void assert_same(const struct state *a, const struct state *b)
{
    for (int i = 0; i <= STORE_DONE; i++)
        ck_assert_uint_eq(a->stats.batches[i], b->stats.batches[i]);
    for (int i = 0; i < STORE_TASK_STATES; i++)
        ck_assert_uint_eq(a->stats.tasks[i], b->stats.tasks[i]);
    ck_assert_uint_eq(a->stats.found, b->stats.found);
    ck_assert_uint_eq(a->stats.raw, b->stats.raw);
    ck_assert_uint_eq(a->stats.responses, b->stats.responses);
    ck_assert_uint_eq(a->sending.n_open, b->sending.n_open);
    ck_assert_uint_eq(a->resting.n_open, b->resting.n_open);
    ck_assert_int_eq(a->sending.state, b->sending.state);
    ck_assert_int_eq(a->resting.state, b->resting.state);
    ck_assert_int_eq(a->credits, b->credits);
    ck_assert_int_eq(a->last_day, b->last_day);
    ck_assert_int_eq(a->paused, b->paused);
}

LOOP_TEST(sqlite_call_with_a_failed_statement_leaves_no_part, calls)
{
    const struct call *call = &calls[_i];
    const struct state before = look();
    int k = 1;

    for (; k < STEPS_MAX; k++) {
        failing_step_arm(k, SQLITE_FULL);
        enum err err = call->make();
        if (!failing_step_heal()) {
            ck_assert_msg(!err, "%s: %s", call->name, err_words(err));
            break;
        }
        ck_assert_msg(err == ERR_STORAGE_UNAVAILABLE, "%s, statement %d: %s", call->name, k,
                      err_words(err));
        const struct state after = look();
        assert_same(&before, &after);
    }
    ck_assert_int_gt(k, 1);
    ck_assert_int_lt(k, STEPS_MAX);
}

/* After an I/O error the file is reopened, and it may be missing. */
LOOP_TEST(sqlite_missing_file_is_reported_and_found_again, calls)
{
    char away[512];
    const struct call *call = &calls[_i];

    snprintf(away, sizeof away, "%s.away", store_path());
    failing_step_arm(1, SQLITE_IOERR);
    ck_assert_int_eq(read_pause(), ERR_STORAGE_UNAVAILABLE);
    failing_step_heal();
    ck_assert_int_eq(rename(store_path(), away), 0);
    ck_assert_int_eq(call->make(), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(call->make(), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(rename(away, store_path()), 0);
    ck_assert_int_eq(call->make(), ERR_OK);
}

TEST(sqlite_store_without_accounts_has_no_last_day)
{
    int64_t day = 0;

    store_fixture_teardown();
    store_fixture_setup();
    store = store_open_roomy(store_url());
    ck_assert_int_eq(store_last_day(store, &day), ERR_OK);
    ck_assert_int_eq(day, INT64_MIN);
}
