/* SPDX-License-Identifier: MIT */
/* sqlite.h - the handle of the SQLite store, its statements, and the one way to run them. Included
 * by store/sqlite/ only.
 *
 * A statement is prepared on first use and cached. sql_end() rolls back a failed transaction. A
 * failure becomes ERR_STORAGE_UNAVAILABLE, or ERR_INTERNAL if a constraint of a table is violated:
 * a repetition would fail again, and what waits behind it would wait indefinitely. After an I/O
 * error the connection is not trusted and is reopened before the next call: a failed fsync may have
 * lost data, and SQLite checks the write-ahead log when it opens it. A database in memory has only
 * this one connection and does no I/O; it is never reopened.
 *
 * A reader is a second connection of the owner, for another thread. It keeps no transaction open
 * between two calls: that would keep the log from being emptied. One thread at a time uses a
 * connection; only `is_suspect` is read by the thread of the reader too. */
#ifndef STORE_SQLITE_SQLITE_H
#define STORE_SQLITE_SQLITE_H

#include "base/errmsg.h"
#include "store/driver.h"
#include "store/words.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sql {
    SQL_BEGIN_READ,
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SAVEPOINT,
    SQL_RELEASE,
    SQL_ROLLBACK_TO,
    SQL_DATA_VERSION,
    SQL_COUNT_ANSWERS,
    SQL_COUNT_ENDED,
    /* the journal */
    SQL_ADD_BATCH,
    SQL_IS_SENDING,
    SQL_HAS_BATCH,
    SQL_ADD_HALF,
    SQL_ADD_TASK,
    SQL_CHARGE_OPEN,
    SQL_REFUND_OPEN,
    SQL_SET_DAY,
    SQL_ACCOUNTS,
    SQL_LAST_DAY,
    SQL_DROP_ACCOUNTS,
    SQL_PAUSED,
    SQL_SET_PAUSED,
    SQL_TRY,
    SQL_SET_STATE,
    SQL_SET_TOKEN,
    SQL_IS_NOT_SENT,
    SQL_SET_RISKED,
    SQL_IS_RISKED,
    SQL_SET_SUBMITTED,
    SQL_IS_SUBMITTED,
    SQL_MOVE_TASK,
    SQL_HAS_TASK,
    SQL_END_TASK,
    SQL_HAS_ENDED,
    SQL_END_OPEN,
    SQL_BATCH_OF,
    SQL_CLOSE_BATCH,
    SQL_SET_RESPONSE,
    SQL_OPEN_BATCHES,
    SQL_BATCH_BY_TOKEN,
    SQL_TASKS_OF,
    SQL_UNKNOWN_TASKS,
    SQL_FIND_LOOKUP,
    SQL_DROP_ENDED,
    SQL_DROP_EMPTY_BATCH,
    SQL_REOPEN_TASKS,
    SQL_RESUME_BATCH,
    SQL_IS_RESUMED,
    SQL_REFUND_UNKNOWN,
    SQL_SET_NOT_TAKEN,
    SQL_IS_NOT_TAKEN,
    SQL_END_UNKNOWN,
    SQL_BATCH_BY_NUMBER,
    SQL_READ_RESPONSES,
    SQL_SET_SEARCHED,
    SQL_EACH_RESPONSE,
    SQL_ADD_NOT_TAKEN,
    SQL_READ_NOT_TAKEN,
    SQL_LAST_NOT_TAKEN,
    SQL_DROP_NOT_TAKEN,
    SQL_PROPOSE,
    SQL_DROP_SETTLED,
    SQL_READ_PROPOSALS,
    SQL_DROP_PROPOSAL,
    SQL_PROPOSAL_STATE,
    SQL_STATS_BATCHES,
    SQL_STATS_TASKS,
    SQL_STATS_RISKED,
    SQL_STATS_RESPONSES,
    /* raw results */
    SQL_ADD_RAW,
    SQL_RAW_IS_FULL,
    SQL_DROP_RAW_BEYOND,
    SQL_RAW_BELOW,
    SQL_SET_PARSER,
    SQL_DROP_RAW,
    SQL_ANSWER_UNKNOWN,
    SQL_FETCHED,
    SQL_DROP_RAW_BEFORE,
    SQL_DROP_RAW_OF_DOMAIN,
    SQL_RAW_WITH_ADDRESS,
    SQL_DROP_RAW_ID,
    SQL_DROP_RESPONSES_WITH_ADDRESS,
    SQL_STATS_RAW,
    /* results */
    SQL_HAS_ANSWER,
    SQL_HAS_RESULT,
    SQL_PUT_ANSWER,
    SQL_PUT_FAILURE,
    SQL_FIND_ANSWER,
    SQL_DROP_OLDEST,
    SQL_DROP_KEY,
    SQL_KEYS_OF_DOMAIN,
    SQL_DROP_EXPIRED,
    SQL_KEYS_WITH_ADDRESS,
    SQL_SET_BODY,
    SQL_STATS_ANSWERS,
    SQL_ADD_CHANGE,
    SQL_ADD_MARK,
    SQL_READ_CHANGES,
    SQL_DROP_CHANGES,
    SQL_COUNT_CHANGES,
    SQL_STATEMENTS
};

