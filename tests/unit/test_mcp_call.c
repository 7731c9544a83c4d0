/* SPDX-License-Identifier: MIT */
/* test_mcp_call.c - tests how a call of a tool waits for its list: how long, what its client gets
 * meanwhile, and what follows if the client or the engine does not keep up. */
#include "http/endpoints/endpoints.h"
#include "list_request.h"

#include "base/json.h"
#include "tests/support/suite.h"

#include <stdio.h>

static struct bulk_reader *const reader = (struct bulk_reader *)&fake.clock; /* any address */

static void setup(void)
{
    set_up();
    ck_assert_int_eq(domain_start(), ERR_OK);
}

FIXTURE(setup, tear_down);

#define CALL(meta, arguments)                                                                      \
    "{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{\"name\":"                \
    "\"find_company_emails\"," meta "\"arguments\":" arguments "}}"
#define TOKEN   "\"_meta\":{\"progressToken\":\"t\"},"
#define DOMAINS "{\"domains\":[\"a.com\",\"b.com\",\"A.com\"]}"

static void post(const char *body)
{
    fake.request.body = body;
    fake.request.type = "application/json";
    mcp_post(&fake.request);
}

static void return_opened(void)
{
    struct bulk_open_call *open = posted_open();

    open->progress = (struct bulk_progress){
        .total = open->list->n, .unique = open->list->n_unique, .expected_ms = 48000};
    bulk_list_free(TAKE(open->list));
    open->reader = reader;
    return_call();
}

/* Returns results of entries that failed, because they need no result: first the last one. */
static void return_results(size_t n, bool is_last)
{
    struct bulk_pull_call *pull = posted_pull();

    for (size_t i = 0; i < n; i++)
        pull->results[i] = (struct bulk_result){.index = 2 - pull->after - i,
                                                .input = "a.com",
                                                .outcome = BULK_FAILED,
                                                .err = ERR_STILL_PROCESSING,
                                                .detail = xstrdup("send the list again")};
    pull->n = n;
    pull->is_last = is_last;
    pull->progress = (struct bulk_progress){.total = 3,
                                            .unique = 2,
                                            .done = pull->after + n,
                                            .elapsed_ms = fake.clock.now_ms,
                                            .expected_ms = fake.clock.now_ms + 1};
    return_call();
}

/* ---- the list ---- */

TEST(call_opens_a_list_of_its_domains)
{
    fake.client.quota = 5;
    fake.client.weight = 3;
    post(CALL("", DOMAINS));
    ck_assert(fake.is_parked && fake.has_dropped_body);
    const struct bulk_list *list = posted_open()->list;
    ck_assert_uint_eq(list->n, 3);
    ck_assert_uint_eq(list->n_unique, 2);
    ck_assert_str_eq(list->account, "account");
    ck_assert_str_eq(posted_open()->account, "account");
    ck_assert_int_eq(list->quota, 5);
    ck_assert_int_eq(list->weight, 3);
    ck_assert_int_eq(list->max_credits, 3);
    ck_assert(!list->is_async);
    return_opened();
    return_results(3, true);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_ptr_eq(fake.closed, reader);
    ck_assert_int_eq(fake.n_reserved, 0);
}

TEST(call_collects_its_results_in_the_order_of_its_domains)
{
    struct json *document;

    post(CALL("", DOMAINS));
    return_opened();
    return_results(1, false);
    ck_assert_uint_eq(posted_pull()->after, 1);
    ck_assert_int_eq(fake.status, 0);
    return_results(2, true);
    ck_assert_int_eq(json_parse(buf_str(&fake.reply), fake.reply.len, &document), ERR_OK);
    const struct json *result = json_get(document, "result");
    const struct json *line =
        json_first(json_get(json_get(result, "structuredContent"), "results"));
    for (int i = 0; i < 3; i++, line = json_next(line)) {
        ck_assert_int_eq(json_get_int(line, "index", -1), i);
        ck_assert_str_eq(json_get_string(json_get(line, "problem"), "detail"),
                         "the lookup continues in the background; repeat the call to join it at no "
                         "cost");
    }
    ck_assert(json_get_bool(result, "isError", false));
    json_free(document);
}

