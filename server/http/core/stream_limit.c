/* SPDX-License-Identifier: MIT */
/* stream_limit.c - see stream_limit.h. */
#include "http/core/stream_limit.h"

#include "base/client_key.h"
#include "base/hashtable.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Streams of one client; a client without streams has no row. */
struct client_count {
    char client[CLIENT_NAME_MAX + 1];
    size_t n;
    UT_hash_handle hh;
};

struct stream_limit {
    pthread_mutex_t lock; /* protects the rest */
    size_t n;
    struct client_count *clients;
};

struct stream_limit *stream_limit_new(void)
{
    struct stream_limit *limit = xcalloc(1, sizeof *limit);

    pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

void stream_limit_free(struct stream_limit *limit)
{
    struct client_count *count, *next;

    if (!limit)
        return;
    HASH_ITER (hh, limit->clients, count, next) {
        HASH_DEL(limit->clients, count);
        free(count);
    }
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

/* Requires the lock. */
static struct client_count *find(const struct stream_limit *limit, const char *client)
{
    struct client_count *count;

    HASH_FIND_STR(limit->clients, client, count);
    return count;
}

/* Requires the lock. */
static enum stream_verdict judge(const struct stream_limit *limit, size_t max, const char *client)
{
    const struct client_count *count = find(limit, client);
    size_t share = max / 2 ? max / 2 : 1;

    if (limit->n >= max)
        return STREAM_LIMIT_REACHED;
    return count && count->n >= share ? STREAM_CLIENT_LIMIT_REACHED : STREAM_ADMITTED;
}

/* Requires the lock. */
static void count_client(struct stream_limit *limit, const char *client)
{
    struct client_count *count = find(limit, client);

    if (!count) {
        count = xcalloc(1, sizeof *count);
        snprintf(count->client, sizeof count->client, "%s", client);
        HASH_ADD_STR(limit->clients, client, count);
    }
    count->n++;
}

enum stream_verdict stream_limit_acquire(struct stream_limit *limit, size_t max, const char *client)
{
    pthread_mutex_lock(&limit->lock);
    enum stream_verdict verdict = judge(limit, max, client);
    if (verdict == STREAM_ADMITTED) {
        limit->n++;
        if (*client)
            count_client(limit, client);
    }
    pthread_mutex_unlock(&limit->lock);
    return verdict;
}

void stream_limit_release(struct stream_limit *limit, const char *client)
{
    pthread_mutex_lock(&limit->lock);
    struct client_count *count = find(limit, client);
    limit->n--;
    if (count && --count->n == 0) {
        HASH_DEL(limit->clients, count);
        free(count);
    }
    pthread_mutex_unlock(&limit->lock);
}
