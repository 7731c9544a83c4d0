/* SPDX-License-Identifier: MIT */
/* mcp_call.c - see mcp_call.h.
 *
 * Like a delivery of a list (bulk_delivery.h), a call opens a reader and then pulls, with one
 * engine call in flight. Unlike a delivery, it collects the results and writes all of them at the
 * end: they are few, and the response has them twice. At the deadline, a pull closes the reader's
 * view: entries that are open return as `still-processing`, and the bulk is promised, so that a
 * repeated call joins it. If the engine hangs, the worker responds itself; the last pull then only
 * promises the bulk. If no stream is left, the response is JSON, as for a client that wants no
 * progress.
 *
 * A client that leaves closes the reader, which drops what was not submitted. The object ends when
 * its request or stream has ended and the engine has returned everything; until then it holds the
 * worker. */
#include "http/endpoints/mcp_call.h"

#include "base/mem.h"
#include "http/core/app.h"
#include "http/core/problem.h"
#include "http/core/stream.h"
#include "http/endpoints/bulk_entries.h"
#include "http/endpoints/bulk_reply.h"
#include "http/endpoints/engine_call.h"
#include "http/endpoints/mcp_result.h"
#include "http/endpoints/progress_pace.h"
#include "http/protocol/event_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MAX_MS INT64_C(50000) /* the SDK for TypeScript ends a request after 60 s */

#define HELD_RETRY_S 1 /* when to repeat a call for which the worker holds too much */

static const char late_text[] =
    "the server is slow at the moment; repeat the call to join its lookups at no cost";

enum call_stage {
    CALL_WAITS, /* the request is parked, or the stream has begun */
    CALL_LATE,  /* answered at its deadline; the engine still has to promise the bulk */
    CALL_ENDED, /* the response is complete, and is being sent */
    CALL_LEFT,  /* there is no client any more */
};

struct mcp_call {
    enum call_stage stage;
    bool is_calling;  /* an engine call is in flight */
    bool is_streamed; /* the response will be, or is, a stream */
    struct mcp_caller caller;
    struct worker *worker;     /* held */
    struct inbox *inbox;       /* of the worker */
    const struct clock *clock; /* of the worker */
    struct engine *engine;     /* borrowed */
    struct request *request;   /* parked, without a stream; else NULL */
    struct stream *stream;     /* that has begun and is not closed; else NULL */
    struct bulk_query query;
    int64_t until_ms;           /* the deadline, monotonic */
    struct bulk_reader *reader; /* NULL = not open, or closed */
    struct mcp_result result;
    struct mcp_progress progress;
    struct progress_pace pace; /* of the notifications */
    struct bulk_open_call open;
    struct bulk_pull_call pull;
};

/* ---- end ---- */

/* The strings of the results end with the reader. */
static void close_reader(struct mcp_call *call)
{
    mcp_result_done(&call->result);
    if (call->reader)
        bulk_close(call->engine, TAKE(call->reader));
}

static void free_if_over(struct mcp_call *call)
{
    if (call->request || call->stream || call->is_calling)
        return;
    close_reader(call);
    mcp_progress_done(&call->progress);
    mcp_caller_done(&call->caller);
    request_release_worker(call->worker);
    free(call);
}

/* ---- the response ---- */

static struct request *request_of(const struct mcp_call *call)
{
    return call->stream ? stream_request(call->stream) : call->request;
}

static void write_event(struct mcp_call *call, const struct buf *json)
{
    struct buf autobuf out = BUF_INIT(MCP_RESULT_MAX + BUF_SMALL);

    event_stream_add(NULL, "message", (struct slice){buf_str(json), json->len}, &out);
    stream_write(call->stream, buf_str(&out), out.len);
}

/* Sends the response, the last thing that the client gets. */
static void respond(struct mcp_call *call, enum call_stage next, struct buf *response)
{
    call->stage = next;
    if (call->stream) {
        write_event(call, response);
        stream_end(call->stream);
    } else {
        mcp_reply(TAKE(call->request), response);
    }
}

static void respond_with_results(struct mcp_call *call)
{
    struct buf autobuf out = BUF_INIT(MCP_RESULT_MAX);

    bulk_reply_note(request_of(call), &call->query, &call->pull.progress);
    mcp_result_write(&call->result, &call->pull.progress, &call->caller, &out);
    respond(call, CALL_ENDED, &out);
    close_reader(call);
}

