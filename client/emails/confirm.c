/* SPDX-License-Identifier: MIT */
/* confirm.c - see confirm.h. Standard input may be the list, so the terminal is opened by its
 * name. */
#include "client/emails/confirm.h"

#include "client/emails/rounds.h"
#include "client/emails/usage.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#define FREE_OF_QUESTIONS 25  /* paid lookups */
#define LOOK_MS           100 /* between two looks at the signals */

/* Whether the options say that there is nothing to ask. */
static bool is_settled(const struct session *session)
{
    const struct options *options = session->options;

    return options->yes || options->dry_run || session->list.n <= FREE_OF_QUESTIONS ||
           (options->max_credits >= 0 && options->max_credits <= FREE_OF_QUESTIONS);
}

/* Waits for input, or for a signal: one that arrives before read() would not end it. */
static bool has_input(int terminal)
{
    struct pollfd fd = {.fd = terminal, .events = POLLIN};

    while (!session_signal)
        if (poll(&fd, 1, LOOK_MS) == 1)
            return true;
    return false;
}

/* Reads a line; of a longer one, the start. */
static bool is_yes(int terminal)
{
    char text[64];
    size_t len = 0;

    while (len < sizeof text - 1 && (len == 0 || text[len - 1] != '\n') && has_input(terminal) &&
           read(terminal, text + len, 1) == 1)
        len++;
    while (len && strchr("\r\n ", text[len - 1]))
        len--;
    text[len] = '\0';
    return strcasecmp(text, "y") == 0 || strcasecmp(text, "yes") == 0;
}

/* What was typed before the question is no answer to it. */
static void ask(struct session *session, size_t cost, int terminal)
{
    struct usage usage = {.remaining = -1};
    char left[64] = "";

    if (usage_read(session, &usage) && usage.remaining >= 0)
        snprintf(left, sizeof left, ", %lld left today", (long long)usage.remaining);
    tcflush(terminal, TCIFLUSH);
    dprintf(terminal, "%zu of %zu %s: up to %zu credits%s. Spend them? [y/N] ",
            session->options->refresh ? session->tally.refreshable : session->tally.unknown,
            session->list.n, session->options->refresh ? "are looked up again" : "are not known",
            cost, left);
}

bool confirm_spending(struct session *session)
{
    int terminal = is_settled(session) ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    int64_t limit = session->options->max_credits;

    if (terminal < 0)
        return true;
    rounds_estimate(session);
    size_t cost = session->options->refresh ? session->tally.refreshable : session->tally.cost;
    if (limit >= 0 && cost > (size_t)limit)
        cost = (size_t)limit;
    bool is_confirmed = !session->stop;
    if (is_confirmed && cost > FREE_OF_QUESTIONS) {
        progress_clear(&session->progress);
        ask(session, cost, terminal);
        is_confirmed = is_yes(terminal);
    }
    close(terminal);
    session->tally = (struct tally){0};
    if (session_signal)
        session->stop = STOP_SIGNAL;
    if (!is_confirmed && !session->stop) {
        session_error(session, "nothing spent; --dry-run shows the known results");
        session_fails(session, STATUS_FAILED);
        session->stop = STOP_FAILURE;
    }
    return is_confirmed && !session->stop;
}
