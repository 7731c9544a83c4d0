/* SPDX-License-Identifier: MIT */
/* test_list_kept.c - tests what is kept of lists: for how long, in how much memory, and nothing
 * that was deleted. */
#include "held_calls.h"
#include "list_flow.h"
#include "lookup/lists/bulk_state.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <string.h>

static void forget(const char *domain)
{
    struct forget_domain_call call = {.call.run = engine_forget_domain};

    snprintf(call.domain, sizeof call.domain, "%s", domain);
    flow_call(&call.call);
    ck_assert_int_eq(call.err, ERR_OK);
}

/* ---- deletions ---- */

TEST(deleted_domain_is_not_held_for_a_reader)
{
    struct bulk_list *list = list_of_companies(0, 50);

    list_add(list, "company7.com");
    struct list_reader *reader = list_open(list);
    flow_advance(2 * MINUTE_MS);
    forget("company7.com");
    list_read_all(reader, 1000);
    ck_assert_int_eq(reader->entries[7].err, ERR_NOT_CACHED);
    ck_assert_int_eq(reader->entries[7].outcome, BULK_FAILED);
    ck_assert_int_eq(reader->entries[7].charged, CHARGED_YES); /* it was paid for */
    ck_assert_int_eq(reader->entries[50].err, ERR_NOT_CACHED);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), 49);
    list_free(reader);
}

TEST(deleted_domain_is_in_no_list_that_has_ended)
{
    struct list_reader *reader = list_open(list_of_companies(0, 50)), *other;

    list_read_all(reader, HOUR_MS);
    forget("company7.com");
    other = list_find(reader->open.progress.id, "client");
    list_read_all(other, 1000);
    ck_assert_int_eq(other->entries[7].err, ERR_NOT_CACHED);
    ck_assert_uint_eq(list_errors(other, ERR_OK), 49);
    list_free(other);
    list_free(reader);
}

/* As after news of another process, or a conflict of two results. */
TEST(result_of_a_question_that_changes_is_not_held)
{
    struct list_reader *reader = list_open(list_of_companies(0, 50));
    struct bulk *bulk = reader->open.reader->bulk;

    flow_advance(2 * MINUTE_MS);
    ck_assert_uint_eq(bulk->n_held, 50);
    bulks_forget(flow.engine->bulks, bulk->records[7].key, NULL);
    ck_assert_uint_eq(bulk->n_held, 49);
    ck_assert_ptr_null(bulk->records[7].held);
    list_read_all(reader, 1000);
    list_free(reader);
}

TEST(deleted_domain_is_not_in_a_pull_that_waits_for_the_store)
{
    struct forget_domain_call call = {.call.run = engine_forget_domain, .domain = "company7.com"};
    struct list_reader *reader = list_open(list_of_companies(0, 20)), *other;
    int returns = 0;

    list_read_all(reader, HOUR_MS);
    other = list_find(reader->open.progress.id, "client");
    list_free(reader);
    for (int i = 10; i < 20; i++) /* the others are in the pull already */
        cache_remove_domain(flow.cache, flow_company(i));
    held_calls_set(HOLD_POSTED, "find");
    ck_assert(!list_pull(other));
    flow_post(&call.call, &returns);
    flow_advance(100);
    inbox_run_all(flow.inbox);
    held_calls_release();
    flow_advance(100);
    list_read(other);
    ck_assert_int_eq(other->entries[7].err, ERR_NOT_CACHED);
    ck_assert_uint_eq(list_errors(other, ERR_OK), 19);
    ck_assert_int_eq(returns, 1);
    list_free(other);
}

/* ---- time and memory ---- */

TEST(list_is_kept_for_an_hour)
{
    struct list_reader *reader = list_open(list_of_companies(0, 10)), *other;
    char id[ID_TEXT];

    memcpy(id, reader->open.progress.id, ID_TEXT);
    list_read_all(reader, HOUR_MS);
    list_free(reader);
    flow_advance(59 * MINUTE_MS);
    other = list_find(id, "client");
    ck_assert_int_eq(other->open.err, ERR_OK);
    flow_advance(2 * MINUTE_MS);
    list_read_all(other, 1000); /* it is being read */
    list_free(other);
    other = list_find(id, "client");
    ck_assert_int_eq(other->open.err, ERR_NOT_FOUND);
    list_free(other);
}

TEST(entries_need_little_memory)
{
    struct bulk_list *list = list_of_companies(0, 10000);

    ck_assert_uint_le(sizeof(struct bulk_record) + sizeof(uint32_t), 128);
    /* An open entry has these, and the texts; one with a request has a lookup too. */
    ck_assert_uint_lt(sizeof(struct bulk_record) + sizeof(uint32_t) +
                          2 * sizeof(struct bulk_entry) + sizeof(struct question) +
                          sizeof(struct bulk_lookup),
                      1024);
    list->max_credits = 0;
    struct list_reader *reader = list_open(list);
    char id[ID_TEXT];
    memcpy(id, reader->open.progress.id, ID_TEXT);
    list_read_all(reader, MINUTE_MS);
    list_free(reader);
    size_t bytes = flow.engine->bulks->kept_bytes;
    ck_assert_uint_gt(bytes, 0);
    ck_assert_uint_lt(bytes, 10000 * (128 + 120)); /* with texts: input, domain, detail */
}

