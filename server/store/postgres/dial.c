/* SPDX-License-Identifier: MIT */
/* dial.c - see postgres.h. Connects to one host, within a time limit.
 *
 * libpq would resolve the name itself, and wait for a silent resolver without a limit. So a name is
 * resolved here. A lookup that does not end in time is kept, and the next attempt waits for it: it
 * adds no second thread. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* ---- the name ---- */

static enum err fail(struct errmsg *why, const char *words, const char *detail)
{
    errmsg_set(why, "PostgreSQL: %s '%.200s'", words, detail);
    return ERR_STORAGE_UNAVAILABLE;
}

static enum err resolve(struct pg_store *s, size_t host, const char *name,
                        struct host_addresses *ret_addresses, struct errmsg *why)
{
    struct host_lookup **lookup = &s->lookups[host];

    if (!*lookup && host_lookup_start(name, lookup))
        return fail(why, "cannot create thread:", strerror(errno));
    if (!host_lookup_wait(*lookup, s->until_ms - pg_now_ms()))
        return fail(why, "the resolver does not answer in time for", name);
    enum err err = host_lookup_result(*lookup, ret_addresses, why);
    host_lookup_free(TAKE(*lookup));
    if (!err)
        return ERR_OK;
    errmsg_prefix(why, "PostgreSQL");
    return ERR_STORAGE_UNAVAILABLE;
}

/* ---- one address ---- */

/* Returns whether the operator must change something before this can succeed: the password, the
 * name of the role or the database, a certificate. libpq reports a condition of the server in the
 * message only, by its SQLSTATE: "FATAL:  28P01: ...". */
static bool is_rejected(const PGconn *conn)
{
    static const char *const marks[] = {":  28", ":  3D", "certificate", "SSL was required"};
    const char *message = PQerrorMessage(conn);

    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (strstr(message, marks[i]))
            return true;
    return PQconnectionNeedsPassword(conn);
}

/* Without what a verbose message has in addition. */
static void explain(struct errmsg *why, const PGconn *conn)
{
    const char *message = PQerrorMessage(conn), *location = strstr(message, "\nLOCATION:");
    autofree char *text =
        xstrndup(message, location ? (size_t)(location - message) : strlen(message));

    pg_explain(why, text);
}

static enum err await_connection(PGconn *conn, int64_t until_ms, struct errmsg *why)
{
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;

    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE); /* with SQLSTATE; see is_rejected() */
    while (PQstatus(conn) != CONNECTION_BAD && status != PGRES_POLLING_FAILED &&
           status != PGRES_POLLING_OK) {
        if (!pg_wait(conn, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms))
            return fail(why, "no reply in time from", PQhost(conn));
        status = PQconnectPoll(conn);
    }
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    if (status == PGRES_POLLING_OK && PQsetnonblocking(conn, 1) == 0)
        return ERR_OK;
    explain(why, conn);
    return is_rejected(conn) ? ERR_STORE_REFUSED : ERR_STORAGE_UNAVAILABLE;
}

static enum err connect_to(struct pg_store *s, size_t host, const char *address, int64_t until_ms,
                           struct errmsg *why)
{
    PGconn *conn;
    enum err err = pg_target_start(s->target, host, address, &conn, why);

    if (err)
        return err;
    PQsetNoticeReceiver(conn, pg_receive_notice, s); /* else libpq prints those of the login */
    err = await_connection(conn, until_ms, why);
    if (err)
        PQfinish(conn);
    else
        s->conn = conn;
    return err;
}

/* An address that does not answer leaves a share of the time to those after it. */
static enum err connect_to_any(struct pg_store *s, size_t host,
                               const struct host_addresses *addresses, struct errmsg *why)
{
    enum err err = ERR_STORAGE_UNAVAILABLE;

    for (size_t i = 0; i < addresses->n && err == ERR_STORAGE_UNAVAILABLE; i++) {
        int64_t now_ms = pg_now_ms(),
                share_ms = (s->until_ms - now_ms) / (int64_t)(addresses->n - i);
        err = connect_to(s, host, addresses->text[i], now_ms + share_ms, why);
    }
    return err;
}

enum err pg_dial(struct pg_store *s, size_t host, struct errmsg *why)
{
    const char *name = pg_target_name(s->target, host);
    struct host_addresses addresses;

    if (!name)
        return connect_to(s, host, NULL, s->until_ms, why);
    enum err err = resolve(s, host, name, &addresses, why);
    return err ? err : connect_to_any(s, host, &addresses, why);
}
