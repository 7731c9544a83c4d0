/* SPDX-License-Identifier: MIT */
/* client_keys.h - who may ask, by the file of client keys: an immutable snapshot with counted
 * references.
 *
 * One client a line, `#` begins a comment:
 *
 *     NAME sha256:HEX [quota=N] [rate=N] [max_wait=SECONDS] [weight=N]
 *                     [cached_only] [allow_refresh] [admin]
 *
 * `emailsd key new NAME` makes the key and the line. A reload reads a new snapshot and hands it to
 * every worker by message; the old one goes with its last reference. Only how fast a client asks
 * changes in it, in one atomic number per client, which snapshots share by the client's name: no
 * reload gives anybody a second second. Any thread. */
#ifndef HTTP_AUTH_CLIENT_KEYS_H
#define HTTP_AUTH_CLIENT_KEYS_H

#include "base/client_key.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/account.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENTS_MAX 256 /* each request's key is compared with all of them */
#define CLIENTS_WHY 256

struct client {
    char name[KEY_NAME_MAX + 1]; /* "" for those who need no key */
    unsigned char hash[HASH_SIZE];
    int64_t quota;                 /* paid lookups a day of UTC; ACCOUNT_NO_QUOTA */
    int64_t rate;                  /* requests a second, and as many at once; 0 = no limit */
    int64_t max_wait_ms;           /* the server's own limit holds as well */
    int weight;                    /* of its lookups in a batch that several clients fill */
    bool cached_only;              /* never buys */
    bool allow_refresh;            /* may buy what is known and fresh */
    bool admin;                    /* may forget answers */
    struct rate_limit *rate_limit; /* how fast it asks; shared with other snapshots */
};

struct clients;

/* Reads the file. ERR_SYSTEM or ERR_SYNTAX; `why` (CLIENTS_WHY bytes) then says what is wrong, with
 * the number of the line and without its content. */
enum err clients_read(const char *path, struct clients **ret_clients, char *why);

/* The same from memory; `name` is what `why` calls it. */
enum err clients_parse(const char *name, const char *text, size_t len, struct clients **ret_clients,
                       char *why);

struct clients *clients_ref(struct clients *clients);
void clients_unref(struct clients *clients); /* NULL is fine */

/* Whoever is in both goes on at the tempo of `before`, whatever became of his key and rights.
 * Before others see `clients`. */
void clients_follow(struct clients *clients, const struct clients *before);

size_t clients_count(const struct clients *clients);

/* The client whose key that is; NULL when it is nobody's. Takes the same steps for every key, also
 * for an empty one, and compares with every client without an early end. */
const struct client *clients_find(const struct clients *clients, struct slice key);

/* Takes one request of the client into account. False when it comes too soon; *ret_wait_s is then
 * when one may come again, at least 1. */
bool client_admits(const struct client *client, int64_t now_ms, int *ret_wait_s);

#endif
