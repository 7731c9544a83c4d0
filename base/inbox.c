/* SPDX-License-Identifier: MIT */
/* inbox.c - a locked list and an eventfd. The lock is held for a few pointer moves only; a
 * lock-free list was not worth its proof, because a message costs its sender a system call anyway
 * (and only the first message into an empty box does). */
#include "base/inbox.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct inbox {
    pthread_mutex_t lock;
    struct message *first, **end;
    struct message *taken; /* the owner's: taken out, not opened yet */
    int fd;
};

enum err inbox_new(struct inbox **ret_box)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return ERR_SYSTEM;
    struct inbox *box = xcalloc(1, sizeof *box);
    pthread_mutex_init(&box->lock, NULL);
    box->end = &box->first;
    box->fd = fd;
    *ret_box = box;
    return ERR_OK;
}

void inbox_free(struct inbox *box)
{
    if (!box)
        return;
    assert(!box->first && !box->taken);
    close(box->fd);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

void inbox_post(struct inbox *box, struct message *message, message_run_fn *run)
{
    message->next = NULL;
    message->run = run;
    pthread_mutex_lock(&box->lock);
    bool was_empty = !box->first;
    *box->end = message;
    box->end = &message->next;
    /* Rung under the lock: the owner cannot free the box between the two. */
    if (was_empty)
        eventfd_write(box->fd, 1);
    pthread_mutex_unlock(&box->lock);
}

/* All that were posted, oldest first. */
static struct message *take(struct inbox *box)
{
    eventfd_t rings;

    pthread_mutex_lock(&box->lock);
    struct message *messages = box->first;
    box->first = NULL;
    box->end = &box->first;
    if (messages)
        eventfd_read(box->fd, &rings);
    pthread_mutex_unlock(&box->lock);
    return messages;
}

bool inbox_run_some(struct inbox *box, size_t max)
{
    if (!box->taken)
        box->taken = take(box);
    for (; box->taken && max > 0; max--) {
        struct message *message = box->taken;
        box->taken = message->next;
        message->run(message);
    }
    return box->taken != NULL;
}

void inbox_run_all(struct inbox *box)
{
    inbox_run_some(box, SIZE_MAX);
}

int inbox_fd(const struct inbox *box)
{
    return box->fd;
}
