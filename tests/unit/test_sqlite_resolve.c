/* SPDX-License-Identifier: MIT */
/* test_sqlite_resolve.c - lets every statement fail once, one at a time, of the calls that settle
 * an unknown outcome: resolve, refund, propose, confirm and reject.
 *
 * A failed call leaves every table as it was and reports nothing. Repeated, it has the same effect
 * as a call that never failed. */
#include "base/mem.h"
#include "tests/unit/failing_step.h"
#include "tests/unit/store_fixture.h"

#include "tests/support/suite.h"
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 100 /* a call that needs more never ends */

/* The tasks, all unknown at first. */
enum { LOST, LOST_TOO, REFUNDED, PROPOSED, SETTLED, NEW };

static int64_t lost, proposed; /* the batches of LOST and LOST_TOO, and of PROPOSED */
static struct store *other;    /* the same file, as another process has opened it */

/* ---- the calls ---- */

static enum err find_batch(void)
{
    int64_t batch = -7;
    enum err err = store_batch_of(store, store_tracking_id(LOST), &batch);

    ck_assert_int_eq(batch, err ? -7 : lost);
    return err;
}

static enum err resolve_batch(void)
{
    return store_resolve_batch(store, lost, "b-1", STORE_NOW_MS);
}

static enum err refund(void)
{
    return store_resolve_not_taken(store, store_tracking_id(LOST), STORE_NOW_MS);
}

static enum err refund_beside_the_owner(void)
{
    return store_resolve_not_taken(other, store_tracking_id(LOST), STORE_NOW_MS);
}

static enum err answer_task(void)
{
    const struct store_end answered = {
        .state = STORE_ANSWERED, .task_id = "t-1", .wall_ms = STORE_NOW_MS};
    const struct result *answer = store_answer(LOST, "milvali.com", STORE_DAY_MS);
    enum err err = store_resolve_task(store, store_tracking_id(LOST), &answered, answer);

    result_unref(answer);
    return err;
}

static enum err fail_task(void)
{
    return store_resolve_task(store, store_tracking_id(LOST), &store_failed, NULL);
}

static struct arena arena; /* of the news */

static enum err read_news(void)
{
    struct store_news news = {.since_ms = -7};
    enum err err = store_read_news(store, 1, &arena, &news);

    if (err) {
        ck_assert_int_eq(news.since_ms, -7);
        return err;
    }
    ck_assert_uint_eq(news.n_not_taken, 1);
    ck_assert_mem_eq(news.not_taken[0].key, store_key_of(REFUNDED), HASH_SIZE);
    ck_assert_str_eq(news.not_taken[0].client, "client");
    ck_assert_uint_eq(news.n_proposals, 1);
    ck_assert_int_eq(news.proposals[0].batch, proposed);
    ck_assert_str_eq(news.proposals[0].batch_id, "b-3");
    ck_assert_uint_eq(news.n_responses, 1);
    return ERR_OK;
}

static enum err confirm_news(void)
{
    const struct store_response response = {.batch = proposed};
    const struct store_news news = {.last_change = 9,
                                    .last_not_taken = 9,
                                    .has_settled = true,
                                    .responses = &response,
                                    .n_responses = 1,
                                    .since_ms = 7};

    return store_confirm_news(store, &news);
}

static enum err propose(void)
{
    return store_propose_batch(other, store_tracking_id(LOST), "b-1");
}

static enum err propose_another(void)
{
    return store_propose_batch(other, store_tracking_id(PROPOSED), "b-33");
}

static enum err confirm(void)
{
    return store_resolve_batch(store, proposed, "b-3", STORE_NOW_MS);
}

static enum err reject(void)
{
    return store_drop_proposal(store, proposed, "b-3");
}

static enum err read_proposal_state(void)
{
    enum store_proposal_state state = STORE_PROPOSAL_CONFIRMED;
    enum err err = store_proposal_state(other, store_tracking_id(PROPOSED), &state);

    ck_assert_int_eq(state, err ? STORE_PROPOSAL_CONFIRMED : STORE_PROPOSED);
    return err;
}

