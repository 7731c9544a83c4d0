/* SPDX-License-Identifier: MIT */
/* inbox.c - see inbox.h. A list under a mutex, and an eventfd.
 *
 * The mutex is held for a few pointer assignments only. A lock-free list was rejected: a message
 * costs its sender a system call anyway, though only the first message into an empty inbox does. */
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
    struct message *taken; /* taken from the list by the owner, not run yet */
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
    /* Signalled under the lock, so that the owner cannot free the inbox in between. */
    if (was_empty)
        eventfd_write(box->fd, 1);
    pthread_mutex_unlock(&box->lock);
}

/* Takes all posted messages, oldest first. */
static struct message *take_all(struct inbox *box)
{
    eventfd_t wakeups;

    pthread_mutex_lock(&box->lock);
    struct message *messages = box->first;
    box->first = NULL;
    box->end = &box->first;
    if (messages)
        eventfd_read(box->fd, &wakeups);
    pthread_mutex_unlock(&box->lock);
    return messages;
}

bool inbox_run_some(struct inbox *box, size_t max)
{
    if (!box->taken)
        box->taken = take_all(box);
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
