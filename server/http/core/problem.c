/* SPDX-License-Identifier: MIT */
/* problem.c - writes rows of the error table as RFC 9457 documents. */
#include "http/core/problem.h"

#include "base/json.h"

#define DOCUMENT_MAX 8192

struct problem problem_of(enum err err, const char *detail)
{
    return (struct problem){.err = err, .detail = detail, .charged = err_row(err)->charged};
}

void problem_write(const struct problem *problem, const char *request_id, struct buf *out)
{
    const struct err_row *row = err_row(problem->err);

    buf_addf(out, "{\"type\":\"/problems/%s\",\"title\":", row->code);
    json_add_text(out, row->title);
    buf_addf(out, ",\"status\":%d,\"detail\":", row->status);
    json_add_text(out, problem->detail ? problem->detail : row->title);
    buf_addf(out, ",\"code\":\"%s\",\"retryable\":%s,\"charged\":\"%s\"", row->code,
             row->retryable ? "true" : "false", charged_word(problem->charged));
    if (request_id) {
        buf_add_str(out, ",\"request_id\":");
        json_add_text(out, request_id);
    }
    buf_add_str(out, "}");
}

/* Without the detail if it is too long. */
static void write_document(const struct problem *problem, const char *request_id, struct buf *out)
{
    struct problem plain = *problem;

    problem_write(problem, request_id, out);
    buf_add_str(out, "\n");
    if (!buf_check(out))
        return;
    plain.detail = NULL;
    buf_clear(out);
    problem_write(&plain, request_id, out);
    buf_add_str(out, "\n");
}

/* Programs and libraries obey Retry-After without a look at the code. A failed lookup is stored for
 * a while; a request after that starts another one. If the lookup has cost something, or may have,
 * no program shall do so on its own. */
static int retry_after_s_of(const struct problem *problem, int status)
{
    if (status == 502 && problem->charged != CHARGED_NO)
        return 0;
    return !problem->retry_after_s && status == 503 ? 1 : problem->retry_after_s;
}

void problem_reply(struct request *request, const struct problem *problem, struct reply *reply)
{
    const struct err_row *row = err_row(problem->err);
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    int retry_after_s = retry_after_s_of(problem, row->status);

    write_document(problem, request_id(request), &out);
    request_set_outcome(request, row->code, NULL, problem->charged);
    reply_init(reply, row->status);
    reply_body_take(reply, &out);
    reply_text(reply, "Content-Type", "application/problem+json");
    reply_text(reply, "Cache-Control", "no-store");
    if (retry_after_s)
        reply_header(reply, "Retry-After", "%d", retry_after_s);
}

void problem_send(struct request *request, enum err err, const char *detail)
{
    struct problem problem = problem_of(err, detail);
    struct reply reply;

    problem_reply(request, &problem, &reply);
    request_reply(request, &reply);
}