extern const char *const sql_texts[SQL_STATEMENTS];

/* What sql_end_counted() restores: the number of rows, and when results were counted. */
struct sql_counts {
    int64_t ended, answers, counted_version;
};

/* The state of the database when the last read of the news returned none. */
struct sql_no_news {
    bool is_known;
    bool paused;
    int64_t data_version; /* changes if another connection commits */
    int64_t own_changes;  /* rows that this connection has changed */
    int64_t since_ms;
};

struct sqlite_store {
    struct store store; /* must be first */
    char *path;         /* STORE_FILE_NONE if it is in memory */
    bool is_in_memory;
    bool is_owner;
    int lock_fd; /* of the owner of a file; else -1 */
    size_t max_answers, max_ended, max_raw, max_raw_bytes;
    sqlite3 *db;
    atomic_bool is_suspect;            /* after an I/O error: reopen before the next call */
    const struct sqlite_store *writer; /* of a reader: the other connection; else NULL */
    bool is_checked;                   /* the content was checked; not again when it is reopened */
    bool keeps_schema;                 /* of an owner: it does not migrate */
    int64_t found_version;             /* of the schema, before a migration */
    bool is_locked;                    /* the last transaction did not get the write lock in time */
    int failed_rc;                     /* of the last statement that failed */
    sqlite3_stmt *statements[SQL_STATEMENTS];
    int64_t n_answers, n_ended; /* number of rows, as known to this process */
    int64_t counted_version;    /* the data_version when results were counted */
    struct sql_no_news no_news; /* see news.c */
    bool is_in_group;           /* a transaction is open, and the next ones are savepoints of it */
    bool is_group_lost;         /* it cannot be committed */
    struct sql_counts group_counts;  /* when it began */
    sqlite3_stmt *reading, *filling; /* whole tables; NULL except during a copy */
    size_t n_filling;                /* columns */
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* Returns the statement, bound and ready for sqlite3_step(); NULL on failure, which sqlite3_step()
 * reports as an error. `kinds` has a letter for each parameter that follows: 't' text (const char
 * *), 'i' integer (int64_t), 'k' key (const unsigned char *, HASH_SIZE bytes), 'b' bytes (const
 * void *, then size_t). Bound memory must stay valid until the statement is reset. */
sqlite3_stmt *sql_query(struct sqlite_store *s, enum sql which, const char *kinds, ...);

/* Runs a statement without rows; *ret_changes (may be NULL) is the number of changed rows. */
enum err sql_exec(struct sqlite_store *s, int64_t *ret_changes, enum sql which, const char *kinds,
                  ...);

/* Runs a statement that returns one integer. Returns ERR_NO_ENTRY if it returns no row. */
enum err sql_int(struct sqlite_store *s, int64_t *ret_value, enum sql which, const char *kinds,
                 ...);

/* Returns ERR_OK if a statement that returns one integer returns another one than 0, else
 * ERR_NO_ENTRY. */
enum err sql_is(struct sqlite_store *s, enum sql which, const char *kinds, ...);

/* Reopens the connection if it is suspect. Must be called before every statement outside a
 * transaction. */
enum err sql_ready(struct sqlite_store *s);

/* Starts a transaction, or a savepoint if there is a group. After ERR_OK, the caller must call
 * sql_end(), which commits if `err` is ERR_OK and rolls back otherwise, and returns the error to
 * report. */
enum err sql_begin(struct sqlite_store *s, enum sql how); /* SQL_BEGIN or SQL_BEGIN_READ */
enum err sql_end(struct sqlite_store *s, enum err err);

/* Ends a transaction that changed the row counts; if it fails, restores them. */
struct sql_counts sql_counts(const struct sqlite_store *s);
enum err sql_end_counted(struct sqlite_store *s, enum err err, struct sql_counts before);

/* Sets how long a statement waits for the locks of other processes. All writes wait
 * while the owner waits, so its time is short: longer than the transactions of `emailsd forget`,
 * and shorter still after it was not long enough. A command can wait. */
#define SQL_OWNER_WAIT_MS        500
#define SQL_OWNER_WAIT_LOCKED_MS 50
#define SQL_COMMAND_WAIT_MS      5000
void sql_set_wait(struct sqlite_store *s);

/* Returns the text of a column, "" for NULL; valid until the next step. */
const char *sql_text(sqlite3_stmt *statement, int column);

/* Returns the key of a column, or NULL if it is not one; valid until the next step. */
const unsigned char *sql_key(sqlite3_stmt *statement, int column);

/* Runs `each` for each row; stops at the first error and returns it. */
typedef enum err sql_row_fn(struct sqlite_store *s, sqlite3_stmt *row, void *arg);
enum err sql_each(struct sqlite_store *s, sqlite3_stmt *statement, sql_row_fn *each, void *arg);

/* ---- the parts ---- */

/* open.c: `why` as in store.h. sqlite_judge() converts a result code of SQLite to an error while a
 * store is being opened. */
enum err sqlite_judge(const struct sqlite_store *s, int rc, struct errmsg *why);
enum err sqlite_connect(struct sqlite_store *s, struct errmsg *why);
void sqlite_disconnect(struct sqlite_store *s);
int sqlite_schema_version(void);

/* sqlite.c */
enum err sqlite_open_reader(struct store *, struct store **, struct errmsg *);

/* copy.c */
extern const struct store_copier sqlite_copier;

/* group.c; the last two are sql_begin() and sql_end() in a group. */
enum err sqlite_group_begin(struct store *);
enum err sqlite_group_end(struct store *);
enum err sql_begin_member(struct sqlite_store *s);
enum err sql_end_member(struct sqlite_store *s, enum err err);

/* journal.c; the first one inside a transaction: returns ERR_OK if the task has ended in this way,
 * else ERR_NO_ENTRY */
enum err sqlite_has_ended(struct sqlite_store *, const char *, const struct store_end *);
enum err sqlite_begin_batch(struct store *, const struct store_new_batch *);
enum err sqlite_sending(struct store *, int64_t, int64_t, const char *);
enum err sqlite_mark_not_sent(struct store *, int64_t);
enum err sqlite_mark_resubmitted(struct store *, int64_t, int64_t);
enum err sqlite_submitted(struct store *, int64_t, const char *, int64_t);
enum err sqlite_split(struct store *, int64_t, int64_t, const char *const *, size_t, int64_t);
enum err sqlite_end_task(struct store *, const char *, const struct store_end *,
                         const struct result *, bool *);
enum err sqlite_end_batch(struct store *, int64_t, const struct store_end *);

/* resolve.c */
enum err sqlite_batch_of(struct store *, const char *, int64_t *);
enum err sqlite_resolve_batch(struct store *, int64_t, const char *, int64_t);
enum err sqlite_resolve_not_taken(struct store *, const char *, int64_t);
enum err sqlite_resolve_task(struct store *, const char *, const struct store_end *,
                             const struct result *);

/* proposals.c */
enum err sqlite_propose_batch(struct store *, const char *, const char *);
enum err sqlite_drop_proposal(struct store *, int64_t, const char *);
enum err sqlite_proposal_state(struct store *, const char *, enum store_proposal_state *);

/* raw.c; the first one inside a transaction, as the end of a task */
enum err sqlite_keep_raw(struct sqlite_store *, const char *, const struct store_end *);
enum err sqlite_each_raw(struct store *, int, size_t, store_raw_fn *, void *);
enum err sqlite_put_parsed(struct store *, int, struct store_parsed *, size_t);
enum err sqlite_forget_raw_address(struct sqlite_store *, const char *, size_t *ret_n);

/* records.c */
enum err sqlite_find_batch(struct store *, const char *, store_batch_fn *, void *);
enum err sqlite_each_response(struct store *, size_t, store_batch_fn *, void *);
enum err sqlite_read_batch(struct store *, int64_t, store_batch_fn *, void *);
enum err sqlite_for_each_open_batch(struct store *, store_batch_fn *, void *);
enum err sqlite_each_unknown(struct store *, int64_t, size_t, store_task_fn *, void *);
enum err sqlite_find_lookup(struct store *, const char *, const struct result **);
enum err sqlite_stats(struct store *, struct store_stats *);

/* accounts.c */
enum err sqlite_accounts(struct store *, int64_t, store_account_fn *, void *, int64_t *);
enum err sqlite_last_day(struct store *, int64_t *);
enum err sqlite_paused(struct store *, bool *);
enum err sqlite_set_paused(struct store *, bool);
enum err sqlite_try(struct store *, int64_t);

/* answers.c */
enum err sqlite_keep(struct sqlite_store *, const struct result *); /* inside a transaction */
enum err sqlite_find(struct store *, const unsigned char *, const struct result **);
enum err sqlite_trim(struct store *, const struct store_ages *, bool *);

/* news.c */
enum err sqlite_read_news(struct store *, int64_t, struct arena *, struct store_news *);
enum err sqlite_confirm_news(struct store *, const struct store_news *);

/* purge.c */
enum err sqlite_forget_key(struct store *, const unsigned char *);
enum err sqlite_forget_domain(struct store *, const char *, store_key_fn *, void *, size_t *);
enum err sqlite_forget_address(struct store *, const char *, size_t *);
bool sqlite_changes_pending(struct store *);

#endif
