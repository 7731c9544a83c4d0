/* SPDX-License-Identifier: MIT */
/* rounds.c - see rounds.h. */
#include "client/emails/rounds.h"

#include "base/backoff.h"
#include "base/errmsg.h"
#include "base/json.h"
#include "base/mem.h"
#include "client/emails/failure.h"
#include "client/emails/requests.h"
#include "client/emails/spending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 10000 /* of a request */
#define TRIES_MAX   5
#define INPUT_SHOWN 300 /* bytes, in a message */

/* Five tries take at least 37 s: a server that drains for 30 s has started again by then. */
static const struct backoff backoff = {.first_ms = 2500, .max_ms = 30000};

struct rounds {
    struct session *session;
    bool is_estimate;
    size_t next;        /* the entry where the search for open ones begins, so that none waits */
    size_t entries_max; /* of a request; less if the server takes less */
    bool has_sent;      /* a request, in this run */
    int tries;          /* in a row, without a new result */
    size_t n_new;       /* results of this round */
    size_t n_held;      /* those of them that ask for another try */
    bool has_no_lists;  /* the server does not take them */
    bool is_over_limit; /* no credit is left, and the server does not know the limit */
    bool is_alive;      /* the last round has waited for a lookup, which continues */
    char code[40];      /* of the last result that asks for another try; "" = none in this round */
    enum status held_status; /* that this result means */
    struct errmsg why;       /* the last round was no success; "" = it was */
    enum status status;      /* that this means */
    struct spending spending;
};

/* ---- results ---- */

static bool has_code(const struct line *line, const char *code)
{
    return line->code && strcmp(line->code, code) == 0;
}

/* A result that did not arrive is known to the server later, and costs nothing then. */
static void count(struct tally *tally, const struct entry *entry, const struct line *line)
{
    bool is_duplicate = strcmp(line->outcome, "duplicate") == 0;
    bool is_unknown = has_code(line, "not-cached");
    bool is_in_progress = has_code(line, "still-processing");

    tally->done++;
    tally->in_progress += is_in_progress;
    tally->failed += line->code && !is_in_progress;
    tally->lost +=
        entry->may_be_paid && !line->code && !is_duplicate && strcmp(line->charged, "no") == 0;
    tally->unknown += is_unknown;
    tally->cost += is_unknown && !is_duplicate;
    tally->refreshable += (is_unknown || !line->code) && !is_duplicate;
    tally->yes += strcmp(line->charged, "yes") == 0;
    tally->maybe += strcmp(line->charged, "maybe") == 0;
    tally->n_looked_up += strcmp(line->outcome, "looked-up") == 0 ||
                          strcmp(line->outcome, "joined") == 0 ||
                          strcmp(line->outcome, "failed") == 0;
}

/* Returns the detail without the input in front of it, which the message names anyway. */
static const char *detail_of(const struct entry *entry, const struct line *line)
{
    const char *detail = line->detail;
    size_t len = strlen(entry->input);

    if (detail[0] == '\'' && strncmp(detail + 1, entry->input, len) == 0 &&
        strncmp(detail + 1 + len, "' ", 2) == 0)
        return detail + len + 3;
    return detail;
}

static void print_messages(struct session *session, const struct entry *entry,
                           const struct line *line)
{
    bool is_unknown = has_code(line, "not-cached");

    if (line->code && !(is_unknown && session->options->dry_run))
        session_error(session, "%.*s: %s (%s)", INPUT_SHOWN, entry->input, detail_of(entry, line),
                      line->code);
    else if (!line->code && !line->emails && session->output.format != FORMAT_JSON)
        session_error(session, "%s: too many addresses to display; use --json", entry->input);
    else if (line->is_truncated)
        session_note(session, "emails: %s: only the first %zu addresses", entry->input,
                     json_size(line->emails));
}

