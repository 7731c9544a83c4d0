/* SPDX-License-Identifier: MIT */
/* inbox.h - passes messages between threads; the owning thread runs them in order.
 *
 * Any thread posts. The owner waits until inbox_fd() is readable and then runs all messages in the
 * order in which they were posted. A message is embedded in the object it transports, so posting
 * allocates nothing and cannot fail.
 *
 * From post until run, the message and its object belong to the inbox; from then on they belong to
 * the owner. Posting happens-before running. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct message;
typedef void message_run_fn(struct message *message);

struct message {
    struct message *next; /* used by the inbox */
    message_run_fn *run;  /* set by inbox_post(); runs on the owner's thread */
};

struct inbox;

/* Returns ERR_SYSTEM if eventfd(2) fails. */
enum err inbox_new(struct inbox **ret_box);
void inbox_free(struct inbox *box); /* must be empty; NULL is a no-op */

/* Posts a message from any thread. `run` runs exactly once, on the owner's thread. */
void inbox_post(struct inbox *box, struct message *message, message_run_fn *run);

/* Owner only: runs every message that was posted before the call. Messages posted meanwhile wait
 * for the next call. */
void inbox_run_all(struct inbox *box);

/* Owner only: the same for at most `max` messages. Returns true if messages are left. The owner
 * must then call again without waiting for the descriptor, which signals new messages only. */
bool inbox_run_some(struct inbox *box, size_t max);

/* Returns a descriptor that is readable while messages wait. It may be polled, never read. */
int inbox_fd(const struct inbox *box);

#endif
