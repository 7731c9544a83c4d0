/* SPDX-License-Identifier: MIT */
/* wire.c - see postgres.h. Sends statements and reads their results, each within a deadline. */
#include "store/postgres/postgres.h"

#include "base/mem.h"

#include <assert.h>
#include <endian.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_PARAMETERS 20
#define BINARY         1

int64_t pg_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t pg_until_ms(const struct pg_store *s, int64_t within_ms)
{
    int64_t until_ms = pg_now_ms() + within_ms;

    return s->end_ms && s->end_ms < until_ms ? s->end_ms : until_ms;
}

void pg_clear(PGresult **rows)
{
    PQclear(*rows);
}

/* ---- waiting ---- */

bool pg_wait(PGconn *conn, short events, int64_t until_ms)
{
    struct pollfd fd = {.fd = PQsocket(conn), .events = events};
    int64_t left_ms = until_ms - pg_now_ms();

    return poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0) > 0;
}

static bool flush(PGconn *conn, int64_t until_ms)
{
    int rc;

    while ((rc = PQflush(conn)) == 1)
        if (!pg_wait(conn, POLLIN | POLLOUT, until_ms) || !PQconsumeInput(conn))
            return false;
    return rc == 0;
}

/* Reads the last result of a statement, or of a text with several; of a COPY, the first one, which
 * asks for the rows. NULL if the deadline is over or the connection broke. */
static PGresult *receive(PGconn *conn, int64_t until_ms)
{
    PGresult *last = NULL;

    if (!flush(conn, until_ms))
        return NULL;
    for (;;) {
        while (PQisBusy(conn))
            if (!pg_wait(conn, POLLIN, until_ms) || !PQconsumeInput(conn)) {
                PQclear(last);
                return NULL;
            }
        PGresult *next = PQgetResult(conn);
        if (!next)
            return last;
        if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
            PQclear(next);
            continue;
        }
        PQclear(last);
        last = next;
        if (PQresultStatus(last) == PGRES_COPY_IN)
            return last;
    }
}

/* ---- errors ---- */

static const char *state_of(const PGresult *rows)
{
    const char *state = PQresultErrorField(rows, PG_DIAG_SQLSTATE);

    return state ? state : "";
}

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A value that does not fit its column, or a constraint: a repetition would fail again. The rest is
 * about the server, the network or privileges. */
static enum err judge(const PGresult *rows)
{
    const char *state = state_of(rows);

    return begins(state, "22") || begins(state, "23") ? ERR_INTERNAL : ERR_STORAGE_UNAVAILABLE;
}

/* Returns whether another connection may do better: the server stops, or is not the primary any
 * more, or the session is not the one that was prepared. */
static bool is_broken(PGconn *conn, const PGresult *rows)
{
    static const char *const states[] = {"08", "57P", "25006", "26000", "42P05"};
    const char *state = state_of(rows);

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (begins(state, states[i]))
            return true;
    return PQstatus(conn) == CONNECTION_BAD;
}

void pg_explain(struct errmsg *why, const char *message)
{
    size_t len = strlen(message);

    if (!why)
        return;
    while (len && message[len - 1] == '\n')
        len--;
    errmsg_set(why, "PostgreSQL: %.*s", (int)(len < 400 ? len : 400), message);
    for (char *end = why->text; *(end += strcspn(end, "\n\t"));)
        *end = ' ';
}

/* Ends a statement: hands `rows` to the caller, or frees them. NULL = no result. */
static enum err end(struct pg_store *s, PGresult *rows, PGresult **ret_rows, struct errmsg *why)
{
    ExecStatusType status = PQresultStatus(rows);

    if (rows &&
        (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN)) {
        if (ret_rows)
            *ret_rows = rows;
        else
            PQclear(rows);
        return ERR_OK;
    }

    enum err err = rows ? judge(rows) : ERR_STORAGE_UNAVAILABLE;
    pg_explain(&s->why,
               rows ? PQresultErrorMessage(rows) : "no reply in time, or the connection broke");
    if (why)
        *why = s->why;
    if (!rows || is_broken(s->conn, rows))
        pg_disconnect(s);
    PQclear(rows);
    return err;
}