static const struct call {
    const char *name;
    enum err (*make)(void);
    bool changes;
} calls[] = {{"find the batch of a task", find_batch, false},
             {"resolve a batch", resolve_batch, true},
             {"refund a task", refund, true},
             {"refund a task beside the owner", refund_beside_the_owner, true},
             {"answer a task", answer_task, true},
             {"fail a task", fail_task, true},
             {"read the news", read_news, false},
             {"confirm the news", confirm_news, true},
             {"propose a batch id", propose, true},
             {"propose another batch id", propose_another, true},
             {"confirm a proposal", confirm, true},
             {"reject a proposal", reject, true},
             {"read the state of a proposal", read_proposal_state, false}};

/* ---- the state before each call ---- */

static void run(const char *sql, int (*each)(void *, int, char **, char **), void *arg)
{
    sqlite3 *db;
    char *words = NULL;

    ck_assert_int_eq(sqlite3_open(store_path(), &db), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(db, sql, each, arg, &words) == SQLITE_OK, "%s", words);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

/* Numbers are the same in every run, so that rows can be compared. */
static int64_t add(size_t from, size_t n)
{
    struct store_task tasks[4];

    for (size_t i = 0; i < n; i++)
        tasks[i] = store_task_of(from + i);
    return store_add(
        store, (struct store_new_batch){
                   .number = 100 + (int64_t)from, .tasks = tasks, .n = n, .wall_ms = STORE_NOW_MS});
}

static int64_t add_unknown(size_t from, size_t n)
{
    const struct store_end unknown = {
        .state = STORE_UNKNOWN, .err = ERR_UPSTREAM_OUTCOME_UNKNOWN, .wall_ms = STORE_NOW_MS};
    int64_t batch = add(from, n);

    ck_assert_int_eq(store_end_batch(store, batch, &unknown), ERR_OK);
    return batch;
}

static void setup(void)
{
    char sql[128];

    store_fixture_setup();
    store = store_open_limited(store_url(), 1, 5);
    other = store_open_second(store_url());
    lost = add_unknown(LOST, 2);
    add_unknown(REFUNDED, 1);
    proposed = add_unknown(PROPOSED, 1);
    snprintf(sql, sizeof sql, "UPDATE batches SET response = x'7B7D' WHERE number = %lld",
             (long long)proposed);
    run(sql, NULL, NULL);
    int64_t settled = add_unknown(SETTLED, 1);
    ck_assert_int_eq(store_propose_batch(other, store_tracking_id(PROPOSED), "b-3"), ERR_OK);
    ck_assert_int_eq(store_propose_batch(other, store_tracking_id(SETTLED), "b-4"), ERR_OK);
    ck_assert_int_eq(store_resolve_not_taken(other, store_tracking_id(REFUNDED), STORE_NOW_MS),
                     ERR_OK);
    ck_assert_int_eq(store_resolve_batch(store, settled, "b-4", STORE_NOW_MS), ERR_OK);
}

static void teardown(void)
{
    failing_step_heal();
    arena_free(&arena);
    store_close(TAKE(other));
    store_fixture_teardown();
}

FIXTURE(setup, teardown);

/* ---- what is stored ---- */

static int print_row(void *arg, int n, char **values, char **names)
{
    for (int i = 0; i < n; i++)
        fprintf(arg, "%s=%s ", names[i], values[i] ? values[i] : "NULL");
    fputc('\n', arg);
    return 0;
}

/* Returns every row of every table. The caller frees it. */
static char *dump(void)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    run("SELECT * FROM batches; SELECT * FROM tasks; SELECT * FROM accounts; SELECT * FROM answers;"
        "SELECT * FROM not_taken; SELECT * FROM proposals",
        print_row, to);
    ck_assert_int_eq(fclose(to), 0);
    return text;
}

/* The same after more tasks have ended: what is dropped depends on how many rows the store believes
 * it has. */
static char *dump_later(void)
{
    add(NEW, 4);
    for (size_t i = NEW; i < NEW + 4; i++)
        store_end_answered(store, i, "later.com", STORE_DAY_MS);
    return dump();
}

/* Names the first line that differs. */
static void assert_same(const struct call *call, const char *now, const char *wanted)
{
    size_t line = 0;

    for (size_t i = 0; now[i] && now[i] == wanted[i]; i++)
        if (now[i] == '\n')
            line = i + 1;
    ck_assert_msg(strcmp(now, wanted) == 0, "%s: %.150s, not %.150s", call->name, now + line,
                  wanted + line);
}

/* ---- one failed statement ---- */

