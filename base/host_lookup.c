/* SPDX-License-Identifier: MIT */
/* host_lookup.c - see host_lookup.h. The last of owner and thread frees the lookup. */
#include "base/host_lookup.h"

#include "base/mem.h"
#include "base/thread.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct host_lookup {
    char *host;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    /* Below `lock`: */
    bool is_done;      /* the thread has written what follows, and uses the lookup no more */
    bool is_abandoned; /* by its owner */
    int code;          /* of getaddrinfo(); 0 = found */
    struct host_addresses found;
};

static struct host_lookup *new_lookup(const char *host)
{
    struct host_lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->host = xstrdup(host);
    pthread_mutex_init(&lookup->lock, NULL);
    thread_condition_init(&lookup->ended);
    return lookup;
}

static void destroy(struct host_lookup *lookup)
{
    pthread_cond_destroy(&lookup->ended);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

/* ---- the thread ---- */

static int resolve(const char *host, struct host_addresses *ret_addresses)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    size_t n = 0;
    int code = getaddrinfo(host, NULL, &hints, &found);

    for (const struct addrinfo *a = found; a && n < HOST_ADDRESSES_MAX && !code; a = a->ai_next)
        code = getnameinfo(a->ai_addr, a->ai_addrlen, ret_addresses->text[n++], HOST_ADDRESS_TEXT,
                           NULL, 0, NI_NUMERICHOST);
    ret_addresses->n = n;
    if (found)
        freeaddrinfo(found);
    return code;
}

static void *run(void *arg)
{
    struct host_lookup *lookup = arg;
    struct host_addresses found = {0};
    int code = resolve(lookup->host, &found);

    pthread_mutex_lock(&lookup->lock);
    lookup->code = code;
    lookup->found = found;
    lookup->is_done = true;
    bool is_abandoned = lookup->is_abandoned;
    pthread_cond_signal(&lookup->ended);
    pthread_mutex_unlock(&lookup->lock);
    if (is_abandoned)
        destroy(lookup);
    return NULL;
}

/* ---- its owner ---- */

enum err host_lookup_start(const char *host, struct host_lookup **ret_lookup)
{
    struct host_lookup *lookup = new_lookup(host);
    pthread_t thread;
    int reason = pthread_create(&thread, NULL, run, lookup);

    if (reason) {
        destroy(lookup);
        errno = reason;
        return ERR_SYSTEM;
    }
    pthread_detach(thread);
    *ret_lookup = lookup;
    return ERR_OK;
}

bool host_lookup_wait(struct host_lookup *lookup, int64_t within_ms)
{
    const struct timespec until = thread_wait_end(within_ms);
    int reason = 0;

    pthread_mutex_lock(&lookup->lock);
    while (!lookup->is_done && !reason)
        reason = pthread_cond_timedwait(&lookup->ended, &lookup->lock, &until);
    bool is_done = lookup->is_done;
    pthread_mutex_unlock(&lookup->lock);
    return is_done;
}

enum err host_lookup_result(const struct host_lookup *lookup, struct host_addresses *ret_addresses,
                            struct errmsg *why)
{
    if (!lookup->code && lookup->found.n) {
        *ret_addresses = lookup->found;
        return ERR_OK;
    }
    errmsg_set(why, "cannot resolve '%.200s': %.200s", lookup->host,
               lookup->code ? gai_strerror(lookup->code) : "no address");
    return ERR_NO_ENTRY;
}

void host_lookup_free(struct host_lookup *lookup)
{
    if (!lookup)
        return;
    pthread_mutex_lock(&lookup->lock);
    lookup->is_abandoned = true;
    bool is_done = lookup->is_done;
    pthread_mutex_unlock(&lookup->lock);
    if (is_done)
        destroy(lookup);
}
