/* SPDX-License-Identifier: MIT */
/* list_flow.c - see list_flow.h. */
#include "list_flow.h"

#include "base/mem.h"

#include "tests/support/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS 500 /* between two pulls of list_read_all() */

/* ---- lists ---- */

void list_set_account(struct bulk_list *list, const char *account)
{
    snprintf(list->account, sizeof list->account, "%s", account);
}

struct bulk_list *list_new(void)
{
    struct bulk_list *list = xcalloc(1, sizeof *list);

    list_set_account(list, "client");
    list->quota = ACCOUNT_NO_QUOTA;
    list->weight = 1;
    list->directives = CACHE_DIRECTIVES_NONE;
    list->not_cached = ERR_NOT_CACHED;
    list->limits = FLOW_NEVER_STALE;
    list->asked_wall_ms = engine_clock(flow.engine)->wall_ms;
    list->max_credits = -1;
    return list;
}

void list_add(struct bulk_list *list, const char *domain)
{
    list_add_tracked(list, domain, NULL);
}

void list_add_tracked(struct bulk_list *list, const char *domain, const char *tracking_id)
{
    const struct slice fields[QUESTION_PARTS] = {{domain, strlen(domain)}};
    struct bulk_entry entry = {.input = arena_strdup(&list->arena, domain),
                               .tracking_id = tracking_id};
    struct errmsg why;

    ck_assert_int_eq(question_new(fields, &entry.question, &why), ERR_OK);
    bulk_list_add(list, &entry);
}

void list_add_rejected(struct bulk_list *list, const char *input, enum err err)
{
    const struct bulk_entry entry = {
        .input = arena_strdup(&list->arena, input), .err = err, .detail = "not a domain"};

    bulk_list_add(list, &entry);
}

void list_add_companies(struct bulk_list *list, int first, int n)
{
    for (int i = first; i < first + n; i++)
        list_add(list, flow_company(i));
}

struct bulk_list *list_of_companies(int first, int n)
{
    struct bulk_list *list = list_new();

    list_add_companies(list, first, n);
    return list;
}

/* ---- readers ---- */

/* Runs the open, and prepares the pulls. */
static void start(struct list_reader *reader)
{
    reader->open.call.run = bulk_open;
    flow_call(&reader->open.call);
    reader->is_closed = reader->open.err != ERR_OK;
    reader->pull.call.run = bulk_pull;
    reader->pull.reader = reader->open.reader;
    reader->pull.until_ms = INT64_MAX;
    reader->n_entries = reader->open.progress.total;
    reader->entries = xcalloc(reader->n_entries + 1, sizeof *reader->entries);
    reader->order = xcalloc(reader->n_entries + 1, sizeof *reader->order);
}

struct list_reader *list_try(struct bulk_list *list)
{
    struct list_reader *reader = xcalloc(1, sizeof *reader);

    bulk_list_seal(list);
    reader->open.list = list;
    start(reader);
    return reader;
}

struct list_reader *list_open(struct bulk_list *list)
{
    struct list_reader *reader = list_try(list);

    ck_assert_int_eq(reader->open.err, ERR_OK);
    return reader;
}

struct list_reader *list_find(const char *id, const char *account)
{
    struct list_reader *reader = xcalloc(1, sizeof *reader);

    snprintf(reader->open.id, sizeof reader->open.id, "%s", id);
    snprintf(reader->open.account, sizeof reader->open.account, "%s", account);
    start(reader);
    return reader;
}

struct list_reader *list_continue(const struct list_reader *earlier, size_t after)
{
    struct list_reader *reader = xcalloc(1, sizeof *reader);

    memcpy(reader->open.id, earlier->open.progress.id, ID_TEXT);
    memcpy(reader->open.account, "client", sizeof "client");
    reader->open.run = earlier->open.progress.run;
    reader->open.after = after;
    start(reader);
    for (; !reader->open.err && reader->n < reader->open.after; reader->n++) {
        size_t index = earlier->order[reader->n];
        reader->order[reader->n] = index;
        reader->entries[index] = earlier->entries[index];
        reader->entries[index].detail = NULL;
    }
    return reader;
}

