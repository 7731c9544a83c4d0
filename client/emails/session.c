/* SPDX-License-Identifier: MIT */
/* session.c - see session.h. */
#include "client/emails/session.h"

#include "base/buf.h"
#include "base/clock.h"
#include "client/emails/screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define GRACE_MS    5000 /* for the server's own end of the wait */

volatile sig_atomic_t session_signal;

int64_t session_now_ms(void)
{
    return clock_real().now_ms;
}

bool session_is_interrupted(void)
{
    return session_signal != 0;
}

/* ---- the results ---- */

bool session_flush(struct session *session)
{
    struct output *output = &session->output;

    if (output->text.len && isatty(STDOUT_FILENO))
        progress_clear(&session->progress);
    if (output_flush(output) || session->stop)
        return !session->stop;
    session->stop = output->error == EPIPE   ? STOP_PIPE
                    : output->error == EINTR ? STOP_SIGNAL
                                             : STOP_OUTPUT;
    if (session->stop == STOP_OUTPUT) {
        session_error(session, "standard output: %s", strerror(output->error));
        session_fails(session, STATUS_FAILED);
    }
    return false;
}

/* ---- messages ---- */

/* Prints the message as one line without control characters. */
__attribute__((format(printf, 3, 0))) static void print(struct session *session, const char *prefix,
                                                        const char *format, va_list values)
{
    char text[MESSAGE_MAX];
    struct buf autobuf line = BUF_INIT((size_t)2 * MESSAGE_MAX);

    session_flush(session);
    progress_clear(&session->progress);
    vsnprintf(text, sizeof text, format, values);
    screen_add(&line, text, SIZE_MAX / 2);
    fprintf(stderr, "%s%s\n", prefix, buf_str(&line));
}

void session_error(struct session *session, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    print(session, "emails: ", format, values);
    va_end(values);
}

void session_note(struct session *session, const char *format, ...)
{
    va_list values;

    if (session->options->quiet)
        return;
    va_start(values, format);
    print(session, "", format, values);
    va_end(values);
}

void session_fails(struct session *session, enum status status)
{
    session->status = status_worse(session->status, status);
}

/* ---- while it runs ---- */

/* The time that is left: by the speed of the lookups so far. What was known came immediately, so
 * the rest takes lookups. */
static int64_t estimate_left_s(const struct session *session, int64_t now_ms)
{
    int64_t looked_up = (int64_t)session->tally.n_looked_up;

    if (!looked_up)
        return -1;
    int64_t open = (int64_t)(session->list.n - session->tally.done);
    return (now_ms - session->started_ms) / 1000 * open / looked_up;
}

static void draw(struct session *session)
{
    struct progress_state state = session->shown;
    int64_t now_ms = session_now_ms();

    if (session->shown_at_ms)
        state.elapsed_s += (now_ms - session->shown_at_ms) / 1000;
    state.total = session->list.n;
    state.done = session->tally.done;
    state.failed = session->tally.failed;
    state.credits = session->tally.yes;
    state.left_s = estimate_left_s(session, now_ms);
    if (!state.domain && state.left_s < 0)
        state.elapsed_s = (now_ms - session->started_ms) / 1000;
    progress_draw(&session->progress, &state, now_ms);
}

bool session_tick(void *arg)
{
    struct session *session = arg;

    if (session->stop)
        return false;
    if (session_signal)
        session->stop = STOP_SIGNAL;
    else if (output_is_closed())
        session->stop = STOP_PIPE;
    else if (session_now_ms() > session->deadline_ms &&
             session_now_ms() - session->deadline_ms > GRACE_MS)
        session->stop = STOP_TIME;
    if (session->stop || !session_flush(session))
        return false;
    draw(session);
    return true;
}

/* ---- the end ---- */

static void add_credits(const struct tally *tally, struct buf *out)
{
    int64_t maybe = tally->maybe + tally->lost;

    if (tally->yes)
        buf_addf(out, ", %lld credit%s", (long long)tally->yes, tally->yes == 1 ? "" : "s");
    if (maybe && tally->yes)
        buf_addf(out, ", up to %lld more", (long long)maybe);
    else if (maybe)
        buf_addf(out, ", up to %lld credit%s", (long long)maybe, maybe == 1 ? "" : "s");
}

static void print_outcome(struct session *session)
{
    const struct tally *tally = &session->tally;
    struct buf autobuf line = BUF_INIT(MESSAGE_MAX);
    size_t failed = tally->failed;

    if (session->options->dry_run) { /* what is not known is not a failure */
        failed -= tally->unknown;
        buf_addf(&line, "%zu of %zu known", tally->done - tally->failed - tally->in_progress,
                 session->list.n);
    } else {
        buf_addf(&line, "%zu of %zu done", tally->done - tally->in_progress, session->list.n);
    }
    if (failed)
        buf_addf(&line, ", %zu failed", failed);
    if (tally->in_progress)
        buf_addf(&line, ", %zu still in progress", tally->in_progress);
    add_credits(tally, &line);
    buf_add_str(&line, ", ");
    progress_add_time(&line, (session_now_ms() - session->started_ms) / 1000);
    if (session->options->dry_run && tally->cost)
        buf_addf(&line, "; the rest costs up to %zu credit%s", tally->cost,
                 tally->cost == 1 ? "" : "s");
    session_note(session, "%s", buf_str(&line));
}

/* A refresh that is run again would pay for all results again, and so would a limit to results
 * that are younger than those of this run. */
static void print_stop(struct session *session)
{
    const struct options *options = session->options;
    bool is_short = options->max_age_s >= 0 &&
                    options->max_age_s <= (session_now_ms() - session->started_ms) / 1000;
    const char *how = "run it again to continue, nothing is paid twice";

    if (options->refresh)
        how = "continue with --max-age in place of --refresh, then nothing is paid twice";
    else if (is_short)
        how = "continue with a longer --max-age, then nothing is paid twice";
    if (session->list.n)
        session_note(session, "stopped after %zu of %zu; %s", session->tally.done, session->list.n,
                     how);
}

/* For one domain, a terminal shows its result or its error; that is enough. So is the error if
 * there is no result at all. */
static bool reports_outcome(const struct session *session)
{
    if (session->list.n == 0 || (session->stop && session->tally.done == 0))
        return false;
    return session->list.n > 1 || session->options->dry_run || !isatty(STDERR_FILENO);
}

int session_end(struct session *session)
{
    session_flush(session);
    progress_clear(&session->progress);
    if (session->stop == STOP_PIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (session->stop == STOP_SIGNAL) {
        print_stop(session);
        return STATUS_SIGNAL + session_signal;
    }
    if (reports_outcome(session))
        print_outcome(session);
    return (int)session->status;
}
