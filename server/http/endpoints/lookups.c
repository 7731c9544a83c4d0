/* SPDX-License-Identifier: MIT */
/* lookups.c - GET /lookups/{id}. Only the engine knows its lookups. */
#include "http/endpoints/endpoints.h"

#include "base/mem.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/result_reply.h"
#include "http/protocol/negotiate.h"

#include <string.h>

struct progress_call {
    struct find_lookup_call find; /* first: it is freed by engine_call.c */
    enum result_format format;
};

static void reply_lookup(struct request *request, struct engine_call *call)
{
    const struct progress_call *progress_call = container_of(call, struct progress_call, find.call);
    const struct find_lookup_call *find = &progress_call->find;
    const struct lookup_progress *progress = &find->progress;
    const struct answer_notes notes = {0};

    if (find->err) {
        problem_send(request, find->err,
                     find->err == ERR_NOT_FOUND ? "unknown or expired lookup id" : NULL);
    } else if (find->result) {
        answer_result(request, find->result, progress_call->format, &notes);
        result_unref(find->result);
    } else {
        const struct progress shown = {find->id, find->domain, progress->phase,
                                       progress->elapsed_ms, progress->expected_ms};
        answer_progress(request, &shown, progress->retry_after_s, &notes);
    }
}

void lookups_get(struct request *request)
{
    const char *id = request_path_tail(request);
    enum result_format format;

    if (strlen(id) != ID_LEN) {
        problem_send(request, ERR_NOT_FOUND, "unknown or expired lookup id");
        return;
    }
    if (negotiate_format(request_header(request, "Accept"), &format)) {
        problem_send(request, ERR_NOT_ACCEPTABLE, NULL);
        return;
    }
    struct progress_call *call = xcalloc(1, sizeof *call);
    call->format = format;
    call->find.call.run = engine_find_lookup;
    memcpy(call->find.id, id, ID_TEXT);
    engine_call_send(request, &call->find.call, reply_lookup);
}
