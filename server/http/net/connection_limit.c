/* SPDX-License-Identifier: MIT */
/* connection_limit.c - one atomic count of all connections and, if addresses are limited, a table
 * of counts by address. */
#include "http/net/connection_limit.h"

#include "base/hashtable.h"
#include "base/mem.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NETWORK_BYTES 8 /* a /64 */

/* Connections of one address; an address without connections has no row. */
struct share {
    struct in6_addr address; /* IPv4 mapped into IPv6 */
    int taken;
    UT_hash_handle hh;
};

struct connection_limit {
    atomic_int taken;
    int max, max_per_address;
    pthread_mutex_t lock; /* protects `shares` */
    struct share *shares;
};

struct connection_limit *connection_limit_new(int max, int max_per_address)
{
    struct connection_limit *seats = xcalloc(1, sizeof *seats);

    seats->max = max;
    seats->max_per_address = max_per_address;
    pthread_mutex_init(&seats->lock, NULL);
    return seats;
}

void connection_limit_free(struct connection_limit *seats)
{
    struct share *share, *next;

    if (!seats)
        return;
    HASH_ITER (hh, seats->shares, share, next) {
        HASH_DEL(seats->shares, share);
        free(share);
    }
    pthread_mutex_destroy(&seats->lock);
    free(seats);
}

int connection_limit_max(const struct connection_limit *seats)
{
    return seats->max;
}

/* Returns the address that a connection counts for; false if no per-address limit applies. */
static bool whose(const struct connection_limit *seats, const struct sockaddr *from,
                  struct in6_addr *ret_address)
{
    if (!seats->max_per_address || !from)
        return false;
    *ret_address = (struct in6_addr){0};
    if (from->sa_family == AF_INET) {
        ret_address->s6_addr[10] = ret_address->s6_addr[11] = 0xff;
        memcpy(ret_address->s6_addr + 12, &((const struct sockaddr_in *)from)->sin_addr,
               sizeof(struct in_addr));
        return true;
    }
    if (from->sa_family != AF_INET6)
        return false;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)from)->sin6_addr;
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(address);
    memcpy(ret_address, address, is_v4 ? sizeof *address : NETWORK_BYTES);
    return true;
}

/* Requires the lock. */
static struct share *find(const struct connection_limit *seats, const struct in6_addr *address)
{
    struct share *share;

    HASH_FIND(hh, seats->shares, address, sizeof *address, share);
    return share;
}

enum connection_limit_verdict connection_limit_check(struct connection_limit *seats,
                                                     const struct sockaddr *from)
{
    struct in6_addr address;

    if (atomic_load_explicit(&seats->taken, memory_order_relaxed) >= seats->max)
        return LIMIT_TOTAL;
    if (!whose(seats, from, &address))
        return LIMIT_NOT_REACHED;
    pthread_mutex_lock(&seats->lock);
    const struct share *share = find(seats, &address);
    bool has_its_share = share && share->taken >= seats->max_per_address;
    pthread_mutex_unlock(&seats->lock);
    return has_its_share ? LIMIT_PER_ADDRESS : LIMIT_NOT_REACHED;
}

void connection_limit_acquire(struct connection_limit *seats, const struct sockaddr *from)
{
    struct in6_addr address;

    atomic_fetch_add_explicit(&seats->taken, 1, memory_order_relaxed);
    if (!whose(seats, from, &address))
        return;
    pthread_mutex_lock(&seats->lock);
    struct share *share = find(seats, &address);
    if (!share) {
        share = xcalloc(1, sizeof *share);
        share->address = address;
        HASH_ADD(hh, seats->shares, address, sizeof share->address, share);
    }
    share->taken++;
    pthread_mutex_unlock(&seats->lock);
}

void connection_limit_release(struct connection_limit *seats, const struct sockaddr *from)
{
    struct in6_addr address;

    atomic_fetch_sub_explicit(&seats->taken, 1, memory_order_relaxed);
    if (!whose(seats, from, &address))
        return;
    pthread_mutex_lock(&seats->lock);
    struct share *share = find(seats, &address);
    if (share && --share->taken == 0) {
        HASH_DEL(seats->shares, share);
        free(share);
    }
    pthread_mutex_unlock(&seats->lock);
}
