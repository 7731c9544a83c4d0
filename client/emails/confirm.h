/* SPDX-License-Identifier: MIT */
/* confirm.h - asks on the terminal before a run spends many credits. Main thread only. */
#ifndef CLIENT_EMAILS_CONFIRM_H
#define CLIENT_EMAILS_CONFIRM_H

#include "client/emails/session.h"

#include <stdbool.h>

/* Returns whether the run may spend its credits: there are few, the options permit it, there is no
 * terminal to ask on, or the answer was yes. If not, `stop` and the exit status are set. */
bool confirm_spending(struct session *session);

#endif
