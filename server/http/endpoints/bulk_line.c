/* SPDX-License-Identifier: MIT */
/* bulk_line.c - see bulk_line.h. Cuts the ready-made bodies of a result apart rather than writing
 * them a second time: JSON begins with its brace, CSV with its header row. */
#include "http/endpoints/bulk_line.h"

#include "base/csv_write.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/core/problem.h"
#include "http/endpoints/timing_text.h"
#include "http/protocol/event_stream.h"

#include <string.h>

#define LINE_MAX_BYTES ((size_t)8 << 20) /* the longest body of a result, and an input */
#define OK_STATUS      200

struct bulk_line bulk_line_of_stored(const struct result *result, enum bulk_outcome outcome)
{
    return (struct bulk_line){.outcome = result->err ? BULK_FAILED : outcome,
                              .charged = CHARGED_NO,
                              .err = result->err,
                              .result = result->err ? NULL : result,
                              .detail = result->detail};
}

static int status_of(const struct bulk_line *line)
{
    return line->err ? err_row(line->err)->status : OK_STATUS;
}

/* ---- JSON ---- */

static void add_problem(const struct bulk_line *line, struct buf *out)
{
    const struct problem problem = {
        .err = line->err, .detail = line->detail, .charged = line->charged};

    buf_add_str(out, "\"problem\":");
    problem_write(&problem, NULL, out);
    buf_add_str(out, "}\n");
}

/* The members of the body, its last brace and its line end. */
static void add_members(const struct result *result, struct buf *out)
{
    const struct result_body *body = &result->bodies[RESULT_JSON];

    buf_add(out, body->data + 1, body->len - 1);
}

void bulk_line_json(const struct bulk_line *line, struct buf *out)
{
    buf_add_str(out, "{");
    if (line->input) {
        buf_addf(out, "\"index\":%zu,\"input\":", line->index);
        json_add_text(out, line->input);
        buf_add_str(out, ",");
    }
    if (line->tracking_id) {
        buf_add_str(out, "\"tracking_id\":");
        json_add_text(out, line->tracking_id);
        buf_add_str(out, ",");
    }
    buf_addf(out, "\"status\":%d,\"outcome\":\"%s\",\"charged\":\"%s\",", status_of(line),
             bulk_outcome_word(line->outcome), charged_word(line->charged));
    if (line->timing) {
        buf_add_str(out, "\"timing\":");
        timing_write_json(line->timing, TASK_ENDED, out);
        buf_add_str(out, ",");
    }
    if (line->err)
        add_problem(line, out);
    else
        add_members(line->result, out);
}

void bulk_line_event(const struct bulk_line *line, const char *id, struct buf *out)
{
    struct buf autobuf json = BUF_INIT(LINE_MAX_BYTES);

    bulk_line_json(line, &json);
    event_stream_add(id, "result", (struct slice){buf_str(&json), json.len}, out);
    buf_copy_overflow(out, &json);
}

/* ---- CSV ---- */

void bulk_line_csv_header(struct buf *out)
{
    buf_add_str(out, "index,input,tracking_id,domain,company_name,email,email_status,status,code,"
                     "outcome,charged\r\n");
}

/* Appends domain and company name. Reads only the members before the addresses, because a body may
 * be longer than json_parse() accepts. */
static void add_company(const struct result *result, struct buf *out)
{
    static const char emails[] = ",\"emails\":["; /* in a string, its quotes would be escaped */
    const struct result_body *body = &result->bodies[RESULT_JSON];
    const char *end = memmem(body->data, body->len, emails, sizeof emails - 1);
    struct buf autobuf head = BUF_INIT(LINE_MAX_BYTES);
    struct json *json = NULL;

    buf_add(&head, body->data, end ? (size_t)(end - body->data) : 0);
    buf_add_str(&head, "}");
    json_parse(buf_str(&head), head.len, &json);
    const char *name = json_get_string(json, "company_name");
    csv_add_cell(out, result->domain);
    buf_add_str(out, ",");
    csv_add_foreign_cell(out, name);
    json_free(json);
    buf_copy_overflow(out, &head);
}

/* What a row has before and after the columns of an address. */
struct row_ends {
    struct buf before, after;
};

static void add_ends(const struct bulk_line *line, struct row_ends *ends)
{
    if (line->input)
        buf_addf(&ends->before, "%zu,", line->index);
    else
        buf_add_str(&ends->before, ",");
    csv_add_foreign_cell(&ends->before, line->input);
    buf_add_str(&ends->before, ",");
    csv_add_foreign_cell(&ends->before, line->tracking_id);
    buf_add_str(&ends->before, ",");
    if (line->err)
        buf_add_str(&ends->before, ",");
    else
        add_company(line->result, &ends->before);
    buf_add_str(&ends->before, ",");
    buf_addf(&ends->after, ",%d,%s,%s,%s\r\n", status_of(line),
             line->err ? err_row(line->err)->code : "", bulk_outcome_word(line->outcome),
             charged_word(line->charged));
}

/* `row` has the columns of an address, of which the first came from outside. */
static void add_row(const struct row_ends *ends, struct slice row, struct buf *out)
{
    buf_add(out, ends->before.data, ends->before.len);
    csv_add_foreign_row(out, row);
    buf_add(out, ends->after.data, ends->after.len);
}

/* Returns the length of the row at `s`, without its line end. A line end in quotes belongs to a
 * cell. */
static size_t row_length(const char *s)
{
    bool is_quoted = false;
    size_t len = 0;

    for (; s[len] && (is_quoted || s[len] != '\r'); len++)
        is_quoted ^= s[len] == '"';
    return len;
}

/* The result's own table has the columns `email` and `status`, below a header row. */
static void add_rows(const struct result *result, const struct row_ends *ends, struct buf *out)
{
    const char *row = result->bodies[RESULT_CSV].data;

    for (size_t i = 0; i < result->n_emails; i++) {
        row += row_length(row) + 2;
        add_row(ends, (struct slice){row, row_length(row)}, out);
    }
}

void bulk_line_csv(const struct bulk_line *line, struct buf *out)
{
    static const struct slice no_address = {",", 1};
    struct row_ends ends = {BUF_INIT(LINE_MAX_BYTES), BUF_INIT(LINE_MAX_BYTES)};

    add_ends(line, &ends);
    if (line->err || line->result->n_emails == 0)
        add_row(&ends, no_address, out);
    else
        add_rows(line->result, &ends, out);
    buf_copy_overflow(out, &ends.before);
    buf_copy_overflow(out, &ends.after);
    buf_done(&ends.before);
    buf_done(&ends.after);
}

/* ---- text ---- */

void bulk_line_text(const struct bulk_line *line, struct buf *out)
{
    if (!line->err)
        buf_add(out, line->result->bodies[RESULT_TEXT].data, line->result->bodies[RESULT_TEXT].len);
}
