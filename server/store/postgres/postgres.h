/* SPDX-License-Identifier: MIT */
/* postgres.h - the handle of the PostgreSQL store, its statements, and the one way to run them.
 * Included by store/postgres/ only; the only user of libpq.
 *
 * Each step of a write is one statement, so that no transaction spans a round trip: a process that
 * is stopped at any instant holds no lock. Within a statement, all parts see the rows as they were
 * before it.
 *
 * libpq is non-blocking and is used synchronously: send, flush, poll() with a deadline, result.
 * Nothing is ever cancelled: after the deadline, the connection is closed, and whether the last
 * statement was executed is unknown. The next call connects again, but not within a random
 * 0.1 to 0.5 s. Every write may be repeated.
 *
 * The owner has an epoch, see ownership.c. Each of its writes takes effect only while the epoch is
 * the current one. So a statement of a closed connection takes effect before the first write of the
 * next one, or never.
 *
 * One thread uses a handle. A reader of the owner has its own connection, and no epoch: each of its
 * writes fails. It connects again after its owner did, so that both use one server after a
 * failover. */
#ifndef STORE_POSTGRES_POSTGRES_H
#define STORE_POSTGRES_POSTGRES_H

#include "base/buf.h"
#include "base/errmsg.h"
#include "base/host_lookup.h"
#include "base/id.h"
#include "store/driver.h"
#include "store/words.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_MAX_HOSTS 8

enum sql {
    /* ownership */
    SQL_CLAIM,
    SQL_LOOK_AT_OWNER,
    SQL_HEARTBEAT,
    SQL_RENEW,
    SQL_RELEASE,
    SQL_IS_OWNED,
    /* the journal */
    SQL_BEGIN_BATCH,
    SQL_SENDING,
    SQL_NOT_SENT,
    SQL_RESUBMITTED,
    SQL_SUBMITTED,
    SQL_SPLIT,
    SQL_END_TASKS,
    SQL_END_BATCH,
    SQL_COUNT_ENDED,
    SQL_DROP_ENDED,
    /* records */
    SQL_OPEN_BATCHES,
    SQL_BATCH_BY_TOKEN,
    SQL_BATCH_BY_NUMBER,
    SQL_BATCH_OF,
    SQL_RESPONSES,
    SQL_UNKNOWN_TASKS,
    SQL_FIND_LOOKUP,
    SQL_STATS,
    /* unknown outcomes */
    SQL_RESOLVE_BATCH,
    SQL_NOT_TAKEN,
    SQL_RESOLVE_TASK,
    SQL_HAS_OUTLIVED,
    SQL_PROPOSE,
    SQL_DROP_PROPOSAL,
    SQL_PROPOSAL_STATE,
    /* news */
    SQL_READ_NEWS,
    SQL_CONFIRM_NEWS,
    /* raw results */
    SQL_RAW_BELOW,
    SQL_DROP_RAW_BEYOND,
    SQL_SET_PARSER,
    SQL_PUT_PARSED,
    SQL_DROP_RAW_WITH_ADDRESS,
    /* money */
    SQL_ACCOUNTS,
    SQL_LAST_DAY,
    SQL_PAUSED,
    SQL_SET_SETTING,
    /* results */
    SQL_FIND_ANSWER,
    SQL_COUNT_ANSWERS,
    SQL_DROP_OLDEST,
    SQL_TRIM,
    SQL_DROP_KEY,
    SQL_DROP_DOMAIN,
    SQL_WITH_ADDRESS,
    SQL_SET_BODY,
    SQL_DROP_RESPONSES_WITH_ADDRESS,
    SQL_DROP_CHANGES,
    SQL_COUNT_CHANGES,
    SQL_STATEMENTS
};

extern const char *const pg_statements[SQL_STATEMENTS];

/* The writes of one row whose second column is 0 if what is recorded contradicts them. They are
 * executed once more then: if the same write before them had not been committed yet when they
 * began, they waited for it, but have not seen what it has written. */
extern const bool pg_may_contradict[SQL_STATEMENTS];

/* Where the server is, and how to log in. See target.c. */
struct pg_target;
struct pg_copy;

#define PG_NAME_MAX 63 /* bytes of a name in the database */

