/* SPDX-License-Identifier: MIT */
/* test_result.c - tests the bodies of a result, byte for byte. */
#include "base/mem.h"
#include "model/result.h"

#include "tests/support/suite.h"
#include <string.h>

#define FETCHED_MS INT64_C(1795432804000) /* 2026-11-23T11:20:04Z */

static const unsigned char key[HASH_SIZE] = "a key of a question, any bytes.";

static const struct result *make(const struct result_email *emails, size_t n)
{
    const struct result_facts facts = {
        .key = key,
        .domain = "milvali.com",
        .company_name = "Milvali \"M\"",
        .emails = emails,
        .n_emails = n,
        .fetched_ms = FETCHED_MS,
        .ttl_found_ms = INT64_C(30) * 86400000,
        .ttl_empty_ms = 86400000,
    };
    return result_new_answer(&facts);
}

static const struct result_email two[] = {{"info@milvali.com", "VALID"},
                                          {"support@milvali.com", "CATCH_ALL"}};

TEST(result_json_is_as_documented)
{
    const struct result *result = make(two, 2);

    ck_assert_str_eq(
        result->bodies[RESULT_JSON].data,
        "{\"domain\":\"milvali.com\",\"company_name\":\"Milvali \\\"M\\\"\",\"emails\":["
        "{\"email\":\"info@milvali.com\",\"status\":\"VALID\"},"
        "{\"email\":\"support@milvali.com\",\"status\":\"CATCH_ALL\"}],\"count\":2,"
        "\"fetched_at\":\"2026-11-23T11:20:04Z\","
        "\"expires_at\":\"2026-12-23T11:20:04Z\"}\n");
    ck_assert_uint_eq(result->bodies[RESULT_JSON].len, strlen(result->bodies[RESULT_JSON].data));
    result_unref(result);
}

TEST(result_text_and_csv_are_as_documented)
{
    const struct result *result = make(two, 2);

    ck_assert_str_eq(result->bodies[RESULT_TEXT].data, "info@milvali.com\nsupport@milvali.com\n");
    ck_assert_str_eq(result->bodies[RESULT_CSV].data,
                     "email,status\r\ninfo@milvali.com,VALID\r\nsupport@milvali.com,CATCH_ALL\r\n");
    result_unref(result);
}

TEST(result_csv_fields_are_quoted_if_needed)
{
    const struct result_email odd[] = {{"\"a,b\"@milvali.com", "VALID"}};
    const struct result *result = make(odd, 1);

    ck_assert_str_eq(result->bodies[RESULT_CSV].data,
                     "email,status\r\n\"\"\"a,b\"\"@milvali.com\",VALID\r\n");
    result_unref(result);
}

TEST(result_keeps_the_first_of_repeated_addresses)
{
    const struct result_email repeats[] = {{"Info@milvali.com", "VALID"},
                                           {"info@MILVALI.com", "RISKY"},
                                           {"sales@milvali.com", "VALID"}};
    const struct result *result = make(repeats, 3);

    ck_assert_uint_eq(result->n_emails, 2);
    ck_assert_str_eq(result->bodies[RESULT_TEXT].data, "Info@milvali.com\nsales@milvali.com\n");
    result_unref(result);
}

TEST(result_without_addresses_has_a_shorter_ttl)
{
    const struct result *result = make(NULL, 0);

    ck_assert_int_eq(result->err, ERR_OK);
    ck_assert_int_eq(result->expires_ms - result->fetched_ms, 86400000);
    ck_assert_ptr_nonnull(strstr(result->bodies[RESULT_JSON].data, "\"emails\":[],\"count\":0"));
    ck_assert_str_eq(result->bodies[RESULT_TEXT].data, "");
    result_unref(result);
}

TEST(result_truncated_is_marked)
{
    const struct result_facts facts = {.key = key,
                                       .domain = "a.com",
                                       .company_name = "A",
                                       .emails = two,
                                       .n_emails = 2,
                                       .truncated = true};
    const struct result *result = result_new_answer(&facts);

    ck_assert_ptr_nonnull(strstr(result->bodies[RESULT_JSON].data, "\"truncated\":true"));
    result_unref(result);
}

TEST(result_entity_tags_are_strong_and_follow_the_bytes)
{
    const struct result *a = make(two, 2), *same = make(two, 2), *other = make(two, 1);

    ck_assert_uint_eq(strlen(a->bodies[RESULT_JSON].etag), RESULT_ETAG - 1);
    ck_assert_int_eq(a->bodies[RESULT_JSON].etag[0], '"');
    ck_assert_str_eq(a->bodies[RESULT_JSON].etag, same->bodies[RESULT_JSON].etag);
    ck_assert_str_ne(a->bodies[RESULT_JSON].etag, other->bodies[RESULT_JSON].etag);
    ck_assert_str_ne(a->bodies[RESULT_JSON].etag, a->bodies[RESULT_TEXT].etag);
    result_unref(a);
    result_unref(same);
    result_unref(other);
}