void list_free(struct list_reader *reader)
{
    list_close(reader);
    for (size_t i = 0; i < reader->n_entries; i++)
        free(reader->entries[i].detail);
    free(reader->entries);
    free(reader->order);
    free(reader);
}

static void take_result(struct list_reader *reader, struct bulk_result *result)
{
    ck_assert_uint_lt(result->index, reader->n_entries);
    struct listed *entry = &reader->entries[result->index];
    ck_assert_int_eq(entry->times++, 0);
    ck_assert_ptr_nonnull(result->input);
    ck_assert((result->err != ERR_OK) == (result->result == NULL));
    if (result->result)
        ck_assert_str_eq(result->result->domain, result->input);
    entry->err = result->err;
    entry->outcome = result->outcome;
    entry->charged = result->charged;
    entry->detail = result->detail;
    result_unref(result->result);
    reader->order[reader->n++] = result->index;
}

static void take(struct list_reader *reader)
{
    ck_assert_int_eq(reader->returns, 1);
    reader->returns = 0;
    reader->is_pulling = false;
    for (size_t i = 0; i < reader->pull.n; i++)
        take_result(reader, &reader->pull.results[i]);
    if (reader->pull.is_last) {
        reader->is_over = true;
        ck_assert_uint_eq(reader->n, reader->n_entries);
    }
}

bool list_pull(struct list_reader *reader)
{
    inbox_run_all(flow.inbox);
    if (!reader->is_pulling) {
        reader->is_pulling = true;
        reader->pull.after = reader->n;
        flow_post(&reader->pull.call, &reader->returns);
    }
    if (!reader->returns)
        return false;
    take(reader);
    return true;
}

void list_read(struct list_reader *reader)
{
    while (!reader->is_over && list_pull(reader) && reader->pull.n)
        ;
}

void list_read_all(struct list_reader *reader, int64_t max_ms)
{
    int64_t until_ms = flow_now_ms() + max_ms;

    for (;;) {
        list_read(reader);
        if (reader->is_over)
            return;
        ck_assert_msg(flow_now_ms() < until_ms, "the list has %zu of %zu results", reader->n,
                      reader->n_entries);
        flow_advance(STEP_MS);
    }
}

void list_close(struct list_reader *reader)
{
    if (reader->is_closed)
        return;
    inbox_run_all(flow.inbox);
    if (reader->returns)
        take(reader);
    reader->is_closed = true;
    bulk_close(flow.engine, reader->open.reader);
    flow_settle();
    inbox_run_all(flow.inbox);
    if (!reader->is_pulling)
        return;
    ck_assert_int_eq(reader->returns, 1);
    ck_assert_uint_eq(reader->pull.n, 0);
    ck_assert(reader->pull.is_closed);
    reader->is_pulling = false;
}

void list_finish(struct list_reader *reader, int64_t max_ms, size_t n_ok)
{
    list_read_all(reader, max_ms);
    ck_assert_uint_eq(list_errors(reader, ERR_OK), n_ok);
    list_free(reader);
}

enum err list_cancel(const char *id, const char *account)
{
    struct bulk_cancel_call cancel = {.call.run = bulk_cancel};

    snprintf(cancel.id, sizeof cancel.id, "%s", id);
    snprintf(cancel.account, sizeof cancel.account, "%s", account);
    flow_call(&cancel.call);
    return cancel.err;
}

/* ---- what was read ---- */

size_t list_outcomes(const struct list_reader *reader, enum bulk_outcome outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < reader->n_entries; i++)
        n += reader->entries[i].times && reader->entries[i].outcome == outcome;
    return n;
}

size_t list_errors(const struct list_reader *reader, enum err err)
{
    size_t n = 0;

    for (size_t i = 0; i < reader->n_entries; i++)
        n += reader->entries[i].times && reader->entries[i].err == err;
    return n;
}

size_t list_charged(const struct list_reader *reader, enum charged charged)
{
    size_t n = 0;

    for (size_t i = 0; i < reader->n_entries; i++)
        n += reader->entries[i].times && reader->entries[i].charged == charged;
    return n;
}

const struct bulk_progress *list_progress(const struct list_reader *reader)
{
    return *reader->pull.progress.id ? &reader->pull.progress : &reader->open.progress;
}