enum err pg_run(struct pg_store *s, const char *sql, PGresult **ret_rows, struct errmsg *why)
{
    PGresult *rows = NULL;
    int64_t until_ms = s->until_ms ? s->until_ms : pg_until_ms(s, s->wait_ms);

    if (PQsendQuery(s->conn, sql))
        rows = receive(s->conn, until_ms);
    return end(s, rows, ret_rows, why);
}

/* ---- COPY ---- */

static enum err broken(struct pg_store *s, struct errmsg *why)
{
    return end(s, NULL, NULL, why);
}

/* If the server has rejected a row, pg_copy_end() returns the error. */
enum err pg_copy_bytes(struct pg_store *s, const char *bytes, size_t len, struct errmsg *why)
{
    int64_t until_ms = pg_until_ms(s, s->wait_ms);
    int rc;

    while ((rc = PQputCopyData(s->conn, bytes, (int)len)) == 0)
        if (!flush(s->conn, until_ms))
            return broken(s, why);
    return rc == 1 && flush(s->conn, until_ms) ? ERR_OK : broken(s, why);
}

enum err pg_copy_end(struct pg_store *s, struct errmsg *why)
{
    int64_t until_ms = pg_until_ms(s, s->wait_ms);
    int rc;

    while ((rc = PQputCopyEnd(s->conn, NULL)) == 0)
        if (!flush(s->conn, until_ms))
            return broken(s, why);
    return rc == 1 ? end(s, receive(s->conn, until_ms), NULL, why) : broken(s, why);
}

/* ---- parameters ---- */

struct parameters {
    int n;
    enum err err; /* of an array */
    const char *values[MAX_PARAMETERS];
    int lengths[MAX_PARAMETERS], formats[MAX_PARAMETERS];
    char numbers[MAX_PARAMETERS][24];
};

static void add_int(struct parameters *p, int64_t value)
{
    snprintf(p->numbers[p->n], sizeof p->numbers[0], "%lld", (long long)value);
    p->values[p->n] = p->numbers[p->n];
    p->n++;
}

static void add_bytes(struct parameters *p, const void *bytes, size_t len)
{
    p->values[p->n] = bytes;
    p->lengths[p->n] = (int)len;
    p->formats[p->n] = BINARY;
    p->n++;
}

static void add_columns(struct parameters *p, struct pg_columns *columns)
{
    assert(p->n + (int)columns->n <= MAX_PARAMETERS);
    for (size_t i = 0; i < columns->n; i++) {
        p->values[p->n] = pg_column_text(columns, i);
        if (!p->values[p->n++])
            p->err = ERR_INTERNAL;
    }
}

static void add(struct parameters *p, const char *kinds, va_list values)
{
    for (; *kinds; kinds++) {
        assert(p->n < MAX_PARAMETERS);
        if (*kinds == 't')
            p->values[p->n++] = va_arg(values, const char *);
        else if (*kinds == 'i')
            add_int(p, va_arg(values, int64_t));
        else if (*kinds == 'k')
            add_bytes(p, va_arg(values, const unsigned char *), HASH_SIZE);
        else if (*kinds == 'a')
            add_columns(p, va_arg(values, struct pg_columns *));
        else {
            const void *bytes = va_arg(values, const void *);
            add_bytes(p, bytes, va_arg(values, size_t));
        }
    }
}

/* ---- statements ---- */

static enum err prepare(struct pg_store *s, enum sql which, const char *name, int64_t until_ms)
{
    PGresult *rows = NULL;

    if (s->is_prepared[which])
        return ERR_OK;
    if (PQsendPrepare(s->conn, name, pg_statements[which], 0, NULL))
        rows = receive(s->conn, until_ms);
    enum err err = end(s, rows, NULL, NULL);
    s->is_prepared[which] = !err;
    return err;
}

