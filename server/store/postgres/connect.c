/* SPDX-License-Identifier: MIT */
/* connect.c - see postgres.h. Opens the connection to the first host that can be used, and
 * configures its session.
 *
 * The session must be this process's own: a pooler that gives each transaction another server
 * session would lose the settings below, durability included. Settings of our own mark the session;
 * each write of the owner looks for its id there. While it has one client only, such a pooler gives
 * it the same session each time. So a second connection finds out whether it gets that session too.
 */
#include "store/postgres/postgres.h"

#include "base/id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLDEST_SERVER 140000
/* A random part is added, so that not all clients come together after a restart of the server. */
#define RETRY_MS        100
#define RETRY_JITTER_MS 400

/* The connection settings. Without `jit=off`, the first statements with unnest() take 0.8 s. A
 * `synchronous_commit` that the operator has set higher stays. PostgreSQL 17 was the first with a
 * `transaction_timeout`. */
#define SETTINGS                                                                                   \
    "SELECT set_config('emailsd.session', '%s', false),"                                           \
    " set_config('emailsd.owner', '%s', false),"                                                   \
    " set_config('search_path', '\"%s\", pg_temp', false),"                                        \
    " set_config('jit', 'off', false),"                                                            \
    " set_config('default_transaction_isolation', 'read committed', false),"                       \
    " set_config('lock_timeout', '1s', false),"                                                    \
    " set_config('statement_timeout', '0', false),"                                                \
    " set_config('idle_in_transaction_session_timeout', '2s', false),"                             \
    " set_config('idle_session_timeout', '0', false),"                                             \
    " (SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'),"  \
    " set_config('tcp_keepalives_idle', '10', false),"                                             \
    " set_config('tcp_keepalives_interval', '3', false),"                                          \
    " set_config('tcp_keepalives_count', '3', false),"                                             \
    " set_config('client_min_messages', 'warning', false),"                                        \
    " set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit')"            \
    " IN ('off', 'local', 'remote_write') THEN 'on'"                                               \
    " ELSE current_setting('synchronous_commit') END, false)"

void pg_note_link(struct pg_store *s)
{
    atomic_store(&s->link, s->is_lost ? STORE_LOST
                           : s->conn  ? STORE_CONNECTED
                                      : STORE_DISCONNECTED);
}

void pg_lose(struct pg_store *s)
{
    s->is_lost = true;
    pg_note_link(s);
}

enum store_link pg_link(const struct store *store)
{
    return (enum store_link)atomic_load(&((const struct pg_store *)store)->link);
}

void pg_disconnect(struct pg_store *s)
{
    PQfinish(s->conn);
    s->conn = NULL;
    memset(s->is_prepared, 0, sizeof s->is_prepared);
    s->must_count = true; /* the reply to the last write may be lost */
    s->retry_ms = pg_now_ms() + RETRY_MS + id_random() % RETRY_JITTER_MS;
    pg_note_link(s);
}

/* A commit that was cancelled while it waited for the synchronous standby succeeds with a
 * warning. */
void pg_receive_notice(void *arg, const PGresult *notice)
{
    struct pg_store *s = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

    if (severity && state && strcmp(severity, "WARNING") == 0 && strcmp(state, "01000") == 0)
        s->is_unsure = true;
}

/* ---- the session ---- */

static enum err reject(struct errmsg *why, const char *words)
{
    errmsg_set(why, "%s", words);
    return ERR_STORE_REFUSED;
}

/* Results would be converted, and not come back byte for byte. */
static enum err check_server(const struct pg_store *s, struct errmsg *why)
{
    const char *encoding = PQparameterStatus(s->conn, "server_encoding");

    if (PQserverVersion(s->conn) < OLDEST_SERVER)
        return reject(why, "PostgreSQL must be version 14 or later");
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return reject(why, "the encoding of the PostgreSQL database must be UTF8");
    return ERR_OK;
}

static enum err reject_pooler(struct errmsg *why)
{
    return reject(why, "the PostgreSQL URL leads to a pooler that gives each transaction another "
                       "session; use the server itself, or a pooler in session mode");
}

