/* SPDX-License-Identifier: MIT */
/* inbox.c - a locked list and an eventfd. The lock is held for a few pointer moves only; a
 * lock-free list was not worth its proof, because a letter costs its sender a system call anyway
 * (and only the first letter into an empty box does). */
#include "base/inbox.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    pthread_mutex_t lock;
    struct letter *first, **end;
    struct letter *taken; /* the owner's: taken out, not opened yet */
    int fd;
};

enum err mailbox_new(struct mailbox **ret_box)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return ERR_SYSTEM;
    struct mailbox *box = xcalloc(1, sizeof *box);
    pthread_mutex_init(&box->lock, NULL);
    box->end = &box->first;
    box->fd = fd;
    *ret_box = box;
    return ERR_OK;
}

void mailbox_free(struct mailbox *box)
{
    if (!box)
        return;
    assert(!box->first && !box->taken);
    close(box->fd);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

void mailbox_post(struct mailbox *box, struct letter *letter, letter_open_fn *open)
{
    letter->next = NULL;
    letter->open = open;
    pthread_mutex_lock(&box->lock);
    bool was_empty = !box->first;
    *box->end = letter;
    box->end = &letter->next;
    /* Rung under the lock: the owner cannot free the box between the two. */
    if (was_empty)
        eventfd_write(box->fd, 1);
    pthread_mutex_unlock(&box->lock);
}

/* All that were posted, oldest first. */
static struct letter *take(struct mailbox *box)
{
    eventfd_t rings;

    pthread_mutex_lock(&box->lock);
    struct letter *letters = box->first;
    box->first = NULL;
    box->end = &box->first;
    if (letters)
        eventfd_read(box->fd, &rings);
    pthread_mutex_unlock(&box->lock);
    return letters;
}

bool mailbox_open_some(struct mailbox *box, size_t max)
{
    if (!box->taken)
        box->taken = take(box);
    for (; box->taken && max > 0; max--) {
        struct letter *letter = box->taken;
        box->taken = letter->next;
        letter->open(letter);
    }
    return box->taken != NULL;
}

void mailbox_open_all(struct mailbox *box)
{
    mailbox_open_some(box, SIZE_MAX);
}

int mailbox_fd(const struct mailbox *box)
{
    return box->fd;
}
