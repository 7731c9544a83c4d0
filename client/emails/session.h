/* SPDX-License-Identifier: MIT */
/* session.h - what one run of `emails` works with, and its messages.
 *
 * Results go to standard output, everything else to standard error, in the order in which it
 * happened: a message flushes the results before it. Main thread only; signal handlers only set
 * `session_signal`. */
#ifndef CLIENT_EMAILS_SESSION_H
#define CLIENT_EMAILS_SESSION_H

#include "client/emails/domains.h"
#include "client/emails/http.h"
#include "client/emails/options.h"
#include "client/emails/output.h"
#include "client/emails/progress.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/* Why the run ends before its work does. */
enum stop {
    STOP_NONE,
    STOP_SIGNAL,
    STOP_PIPE,    /* nothing reads the results any more */
    STOP_OUTPUT,  /* the results cannot be written */
    STOP_TIME,    /* --wait has expired */
    STOP_FAILURE, /* the server cannot be used; a message was printed */
};

/* Counts over all entries with a result. */
struct tally {
    size_t done, failed;
    size_t unknown;     /* not cached */
    size_t cost;        /* the same without duplicates: what they would cost */
    size_t refreshable; /* known or not, without duplicates: what a refresh would cost */
    size_t n_looked_up; /* by the upstream */
    size_t in_progress; /* ended as lookups that continue; neither failed nor done in the end */
    int64_t yes, maybe; /* credits */
    int64_t lost;       /* credits that may have been paid for results that did not arrive */
};

struct session {
    const struct options *options;
    const char *key; /* of the server; NULL = none */
    struct domains list;
    struct http *http;
    struct output output;
    struct progress progress;
    struct progress_state shown;
    int64_t shown_at_ms; /* when `shown.elapsed_s` was right; 0 = it does not grow */
    struct tally tally;
    int64_t started_ms, deadline_ms; /* monotonic; INT64_MAX = none */
    enum stop stop;
    enum status status; /* the worst so far */
};

/* The number of the signal that asks to stop; 0 = none. */
extern volatile sig_atomic_t session_signal;

/* Returns whether there is one. */
bool session_is_interrupted(void);

int64_t session_now_ms(void);

/* Returns false if the run has to stop, and sets `stop` then. Draws the progress, and writes the
 * results. `session` is a struct session. */
bool session_tick(void *session);

/* Writes the results so far. Returns false, and sets `stop`, if that fails. */
bool session_flush(struct session *session);

/* Print one line on standard error: an error, with the name of the program in front; a note, unless
 * --quiet. */
void session_error(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void session_note(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes the exit status worse. */
void session_fails(struct session *session, enum status status);

/* Prints the line that reports the outcome, and returns the exit status. Kills the process by
 * SIGPIPE if nothing reads its output. */
int session_end(struct session *session);

#endif
