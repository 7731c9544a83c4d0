/* SPDX-License-Identifier: MIT */
/* client_keys.h - clients and their rights, read from the file of client keys into an immutable,
 * reference-counted snapshot. One client per line, `#` begins a comment:
 *
 *     NAME sha256:HEX [quota=N] [rate=N] [max_wait=SECONDS] [weight=N] [waiters=N]
 *                     [cached_only] [allow_refresh] [admin]
 *
 * `emailsd key new NAME` creates the key and the line. A reload reads a new snapshot and sends it
 * to every worker; the old one is freed with its last reference. Only the rate-limit state changes:
 * one atomic number per client, which snapshots share by client name, so a reload does not reset a
 * client's rate limit. Any thread. */
#ifndef HTTP_AUTH_CLIENT_KEYS_H
#define HTTP_AUTH_CLIENT_KEYS_H

#include "base/client_key.h"
#include "base/err.h"
#include "base/errmsg.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENTS_MAX 256 /* each request's key is compared with all of them */

struct client {
    char name[CLIENT_NAME_MAX + 1]; /* "" for clients without a key */
    unsigned char hash[HASH_SIZE];
    int64_t quota;       /* paid lookups per UTC day, or ACCOUNT_NO_QUOTA */
    int64_t rate;        /* requests per second, also the burst; 0 = no limit */
    int64_t max_wait_ms; /* the server's own limit also applies */
    int weight;          /* share of its lookups in a batch of several clients */
    size_t waiters;      /* requests that may wait concurrently; 0 = no limit of its own */
    bool cached_only;    /* never pays */
    bool allow_refresh;  /* may pay for a result that is known and fresh */
    bool admin;          /* may delete results */
    struct rate_limit *rate_limit; /* rate-limit state, shared with other snapshots */
};

struct clients;

/* Reads the file. Returns ERR_SYSTEM or ERR_SYNTAX on failure; `why` then says what is wrong, with
 * the line number but without the line's content. */
enum err clients_read(const char *path, struct clients **ret_clients, struct errmsg *why);

/* Parses `text` instead of a file; `why` calls it `name`. */
enum err clients_parse(const char *name, const char *text, size_t len, struct clients **ret_clients,
                       struct errmsg *why);

struct clients *clients_ref(struct clients *clients);
void clients_unref(struct clients *clients); /* NULL is a no-op */

/* Makes clients present in both snapshots keep their rate-limit state, even if keys or rights
 * changed. Call before other threads see `clients`. */
void clients_adopt_rate_limits(struct clients *clients, const struct clients *before);

size_t clients_count(const struct clients *clients);

/* Returns the client with that key, borrowed from `clients`, or NULL. Takes the same steps for
 * every key, also for an empty one, and compares with every client without stopping early. */
const struct client *clients_find(const struct clients *clients, struct slice key);

/* Counts one request of the client. Returns false if its rate limit is exceeded; the next request
 * is allowed RATE_LIMIT_WAIT_S later (rate_limit.h) at the latest. */
bool client_admits(const struct client *client, int64_t now_ms);

#endif
