/* SPDX-License-Identifier: MIT */
/* inbox.h - the border between threads: messages in, opened by the box's one owner.
 *
 * Any thread posts; the owning thread waits on inbox_fd() becoming readable and then opens all
 * messages in the order of their posting. A message is embedded in the thing that it carries, so
 * posting allocates nothing and cannot fail. Between post and open the message, and what holds it,
 * belong to the box; from open on they belong to the reader. Posting happens-before opening. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct message;
typedef void message_run_fn(struct message *message);

struct message {
    struct message *next; /* the box's */
    message_run_fn *run;  /* set by inbox_post(); runs on the owner's thread */
};

struct inbox;

/* ERR_SYSTEM when the system gives no eventfd. */
enum err inbox_new(struct inbox **ret_box);
void inbox_free(struct inbox *box); /* must be empty */

void inbox_post(struct inbox *box, struct message *message, message_run_fn *run);

/* Owner only: runs `run` of every message that was posted before the call; ones that are posted
 * meanwhile wait for the next. */
void inbox_run_all(struct inbox *box);

/* Owner only: the same for at most `max` messages; true when others still wait. Then the owner
 * comes back without waiting for the descriptor, which tells of new messages only. */
bool inbox_run_some(struct inbox *box, size_t max);

/* Readable while messages wait. Only to be polled, never read. */
int inbox_fd(const struct inbox *box);

#endif