struct pg_store {
    struct store store;       /* must be first */
    struct pg_target *target; /* borrowed by a reader */
    PGconn *conn;             /* NULL = not connected */
    atomic_int link;          /* enum store_link, for other threads; see pg_note_link() */
    struct errmsg why;        /* of the last statement or connection that failed */
    struct host_lookup *lookups[PG_MAX_HOSTS]; /* that have not ended in time; NULL = none */
    bool is_prepared[SQL_STATEMENTS];          /* on this connection */
    bool is_unsure;                            /* a commit did not wait for the standby */
    int64_t wait_ms;                           /* for one statement */
    int64_t connect_ms;                        /* for one host, until its session is configured */
    int64_t service_ms;                        /* both, of an owner in service */
    int64_t takeover_ms;                       /* see struct store_options */
    int64_t until_ms;                          /* for all of one host; 0 = not connecting */
    int64_t end_ms;                            /* for all that is left; 0 = not closing */
    int64_t retry_ms;                          /* no connection is opened before; monotonic */
    char session[ID_TEXT];                     /* marks the connection, to detect a pooler */
    char id[ID_TEXT];                          /* of this opening by an owner, else "" */
    char place[2 * PG_NAME_MAX + 2];           /* DATABASE/SCHEMA; see store_place() */
    int64_t epoch;                             /* of this connection; 0 = not the owner */
    int64_t last_epoch;                        /* that a connection has tried to take */
    bool must_renew;                           /* the connection has no epoch yet: no writes */
    const struct pg_store *owner;              /* of a reader, which must not write; else NULL */
    unsigned owner_connects;                   /* when the reader connected */
    atomic_uint n_connects;                    /* for the reader */
    bool is_lost;                              /* another process is the owner now */
    int64_t heartbeat_ms;                      /* when the last one was sent; monotonic */
    enum err heartbeat_err;                    /* what came of it */
    size_t max_answers, max_ended, max_raw, max_raw_bytes;
    int64_t n_answers, n_ended; /* number of rows, as known to this process */
    bool must_count;            /* another process has deleted results, or a reply was lost */
    int64_t count_ms;           /* they are not counted before; monotonic */
    struct pg_copy *copy;       /* of copy.c; NULL = no copy is in progress */
};

static inline struct pg_store *pg_of(struct store *handle)
{
    return (struct pg_store *)handle;
}

#define PG_COMMAND_MS INT64_C(600000) /* that of a command, a migration */
#define PG_FIRST_MS   INT64_C(10000)  /* for one host of a command; to read before the service */
#define PG_LEASE_MS   INT64_C(5000)   /* an owner whose last heartbeat is older may be replaced */

/* ---- wire.c: statements ---- */

/* Returns the time of the monotonic clock. */
int64_t pg_now_ms(void);

/* Returns when what begins now, and may take that long, must have ended. */
int64_t pg_until_ms(const struct pg_store *s, int64_t within_ms);

/* Sets a message of the server or of libpq, as one line. No-op if `why` is NULL. */
void pg_explain(struct errmsg *why, const char *message);

/* Waits until the socket of `conn` is ready for `events` of poll(2). False if `until_ms` is over
 * first. */
bool pg_wait(PGconn *conn, short events, int64_t until_ms);

/* Frees a result at the end of its scope: `autorows PGresult *rows = NULL;` */
void pg_clear(PGresult **rows);
#define autorows __attribute__((cleanup(pg_clear)))

/* Run a statement. `kinds` has a letter for each parameter that follows: 't' text (const char *),
 * 'i' integer (int64_t), 'k' key (const unsigned char *, HASH_SIZE bytes), 'b' bytes (const void *,
 * then size_t), 'a' an array for each column (struct pg_columns *). A NULL pointer is NULL in SQL.
 * *ret_rows is the caller's, and may be NULL unless there are rows to read.
 *
 * Errors: ERR_STORAGE_UNAVAILABLE, after which it is unknown whether the statement was executed.
 * ERR_INTERNAL if the server rejects a value or a constraint is violated, or an array is too long:
 * nothing was changed, and a repetition would fail again.
 *
 * pg_write() puts the epoch in front as $1, and requires the first column of the first row to say
 * whether this process may write: if it is 0, nothing was changed, and the result is
 * ERR_STORAGE_UNAVAILABLE from now on. */
enum err pg_query(struct pg_store *s, PGresult **ret_rows, enum sql which, const char *kinds, ...);
enum err pg_write(struct pg_store *s, PGresult **ret_rows, enum sql which, const char *kinds, ...);

/* Returns the second column of the first row of a write: by convention 0 if there is no such
 * row. */
enum err pg_write_int(struct pg_store *s, int64_t *ret_value, enum sql which, const char *kinds,
                      ...);

/* Converts the result of a write that needs a row: ERR_NO_ENTRY if nothing was changed. */
static inline enum err pg_must_change(enum err err, int64_t changes)
{
    return !err && changes == 0 ? ERR_NO_ENTRY : err;
}

/* Runs a text without parameters, which may be several statements. `why` (may be NULL) has the
 * server's message on failure. */
enum err pg_run(struct pg_store *s, const char *sql, PGresult **ret_rows, struct errmsg *why);

/* After pg_run() of a COPY from the client: send bytes of its rows, and end it. */
enum err pg_copy_bytes(struct pg_store *s, const char *bytes, size_t len, struct errmsg *why);
enum err pg_copy_end(struct pg_store *s, struct errmsg *why);