/* Replies at the deadline, because the engine does not: it hangs. */
static void respond_late(struct mcp_call *call)
{
    struct buf autobuf out = BUF_INIT(MCP_RESULT_MAX);
    const struct err_row *row = err_row(ERR_STILL_PROCESSING);

    request_set_outcome(request_of(call), row->code, NULL, row->charged);
    request_started_lookup(request_of(call));
    mcp_write_call(&call->caller, (struct slice){late_text, sizeof late_text - 1},
                   (struct slice){0}, true, &out);
    respond(call, CALL_LATE, &out);
}

static void answer_late(struct request *request)
{
    respond_late(request_state(request));
}

static void end_late(struct stream *stream)
{
    respond_late(stream_state(stream));
}

/* ---- progress ---- */

static void write_progress(struct mcp_call *call, const struct bulk_progress *progress)
{
    struct buf autobuf out = BUF_INIT(MCP_PROGRESS_MAX);

    progress_pace_written(&call->pace, call->clock->now_ms);
    if (mcp_progress_write(&call->progress, progress, call->caller.token, &out))
        write_event(call, &out);
}

/* ---- pulls ---- */

static engine_call_done_fn pull_returned;

/* The call has one engine call in flight at a time. */
static void send_to_engine(struct mcp_call *call, struct engine_call *engine_call,
                           engine_call_fn *run, engine_call_done_fn *done)
{
    engine_call->run = run;
    engine_call->reply_to = call->inbox;
    engine_call->done = done;
    engine_call->arg = call;
    call->is_calling = true;
    engine_post(call->engine, engine_call);
}

static void post_pull(struct mcp_call *call)
{
    struct bulk_pull_call *pull = &call->pull;
    int64_t report_ms = progress_pace_next_ms(&call->pace);
    bool is_last = !call->stream || call->stage == CALL_LATE || call->until_ms <= report_ms;

    assert(!call->is_calling);
    memset(pull, 0, offsetof(struct bulk_pull_call, results));
    pull->reader = call->reader;
    pull->order = BULK_AS_ENDED;
    pull->after = call->result.n;
    pull->until_ms = is_last ? call->until_ms : report_ms;
    pull->closes_open = is_last;
    pull->wants_progress = call->stream != NULL;
    send_to_engine(call, &pull->call, bulk_pull, pull_returned);
}

/* Continues a call whose client waits. */
static void advance(struct mcp_call *call)
{
    if (call->pull.is_last) {
        respond_with_results(call);
        return;
    }
    progress_pace_changed(&call->pace);
    if (call->stream && progress_pace_is_due(&call->pace, call->clock->now_ms))
        write_progress(call, &call->pull.progress);
    post_pull(call);
}

/* Worker thread. The bulk is promised by a pull that closes what is open, after its time. */
static void pull_returned(struct engine_call *engine_call)
{
    struct mcp_call *call = engine_call->arg;

    call->is_calling = false;
    mcp_result_take(&call->result, &call->pull);
    if (call->stage == CALL_WAITS)
        advance(call);
    else if (call->stage == CALL_LATE && !call->pull.closes_open && !call->pull.is_last)
        post_pull(call);
    free_if_over(call);
}

/* ---- the stream ---- */

static void drained(struct stream *stream)
{
    (void)stream; /* there is little to send before the end */
}

static void closed(struct stream *stream, bool is_complete)
{
    struct mcp_call *call = stream_state(stream);

    (void)is_complete;
    call->stream = NULL;
    if (call->stage == CALL_WAITS) {
        call->stage = CALL_LEFT;
        close_reader(call);
    }
    free_if_over(call);
}

static void begin_stream(struct mcp_call *call)
{
    static const struct stream_owner owner = {drained, closed};
    struct reply head;

    bulk_reply_note(call->request, &call->query, &call->open.progress);
    reply_init(&head, 200);
    reply_text(&head, "Content-Type", negotiate_content_type(FORMAT_SSE));
    call->stream = stream_start(TAKE(call->request), &head, event_stream_heartbeat, &owner, call);
    stream_set_deadline(call->stream, call->until_ms + ENGINE_LATE_MS, end_late);
    write_progress(call, &call->open.progress);
}