/* ---- the wait ---- */

static const struct {
    const char *prefer;
    int64_t usual_s, most_s, client_s, wait_s;
} waits[] = {
    {NULL, 90, 300, 300, 50},    {NULL, 20, 300, 300, 20},
    {NULL, 90, 30, 300, 30},     {NULL, 90, 300, 10, 10},
    {"wait=5", 90, 300, 300, 5}, {"wait=100", 90, 300, 300, 50},
    {NULL, 90, 300, 0, 0},       {"respond-async", 40, 300, 300, 40},
};

LOOP_TEST(call_waits_for_at_most_50_s_and_no_longer_than_its_client_may, waits)
{
    fake.limits = (struct limits){.wait_ms = waits[_i].usual_s * 1000,
                                  .max_wait_ms = waits[_i].most_s * 1000};
    fake.client.max_wait_ms = waits[_i].client_s * 1000;
    fake.request.prefer = waits[_i].prefer;
    post(CALL("", DOMAINS));
    ck_assert_int_eq(fake.late_ms, fake.clock.now_ms + waits[_i].wait_s * 1000 + 1000);
    return_opened();
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + waits[_i].wait_s * 1000);
    ck_assert(posted_pull()->closes_open && !posted_pull()->wants_progress);
    return_results(3, true);
}

/* ---- progress ---- */

static size_t count(const char *text)
{
    size_t n = 0;

    for (const char *s = buf_str(&fake.stream.body); (s = strstr(s, text)); s++)
        n++;
    return n;
}

TEST(progress_is_reported_at_most_once_a_second)
{
    post(CALL(TOKEN, DOMAINS));
    ck_assert_int_eq(fake.n_reserved, 1);
    return_opened();
    ck_assert_int_eq(fake.status, 200);
    ck_assert_uint_eq(count("notifications/progress"), 1);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 5000);
    ck_assert(!posted_pull()->closes_open && posted_pull()->wants_progress);
    return_results(1, false);
    ck_assert_uint_eq(count("notifications/progress"), 1);
    ck_assert_int_eq(posted_pull()->until_ms, fake.clock.now_ms + 1000); /* for what is new */
    clock_advance(&fake.clock, 1000);
    return_results(0, false);
    ck_assert_uint_eq(count("notifications/progress"), 2);
    ck_assert_uint_eq(count("\"message\":\"1 of 3 done\""), 1);
    clock_advance(&fake.clock, 45000);
    ck_assert(!posted_pull()->closes_open);
    return_results(0, false);
    ck_assert(posted_pull()->closes_open); /* its time comes before the next report */
    return_results(2, true);
    ck_assert(fake.stream.is_ended);
    ck_assert_uint_eq(count("event: message"), 4);
    ck_assert_uint_eq(count("\"isError\":true"), 1);
    ck_assert_uint_eq(count("\ndata: "), 4); /* one line each */
    ck_assert_ptr_eq(fake.closed, reader);
    close_stream(true);
}

TEST(call_beyond_the_limit_on_streams_gets_json)
{
    fake.has_no_slot = true;
    post(CALL(TOKEN, DOMAINS));
    return_opened();
    ck_assert_ptr_null(fake.owner);
    ck_assert(posted_pull()->closes_open && !posted_pull()->wants_progress);
    return_results(3, true);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_ptr_nonnull(strstr(buf_str(&fake.reply), "\"isError\":true"));
}

TEST(client_that_accepts_json_alone_gets_no_stream)
{
    fake.request.accept = "application/json";
    post(CALL(TOKEN, DOMAINS));
    return_opened();
    ck_assert_int_eq(fake.n_reserved, 0);
    return_results(3, true);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_ptr_null(fake.owner);
}