static enum err execute(struct pg_store *s, PGresult **ret_rows, enum sql which,
                        const struct parameters *p)
{
    char name[24];
    PGresult *rows = NULL;
    int64_t until_ms = pg_until_ms(s, s->wait_ms);

    /* another client, whose session a pooler may give this one, has other names */
    snprintf(name, sizeof name, "s%d_%.8s", (int)which, s->session);
    enum err err = prepare(s, which, name, until_ms);
    if (err)
        return err;
    s->is_unsure = false;
    if (PQsendQueryPrepared(s->conn, name, p->n, p->values, p->lengths, p->formats, BINARY))
        rows = receive(s->conn, until_ms);
    return end(s, rows, ret_rows, NULL);
}

enum err pg_query(struct pg_store *s, PGresult **ret_rows, enum sql which, const char *kinds, ...)
{
    struct parameters p = {0};
    va_list values;

    va_start(values, kinds);
    add(&p, kinds, values);
    va_end(values);
    enum err err = p.err ? p.err : pg_ready(s);
    return err ? err : execute(s, ret_rows, which, &p);
}

/* Returns an error if the process may not write any more, or if the commit is not to be relied
 * on. */
static enum err check_write(struct pg_store *s, const PGresult *rows)
{
    bool may_write = PQntuples(rows) > 0 && pg_int(rows, 0, 0) != 0;

    if (!may_write && s->epoch)
        pg_doubt(s);
    return may_write && !s->is_unsure ? ERR_OK : ERR_STORAGE_UNAVAILABLE;
}

static enum err execute_write(struct pg_store *s, PGresult **ret_rows, enum sql which,
                              const struct parameters *p)
{
    PGresult *rows = NULL;
    enum err err = execute(s, &rows, which, p);

    if (!err)
        err = check_write(s, rows);
    if (err)
        PQclear(rows);
    else
        *ret_rows = rows;
    return err;
}

static enum err write_rows(struct pg_store *s, PGresult **ret_rows, enum sql which,
                           const char *kinds, va_list values)
{
    struct parameters p = {0};
    PGresult *rows = NULL;

    if (s->is_lost || s->owner || pg_ready(s) || s->must_renew)
        return ERR_STORAGE_UNAVAILABLE;
    add_int(&p, s->epoch); /* of the connection that pg_ready() has found or opened */
    add(&p, kinds, values);
    enum err err = p.err ? p.err : execute_write(s, &rows, which, &p);
    if (!err && pg_may_contradict[which] && pg_int(rows, 0, 1) == 0) {
        PQclear(TAKE(rows));
        err = execute_write(s, &rows, which, &p);
    }
    if (!err && ret_rows)
        *ret_rows = rows;
    else
        PQclear(rows);
    return err;
}

enum err pg_write(struct pg_store *s, PGresult **ret_rows, enum sql which, const char *kinds, ...)
{
    va_list values;

    va_start(values, kinds);
    enum err err = write_rows(s, ret_rows, which, kinds, values);
    va_end(values);
    return err;
}

enum err pg_write_int(struct pg_store *s, int64_t *ret_value, enum sql which, const char *kinds,
                      ...)
{
    autorows PGresult *rows = NULL;
    va_list values;

    va_start(values, kinds);
    enum err err = write_rows(s, &rows, which, kinds, values);
    va_end(values);
    if (!err)
        *ret_value = pg_int(rows, 0, 1);
    return err;
}

/* ---- values ---- */

int64_t pg_int(const PGresult *rows, int row, int column)
{
    const char *bytes = PQgetvalue(rows, row, column);
    int32_t narrow;
    int64_t wide;

    switch (PQgetlength(rows, row, column)) {
    case 1:
        return *bytes != 0;
    case sizeof narrow:
        memcpy(&narrow, bytes, sizeof narrow);
        return (int32_t)be32toh((uint32_t)narrow);
    case sizeof wide:
        memcpy(&wide, bytes, sizeof wide);
        return (int64_t)be64toh((uint64_t)wide);
    default:
        return 0;
    }
}

const char *pg_text(const PGresult *rows, int row, int column)
{
    return PQgetvalue(rows, row, column);
}

const unsigned char *pg_key(const PGresult *rows, int row, int column)
{
    return PQgetlength(rows, row, column) == HASH_SIZE
               ? (const unsigned char *)PQgetvalue(rows, row, column)
               : NULL;
}