/* ---- opening ---- */

/* Worker thread. */
static void open_returned(struct engine_call *engine_call)
{
    struct mcp_call *call = engine_call->arg;
    const struct bulk_open_call *open = &call->open;

    call->is_calling = false;
    call->reader = open->err ? NULL : open->reader;
    if (open->err && call->request)
        mcp_reply_call_failure(TAKE(call->request), &call->caller, open->err, open->detail,
                               open->retry_after_s);
    if (!open->err && call->stage != CALL_LEFT) {
        mcp_result_init(&call->result, open->progress.total);
        if (call->is_streamed && call->stage == CALL_WAITS)
            begin_stream(call);
        post_pull(call);
    }
    free_if_over(call);
}

static void post_open(struct mcp_call *call, struct bulk_list *list)
{
    struct bulk_open_call *open = &call->open;

    open->list = list;
    memcpy(open->account, list->account, sizeof open->account);
    send_to_engine(call, &open->call, bulk_open, open_returned);
}

/* ---- the request ---- */

/* An abandoned request must be answered all the same; no client reads it. */
static void client_left(struct request *request)
{
    struct mcp_call *call = request_state(request);

    call->stage = CALL_LEFT;
    close_reader(call);
    problem_send(TAKE(call->request), ERR_CANCELLED, NULL);
}

/* Fills the query of a call: as of a list without parameters, with the headers that make a request
 * cheaper. Nothing in it can lack a right. */
static void read_query(struct request *request, int64_t max_credits, struct bulk_query *query)
{
    static const struct parameters parameters = {.wait_s = -1, .max_age_s = -1};
    struct emails_query *common = &query->common;
    int64_t usual_ms = request_limits(request)->wait_ms;
    struct errmsg why;

    *query = (struct bulk_query){.is_list = true, .max_credits = max_credits};
    emails_query_options(request, &parameters, common, &why);
    common->async = false;
    if (common->wait_ms > usual_ms || !common->has_wait)
        common->wait_ms = usual_ms;
    if (common->wait_ms > WAIT_MAX_MS)
        common->wait_ms = WAIT_MAX_MS;
    if (common->wait_ms > emails_query_max_wait_ms(request))
        common->wait_ms = emails_query_max_wait_ms(request);
}

static struct bulk_list *make_list(const struct request *request, const struct bulk_query *query,
                                   const struct json *domains)
{
    struct bulk_list *list = bulk_entries_new(request, query);

    for (const struct json *domain = json_first(domains); domain; domain = json_next(domain)) {
        const char *text = json_string(domain);
        struct list_entry entry = {.input = {text, strlen(text)}};
        entry.fields[QUESTION_DOMAIN] = entry.input;
        bulk_entries_add(list, request, &entry);
    }
    bulk_list_seal(list);
    return list;
}

static struct mcp_call *new_call(struct request *request, struct mcp_caller *caller,
                                 struct worker *worker)
{
    struct mcp_call *call = xcalloc(1, sizeof *call);

    call->caller = *caller;
    *caller = (struct mcp_caller){0};
    call->worker = worker;
    call->inbox = request_inbox(request);
    call->clock = request_clock(request);
    call->engine = request_service(request)->engine;
    call->request = request;
    return call;
}

void mcp_call_start(struct request *request, struct mcp_caller *caller,
                    const struct mcp_find_arguments *arguments)
{
    bool wants_stream =
        caller->token && negotiate_accepts(request_header(request, "Accept"), FORMAT_SSE);
    struct worker *worker = request_hold_worker(request);

    if (!worker) {
        mcp_reply_call_failure(request, caller, ERR_OVERLOADED, NULL, HELD_RETRY_S);
        return;
    }
    struct mcp_call *call = new_call(request, caller, worker);
    call->is_streamed = wants_stream && !stream_try_reserve(request);
    read_query(request, arguments->max_credits, &call->query);
    call->until_ms = call->clock->now_ms + call->query.common.wait_ms;
    struct bulk_list *list = make_list(request, &call->query, arguments->domains);
    mcp_progress_init(&call->progress, list);
    request_drop_body(request);
    request_park(request, client_left, call);
    request_set_deadline(request, call->until_ms + ENGINE_LATE_MS, answer_late);
    post_open(call, list);
}