/* The result is final. */
static void finish(struct rounds *rounds, size_t index, const struct line *line)
{
    struct session *session = rounds->session;
    struct entry *entry = &session->list.entries[index];

    entry->is_done = true;
    rounds->n_new++;
    count(&session->tally, entry, line);
    if (rounds->is_estimate)
        return;
    output_add(&session->output, line, entry, index);
    print_messages(session, entry, line);
    session_fails(session, line_exit_status(line));
    if (rounds->is_over_limit && has_code(line, "not-cached"))
        session_fails(session, STATUS_EXHAUSTED);
}

static void take_result(void *arg, size_t index, const struct line *line)
{
    struct rounds *rounds = arg;
    struct entry *entry = &rounds->session->list.entries[index];

    if (entry->is_done)
        return;
    if (!line_asks_for_another_try(line)) {
        finish(rounds, index, line);
        return;
    }
    free(entry->held);
    entry->held = xstrndup(line->text.data, line->text.len);
    rounds->n_held++;
    rounds->held_status = line_exit_status(line);
    bool is_counted = entry->may_be_paid && rounds->held_status == STATUS_IN_PROGRESS;
    if (strcmp(line->charged, "no") != 0 && !is_counted) /* the same lookup continues */
        spending_lost(&rounds->spending, entry);
    snprintf(rounds->code, sizeof rounds->code, "%s", line->code);
}

/* Results that asked for another try are final if no further try follows. */
static void finish_held(struct rounds *rounds)
{
    const struct domains *list = &rounds->session->list;
    struct line line;

    for (size_t i = 0; i < list->n; i++) {
        struct entry *entry = &list->entries[i];
        if (entry->is_done || !entry->held ||
            line_read((struct slice){entry->held, strlen(entry->held)}, &line))
            continue;
        line.is_temporary = true; /* else it would not be held */
        finish(rounds, i, &line);
        line_done(&line);
    }
}

/* ---- a round ---- */

/* The most entries of a request. */
static size_t request_max(const struct rounds *rounds)
{
    size_t n = rounds->session->list.n;

    return rounds->has_no_lists ? 1 : n < ENTRIES_MAX ? n : ENTRIES_MAX;
}

/* Chooses entries without a result: those that were asked for least recently. Returns their
 * number. */
static size_t choose(struct rounds *rounds, size_t *indexes)
{
    const struct domains *list = &rounds->session->list;
    size_t n = 0, first = rounds->next;

    for (size_t i = 0; i < list->n && n < rounds->entries_max; i++) {
        size_t index = (first + i) % list->n;
        if (list->entries[index].is_done)
            continue;
        indexes[n++] = index;
        rounds->next = (index + 1) % list->n;
    }
    return n;
}

static size_t n_open(const struct inquiry *inquiry)
{
    size_t n = 0;

    for (size_t i = 0; i < inquiry->n; i++)
        n += !inquiry->session->list.entries[inquiry->indexes[i]].is_done;
    return n;
}

/* Notes that entries may have been paid for whose results did not arrive. */
static void lose_open(struct rounds *rounds, const struct inquiry *inquiry)
{
    for (size_t i = 0; i < inquiry->n && !inquiry->cached; i++) {
        struct entry *entry = &inquiry->session->list.entries[inquiry->indexes[i]];
        if (!entry->is_done)
            spending_lost(&rounds->spending, entry);
    }
}

/* Notes that this round has failed in a way that may pass. */
static void note(struct rounds *rounds, enum status status, const char *why)
{
    errmsg_set(&rounds->why, "%s", why);
    rounds->status = status;
}

/* Judges a response with results, and its entries without one. Returns whether another try
 * helps. */
static bool judge_results(struct rounds *rounds, const struct inquiry *inquiry)
{
    size_t n = n_open(inquiry);

    if (n > rounds->n_held) {
        lose_open(rounds, inquiry);
        note(rounds, STATUS_UNREACHABLE, "the response ended before its last result");
    } else if (n) {
        note(rounds, rounds->held_status, rounds->code);
        rounds->is_alive = inquiry->has_phase && rounds->held_status == STATUS_IN_PROGRESS;
    }
    return true;
}

