/* SPDX-License-Identifier: MIT */
/* confirm.c - see confirm.h. Standard input may be the list, so the terminal is opened by its
 * name. */
#include "client/emails/confirm.h"

#include "client/emails/rounds.h"
#include "client/emails/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#define FREE_OF_QUESTIONS 25 /* paid lookups */

/* Whether the options say that there is nothing to ask. */
static bool is_settled(const struct session *session)
{
    const struct options *options = session->options;

    return options->yes || options->dry_run || session->list.n <= FREE_OF_QUESTIONS ||
           (options->max_credits >= 0 && options->max_credits <= FREE_OF_QUESTIONS);
}

/* Reads a line; of a longer one, the start. A signal ends it. */
static bool is_yes(int terminal)
{
    char text[64];
    size_t len = 0;
    ssize_t n = 1;

    while (n > 0 && len < sizeof text - 1 && (len == 0 || text[len - 1] != '\n')) {
        n = read(terminal, text + len, 1);
        if (n < 0 && errno == EINTR && !session_signal)
            n = 1;
        else if (n > 0)
            len++;
    }
    while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
        len--;
    text[len] = '\0';
    return strcasecmp(text, "y") == 0 || strcasecmp(text, "yes") == 0;
}

static void ask(const struct session *session, size_t cost, int terminal)
{
    struct usage usage = {.remaining = -1};
    char left[64] = "";

    if (usage_read((struct session *)session, &usage) && usage.remaining >= 0)
        snprintf(left, sizeof left, ", %lld left today", (long long)usage.remaining);
    dprintf(terminal, "%zu of %zu %s: up to %zu credits%s. Spend them? [y/N] ",
            session->options->refresh ? session->tally.may_cost : session->tally.unknown,
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
    size_t cost = session->options->refresh ? session->tally.may_cost : session->tally.unknown;
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
