/* SPDX-License-Identifier: MIT */
/* ownership.c - see postgres.h. One process at a time owns the store.
 *
 * An owner takes the next epoch when it opens the store, and each of its writes requires that the
 * epoch is still the current one. So a process that was replaced while it was stopped or cut off
 * changes nothing any more. A lock of the session would not be enough: the server gives it up when
 * it closes the connection, while the process still relies on it.
 *
 * The owner also takes a new epoch for each connection, before it writes. A statement whose reply
 * did not come in time may still be executed, for example by a server that was stopped. Taking the
 * epoch waits for such a statement, and if it begins later, its epoch is over.
 *
 * The owner sends a heartbeat every second while it is in service, and before that at most once a
 * second, in front of other statements. A new process
 * takes over if the owner has released the store, if its heartbeat is older than PG_LEASE_MS, or
 * older than GONE_MS while its session does not exist any more (a killed process). A running owner
 * that lost its session, because the server was restarted, connects again within that time. The
 * server's clock measures this; in addition, the new process takes over if it has itself waited for
 * PG_LEASE_MS without seeing a heartbeat, so that a clock that was set back cannot block it.
 *
 * Reads are not restricted: a replaced owner may serve what is stored. */
#include "store/postgres/postgres.h"

#include <poll.h>
#include <string.h>

#define GONE_MS      INT64_C(1000)
#define HEARTBEAT_MS INT64_C(1000)
#define LOOK_MS      100

/* Reads when the last heartbeat was, by the server's clock; 0 = there is no owner. */
static enum err look(struct pg_store *s, int64_t *ret_seen)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_LOOK_AT_OWNER, "");

    if (!err)
        *ret_seen = pg_int(rows, 0, 0);
    return err;
}

/* `silent_since` is the heartbeat after which this process has waited long enough; 0 = none. */
static enum err try_to_claim(struct pg_store *s, int64_t silent_since)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_CLAIM, "tiii", s->id, PG_LEASE_MS, GONE_MS, silent_since);

    if (!err && PQntuples(rows) > 0)
        s->epoch = pg_int(rows, 0, 0);
    return s->epoch && s->is_unsure ? ERR_STORAGE_UNAVAILABLE : err;
}

static enum err await_silence(struct pg_store *s)
{
    int64_t first = 0, seen = 0, since_ms = pg_now_ms();
    enum err err = look(s, &first);

    seen = first;
    while (!err && !s->epoch && (seen == first || seen == 0)) {
        bool is_silent = pg_now_ms() - since_ms > PG_LEASE_MS;
        err = try_to_claim(s, is_silent ? first : 0);
        if (err || s->epoch)
            break;
        poll(NULL, 0, LOOK_MS);
        err = look(s, &seen);
    }
    return err;
}

enum err pg_claim(struct pg_store *s, struct errmsg *why)
{
    enum err err = await_silence(s);

    if (err) {
        errmsg_set(why, "PostgreSQL: cannot read or write the table 'leadership'");
        return err;
    }
    if (s->epoch)
        return ERR_OK;
    errmsg_set(why, "the schema '%.63s' is in use by another emailsd", pg_target_schema(s->target));
    return ERR_STORE_BUSY;
}

/* Takes an epoch for the connection. */
static enum err renew(struct pg_store *s)
{
    autorows PGresult *rows = NULL;
    int64_t epoch = (s->last_epoch > s->epoch ? s->last_epoch : s->epoch) + 1;

    s->last_epoch = epoch;
    enum err err = pg_query(s, &rows, SQL_RENEW, "ti", s->id, epoch);
    if (err)
        return err;
    if (!pg_int(rows, 0, 1))
        pg_lose(s);
    if (!s->is_lost && !pg_int(rows, 0, 0))
        pg_disconnect(s); /* the session is another one than that which was configured */
    if (!pg_int(rows, 0, 0) || s->is_unsure)
        return ERR_STORAGE_UNAVAILABLE;
    s->epoch = epoch;
    s->must_renew = false;
    return ERR_OK;
}

void pg_doubt(struct pg_store *s)
{
    s->must_renew = true;
    s->heartbeat_ms = 0;
    if (s->conn)
        pg_heartbeat_if_due(s);
}

/* A server that rejects the write may still be read. */
enum err pg_heartbeat_if_due(struct pg_store *s)
{
    int64_t now_ms = pg_now_ms();

    if (s->is_lost || (s->heartbeat_ms && now_ms - s->heartbeat_ms < HEARTBEAT_MS))
        return ERR_OK;
    s->heartbeat_ms = now_ms;
    s->heartbeat_err = s->must_renew ? renew(s) : pg_write(s, NULL, SQL_HEARTBEAT, "");
    return s->conn ? ERR_OK : ERR_STORAGE_UNAVAILABLE;
}

/* The first one begins the service: from then on, a server that does not reply must not delay the
 * owner for long. */
enum err pg_heartbeat(struct store *store, struct errmsg *why)
{
    struct pg_store *s = pg_of(store);

    s->wait_ms = s->service_ms;
    s->heartbeat_ms = 0; /* although the last one may be less than a second old */
    enum err err = pg_ready(s);
    if (!err)
        err = s->is_lost ? ERR_STORAGE_UNAVAILABLE : s->heartbeat_err;
    if (err)
        *why = s->why;
    return err;
}

void pg_release(struct pg_store *s)
{
    if (s->epoch && s->conn)
        pg_write(s, NULL, SQL_RELEASE, "");
}
