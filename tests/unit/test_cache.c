/* SPDX-License-Identifier: MIT */
/* test_cache.c - tests storage, eviction of the least recently used result, and concurrent use. */
#include "base/mem.h"
#include "cache/cache.h"

#include "tests/support/suite.h"
#include <pthread.h>
#include <string.h>

/* A failure is the smallest result; keys with the same first byte share a shard. */
static const struct result *make(unsigned char first, unsigned char second)
{
    unsigned char key[HASH_SIZE] = {first, second};

    return result_new_failure(key, ERR_LOOKUP_FAILED, NULL, CHARGED_NO, 0, second);
}

static void put(struct cache *cache, unsigned char first, unsigned char second)
{
    const struct result *result = make(first, second);

    cache_put(cache, result);
    result_unref(result);
}

static bool has(struct cache *cache, unsigned char first, unsigned char second)
{
    unsigned char key[HASH_SIZE] = {first, second};
    const struct result *result = cache_find(cache, key);
    bool found = result != NULL;

    result_unref(result);
    return found;
}

TEST(cache_finds_stored_results_only)
{
    struct cache *cache = cache_new(1 << 20);

    put(cache, 1, 1);
    ck_assert(has(cache, 1, 1));
    ck_assert(!has(cache, 1, 2));
    ck_assert(!has(cache, 2, 1));
    cache_free(cache);
}

TEST(cache_newer_result_replaces_the_older)
{
    struct cache *cache = cache_new(1 << 20);
    unsigned char key[HASH_SIZE] = {1, 1};
    const struct result *newer = result_new_failure(key, ERR_INTERNAL, NULL, CHARGED_NO, 7, 7);

    put(cache, 1, 1);
    cache_put(cache, newer);
    const struct result *found = cache_find(cache, key);
    ck_assert_ptr_eq(found, newer);
    ck_assert_uint_eq(cache_stats(cache).n, 1);
    result_unref(found);
    result_unref(newer);
    cache_free(cache);
}

TEST(cache_removed_result_lives_while_referenced)
{
    struct cache *cache = cache_new(1 << 20);
    unsigned char key[HASH_SIZE] = {1, 1};

    put(cache, 1, 1);
    const struct result *held = cache_find(cache, key);
    cache_remove(cache, key);
    ck_assert(!has(cache, 1, 1));
    ck_assert_int_eq(held->err, ERR_LOOKUP_FAILED);
    ck_assert_uint_eq(cache_stats(cache).bytes, 0);
    result_unref(held);
    cache_free(cache);
}

TEST(cache_full_evicts_the_least_recently_used)
{
    struct cache *probe = cache_new(1 << 20);
    put(probe, 0, 0);
    size_t cost = cache_stats(probe).bytes;
    cache_free(probe);

    struct cache *cache = cache_new(16 * 3 * cost); /* three in each shard */
    put(cache, 0, 1);
    put(cache, 0, 2);
    put(cache, 0, 3);
    ck_assert(has(cache, 0, 1)); /* makes it the most recently used */
    put(cache, 0, 4);
    ck_assert(!has(cache, 0, 2));
    ck_assert(has(cache, 0, 1));
    ck_assert(has(cache, 0, 3));
    ck_assert(has(cache, 0, 4));
    ck_assert_uint_le(cache_stats(cache).bytes, 16 * 3 * cost);
    cache_free(cache);
}

TEST(cache_result_larger_than_a_shard_is_not_stored)
{
    struct cache *cache = cache_new(16);

    put(cache, 0, 1);
    ck_assert(!has(cache, 0, 1));
    ck_assert_uint_eq(cache_stats(cache).bytes, 0);
    cache_free(cache);
}

static void *read_and_write(void *arg)
{
    struct cache *cache = arg;

    for (int round = 0; round < 2000; round++) {
        put(cache, (unsigned char)(round % 32), (unsigned char)(round % 7));
        has(cache, (unsigned char)(round % 31), (unsigned char)(round % 5));
    }
    return NULL;
}

TEST(cache_is_safe_for_many_threads)
{
    struct cache *cache = cache_new(64 << 10);
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_and_write, cache), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_le(cache_stats(cache).bytes, 64 << 10);
    ck_assert_uint_gt(cache_stats(cache).n, 0);
    cache_free(cache);
}

TEST(cache_removes_all_results_of_a_domain_only)
{
    struct cache *cache = cache_new(1 << 20);
    static const char *const domains[] = {"example.org", "example.net", "example.org"};

    for (unsigned char i = 0; i < 3; i++) {
        unsigned char key[HASH_SIZE] = {i};
        const struct result *answer = result_new_answer(
            &(struct result_facts){.key = key, .domain = domains[i], .company_name = "A Company"});
        ck_assert(cache_put(cache, answer));
        result_unref(answer);
    }
    put(cache, 9, 0); /* a failure, whose domain is unknown */
    ck_assert_uint_eq(cache_remove_domain(cache, "example.org"), 2);
    ck_assert(!has(cache, 0, 0) && has(cache, 1, 0) && !has(cache, 2, 0) && has(cache, 9, 0));
    ck_assert_uint_eq(cache_remove_domain(cache, "example.org"), 0);
    cache_free(cache);
}