/* The server takes fewer entries in a request, or only one (`--bulk-entries 0`), or an entry is too
 * long; then this is its result, and the next requests have their former size. Returns whether the
 * run continues. */
static bool shrink(struct rounds *rounds, struct inquiry *inquiry, const struct http_reply *reply)
{
    if (reply->status != 413 && reply->status != 405)
        return false;
    if (inquiry->n == 1) {
        rounds->entries_max = request_max(rounds);
        return reply->status == 413 && requests_take_problem(inquiry, reply);
    }
    rounds->has_no_lists = reply->status == 405;
    rounds->entries_max = rounds->has_no_lists ? 1 : inquiry->n / 2;
    rounds->next = inquiry->indexes[0];
    return true;
}

/* Names the condition for the progress. */
static void set_code(struct rounds *rounds, const struct http_reply *reply)
{
    struct json *json = NULL;

    json_parse(buf_str(&reply->body), reply->body.len, &json);
    const char *code = json_get_string(json, "code");
    snprintf(rounds->code, sizeof rounds->code, "%s", code ? code : "");
    json_free(json);
}

/* Returns whether the run continues. */
static bool judge(struct rounds *rounds, struct inquiry *inquiry, enum http_end end,
                  const struct http_reply *reply)
{
    struct errmsg why;

    if (failure_may_cost(end, reply) && !(end == HTTP_COMPLETE && *rounds->code))
        lose_open(rounds, inquiry);
    if (end == HTTP_STOPPED)
        return false;
    if (end == HTTP_COMPLETE && reply->status == 200 && !reply->is_accepted_type) {
        failure_report(rounds->session, end, reply);
        return false;
    }
    if (end == HTTP_COMPLETE &&
        (reply->status == 200 || (*rounds->code && n_open(inquiry)) || n_open(inquiry) == 0))
        return judge_results(rounds, inquiry);
    if (end == HTTP_COMPLETE && shrink(rounds, inquiry, reply))
        return true;
    bool is_absent = end == HTTP_UNREACHABLE && !http_was_reached(rounds->session->http);
    if (is_absent || !failure_passes(end, reply)) {
        failure_report(rounds->session, end, reply);
        return false;
    }
    enum status status = failure_of(rounds->session, end, reply, &why);
    set_code(rounds, reply);
    note(rounds, status, why.text);
    return true;
}

/* Waits before the next try, at most until the end of --wait. A server that has waited for a lookup
 * is asked again when the pause has passed since `sent_ms`: that is mostly immediately. */
static void wait_for_next(struct rounds *rounds, int64_t retry_after_s, int64_t sent_ms)
{
    struct session *session = rounds->session;
    int64_t ms = backoff_ms(&backoff, rounds->tries ? rounds->tries : 1, retry_after_s * 1000);
    int64_t left_ms = session->deadline_ms - session_now_ms();
    struct buf autobuf text = BUF_INIT(ERRMSG_MAX);

    if (rounds->is_alive)
        ms -= session_now_ms() - sent_ms;
    if (ms <= 0)
        return;
    buf_addf(&text, "%.60s; next try in ", *rounds->code ? rounds->code : "no connection");
    progress_add_time(&text, (ms + 999) / 1000);
    session->shown.note = buf_str(&text);
    http_pause(session->http, ms < left_ms ? ms : left_ms);
    session->shown.note = NULL;
}

/* A request that is sent again accepts what was fetched since the run began, so that --refresh and
 * --max-age do not pay for it twice. */
static void set_age(struct rounds *rounds, struct inquiry *inquiry)
{
    const struct options *options = rounds->session->options;
    int64_t passed_s = (session_now_ms() - rounds->session->started_ms) / 1000 + 1;
    bool is_short = options->max_age_s >= 0 && options->max_age_s < passed_s;

    inquiry->refresh = options->refresh && !rounds->has_sent;
    inquiry->max_age_s = options->max_age_s;
    if (rounds->has_sent && (options->refresh || is_short))
        inquiry->max_age_s = passed_s;
    rounds->has_sent = true;
}

