/* SPDX-License-Identifier: MIT */
/* test_bulk_line.c - tests a result as a line, as rows, as text and as an event. */
#include "http/endpoints/bulk_line.h"

#include "bare_request.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/core/problem.h"
#include "tests/support/suite.h"
#include <string.h>

#define FETCHED_MS INT64_C(1790000000000)

/* ---- results ---- */

static struct buf out;
static const struct result *found, *empty;

static const struct result *make(const char *company, const struct result_email *emails, size_t n)
{
    static const unsigned char key[HASH_SIZE];

    return result_new_answer(&(struct result_facts){.key = key,
                                                    .domain = "milvali.com",
                                                    .company_name = company,
                                                    .emails = emails,
                                                    .n_emails = n,
                                                    .fetched_ms = FETCHED_MS,
                                                    .ttl_found_ms = 1000,
                                                    .ttl_empty_ms = 1000});
}

static void setup(void)
{
    static const struct result_email emails[] = {{"a@milvali.com", "VALID"},
                                                 {"\"x,\r\ny\"@milvali.com", "RISKY"}};

    out = BUF_INIT(1 << 20);
    found = make("Milvali, \"the\" company", emails, 2);
    empty = make("Milvali", NULL, 0);
}

static void teardown(void)
{
    buf_done(&out);
    result_unref(found);
    result_unref(empty);
}

FIXTURE(setup, teardown);

static struct bulk_line entry(const char *input, const struct result *result)
{
    return (struct bulk_line){.input = input,
                              .index = 7,
                              .outcome = BULK_LOOKED_UP,
                              .charged = CHARGED_YES,
                              .result = result};
}

/* Returns what follows `start`, with which the output must begin. */
static const char *after(const char *start)
{
    ck_assert_msg(strncmp(buf_str(&out), start, strlen(start)) == 0, "%s", buf_str(&out));
    return buf_str(&out) + strlen(start);
}

/* ---- JSON ---- */

TEST(line_of_an_entry_has_the_members_of_its_result)
{
    struct bulk_line line = entry("www.Milvali.com", found);

    bulk_line_json(&line, &out);
    ck_assert_str_eq(after("{\"index\":7,\"input\":\"www.Milvali.com\",\"status\":200,"
                           "\"outcome\":\"looked-up\",\"charged\":\"yes\","),
                     found->bodies[RESULT_JSON].data + 1);
}

TEST(line_of_a_single_lookup_has_its_timing_and_no_index)
{
    const struct lookup_timing timing = {1, 2, 3, 4};
    struct bulk_line line = entry(NULL, empty);

    line.timing = &timing;
    bulk_line_json(&line, &out);
    ck_assert_str_eq(after("{\"status\":200,\"outcome\":\"looked-up\",\"charged\":\"yes\","
                           "\"timing\":{\"queue_ms\":1,\"submit_ms\":2,\"upstream_ms\":3,"
                           "\"read_ms\":4},"),
                     empty->bodies[RESULT_JSON].data + 1);
}

TEST(line_of_a_problem_has_the_document_without_a_request_id)
{
    struct bulk_line line = entry("milvali", NULL);

    line.outcome = BULK_REJECTED;
    line.charged = CHARGED_NO;
    line.err = ERR_INVALID_DOMAIN;
    line.detail = "no dot";
    line.tracking_id = "t-1";
    bulk_line_json(&line, &out);
    ck_assert_str_eq(buf_str(&out),
                     "{\"index\":7,\"input\":\"milvali\",\"tracking_id\":\"t-1\",\"status\":400,"
                     "\"outcome\":\"rejected\",\"charged\":\"no\",\"problem\":{\"type\":"
                     "\"/problems/invalid-domain\",\"title\":\"Invalid domain\",\"status\":400,"
                     "\"detail\":\"no dot\",\"code\":\"invalid-domain\",\"retryable\":false,"
                     "\"charged\":\"no\"}}\n");
}

TEST(line_of_a_problem_without_a_detail_has_the_title)
{
    struct bulk_line line = entry(NULL, NULL);

    line.outcome = BULK_FAILED;
    line.charged = CHARGED_MAYBE;
    line.err = ERR_STILL_PROCESSING;
    bulk_line_json(&line, &out);
    after("{\"status\":504,\"outcome\":\"failed\",\"charged\":\"maybe\",\"problem\":{");
    ck_assert_ptr_nonnull(strstr(buf_str(&out), "\"detail\":\"Lookup still in progress\""));
}

/* Whatever a caller sends is one line that a JSON reader understands. */
static const char *const inputs[] = {"a\nb",     "a\r\nb",   "\"},{\"", "\xe2\x80\xa8",
                                     "\xff\xfe", "\x01\x7f", ""};

LOOP_TEST(line_has_no_line_end_inside, inputs)
{
    struct bulk_line line = entry(inputs[_i], found);
    struct json *json;

    line.tracking_id = inputs[_i];
    bulk_line_json(&line, &out);
    ck_assert_uint_eq(strcspn(buf_str(&out), "\r\n"), out.len - 1);
    ck_assert_int_eq(json_parse(buf_str(&out), out.len, &json), ERR_OK);
    ck_assert_int_eq(json_get_int(json, "index", -1), 7);
    ck_assert_int_eq(json_get_int(json, "count", -1), 2);
    json_free(json);
}

