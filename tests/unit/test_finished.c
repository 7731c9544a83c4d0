/* SPDX-License-Identifier: MIT */
/* test_finished.c - tests that results are found by id, and that the oldest is evicted. */
#include "base/id.h"
#include "lookup/records/finished.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static const unsigned char key[HASH_SIZE] = "a question";

static const struct result *end(void)
{
    return result_new_failure(key, ERR_LOOKUP_FAILED, NULL, CHARGED_NO, 0, 0);
}

TEST(finished_is_found_by_id_after_its_lookup)
{
    struct history *history = history_new(10, 1 << 20);
    const struct result *result = end();

    history_add(history, "an id", result);
    result_unref(result);
    ck_assert_int_eq(history_find(history, "an id")->err, ERR_LOOKUP_FAILED);
    ck_assert_ptr_null(history_find(history, "another id"));
    ck_assert_ptr_null(history_find(history, ""));
    history_free(history);
}

TEST(finished_full_evicts_the_oldest)
{
    struct history *history = history_new(3, 1 << 20);
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

static const struct result *answer(unsigned char first, const char *domain)
{
    unsigned char of[HASH_SIZE] = {first};

    return result_new_answer(
        &(struct result_facts){.key = of, .domain = domain, .company_name = "A Company"});
}

static void add_answer(struct history *history, const char *id, unsigned char first,
                       const char *domain)
{
    const struct result *result = answer(first, domain);

    history_add(history, id, result);
    result_unref(result);
}

TEST(finished_over_the_byte_limit_evicts_the_oldest)
{
    const struct result *one = answer(1, "example.org");
    struct history *history = history_new(100, 2 * one->bytes);

    result_unref(one);
    add_answer(history, "first", 1, "example.org");
    add_answer(history, "second", 2, "example.org");
    ck_assert_ptr_nonnull(history_find(history, "first"));
    add_answer(history, "third", 3, "example.org");
    ck_assert_ptr_null(history_find(history, "first"));
    ck_assert_ptr_nonnull(history_find(history, "third"));
    history_free(history);
}

TEST(finished_forget_removes_matching_results_only)
{
    struct history *history = history_new(100, 1 << 20);
    unsigned char of[HASH_SIZE] = {1};

    add_answer(history, "one", 1, "example.org");
    add_answer(history, "two", 2, "example.net");
    add_answer(history, "three", 3, "example.net");
    history_forget_key(history, of);
    ck_assert_ptr_null(history_find(history, "one"));
    ck_assert_ptr_nonnull(history_find(history, "two"));
    add_answer(history, "one", 1, "example.org");
    history_forget_domain(history, "example.net");
    ck_assert_ptr_null(history_find(history, "two"));
    ck_assert_ptr_null(history_find(history, "three"));
    ck_assert_ptr_nonnull(history_find(history, "one"));
    history_free(history);
}