/* Returns false if the call has no k-th statement; it has then succeeded. */
static bool fails_without_effect(const struct call *call, int k)
{
    autofree char *before = dump();

    failing_step_arm(k, SQLITE_FULL);
    enum err err = call->make();
    if (!failing_step_heal()) {
        ck_assert_msg(!err, "%s: %s", call->name, err_words(err));
        return false;
    }
    ck_assert_msg(err == ERR_STORAGE_UNAVAILABLE, "%s, statement %d: %s", call->name, k,
                  err_words(err));
    autofree char *after = dump();
    assert_same(call, after, before);
    return true;
}

LOOP_TEST(sqlite_outcome_is_settled_fully_or_not_at_all, calls)
{
    const struct call *call = &calls[_i];
    autofree char *before = dump();
    ck_assert_int_eq(call->make(), ERR_OK);
    autofree char *once = dump(), *once_later = dump_later();
    int k = 1;

    ck_assert_msg((strcmp(before, once) != 0) == call->changes, "%s", call->name);
    teardown();
    setup();
    while (k < STEPS_MAX && fails_without_effect(call, k))
        k++;
    ck_assert_int_gt(k, 1);
    ck_assert_int_lt(k, STEPS_MAX);
    autofree char *repeated = dump(), *repeated_later = dump_later();
    assert_same(call, repeated, once);
    assert_same(call, repeated_later, once_later);
}

/* ---- a missing file ---- */

static void move_file(const char *from_suffix, const char *to_suffix)
{
    char from[512], to[512];

    snprintf(from, sizeof from, "%s%s", store_path(), from_suffix);
    snprintf(to, sizeof to, "%s%s", store_path(), to_suffix);
    ck_assert_int_eq(rename(from, to), 0);
}

/* After an I/O error the file is reopened, and it may be missing. */
static void lose_file_in(enum err (*make)(void))
{
    failing_step_arm(1, SQLITE_IOERR);
    ck_assert_int_eq(make(), ERR_STORAGE_UNAVAILABLE);
    ck_assert(failing_step_heal());
    move_file("", ".away");
}

LOOP_TEST(sqlite_outcome_is_settled_once_the_file_is_back, calls)
{
    const struct call *call = &calls[_i];

    lose_file_in(call->make);
    ck_assert_int_eq(call->make(), ERR_STORAGE_UNAVAILABLE);
    move_file(".away", "");
    ck_assert_int_eq(call->make(), ERR_OK);
}

/* The old connection still works, but it is not trusted. */
TEST(sqlite_news_are_not_read_from_a_missing_file)
{
    lose_file_in(find_batch);
    ck_assert_int_eq(read_news(), ERR_STORAGE_UNAVAILABLE);
    ck_assert_int_eq(confirm_news(), ERR_STORAGE_UNAVAILABLE);
    move_file(".away", "");
    ck_assert_int_eq(read_news(), ERR_OK);
}

/* ---- a damaged row ---- */

TEST(sqlite_refund_of_a_damaged_task_is_kept_until_it_can_be_read)
{
    char sql[256];

    run("PRAGMA ignore_check_constraints = 1; UPDATE tasks SET key = x'07'", NULL, NULL);
    ck_assert_int_eq(read_news(), ERR_STORAGE_UNAVAILABLE);
    size_t len = (size_t)snprintf(sql, sizeof sql, "UPDATE tasks SET key = x'");
    for (size_t i = 0; i < HASH_SIZE; i++)
        len += (size_t)snprintf(sql + len, sizeof sql - len, "%02x", store_key_of(REFUNDED)[i]);
    snprintf(sql + len, sizeof sql - len, "'");
    run(sql, NULL, NULL);
    ck_assert_int_eq(read_news(), ERR_OK);
}

/* Its question is not known any more, so nothing is left to apply. */
TEST(sqlite_refund_of_a_deleted_task_is_confirmed)
{
    struct store_news news;

    run("DELETE FROM tasks WHERE tracking_id = (SELECT tracking_id FROM not_taken)", NULL, NULL);
    news = store_take_news(store, 0);
    ck_assert_uint_eq(news.n_not_taken, 0);
    ck_assert_int_gt(news.last_not_taken, 0);
    ck_assert_int_eq(store_news_since(store, 0).last_not_taken, 0);
}