/* Reads a value of a binary result: an integer or a boolean, 0 for NULL; a text, "" for NULL; a
 * key, NULL if it is not one. The last two are valid until the result is cleared. */
int64_t pg_int(const PGresult *rows, int row, int column);
const char *pg_text(const PGresult *rows, int row, int column);
const unsigned char *pg_key(const PGresult *rows, int row, int column);

/* ---- arrays.c: parameters that are arrays ---- */

#define PG_COLUMNS_MAX 16

/* Rows, as an array for each of their columns. */
struct pg_columns {
    size_t n;
    struct buf of[PG_COLUMNS_MAX];
};

void pg_columns_init(struct pg_columns *columns, size_t n);
void pg_columns_done(struct pg_columns *columns);
#define autocolumns __attribute__((cleanup(pg_columns_done)))

/* Append an element to an array: NULL is one too. The arrays of a statement are of equal length. */
void pg_array_text(struct buf *array, const char *text);
void pg_array_int(struct buf *array, int64_t value);
void pg_array_bytes(struct buf *array, const void *bytes, size_t len);

/* Closes the i-th array. Returns NULL if it is too long, else its text, which is borrowed. For
 * wire.c. */
const char *pg_column_text(struct pg_columns *columns, size_t i);

/* ---- target.c: where the server is ---- */

/* Checks a URL and the password file. Returns ERR_STORE_REFUSED if it is not acceptable. */
enum err pg_target_new(const struct store_options *options, struct pg_target **ret_target,
                       struct errmsg *why);
void pg_target_free(struct pg_target *target); /* NULL is a no-op */
const char *pg_target_schema(const struct pg_target *target);
size_t pg_target_hosts(const struct pg_target *target);

/* See store_each_file(). */
void pg_target_each_file(const struct pg_target *target, store_file_fn *each, void *arg);

/* Returns the name of the i-th host, which must be resolved; NULL if that is not so: it has an
 * address, or is a folder with a socket. */
const char *pg_target_name(const struct pg_target *target, size_t i);

/* Begins to connect to the i-th host. `address` is that of its name; NULL = it has none. The caller
 * owns *ret_conn. */
enum err pg_target_start(const struct pg_target *target, size_t i, const char *address,
                         PGconn **ret_conn, struct errmsg *why);

/* ---- dial.c: one host ---- */

/* Connects to the i-th host. Errors as pg_connect(). */
enum err pg_dial(struct pg_store *s, size_t host, struct errmsg *why);

/* ---- connect.c: the connection ---- */

/* Connects if there is no connection. Must be called before every statement. */
enum err pg_ready(struct pg_store *s);

/* Returns ERR_STORE_REFUSED if the operator must change something first, for example the password;
 * ERR_STORAGE_UNAVAILABLE if it may work later. `why` has the reason of the last host. */
enum err pg_connect(struct pg_store *s, struct errmsg *why);
void pg_disconnect(struct pg_store *s);

/* Takes note of a warning of the server. `arg` is the store. */
void pg_receive_notice(void *arg, const PGresult *notice);

/* Notes that another process is the owner now. */
void pg_lose(struct pg_store *s);

/* Publishes for other threads whether the store is connected, or lost to another process. */
void pg_note_link(struct pg_store *s);
enum store_link pg_link(const struct store *store);

/* ---- schema.c ---- */

/* The scripts that make the tables, one for each version. */
struct pg_schema {
    const char *const *scripts;
    int version; /* after all of them */
};
extern const struct pg_schema pg_schema;

/* Checks the tables, or creates and migrates them. *ret_before is the version before; 0 = there
 * were none. `why` as in store.h. */
enum err pg_prepare_schema(struct pg_store *s, const struct pg_schema *schema, bool migrates,
                           int *ret_before, struct errmsg *why);

/* ---- ownership.c ---- */

enum err pg_claim(struct pg_store *s, struct errmsg *why);

/* Returns how long an owner must have been silent to be replaced. `has_session`: its session
 * exists. */
int64_t pg_takeover_ms(const struct pg_store *s, bool has_session);
enum err pg_heartbeat_if_due(struct pg_store *s);

/* Finds out why a write was rejected: another process is the owner, or the session is not the one
 * that was configured. */
void pg_doubt(struct pg_store *s);
void pg_release(struct pg_store *s);
enum err pg_heartbeat(struct store *store, struct errmsg *why);

/* ---- the parts ---- */

/* Returns how many of `n` rows are to be deleted: none up to the limit; beyond it a few more than
 * that, so that the next writes need no second statement. */
static inline int64_t pg_too_many(int64_t n, size_t limit)
{
    int64_t more = (int64_t)limit / 100 < 100 ? (int64_t)limit / 100 : 100;

    return n > (int64_t)limit ? n - (int64_t)limit + more : 0;
}