/* ---- clients that leave ---- */

TEST(client_that_leaves_closes_the_reader)
{
    post(CALL("", DOMAINS));
    return_opened();
    fake.abandoned(&fake.request);
    ck_assert_ptr_eq(fake.closed, reader);
    return_results(1, false);
    ck_assert_int_eq(fake.n_held, 0);
}

TEST(client_that_leaves_before_its_list_is_open_closes_the_reader_then)
{
    post(CALL("", DOMAINS));
    fake.abandoned(&fake.request);
    ck_assert_ptr_null(fake.closed);
    return_opened();
    ck_assert_ptr_eq(fake.closed, reader);
}

TEST(stream_whose_client_leaves_closes_the_reader)
{
    post(CALL(TOKEN, DOMAINS));
    return_opened();
    close_stream(false);
    ck_assert_ptr_eq(fake.closed, reader);
    ck_assert_int_eq(fake.n_held, 1);
    return_results(1, false);
}

/* ---- an engine that does not keep up ---- */

/* A model sees only the result of its call, not the status of a response. */
TEST(list_that_cannot_be_opened_is_an_error_of_the_tool)
{
    post(CALL(TOKEN, DOMAINS));
    bulk_list_free(TAKE(posted_open()->list));
    posted_open()->err = ERR_OVERLOADED;
    posted_open()->detail = "too many lists";
    posted_open()->retry_after_s = 7;
    return_call();
    ck_assert_int_eq(fake.status, 200);
    ck_assert_ptr_nonnull(
        strstr(buf_str(&fake.reply), "\"too many lists (overloaded); repeat the call in 7 s\""));
    ck_assert_ptr_nonnull(strstr(buf_str(&fake.reply), "\"isError\":true"));
    ck_assert_ptr_null(fake.owner);
}

TEST(line_ends_of_an_entry_make_no_line_of_its_own)
{
    post(CALL("", DOMAINS));
    return_opened();
    struct bulk_pull_call *pull = posted_pull();
    pull->results[0] = (struct bulk_result){
        .index = 2, .input = "a\nb: c (ok)", .outcome = BULK_REJECTED, .err = ERR_INVALID_DOMAIN};
    pull->n = 1;
    pull->progress = (struct bulk_progress){.total = 3, .done = 1};
    return_call();
    return_results(2, true);
    ck_assert_ptr_nonnull(strstr(buf_str(&fake.reply), "\\n\\\"a\\\\nb: c (ok)\\\": "));
}

TEST(call_is_answered_late_and_its_list_promised)
{
    post(CALL("", DOMAINS));
    clock_advance(&fake.clock, 51000);
    fake.late(&fake.request);
    ck_assert_int_eq(fake.status, 200);
    ck_assert_ptr_nonnull(strstr(buf_str(&fake.reply), "\"isError\":true"));
    ck_assert(fake.has_started_lookup);
    return_opened();
    ck_assert(posted_pull()->closes_open);
    ck_assert_int_lt(posted_pull()->until_ms, fake.clock.now_ms);
    ck_assert_ptr_null(fake.closed);
    return_results(3, true);
    ck_assert_ptr_eq(fake.closed, reader);
}

TEST(stream_ends_late_and_its_list_is_promised)
{
    post(CALL(TOKEN, DOMAINS));
    return_opened();
    ck_assert_int_eq(fake.stream.late_ms, fake.clock.now_ms + 51000);
    clock_advance(&fake.clock, 51000);
    fake.stream.late(&fake.stream);
    ck_assert(fake.stream.is_ended);
    close_stream(true);
    ck_assert_ptr_null(fake.closed);
    ck_assert(!posted_pull()->closes_open);
    return_results(1, false);
    ck_assert(posted_pull()->closes_open);
    return_results(2, true);
    ck_assert_ptr_eq(fake.closed, reader);
}
