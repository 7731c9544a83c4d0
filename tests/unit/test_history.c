/* SPDX-License-Identifier: MIT */
/* test_history.c - ends are found by id; the oldest give way; tracking ids that were claimed are
 * remembered for their batch. */
#include "lookup/claims.h"
#include "lookup/history.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static const unsigned char key[HASH_SIZE] = "a question";

static const struct result *end(void)
{
    return result_new_failure(key, ERR_LOOKUP_FAILED, NULL, CHARGED_NO, 0, 0);
}

START_TEST(an_end_is_found_by_its_id_and_outlives_its_giver)
{
    struct history *history = history_new(10);
    const struct result *result = end();

    history_add(history, "an id", result);
    result_unref(result);
    ck_assert_int_eq(history_find(history, "an id")->err, ERR_LOOKUP_FAILED);
    ck_assert_ptr_null(history_find(history, "another id"));
    ck_assert_ptr_null(history_find(history, ""));
    history_free(history);
}
END_TEST

START_TEST(the_oldest_gives_way_to_the_newest)
{
    struct history *history = history_new(3);
    const struct result *result = end();

    for (int i = 0; i < 5; i++) {
        char id[ID_TEXT];
        snprintf(id, sizeof id, "id %d", i);
        history_add(history, id, result);
    }
    result_unref(result);
    ck_assert_ptr_null(history_find(history, "id 0"));
    ck_assert_ptr_null(history_find(history, "id 1"));
    ck_assert_ptr_nonnull(history_find(history, "id 2"));
    ck_assert_ptr_nonnull(history_find(history, "id 4"));
    history_free(history);
}
END_TEST

START_TEST(a_claimed_tracking_id_names_its_question)
{
    static struct claims claims;

    for (unsigned i = 0; i < OPENMART_BATCH_MAX; i++) {
        unsigned char of[HASH_SIZE] = {(unsigned char)i};
        char id[ID_TEXT];
        snprintf(id, sizeof id, "tracking %u", i);
        claims_add(&claims, id, of);
    }
    ck_assert_int_eq(claims_find(&claims, "tracking 99")[0], 99);
    ck_assert_int_eq(claims_find(&claims, "tracking 0")[0], 0);
    ck_assert_ptr_null(claims_find(&claims, "tracking 100"));
    ck_assert_ptr_null(claims_find(&claims, ""));
}
END_TEST

Suite *suite(void);
Suite *suite(void)
{
    Suite *s = suite_create("history");
    TCase *t = tcase_create("history");

    tcase_add_test(t, an_end_is_found_by_its_id_and_outlives_its_giver);
    tcase_add_test(t, the_oldest_gives_way_to_the_newest);
    tcase_add_test(t, a_claimed_tracking_id_names_its_question);
    suite_add_tcase(s, t);
    return s;
}