/* Of journal.c. Limits the journal; called after tasks have ended. An error is not reported: the
 * next end tries again. */
void pg_drop_ended(struct pg_store *s);
enum err pg_begin_batch(struct store *, const struct store_new_batch *);
enum err pg_sending(struct store *, int64_t, int64_t, const char *);
enum err pg_mark_not_sent(struct store *, int64_t);
enum err pg_mark_resubmitted(struct store *, int64_t, int64_t);
enum err pg_submitted(struct store *, int64_t, const char *, int64_t);
enum err pg_split(struct store *, int64_t, int64_t, const char *const *, size_t, int64_t);
enum err pg_end_batch(struct store *, int64_t, const struct store_end *);

/* ends.c */
enum err pg_end_task(struct store *, const char *, const struct store_end *, const struct result *,
                     bool *);
enum err pg_end_tasks(struct store *, struct store_task_end *, size_t, size_t *);

/* resolve.c */
enum err pg_batch_of(struct store *, const char *, int64_t *);
enum err pg_resolve_batch(struct store *, int64_t, const char *, int64_t);
enum err pg_resolve_not_taken(struct store *, const char *, int64_t);
enum err pg_resolve_task(struct store *, const char *, const struct store_end *,
                         const struct result *);
enum err pg_has_outlived(struct store *, int64_t, int64_t, bool *);
enum err pg_propose_batch(struct store *, const char *, const char *);
enum err pg_drop_proposal(struct store *, int64_t, const char *);
enum err pg_proposal_state(struct store *, const char *, enum store_proposal_state *);

/* news.c */
enum err pg_read_news(struct store *, int64_t, struct arena *, struct store_news *);
enum err pg_confirm_news(struct store *, const struct store_news *);

/* raw.c */
void pg_drop_raw(struct pg_store *s); /* limits raw results, as pg_drop_ended() does */
enum err pg_each_raw(struct store *, int, size_t, store_raw_fn *, void *);
enum err pg_put_parsed(struct store *, int, struct store_parsed *, size_t);

/* records.c */
enum err pg_for_each_open_batch(struct store *, store_batch_fn *, void *);
enum err pg_find_batch(struct store *, const char *, store_batch_fn *, void *);
enum err pg_read_batch(struct store *, int64_t, store_batch_fn *, void *);
enum err pg_each_response(struct store *, size_t, store_batch_fn *, void *);
enum err pg_each_unknown(struct store *, int64_t, size_t, store_task_fn *, void *);
enum err pg_find_lookup(struct store *, const char *, const struct result **);
enum err pg_stats(struct store *, struct store_stats *);

/* accounts.c */
enum err pg_accounts(struct store *, int64_t, store_account_fn *, void *, int64_t *);
enum err pg_last_day(struct store *, int64_t *);
enum err pg_paused(struct store *, bool *);
enum err pg_set_paused(struct store *, bool);
enum err pg_try(struct store *, int64_t);

/* Of answers.c. The parameters of a result to store, in the order of the statements that take one:
 * "ktttttii" (key, domain, body, code, detail, charged, fetched, expires). With `keep` NULL or not
 * to be stored, `key` is NULL. */
struct pg_answer {
    const unsigned char *key;
    const char *domain, *body, *code, *detail, *charged;
    int64_t fetched_ms, expires_ms;
};
struct pg_answer pg_answer_of(const struct pg_store *s, const struct result *keep);
#define PG_ANSWER_KINDS "ktttttii"
#define PG_ANSWER(a)                                                                               \
    (a).key, (a).domain, (a).body, (a).code, (a).detail, (a).charged, (a).fetched_ms, (a).expires_ms

/* Counts the rows for the limits, in short statements, between which heartbeats are sent. Begins
 * none after `until_ms`, and returns ERR_STORAGE_UNAVAILABLE. */
enum err pg_count(struct pg_store *s, int64_t until_ms);

/* The same in service, if the numbers may be too high: called before rows are deleted. A count that
 * takes too long is given up, and not tried again for an hour. Until then, rows that another
 * process has deleted are taken to be there, so a few more are deleted than the limit requires. */
void pg_count_again(struct pg_store *s);

/* Counts results that were added, and limits their number, as pg_drop_ended() does. */
void pg_added_answers(struct pg_store *s, int64_t n);
enum err pg_find(struct store *, const unsigned char *, const struct result **);
enum err pg_trim(struct store *, const struct store_ages *, bool *);

/* copy.c */
extern const struct store_copier pg_copier;

/* purge.c */
enum err pg_forget_key(struct store *, const unsigned char *);
enum err pg_forget_domain(struct store *, const char *, store_key_fn *, void *, size_t *);
enum err pg_forget_address(struct store *, const char *, size_t *);
bool pg_changes_pending(struct store *);

#endif
