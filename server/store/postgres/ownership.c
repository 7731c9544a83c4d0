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
 * second, in front of other statements. So no statement of a start may read a whole table that
 * grows with the results. A new process takes over if the owner has released the store, or if it
 * has itself seen no heartbeat for PG_LEASE_MS; for GONE_MS if the session of the owner does not
 * exist any more, because the process was killed. Each further host of the URL makes both longer.
 * An owner that lost its session, because the server was restarted, connects again within that
 * time, also if the hosts in front of the right one do not answer: its URL has as many. The new
 * process counts from its own first look, by its own clock: while the server was away, the owner
 * could not send a heartbeat either.
 *
 * Reads are not restricted: a replaced owner may serve what is stored. */
#include "store/postgres/postgres.h"

#include <poll.h>
#include <string.h>

#define HEARTBEAT_MS INT64_C(1000)
#define LOOK_MS      100

/* The time for one heartbeat that fails, the pause before the next connection, and the heartbeat
 * after that. */
#define GONE_MS (HEARTBEAT_MS + STORE_STATEMENT_MS + 500)

struct look {
    int64_t seen; /* the last heartbeat, by the server's clock; 0 = there is no owner */
    bool has_session;
};

static enum err look(struct pg_store *s, struct look *ret_look)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_LOOK_AT_OWNER, "");

    if (!err)
        *ret_look = (struct look){pg_int(rows, 0, 0), pg_int(rows, 0, 1) != 0};
    return err;
}

/* Succeeds without an effect if there has been another heartbeat than `seen`. */
static enum err try_to_claim(struct pg_store *s, int64_t seen)
{
    autorows PGresult *rows = NULL;
    enum err err = pg_query(s, &rows, SQL_CLAIM, "ti", s->id, seen);

    if (!err && PQntuples(rows) > 0)
        s->epoch = pg_int(rows, 0, 0);
    return s->epoch && s->is_unsure ? ERR_STORAGE_UNAVAILABLE : err;
}

int64_t pg_takeover_ms(const struct pg_store *s, bool has_session)
{
    int64_t further_hosts = (int64_t)pg_target_hosts(s->target) - 1;

    if (s->takeover_ms)
        return s->takeover_ms;
    return (has_session ? PG_LEASE_MS : GONE_MS) + further_hosts * STORE_STATEMENT_MS;
}

/* Ends when the store is claimed, or the owner has sent a heartbeat. */
static enum err await_silence(struct pg_store *s)
{
    struct look first, now;
    int64_t since_ms = pg_now_ms();
    enum err err = look(s, &first);

    now = first;
    while (!err && !s->epoch && (now.seen == first.seen || now.seen == 0)) {
        int64_t silent_ms = pg_now_ms() - since_ms;
        if (now.seen == 0 || silent_ms > pg_takeover_ms(s, now.has_session))
            err = try_to_claim(s, now.seen);
        if (err || s->epoch)
            break;
        poll(NULL, 0, LOOK_MS);
        int64_t asked_ms = pg_now_ms();
        err = look(s, &now);
        if (pg_now_ms() - asked_ms > HEARTBEAT_MS)
            since_ms = pg_now_ms(); /* nor could the owner reach the server */
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

/* An owner without a reader begins its service with the first one. */
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
