/* SPDX-License-Identifier: MIT */
/* rounds.h - asks for all entries of the list until each has a result, or no further try helps.
 *
 * A round sends entries without a result, at most 10,000 of them, and those first that were asked
 * for least recently: a slow one blocks no other. After a broken connection, and if the server asks
 * for another try, the next round sends what is left; that pays for nothing twice. Five rounds in a
 * row without a new result end it, except those for one lookup that the server reports to continue.
 * Main thread only. */
#ifndef CLIENT_EMAILS_ROUNDS_H
#define CLIENT_EMAILS_ROUNDS_H

#include "client/emails/session.h"

/* Writes the results, and prints the errors. */
void rounds_run(struct session *session);

/* Counts what is known, without spending credits and without output; then the list is as before,
 * and session->tally has the counts. */
void rounds_estimate(struct session *session);

#endif
