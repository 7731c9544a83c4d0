/* SPDX-License-Identifier: MIT */
/* test_store_contradictions.c - tests that a write that contradicts what is stored is rejected and
 * changes nothing. Each test runs with a store in a file and in memory. */
#include "base/mem.h"
#include "tests/unit/store_batches.h"

#include "tests/support/postgres_server.h"
#include "tests/support/suite.h"

FIXTURE(store_fixture_setup, store_fixture_teardown);
BEFORE_TESTS(postgres_server_start);

static enum err begin_with_other_tasks(void)
{
    return store_begin_two(SENDING, 15, NULL);
}

static enum err begin_with_fewer_tasks(void)
{
    return store_begin_two(RESTING, 2, NULL);
}

static enum err begin_with_a_token(void)
{
    return store_begin_two(SENDING, 0, "token");
}

static enum err begin_what_was_submitted(void)
{
    return store_begin_two(SUBMITTED, 5, NULL);
}

static enum err send_what_was_submitted(void)
{
    return store_sending(store, SUBMITTED, 0, NULL);
}

static enum err send_what_was_lost(void)
{
    return store_sending(store, LOST, 0, NULL);
}

static enum err back_off_what_was_submitted(void)
{
    return store_mark_not_sent(store, SUBMITTED);
}

static enum err back_off_what_was_lost(void)
{
    return store_mark_not_sent(store, LOST);
}

static enum err risk_what_backs_off(void)
{
    return store_mark_resubmitted(store, RISKED_RESTING, 1);
}

static enum err risk_on_another_day(void)
{
    return store_mark_resubmitted(store, RISKED, 2);
}

static enum err submit_under_another_id(void)
{
    return store_submitted(store, SUBMITTED, "b-33", STORE_NOW_MS);
}

static enum err submit_what_backs_off(void)
{
    return store_submitted(store, RESTING, "b-2", STORE_NOW_MS);
}

static enum err submit_what_was_lost(void)
{
    return store_submitted(store, LOST, "b-4", STORE_NOW_MS);
}

static enum err submit_what_was_lost_without_an_id(void)
{
    return store_submitted(store, LOST, "", STORE_NOW_MS);
}

static enum err split_into_another_batch(void)
{
    return store_split_off(RESTING, SENDING, 3, 1);
}

static enum err split_what_is_sent(void)
{
    return store_split_off(SENDING, HALF, 0, 1);
}

static enum err end_lost_task_as_answered(void)
{
    return store_answer_task(7);
}

static enum err end_lost_task_with_another_error(void)
{
    struct store_end end = store_unknown;

    end.err = ERR_UPSTREAM_INVALID_RESPONSE;
    return store_end_task(store, store_tracking_id(7), &end, NULL, NULL);
}

static enum err resume_what_was_submitted(void)
{
    return store_resolve_batch(store, SUBMITTED, "b-3", STORE_NOW_MS + 7);
}

static enum err refund_what_was_rejected(void)
{
    return store_resolve_not_taken(store, store_tracking_id(10), STORE_NOW_MS);
}

static enum err resolve_what_was_rejected(void)
{
    return store_resolve_task(store, store_tracking_id(10), &store_answered, NULL);
}

static const struct store_write contradictions[] = {
    {"begin with other tasks", begin_with_other_tasks},
    {"begin with fewer tasks", begin_with_fewer_tasks},
    {"begin with a token", begin_with_a_token},
    {"begin what was submitted", begin_what_was_submitted},
    {"send what was submitted", send_what_was_submitted},
    {"send what was lost", send_what_was_lost},
    {"back off what was submitted", back_off_what_was_submitted},
    {"back off what was lost", back_off_what_was_lost},
    {"risk what backs off", risk_what_backs_off},
    {"risk on another day", risk_on_another_day},
    {"submit under another id", submit_under_another_id},
    {"submit what backs off", submit_what_backs_off},
    {"submit what was lost", submit_what_was_lost},
    {"submit what was lost, without an id", submit_what_was_lost_without_an_id},
    {"split into another batch", split_into_another_batch},
    {"split what is sent", split_what_is_sent},
    {"end a lost task as answered", end_lost_task_as_answered},
    {"end a lost task with another error", end_lost_task_with_another_error},
    {"resume what was submitted", resume_what_was_submitted},
    {"refund what was rejected", refund_what_was_rejected},
    {"resolve what was rejected", resolve_what_was_rejected}};

enum { CONTRADICTIONS = ARRAY_LEN(contradictions) * STORES };

RANGE_TEST(store_contradiction_is_rejected_without_effect, 0, CONTRADICTIONS)
{
    const struct store_write *write = &contradictions[_i / STORES];

    store_open_with_batches(_i % STORES);
    autofree char *before = store_dump();
    enum err err = write->make();
    ck_assert_msg(err == ERR_NO_ENTRY, "%s: %s", write->name, err_words(err));
    autofree char *after = store_dump();
    store_assert_same(write->name, after, before);
}
