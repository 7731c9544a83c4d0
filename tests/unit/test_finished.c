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
    struct finished *finished = finished_new(10, 1 << 20);
    const struct result *result = end();

    finished_add(finished, "an id", result);
    result_unref(result);
    ck_assert_int_eq(finished_find(finished, "an id")->err, ERR_LOOKUP_FAILED);
    ck_assert_ptr_null(finished_find(finished, "another id"));
    ck_assert_ptr_null(finished_find(finished, ""));
    finished_free(finished);
}

TEST(finished_full_evicts_the_oldest)
{
    struct finished *finished = finished_new(3, 1 << 20);
    const struct result *result = end();

    for (int i = 0; i < 5; i++) {
        char id[ID_TEXT];
        snprintf(id, sizeof id, "id %d", i);
        finished_add(finished, id, result);
    }
    result_unref(result);
    ck_assert_ptr_null(finished_find(finished, "id 0"));
    ck_assert_ptr_null(finished_find(finished, "id 1"));
    ck_assert_ptr_nonnull(finished_find(finished, "id 2"));
    ck_assert_ptr_nonnull(finished_find(finished, "id 4"));
    finished_free(finished);
}

static const struct result *answer(unsigned char first, const char *domain)
{
    unsigned char of[HASH_SIZE] = {first};

    return result_new_answer(
        &(struct result_facts){.key = of, .domain = domain, .company_name = "A Company"});
}

static void add_answer(struct finished *finished, const char *id, unsigned char first,
                       const char *domain)
{
    const struct result *result = answer(first, domain);

    finished_add(finished, id, result);
    result_unref(result);
}

TEST(finished_over_the_byte_limit_evicts_the_oldest)
{
    const struct result *one = answer(1, "example.org");
    struct finished *finished = finished_new(100, 2 * one->bytes);

    result_unref(one);
    add_answer(finished, "first", 1, "example.org");
    add_answer(finished, "second", 2, "example.org");
    ck_assert_ptr_nonnull(finished_find(finished, "first"));
    add_answer(finished, "third", 3, "example.org");
    ck_assert_ptr_null(finished_find(finished, "first"));
    ck_assert_ptr_nonnull(finished_find(finished, "third"));
    finished_free(finished);
}

TEST(finished_forget_removes_matching_results_only)
{
    struct finished *finished = finished_new(100, 1 << 20);
    unsigned char of[HASH_SIZE] = {1};

    add_answer(finished, "one", 1, "example.org");
    add_answer(finished, "two", 2, "example.net");
    add_answer(finished, "three", 3, "example.net");
    finished_forget_key(finished, of);
    ck_assert_ptr_null(finished_find(finished, "one"));
    ck_assert_ptr_nonnull(finished_find(finished, "two"));
    add_answer(finished, "one", 1, "example.org");
    finished_forget_domain(finished, "example.net");
    ck_assert_ptr_null(finished_find(finished, "two"));
    ck_assert_ptr_null(finished_find(finished, "three"));
    ck_assert_ptr_nonnull(finished_find(finished, "one"));
    finished_free(finished);
}