/* Sends the next entries. Returns whether the run continues. */
static bool run_one(struct rounds *rounds, struct inquiry *inquiry)
{
    struct session *session = rounds->session;
    struct http_reply reply;

    spending_count(&rounds->spending, session);
    inquiry->n = choose(rounds, inquiry->indexes);
    inquiry->is_alone = session->list.n == 1;
    inquiry->has_no_lists = rounds->has_no_lists;
    inquiry->max_credits = spending_left(&rounds->spending, session);
    set_age(rounds, inquiry);
    rounds->is_over_limit = rounds->has_no_lists && inquiry->max_credits == 0;
    rounds->n_new = rounds->n_held = 0;
    rounds->is_alive = false;
    rounds->code[0] = rounds->why.text[0] = '\0';
    int64_t sent_ms = session_now_ms();
    enum http_end end = requests_send(inquiry, &reply);
    bool continues = judge(rounds, inquiry, end, &reply);
    bool is_better = rounds->n_new || rounds->is_alive;
    rounds->tries = is_better ? 0 : rounds->tries + (*rounds->why.text != '\0');
    session->shown.elapsed_s = -1;
    session->shown_at_ms = 0;
    if (continues && *rounds->why.text && rounds->tries < TRIES_MAX)
        wait_for_next(rounds, reply.retry_after_s, sent_ms);
    http_reply_done(&reply);
    return continues && rounds->tries < TRIES_MAX && !session->stop &&
           session_now_ms() < session->deadline_ms;
}

static void run(struct rounds *rounds)
{
    struct session *session = rounds->session;
    size_t n = request_max(rounds);
    struct inquiry inquiry = {
        .session = session,
        .indexes = xcalloc(n ? n : 1, sizeof *inquiry.indexes),
        .cached = rounds->is_estimate || session->options->dry_run,
        .take = take_result,
        .arg = rounds,
    };

    rounds->entries_max = n;
    while (session->tally.done < session->list.n && run_one(rounds, &inquiry))
        ;
    free(inquiry.indexes);
}

/* Prints why entries have no result, if that has no message yet. */
static void report_open(struct rounds *rounds)
{
    struct session *session = rounds->session;
    size_t n = session->list.n - session->tally.done;
    bool is_over = session->stop == STOP_TIME || session_now_ms() >= session->deadline_ms;

    if (n == 0 || (session->stop && session->stop != STOP_TIME))
        return;
    if (*rounds->why.text && !(rounds->n_held && is_over)) {
        session_error(session, "%s; %zu of %zu have no result", rounds->why.text, n,
                      session->list.n);
        session_fails(session, rounds->status);
    } else if (is_over) {
        session_error(session, "--wait expired; %zu of %zu have no result yet", n, session->list.n);
        session_fails(session, STATUS_IN_PROGRESS);
    }
}

/* Counts what may have been paid for entries that have no result in the end. */
static void count_lost(struct session *session)
{
    for (size_t i = 0; i < session->list.n; i++) {
        const struct entry *entry = &session->list.entries[i];
        session->tally.lost += entry->may_be_paid && !entry->is_done;
    }
}

void rounds_run(struct session *session)
{
    struct rounds rounds = {.session = session};

    spending_start(&rounds.spending, session);
    run(&rounds);
    if (session->stop == STOP_NONE || session->stop == STOP_TIME || session->stop == STOP_FAILURE)
        finish_held(&rounds);
    count_lost(session);
    report_open(&rounds);
}

void rounds_estimate(struct session *session)
{
    struct rounds rounds = {.session = session, .is_estimate = true, .spending.used_before = -1};

    run(&rounds);
    report_open(&rounds);
    if (session->tally.done < session->list.n && !session->stop)
        session->stop = STOP_FAILURE;
    for (size_t i = 0; i < session->list.n; i++) {
        session->list.entries[i].is_done = session->list.entries[i].may_be_paid = false;
        mem_autofree(&session->list.entries[i].held);
        session->list.entries[i].held = NULL;
    }
}
