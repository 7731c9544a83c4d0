/* SPDX-License-Identifier: MIT */
/* resolver.h - finds out what became of tasks whose submit got no readable response.
 *
 * Such a batch may exist at the upstream and may have been paid for, but its id is not known. If
 * the upstream later calls the batch's notify URL, the request may contain ids. Each id is tried
 * with free reads, as a batch and as a task. It is believed only if the upstream's own response
 * contains a tracking id of the lost batch. Then a batch is resumed, as after a restart, and a task
 * that has ended is stored.
 *
 * The response to the submit may contain an id where the parser does not look for it. Its stored
 * bytes are searched in the same way; again after each start, while its outcome is unknown.
 *
 * The operator can propose the id of a batch, by `emailsd resolve`. It is tried in the same way.
 *
 * Nothing that a request says is believed. Reads go through the read limiter, after those of
 * waiting questions. Ids, tries and time are limited. Engine thread only. */
#ifndef LOOKUP_RESOLVER_H
#define LOOKUP_RESOLVER_H

#include "client/openmart/openmart_found.h"
#include "lookup/recovery.h"
#include "store/calls_upkeep.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct budget;
struct openmart;
struct resolver;
struct timers;

/* Borrowed for the resolver's lifetime. */
struct resolver_tools {
    struct recover_tools recovery; /* how a batch is resumed */
    struct timers *timers;
    struct openmart *openmart;
    struct budget *budget;
    int64_t lifetime_ms;          /* how long a believed task may stay unfinished */
    atomic_uint *n_notifications; /* that wait; see resolver_notify() */
};

struct resolver *resolver_new(const struct resolver_tools *tools);
/* Cancels its reads; no call to the store may be in flight. NULL is a no-op. */
void resolver_free(struct resolver *resolver);

/* The upstream called the notify URL with that token. Ignored if no batch has the token. A batch
 * that is collected is polled soon. If the submit of the batch is in flight, the ids are kept until
 * it ends. Otherwise the token is looked up in the store; while that cannot be read, the ids are
 * kept, for a limited number of tokens. Decrements *n_notifications as soon as it is known what the
 * token belongs to, perhaps before it returns. */
void resolver_notify(struct resolver *resolver, const char *token,
                     const struct openmart_found *found);

/* Applies what `emailsd resolve` has recorded, and searches the responses to submits. Adds
 * proposals that were found to be wrong to what will be confirmed; they are in the arena. */
void resolver_read_news(struct resolver *resolver, const struct store_news *news,
                        struct arena *arena, struct store_confirm_news_call *confirm);

#endif