TEST(lists_that_have_ended_are_limited_in_memory)
{
    char first[ID_TEXT], last[ID_TEXT];
    struct list_reader *reader;

    for (int i = 0; i < 60; i++) {
        struct bulk_list *list = list_of_companies(10000 * i, 10000);
        list->directives.only_cached = true;
        reader = list_open(list);
        memcpy(i ? last : first, reader->open.progress.id, ID_TEXT);
        list_read_all(reader, MINUTE_MS);
        list_free(reader);
        ck_assert_uint_le(flow.engine->bulks->kept_bytes, BULKS_KEPT_BYTES);
    }
    ck_assert_uint_gt(flow.engine->bulks->kept_bytes, BULKS_KEPT_BYTES / 2);
    reader = list_find(first, "client");
    ck_assert_int_eq(reader->open.err, ERR_NOT_FOUND);
    list_free(reader);
    reader = list_find(last, "client");
    ck_assert_int_eq(reader->open.err, ERR_OK);
    list_free(reader);
}

TEST(list_that_has_ended_counts_as_long_as_it_is_read)
{
    struct list_reader *readers[4], *late;
    size_t before;

    for (int i = 0; i < 4; i++) {
        struct bulk_list *list = list_of_companies(10000 * i, 10000);
        list->directives.only_cached = true;
        readers[i] = list_open(list);
        readers[i]->pull.order = BULK_AS_LISTED;
        list_read_all(readers[i], 1000);
        ck_assert_ptr_null(readers[i]->open.reader->bulk->list); /* without its questions */
    }
    late = list_try(list_of_companies(0, 2));
    ck_assert_int_eq(late->open.err, ERR_OVERLOADED);
    ck_assert_int_eq(late->open.retry_after_s, 5);
    list_free(late);
    before = flow.engine->bulks->kept_bytes;
    ck_assert_uint_gt(before, 4 * 10000 * 128);
    list_read_all(readers[0], 1000);
    list_free(readers[0]);
    ck_assert_uint_lt(flow.engine->bulks->kept_bytes, before); /* it is kept, with less */
    late = list_open(list_of_companies(0, 2));
    list_free(late);
    for (int i = 1; i < 4; i++)
        list_free(readers[i]);
}

TEST(result_before_all_readers_is_not_held)
{
    struct list_reader *reader = list_open(list_of_companies(0, 700)), *other;
    struct bulk *bulk = reader->open.reader->bulk;

    flow_advance(MINUTE_MS);
    size_t n = bulk->n_ended;
    ck_assert_uint_gt(n, 256);
    ck_assert_uint_eq(bulk->n_held, n);
    other = list_continue(reader, 0);
    other->open.after = 0;
    other->pull.after = n;
    other->pull.until_ms = 0;
    flow_post(&other->pull.call, &other->returns);
    flow_settle();
    ck_assert_uint_eq(bulk->n_held, 0);
    inbox_run_all(flow.inbox);
    other->returns = 0;
    list_free(other);
    list_finish(reader, HOUR_MS, 700); /* the others from the cache */
}

/* ---- one iteration ---- */

/* Returns the number of entries that have ended, of all the readers' lists. */
static size_t n_ended(struct list_reader *const *readers, size_t n_readers)
{
    size_t n = 0;

    for (size_t i = 0; i < n_readers; i++)
        n += readers[i]->open.reader->bulk->n_ended;
    return n;
}

TEST(iteration_starts_256_entries_of_all_lists_in_turn)
{
    struct list_reader *readers[3];

    flow_request_companies(0, 1000);
    flow_advance(10 * MINUTE_MS);
    for (int i = 0; i < 3; i++)
        readers[i] = list_open(list_of_companies(i, 900));
    ck_assert_uint_eq(n_ended(readers, 3), BULK_STARTS_MAX); /* one iteration at one instant */
    for (int i = 1; i <= 2; i++) {
        flow_advance(1);
        ck_assert_uint_eq(n_ended(readers, 3), (1 + (size_t)i) * BULK_STARTS_MAX);
    }
    for (int i = 0; i < 3; i++) /* its share of two iterations, at least */
        ck_assert_uint_ge(n_ended(&readers[i], 1), 2 * (BULK_STARTS_MAX / 3));
    for (int i = 0; i < 3; i++) {
        list_read_all(readers[i], 1000);
        ck_assert_uint_eq(list_outcomes(readers[i], BULK_HIT), 900);
        list_free(readers[i]);
    }
}