/* ---- events and text ---- */

TEST(event_contains_the_line)
{
    struct bulk_line line = entry(NULL, empty);

    bulk_line_event(&line, "end", &out);
    const char *rest = after("id: end\nevent: result\ndata: {\"status\":200,\"outcome\":"
                             "\"looked-up\",\"charged\":\"yes\",");
    ck_assert_uint_eq(strcspn(rest, "\n"), strlen(rest) - 2);
    ck_assert_str_eq(rest + strlen(rest) - 3, "}\n\n");
}

TEST(text_has_one_address_per_line)
{
    struct bulk_line line = entry("milvali.com", found);

    bulk_line_text(&line, &out);
    ck_assert_str_eq(buf_str(&out), found->bodies[RESULT_TEXT].data);
}

TEST(text_of_an_entry_without_an_address_is_empty)
{
    struct bulk_line line = entry("milvali.com", empty);

    bulk_line_text(&line, &out);
    line.result = NULL;
    line.err = ERR_INVALID_DOMAIN;
    bulk_line_text(&line, &out);
    ck_assert_uint_eq(out.len, 0);
}

/* ---- CSV ---- */

TEST(csv_header_names_the_columns)
{
    bulk_line_csv_header(&out);
    ck_assert_str_eq(buf_str(&out), "index,input,tracking_id,domain,company_name,email,"
                                    "email_status,status,code,outcome,charged\r\n");
}

TEST(csv_has_one_row_for_each_address)
{
    struct bulk_line line = entry("www.milvali.com", found);

    line.tracking_id = "t,1";
    bulk_line_csv(&line, &out);
    ck_assert_str_eq(buf_str(&out),
                     "7,www.milvali.com,\"t,1\",milvali.com,\"Milvali, \"\"the\"\" "
                     "company\",a@milvali.com,VALID,"
                     "200,,looked-up,yes\r\n"
                     "7,www.milvali.com,\"t,1\",milvali.com,\"Milvali, \"\"the\"\" company\","
                     "\"\"\"x,\r\ny\"\"@milvali.com\",RISKY,200,,looked-up,yes\r\n");
}

TEST(csv_has_one_row_for_an_entry_without_an_address)
{
    struct bulk_line line = entry("milvali.com", empty);

    bulk_line_csv(&line, &out);
    line.result = NULL;
    line.err = ERR_LOOKUP_FAILED;
    line.outcome = BULK_FAILED;
    line.charged = CHARGED_MAYBE;
    bulk_line_csv(&line, &out);
    ck_assert_str_eq(buf_str(&out), "7,milvali.com,,milvali.com,Milvali,,,200,,looked-up,yes\r\n"
                                    "7,milvali.com,,,,,,502,lookup-failed,failed,maybe\r\n");
}

static const char *const formulas[] = {"=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"};

LOOP_TEST(csv_cell_that_a_spreadsheet_would_execute_gets_a_prefix, formulas)
{
    struct bulk_line line = entry(formulas[_i], empty);
    struct buf autobuf cell = BUF_INIT(64);

    line.tracking_id = formulas[_i];
    bulk_line_csv(&line, &out);
    if (strchr(formulas[_i], '\r'))
        buf_addf(&cell, "7,\"'%s\",\"'%s\",", formulas[_i], formulas[_i]);
    else
        buf_addf(&cell, "7,'%s,'%s,", formulas[_i], formulas[_i]);
    after(buf_str(&cell));
}

/* What the caller asked for, and what the upstream has found. */
TEST(csv_cell_of_a_result_that_a_spreadsheet_would_execute_gets_a_prefix)
{
    static const struct result_email emails[] = {{"-a@milvali.com", "VALID"},
                                                 {"=1,2@milvali.com", "VALID"}};
    const struct result *result = make("=cmd|1", emails, 2);
    struct bulk_line line = entry("milvali.com", result);

    bulk_line_csv(&line, &out);
    result_unref(result);
    ck_assert_str_eq(
        buf_str(&out),
        "7,milvali.com,,milvali.com,'=cmd|1,'-a@milvali.com,VALID,200,,looked-up,yes\r\n"
        "7,milvali.com,,milvali.com,'=cmd|1,\"'=1,2@milvali.com\",VALID,200,,"
        "looked-up,yes\r\n");
}

/* ---- too large ---- */

static void write_event(const struct bulk_line *line, struct buf *event)
{
    bulk_line_event(line, "1", event);
}

static void (*const writers[])(const struct bulk_line *, struct buf *) = {bulk_line_csv,
                                                                          write_event};

LOOP_TEST(line_of_which_a_part_does_not_fit_marks_the_output, writers)
{
    size_t len = (size_t)9 << 20; /* `out` has room for it, but no part of a line */
    autofree char *input = xcalloc(1, len + 1);
    struct buf autobuf large = BUF_INIT(2 * len);
    struct bulk_line line = entry(memset(input, 'x', len), found);

    writers[_i](&line, &large);
    ck_assert_int_eq(buf_check(&large), ERR_TOO_BIG);
}
