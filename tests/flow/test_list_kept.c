/* SPDX-License-Identifier: MIT */
/* test_list_kept.c - tests what is kept of lists: for how long, in how much memory, and nothing
 * that was deleted. */
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

/* ---- one iteration ---- */

TEST(iteration_starts_256_entries_of_all_lists_in_turn)
{
    struct list_reader *readers[3];

    flow_request_companies(0, 1000);
    flow_advance(10 * MINUTE_MS);
    for (int i = 0; i < 3; i++)
        readers[i] = list_open(list_of_companies(i, 900));
    /* list_open() has run iterations at this instant: the first one of each list, and no more. */
    size_t n = 0;
    struct bulk *bulk;
    for (bulk = flow.engine->bulks->running; bulk; bulk = bulk->next)
        n += bulk->n_ended;
    ck_assert_uint_le(n, 3 * 2 * BULK_STARTS_MAX);
    for (int i = 0; i < 3; i++) {
        list_read_all(readers[i], 1000);
        ck_assert_uint_eq(list_outcomes(readers[i], BULK_HIT), 900);
        list_free(readers[i]);
    }
}
