/* SPDX-License-Identifier: MIT */
/* test_result_match.c - tests to which task of a batch a result belongs, and how it ends. */
#include "lookup/batching/result_match.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define ONE   "11111111111111111111111111111111"
#define TWO   "22222222222222222222222222222222"
#define OTHER "33333333333333333333333333333333"

static struct task one = {.tracking_id = ONE}, two = {.tracking_id = TWO};

static struct task_result result_with(struct openmart_task *task, const char *body)
{
    return (struct task_result){
        .task_id = "t", .task = task, .body = body, .body_len = strlen(body)};
}

static const struct row {
    const char *what;
    size_t n_tasks; /* of the batch; with one, only `one` is open */
    bool is_understood;
    const char *tracking_id, *body;
    const struct task *match;
} rows[] = {
    {"its tracking id", 2, true, TWO, "", &two},
    {"the same, not understood", 2, false, TWO, "", &two},
    {"none, of several", 2, true, "", "\"" ONE "\"", NULL},
    {"none, of one", 1, true, "", "", &one},
    {"none, of one, not understood", 1, false, "", "", &one},
    {"a foreign one, of one", 1, true, OTHER, "", NULL},
    {"a foreign one, of one, not understood", 1, false, OTHER, "", NULL},
    {"quoted, not understood", 2, false, "", "{\"a\":\"" ONE "\"}", &one},
    {"quoted twice", 2, false, "", "[\"" ONE "\",\"" ONE "\"]", &one},
    {"quoted in a string", 2, false, "", "{\"a\":\"{\\\"b\\\":\\\"" TWO "\\\"}\"}", &two},
    {"two are quoted", 2, false, "", "[\"" ONE "\",\"" TWO "\"]", NULL},
    {"one of ours, one foreign", 2, false, "", "[\"" OTHER "\",\"" ONE "\"]", &one},
    {"cut behind the id", 2, false, "", "[\"" ONE, NULL},
    {"part of a longer text", 2, false, "", "[\"" ONE "1\"]", NULL},
    {"not quoted", 2, false, "", ONE, NULL},
};

LOOP_TEST(result_belongs_to_the_task_that_it_names, rows)
{
    const struct row *row = &rows[_i];
    struct openmart_task task = {.tracking_id = row->tracking_id};
    struct task_result result = result_with(&task, row->body);
    struct task *open = NULL;

    result.is_understood = row->is_understood;
    DL_APPEND(open, &one);
    if (row->n_tasks > 1)
        DL_APPEND(open, &two);
    ck_assert_msg(result_match(open, row->n_tasks, &result) == row->match, "%s", row->what);
}

TEST(result_not_understood_is_charged_and_keeps_64_kib)
{
    struct openmart_task task = {.tracking_id = ONE};
    struct task_result result = {.task_id = "t", .task = &task, .body = "x", .body_len = 100000};
    const struct task_end end = result_end(&result);

    ck_assert_int_eq(end.err, ERR_UPSTREAM_INVALID_RESPONSE);
    ck_assert_int_eq(end.charged, CHARGED_YES);
    ck_assert_str_eq(end.task_id, "t");
    ck_assert_ptr_eq(end.raw, result.body);
    ck_assert_uint_eq(end.raw_len, 65536);
    ck_assert_ptr_null(end.answer);
}

RANGE_TEST(result_understood_ends_by_its_state, 0, 4)
{
    static const struct {
        enum openmart_state state;
        enum err err;
    } ends[] = {{OPENMART_COMPLETED, ERR_OK},
                {OPENMART_STATE_OTHER, ERR_OK},
                {OPENMART_ERRORED, ERR_LOOKUP_FAILED},
                {OPENMART_CANCELLED, ERR_LOOKUP_FAILED}};
    struct openmart_task task = {.state = ends[_i].state, .tracking_id = ONE};
    struct task_result result = result_with(&task, "{}");

    result.is_understood = true;
    const struct task_end end = result_end(&result);
    ck_assert_int_eq(end.err, ends[_i].err);
    ck_assert_ptr_null(end.raw);
    ck_assert_ptr_eq(end.answer, ends[_i].err ? NULL : &task);
}

TEST(unmatched_results_leave_in_order_and_are_limited)
{
    struct openmart_task task = {.tracking_id = ""};
    struct unmatched unmatched = {0};
    char body[32];

    for (int i = 0; i < OPENMART_BATCH_MAX + 5; i++) {
        snprintf(body, sizeof body, "body %d", i);
        const struct task_result result = result_with(&task, body);
        unmatched_add(&unmatched, &result);
    }
    ck_assert_uint_eq(unmatched.n, OPENMART_BATCH_MAX);
    ck_assert_str_eq(unmatched_first(&unmatched, true).body, "body 0");
    unmatched_drop_first(&unmatched);
    ck_assert_str_eq(unmatched_first(&unmatched, true).body, "body 1");
    ck_assert_str_eq(unmatched_first(&unmatched, true).task_id, "t");
    unmatched_done(&unmatched);
    ck_assert_uint_eq(unmatched.n, 0);
}

TEST(unmatched_results_that_name_another_task_come_last)
{
    struct openmart_task named = {.tracking_id = OTHER}, nameless = {.tracking_id = ""};
    const struct task_result first = result_with(&named, "first"),
                             third = result_with(&named, "third"),
                             second = result_with(&nameless, "second");
    struct unmatched unmatched = {0};

    unmatched_add(&unmatched, &first);
    unmatched_add(&unmatched, &second);
    unmatched_add(&unmatched, &third);
    ck_assert_uint_eq(unmatched.n, 3);
    ck_assert_uint_eq(unmatched.n_nameless, 1);
    ck_assert_str_eq(unmatched_first(&unmatched, true).body, "second");
    unmatched_drop_first(&unmatched);
    ck_assert_uint_eq(unmatched.n_nameless, 0);
    ck_assert_str_eq(unmatched_first(&unmatched, true).body, "unmatched: first");
    unmatched_drop_first(&unmatched);
    ck_assert_str_eq(unmatched_first(&unmatched, true).body, "unmatched: third");
    unmatched_done(&unmatched);
}

/* Otherwise a later version could deliver the addresses of one company as those of another. */
TEST(unmatched_result_of_an_uncertain_task_is_marked)
{
    struct openmart_task task = {.tracking_id = ""};
    const struct task_result result = result_with(&task, "{}");
    struct unmatched unmatched = {0};

    unmatched_add(&unmatched, &result);
    const struct task_result marked = unmatched_first(&unmatched, false);
    ck_assert_str_eq(marked.body, "unmatched: {}");
    ck_assert_uint_eq(marked.body_len, strlen(marked.body));
    ck_assert_uint_eq(unmatched_first(&unmatched, true).body_len, 2);
    unmatched_done(&unmatched);
}
