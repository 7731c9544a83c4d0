/* SPDX-License-Identifier: MIT */
/* inbox.h - the border between threads: letters in, opened by the box's one owner.
 *
 * Any thread posts; the owning thread waits on mailbox_fd() becoming readable and then opens all
 * letters in the order of their posting. A letter is embedded in the thing that it carries, so
 * posting allocates nothing and cannot fail. Between post and open the letter, and what holds it,
 * belong to the box; from open on they belong to the reader. Posting happens-before opening. */
#ifndef BASE_INBOX_H
#define BASE_INBOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct letter;
typedef void letter_open_fn(struct letter *letter);

struct letter {
    struct letter *next;  /* the box's */
    letter_open_fn *open; /* set by mailbox_post(); runs on the owner's thread */
};

struct mailbox;

/* ERR_SYSTEM when the system gives no eventfd. */
enum err mailbox_new(struct mailbox **ret_box);
void mailbox_free(struct mailbox *box); /* must be empty */

void mailbox_post(struct mailbox *box, struct letter *letter, letter_open_fn *open);

/* Owner only: runs `open` of every letter that was posted before the call; ones that are posted
 * meanwhile wait for the next. */
void mailbox_open_all(struct mailbox *box);

/* Owner only: the same for at most `max` letters; true when others still wait. Then the owner comes
 * back without waiting for the descriptor, which tells of new letters only. */
bool mailbox_open_some(struct mailbox *box, size_t max);

/* Readable while letters wait. Only to be polled, never read. */
int mailbox_fd(const struct mailbox *box);

#endif