/* `pid` is the server's process, whose session no other connection may have. */
static enum err check_pooler(struct pg_store *s, size_t host, const char *pid, struct errmsg *why)
{
    struct pg_store second = {.target = s->target, .wait_ms = s->wait_ms, .until_ms = s->until_ms};
    autorows PGresult *rows = NULL;
    enum err err = pg_dial(&second, host, why);

    if (!err)
        err = pg_run(&second, "SELECT pg_backend_pid()", &rows, why);
    PQfinish(second.conn);
    s->lookups[host] = second.lookups[host]; /* one that has not ended; `s` had none */
    return !err && strcmp(pg_text(rows, 0, 0), pid) == 0 ? reject_pooler(why) : err;
}

/* In a statement of its own, because a pooler may give it another session. To libpq, a
 * pooler has reported a number of its own. */
static enum err check_session(struct pg_store *s, size_t host, struct errmsg *why)
{
    autorows PGresult *rows = NULL;
    enum err err =
        pg_run(s, "SELECT current_setting('emailsd.session', true), pg_backend_pid()", &rows, why);

    if (err)
        return err;
    if (strcmp(pg_text(rows, 0, 0), s->session) != 0)
        return reject_pooler(why);
    const char *pid = pg_text(rows, 0, 1);
    return strtol(pid, NULL, 10) == PQbackendPID(s->conn) ? ERR_OK
                                                          : check_pooler(s, host, pid, why);
}

static enum err configure(struct pg_store *s, size_t host, struct errmsg *why)
{
    char settings[sizeof SETTINGS + 2 * ID_TEXT + 64];

    id_new(s->session);
    snprintf(settings, sizeof settings, SETTINGS, s->session, s->id, pg_target_schema(s->target));
    enum err err = check_server(s, why);
    if (!err)
        err = pg_run(s, settings, NULL, why);
    return err ? err : check_session(s, host, why);
}

static enum err open_session(struct pg_store *s, size_t host, struct errmsg *why)
{
    s->until_ms = pg_until_ms(s, s->connect_ms);
    enum err err = pg_dial(s, host, why);
    if (!err)
        err = configure(s, host, why);
    s->until_ms = 0;
    if (err && s->conn)
        pg_disconnect(s);
    return err;
}

/* If one of the hosts is away, it may be the right one. */
enum err pg_connect(struct pg_store *s, struct errmsg *why)
{
    bool is_away = false;
    enum err err = ERR_STORAGE_UNAVAILABLE;

    for (size_t i = 0; i < pg_target_hosts(s->target) && err; i++) {
        err = open_session(s, i, why);
        is_away = is_away || err == ERR_STORAGE_UNAVAILABLE;
    }
    if (err)
        s->retry_ms = pg_now_ms() + RETRY_MS + id_random() % RETRY_JITTER_MS;
    else
        atomic_fetch_add(&s->n_connects, 1);
    s->heartbeat_ms = 0; /* the owner has a new session to report */
    s->must_renew = s->epoch != 0;
    pg_note_link(s);
    return err && is_away ? ERR_STORAGE_UNAVAILABLE : err;
}

/* Detects a connection that broke since the last statement, before it costs one. */
static void check_connection(struct pg_store *s)
{
    if (!s->conn || (PQconsumeInput(s->conn) && PQstatus(s->conn) != CONNECTION_BAD))
        return;
    pg_explain(&s->why, PQerrorMessage(s->conn));
    pg_disconnect(s);
}

/* The server of the reader may not be the primary any more, although it still answers. */
static void follow_owner(struct pg_store *s)
{
    unsigned n = atomic_load(&s->owner->n_connects);

    if (n == s->owner_connects)
        return;
    s->owner_connects = n;
    pg_disconnect(s);
    s->retry_ms = 0; /* the server was just found to be there */
}

enum err pg_ready(struct pg_store *s)
{
    enum err err = ERR_OK;

    if (s->owner)
        follow_owner(s);
    check_connection(s);
    if (!s->conn)
        err = pg_now_ms() < s->retry_ms ? ERR_STORAGE_UNAVAILABLE : pg_connect(s, &s->why);
    if (err)
        return ERR_STORAGE_UNAVAILABLE;
    return s->epoch ? pg_heartbeat_if_due(s) : ERR_OK;
}
