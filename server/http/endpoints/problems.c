/* SPDX-License-Identifier: MIT */
/* problems.c - GET /problems/{code}: rows of the error table as human-readable pages. */
#include "http/core/problem.h"
#include "http/endpoints/endpoints.h"

#include <string.h>

#define DOCUMENT_MAX 8192

static void write_page(const struct err_row *row, struct buf *out)
{
    static const char *const charged[] = {
        [CHARGED_NO] = "No credits were spent.",
        [CHARGED_YES] = "Credits were spent.",
        [CHARGED_MAYBE] = "Credits may have been spent.",
    };

    buf_addf(out, "%s\n\n%s.\n\nHTTP status %d. %s %s\n\nCause and remedy: /docs#code-%s\n",
             row->code, row->title, row->status,
             row->retryable ? "The same request may succeed later; honor Retry-After."
                            : "The same request will fail again.",
             charged[row->charged], row->code);
}

void problem_page(struct request *request)
{
    const char *code = request_path_tail(request);
    const struct err_row *row = err_row_by_code(code, strlen(code));
    struct buf autobuf out = BUF_INIT(DOCUMENT_MAX);
    struct reply reply;

    if (!row) {
        problem_send(request, ERR_NOT_FOUND, "unknown problem code");
        return;
    }
    write_page(row, &out);
    reply_init(&reply, 200);
    reply_text(&reply, "Content-Type", "text/plain; charset=utf-8");
    reply_text(&reply, "Cache-Control", "max-age=3600");
    reply_body_take(&reply, &out);
    request_reply(request, &reply);
}
