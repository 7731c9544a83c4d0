/* SPDX-License-Identifier: MIT */
/* test_response_cache.c - tests that a worker repeats a response only while the cache would give
 * the same. */
#include "http/core/response_cache.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

#define NOW_MS INT64_C(1795432804000)

static struct cache *results;
static struct response_cache *cache;
static struct clock now;

static void setup(void)
{
    results = cache_new(1 << 20);
    cache = response_cache_new(results);
    now = clock_fake(NOW_MS);
}

static void teardown(void)
{
    response_cache_free(cache);
    cache_free(results);
}

FIXTURE(setup, teardown);

static struct response_cache_key key_of(const char *words)
{
    struct response_cache_key key = {.len = strlen(words)};

    memcpy(key.bytes, words, key.len);
    return key;
}

/* Puts a result into the cache that lives for ten minutes. */
static const struct result *answer(unsigned char first)
{
    unsigned char key[HASH_SIZE] = {first};
    const struct result *result =
        result_new_answer(&(struct result_facts){.key = key,
                                                 .domain = "example.org",
                                                 .company_name = "Example",
                                                 .fetched_ms = NOW_MS,
                                                 .ttl_found_ms = 600000,
                                                 .ttl_empty_ms = 600000});
    cache_put(results, result);
    return result;
}

static struct response *say(const struct result *result)
{
    char date[CLOCK_TEXT];
    struct reply reply;

    clock_http_date(NOW_MS, date);
    reply_init(&reply, 200);
    reply_text(&reply, "ETag", result->bodies[RESULT_JSON].etag);
    reply_body_of(&reply, result, RESULT_JSON);
    return response_new(&reply, date, "0123456789abcdef0123456789abcdef", false);
}

/* Stores the response for the text, and releases all references. */
static void remember(const char *words, const struct result *result)
{
    const struct response_cache_key key = key_of(words);
    struct response *response = say(result);

    response_cache_put(cache, &key, result, RESULT_JSON, response);
    response_unref(response);
    result_unref(result);
}

static bool is_cached(const char *words)
{
    const struct response_cache_key key = key_of(words);

    return response_cache_find(cache, &key, &now) != NULL;
}

static bool is_known(const char *words, unsigned char first)
{
    const struct response_cache_key key = key_of(words);
    const unsigned char *question_key;
    enum result_format format;

    return response_cache_find_question(cache, &key, &question_key, &format) &&
           question_key[0] == first && format == RESULT_JSON;
}

TEST(response_is_repeated_for_the_same_text_only)
{
    remember("/emails?domain=a.org\n", answer(1));
    ck_assert(is_cached("/emails?domain=a.org\n"));
    ck_assert(is_cached("/emails?domain=a.org\n"));
    ck_assert(!is_cached("/emails?domain=a.org\ntext/csv"));
    ck_assert(!is_cached("/emails?domain=a.or\n"));
    ck_assert(!is_cached("/emails?domain=b.org\n"));
}

TEST(response_for_an_empty_text_is_never_cached)
{
    ck_assert(!is_cached(""));
    ck_assert(!is_known("", 0));
}

TEST(response_expires_after_a_second_but_its_key_stays)
{
    remember("a", answer(1));
    response_cache_new_second(cache);
    ck_assert(!is_cached("a"));
    ck_assert(is_known("a", 1));
}

TEST(response_of_an_expired_result_is_not_repeated)
{
    remember("a", answer(1));
    clock_advance(&now, 599999);
    ck_assert(is_cached("a"));
    clock_advance(&now, 1);
    ck_assert(!is_cached("a"));
}

TEST(response_of_a_removed_result_is_not_repeated)
{
    unsigned char key[HASH_SIZE] = {1};

    remember("a", answer(1));
    remember("b", answer(2));
    cache_remove(results, key);
    ck_assert(!is_cached("a"));
    ck_assert(is_cached("b")); /* another change is harmless */
}

TEST(response_of_a_replaced_result_is_not_repeated)
{
    remember("a", answer(1));
    result_unref(answer(1));
    ck_assert(!is_cached("a"));
}

TEST(response_cache_full_uses_the_slow_path)
{
    char words[32];
    int n = 0;

    for (int i = 0; i < 10000; i++) {
        snprintf(words, sizeof words, "/emails?domain=a%d.org", i);
        remember(words, answer((unsigned char)i));
        ck_assert(is_cached(words));
    }
    for (int i = 0; i < 10000; i++) {
        snprintf(words, sizeof words, "/emails?domain=a%d.org", i);
        n += is_cached(words);
    }
    ck_assert_int_lt(n, 10000);
}

/* ---- stored responses ---- */

TEST(response_matches_only_if_all_of_it_matches)
{
    const struct result *one = answer(1), *other = answer(2);
    char date[CLOCK_TEXT], later[CLOCK_TEXT];
    struct response *response = say(one);
    static const char *const id = "ffffffffffffffffffffffffffffffff";

    clock_http_date(NOW_MS, date);
    clock_http_date(NOW_MS + 1000, later);
    struct reply same, another_body, another_header;
    reply_init(&same, 200);
    reply_text(&same, "ETag", one->bodies[RESULT_JSON].etag);
    another_header = another_body = same;
    reply_body_of(&same, one, RESULT_JSON);
    reply_body_of(&another_header, one, RESULT_JSON);
    reply_body_of(&another_body, other, RESULT_JSON);
    reply_text(&another_header, "Age", "1");
    ck_assert(response_matches(response, &same, date, id, false));
    ck_assert(!response_matches(response, &same, later, id, false));
    ck_assert(!response_matches(response, &same, date, "short", false));
    ck_assert(!response_matches(response, &same, date, id, true));
    ck_assert(!response_matches(response, &another_body, date, id, false));
    ck_assert(!response_matches(response, &another_header, date, id, false));
    result_unref(same.keeper);
    result_unref(another_header.keeper);
    result_unref(another_body.keeper);
    response_unref(response);
    result_unref(one);
    result_unref(other);
}