TEST(result_failure_keeps_its_detail)
{
    const struct result *result =
        result_new_failure(key, ERR_LOOKUP_FAILED, "no luck", CHARGED_MAYBE, FETCHED_MS, 60000);

    ck_assert_int_eq(result->err, ERR_LOOKUP_FAILED);
    ck_assert_str_eq(result->detail, "no luck");
    ck_assert_int_eq(result->expires_ms, FETCHED_MS + 60000);
    ck_assert_mem_eq(result->key, key, HASH_SIZE);
    result_unref(result);
}

/* ---- read back from the body ---- */

static const struct result *read_back(const struct result *result, const char *leave_out)
{
    const struct result_times times = {result->fetched_ms, result->expires_ms};
    const struct result_body *body = &result->bodies[RESULT_JSON];

    return result_from_json(result->key, body->data, body->len, &times, leave_out);
}

static void assert_reads_back_the_same(const struct result *result)
{
    const struct result *again = read_back(result, NULL);

    ck_assert_ptr_nonnull(again);
    for (int i = 0; i < RESULT_FORMATS; i++) {
        ck_assert_str_eq(again->bodies[i].data, result->bodies[i].data);
        ck_assert_str_eq(again->bodies[i].etag, result->bodies[i].etag);
    }
    ck_assert_mem_eq(again->key, result->key, HASH_SIZE);
    ck_assert_str_eq(again->domain, result->domain);
    ck_assert_uint_eq(again->n_emails, result->n_emails);
    ck_assert_int_eq(again->charged, result->charged);
    ck_assert_int_eq(again->fetched_ms, result->fetched_ms);
    ck_assert_int_eq(again->expires_ms, result->expires_ms);
    ck_assert_uint_eq(again->bytes, result->bytes);
    result_unref(again);
    result_unref(result);
}

TEST(result_body_reads_back_byte_for_byte)
{
    const struct result_email odd[] = {{"\"a,b\"@milvali.com", "VALID"},
                                       {"j\xc3\xbcrg\\/\x7f\xe2\x80\xa8@milvali.com", "a\tb\r\n"},
                                       {"", ""}};

    assert_reads_back_the_same(make(two, 2));
    assert_reads_back_the_same(make(odd, 3));
    assert_reads_back_the_same(make(NULL, 0));
}

TEST(result_reads_back_times_and_truncation)
{
    const struct result_facts facts = {.key = key,
                                       .domain = "a.com",
                                       .company_name = "",
                                       .emails = two,
                                       .n_emails = 2,
                                       .fetched_ms = FETCHED_MS + 999,
                                       .ttl_found_ms = 1234567,
                                       .truncated = true};

    assert_reads_back_the_same(result_new_answer(&facts));
}

TEST(result_without_one_address_keeps_the_rest)
{
    const struct result *both = make(two, 2), *one = make(two, 1);
    const struct result *without = read_back(both, "SUPPORT@milvali.COM");

    ck_assert_str_eq(without->bodies[RESULT_JSON].data, one->bodies[RESULT_JSON].data);
    ck_assert_uint_eq(without->n_emails, 1);
    const struct result *none = read_back(without, "info@milvali.com");
    ck_assert_uint_eq(none->n_emails, 0);
    ck_assert_int_eq(none->expires_ms,
                     both->expires_ms); /* found no address, but has the same lifetime */
    result_unref(both);
    result_unref(one);
    result_unref(without);
    result_unref(none);
}

TEST(result_from_invalid_body_is_null)
{
    static const char *const bad[] = {
        "",
        "null",
        "{",
        "[]",
        "{}",
        "{\"domain\":\"a.com\",\"company_name\":\"A\"}",
        "{\"domain\":1,\"company_name\":\"A\",\"emails\":[]}",
        "{\"domain\":\"a.com\",\"emails\":[]}",
        "{\"domain\":\"a.com\",\"company_name\":\"A\",\"emails\":{}}",
        "{\"domain\":\"a.com\",\"company_name\":\"A\",\"emails\":[{\"email\":\"x@a.com\"}]}",
        "{\"domain\":\"a.com\",\"company_name\":\"A\",\"emails\":[null]}"};
    const struct result_times times = {FETCHED_MS, FETCHED_MS + 1};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!result_from_json(key, bad[i], strlen(bad[i]), &times, NULL), "%s", bad[i]);
}

TEST(result_refresh_is_claimed_once_a_minute_or_after_it_was_given_back)
{
    const struct result *result =
        result_new_failure(key, ERR_LOOKUP_FAILED, NULL, CHARGED_MAYBE, FETCHED_MS, 1000);

    ck_assert(result_claim_refresh(result, 1000));
    ck_assert(!result_claim_refresh(result, 1000));
    ck_assert(!result_claim_refresh(result, 1000 + RESULT_REFRESH_MS - 1));
    result_unclaim_refresh(result);
    ck_assert(result_claim_refresh(result, 2000));
    ck_assert(result_claim_refresh(result, 2000 + RESULT_REFRESH_MS));
    result_unref(result);
}
