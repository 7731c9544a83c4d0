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
struct address_count {
    struct in6_addr address; /* IPv4 mapped into IPv6 */
    int n;
    UT_hash_handle hh;
};

struct connection_limit {
    atomic_int n;
    int max, max_per_address;
    pthread_mutex_t lock; /* protects `addresses` */
    struct address_count *addresses;
};

struct connection_limit *connection_limit_new(int max, int max_per_address)
{
    struct connection_limit *limit = xcalloc(1, sizeof *limit);

    limit->max = max;
    limit->max_per_address = max_per_address;
    pthread_mutex_init(&limit->lock, NULL);
    return limit;
}

void connection_limit_free(struct connection_limit *limit)
{
    struct address_count *count, *next;

    if (!limit)
        return;
    HASH_ITER (hh, limit->addresses, count, next) {
        HASH_DEL(limit->addresses, count);
        free(count);
    }
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

int connection_limit_max(const struct connection_limit *limit)
{
    return limit->max;
}

/* Returns the address that a connection counts for; false if no per-address limit applies. */
static bool counted_address(const struct connection_limit *limit, const struct sockaddr *from,
                            struct in6_addr *ret_address)
{
    if (!limit->max_per_address || !from)
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
static struct address_count *find(const struct connection_limit *limit,
                                  const struct in6_addr *address)
{
    struct address_count *count;

    HASH_FIND(hh, limit->addresses, address, sizeof *address, count);
    return count;
}

enum connection_limit_verdict connection_limit_check(struct connection_limit *limit,
                                                     const struct sockaddr *from)
{
    struct in6_addr address;

    if (atomic_load_explicit(&limit->n, memory_order_relaxed) >= limit->max)
        return LIMIT_TOTAL;
    if (!counted_address(limit, from, &address))
        return LIMIT_NOT_REACHED;
    pthread_mutex_lock(&limit->lock);
    const struct address_count *count = find(limit, &address);
    bool is_reached = count && count->n >= limit->max_per_address;
    pthread_mutex_unlock(&limit->lock);
    return is_reached ? LIMIT_PER_ADDRESS : LIMIT_NOT_REACHED;
}

void connection_limit_acquire(struct connection_limit *limit, const struct sockaddr *from)
{
    struct in6_addr address;

    atomic_fetch_add_explicit(&limit->n, 1, memory_order_relaxed);
    if (!counted_address(limit, from, &address))
        return;
    pthread_mutex_lock(&limit->lock);
    struct address_count *count = find(limit, &address);
    if (!count) {
        count = xcalloc(1, sizeof *count);
        count->address = address;
        HASH_ADD(hh, limit->addresses, address, sizeof count->address, count);
    }
    count->n++;
    pthread_mutex_unlock(&limit->lock);
}

void connection_limit_release(struct connection_limit *limit, const struct sockaddr *from)
{
    struct in6_addr address;

    atomic_fetch_sub_explicit(&limit->n, 1, memory_order_relaxed);
    if (!counted_address(limit, from, &address))
        return;
    pthread_mutex_lock(&limit->lock);
    struct address_count *count = find(limit, &address);
    if (count && --count->n == 0) {
        HASH_DEL(limit->addresses, count);
        free(count);
    }
    pthread_mutex_unlock(&limit->lock);
}
