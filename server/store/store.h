/* SPDX-License-Identifier: MIT */
/* store.h - durable storage: the journal of paid lookups, the paid results, and the raw bytes of
 * paid results that could not be understood.
 *
 * A batch is journalled before its submit may be sent, and its batch id as soon as it is read. Each
 * task's end is written in one transaction with its result. So the states below are reliable after
 * a kill at any instant. A failure never replaces a result.
 *
 * When a call returns ERR_OK, its change is durable: it survives a power failure, unless the store
 * is in memory. Any call may return ERR_STORAGE_UNAVAILABLE if the disk fails (full, read-only, I/O
 * error): the change may have been made or not, and the same call may succeed later.
 *
 * So every write can be repeated: the same call returns ERR_OK again, and changes nothing more.
 * Facts (that a batch was not sent, submitted, split, that a task or batch ended) can be repeated
 * also after later ones. A call that contradicts what is stored returns ERR_NO_ENTRY and changes
 * nothing, because facts only move forward: sending < unknown < submitted or not created <
 * answered or failed. A fact about rows that were deleted since, as too old, is also ERR_NO_ENTRY.
 *
 * A write returns ERR_INTERNAL if it breaks a rule of the store, for example by a tracking id or a
 * notify token that another batch has. It is a defect of the caller, and would fail again.
 *
 * A store has one owner. A file is locked while its owner runs. In PostgreSQL, an owner may be
 * replaced while it is stopped or cut off: from then on each of its writes changes nothing and
 * returns ERR_STORAGE_UNAVAILABLE, and its reads work as before. No write of an owner takes effect
 * after one of its successor.
 *
 * All times are wall time in milliseconds. One thread uses a handle. Other processes may read the
 * same store and delete results; see store_read_news().
 *
 * Long because it is one contract. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/errmsg.h"
#include "base/hash.h"
#include "base/id.h"
#include "model/question.h"
#include "model/result.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_options {
    const char *url; /* "sqlite:PATH"; "memory:", which ends with store_close(); "postgresql:..." */
    /* Of a store in PostgreSQL: */
    const char *password_file; /* NULL = none */
    const char *schema;        /* NULL = "emailsd" */
    int64_t statement_ms;      /* an owner's limit for a statement; 0 = STORE_STATEMENT_MS */
    int64_t takeover_ms;       /* an owner that is silent for so long is replaced; 0 = 5 s, or 3.5 s
                                * if its session does not exist any more */
    /* Of an owner: */
    bool keeps_schema; /* creates nothing: store_migrate() has done that */
    /* What exceeds a limit is deleted, and up to 1% more with it: */
    size_t max_answers;   /* rows; 0 = results are not stored, raw ones included */
    size_t max_ended;     /* completed tasks to retain */
    size_t max_raw;       /* raw results to retain, the newest; 0 = STORE_RAW_ROWS */
    size_t max_raw_bytes; /* and their bytes; 0 = STORE_RAW_BYTES */
};

#define STORE_STATEMENT_MS INT64_C(2000)
#define STORE_CLOSE_MS     INT64_C(2000) /* see store_close() */
#define STORE_RAW_MAX      (64 << 10)    /* bytes of one raw result; the rest is cut */
#define STORE_RAW_ROWS     10000
#define STORE_RAW_BYTES    (64 << 20)
#define STORE_RESPONSE_MAX 512 /* bytes of a response to a submit; the rest is cut */

/* Checks scheme and folder of a store without touching it: a folder must be writable, or be missing
 * where it could be created. Returns ERR_STORE_REFUSED for an invalid URL, or
 * ERR_STORAGE_UNAVAILABLE; `why` then has the message. */
enum err store_check(const struct store_options *options, struct errmsg *why);

/* Runs `each` for every file that exists and that the store may read again while it is in use, and
 * that neither the URL's path nor `password_file` names: certificates, their keys, and passwords
 * for PostgreSQL. A folder has "/." at its end. Opens none. No-op if the URL is invalid. */
typedef void store_file_fn(void *arg, const char *path);
void store_each_file(const struct store_options *options, store_file_fn *each, void *arg);

/* Returns whether the store of that URL is on a server: if it is away, store_open() returns
 * ERR_STORAGE_UNAVAILABLE, and may succeed later. */
bool store_is_on_server(const char *url);

/* Opens the store as its only owner and creates what is missing (folders 0700, files 0600). The
 * caller calls store_close(). On failure, `why` says what to do: ERR_STORE_BUSY if another process
 * owns it; ERR_STORE_DAMAGED if the content is unusable (another program's file, a newer version's,
 * corrupt); ERR_STORE_REFUSED if the file is unsafe (a link, a device, owned by another user,
 * accessible to others) or the URL is invalid; ERR_STORAGE_UNAVAILABLE if the system fails;
 * ERR_NO_ENTRY if there is no store and `keeps_schema`. */
enum err store_open(const struct store_options *options, struct store **ret_store,
                    struct errmsg *why);

/* Opens the store without owning it, to inspect or delete, while an owner may be running. Creates
 * nothing. Errors as above, but never ERR_STORE_BUSY, and ERR_NO_ENTRY if there is no store. */
enum err store_open_shared(const struct store_options *options, struct store **ret_store,
                           struct errmsg *why);

/* Creates or migrates the tables, as store_open() does unless `keeps_schema`, and closes the store.
 * An owner in PostgreSQL may be running, and continues; one of a file may not. Errors as
 * store_open(). */
struct store_schema {
    int before, now; /* versions; 0 = there were no tables */
};
enum err store_migrate(const struct store_options *options, struct store_schema *ret_schema,
                       struct errmsg *why);

/* Opens a second handle of the same content for another thread, which can only read. The caller
 * closes it before `store`. *ret_reader is NULL if the content has one handle only, as in memory.
 * After a failure of the disk, reads may fail until `store` has been used again. If a server
 * is away, its first read connects. Returns ERR_STORAGE_UNAVAILABLE or ERR_STORE_DAMAGED, and `why`
 * says what to do. */
enum err store_open_reader(struct store *store, struct store **ret_reader, struct errmsg *why);

/* Begins the end of the service: from now on, all calls together, store_close() included, wait for
 * a server for at most STORE_CLOSE_MS. What has not returned by then fails. NULL, and a store on
 * this machine, is a no-op. */
void store_begin_close(struct store *store);

/* Closes the store, and gives up its ownership. If a server does not reply within STORE_CLOSE_MS,
 * the next owner waits as after a kill. NULL is a no-op. */
void store_close(struct store *store);

/* Returns false if the content ends with store_close(), or with the process. Any thread: that does
 * not change while the store is open. */
bool store_is_durable(struct store *store);

/* Returns the name of a store that may be on another machine, such as "DATABASE/SCHEMA": printable
 * ASCII without spaces, borrowed. A batch id should be in a spool (spool.h), too, until the store
 * has confirmed it. NULL if the store is on this machine. Any thread, as above. */
const char *store_place(struct store *store);

/* Owner in service only, every second if it must: shows other processes that it is alive, so that
 * none of them replaces it. Returns ERR_STORAGE_UNAVAILABLE also if it was replaced already; `why`
 * then has the reason, unless it was replaced. */
bool store_needs_heartbeat(const struct store *store);
enum err store_heartbeat(struct store *store, struct errmsg *why);

/* How a handle reaches the content: in this process, or by a connection to a server. While it is
 * disconnected, each call may try to connect, within the limits of the driver. STORE_LOST: another
 * process owns the store now, until this one ends. Any thread, as above. */
enum store_link { STORE_LOCAL, STORE_CONNECTED, STORE_DISCONNECTED, STORE_LOST };
enum store_link store_link(const struct store *store);

/* ---- groups ---- */

/* After store_group_begin(), writes are parts of one transaction, and become durable together when
 * store_group_end() returns ERR_OK. If it fails, nothing was changed, whatever the writes have
 * returned. A write that fails leaves nothing behind, and does not change what the others have
 * done; if it fails by the disk, those that follow may fail too.
 *
 * Reads may be parts of a group. They see the writes before them, so what they returned does not
 * count if the group fails. Not in a group: functions that delete a domain or an address. If
 * store_group_begin() fails, there is no group, and store_group_end() must not be called. */
bool store_has_groups(const struct store *store);
enum err store_group_begin(struct store *store);
enum err store_group_end(struct store *store);

/* ---- the journal ---- */

/* STORE_SENDING: a submit is or was in flight, and its tasks may exist; at startup, this is an
 * unknown outcome. STORE_RESTING: the last submit provably created nothing; another may follow.
 * STORE_SUBMITTED: accepted, with a batch id; it is polled until it ends, also after a restart.
 * STORE_DONE: every task has ended. */
enum store_batch_state { STORE_SENDING, STORE_RESTING, STORE_SUBMITTED, STORE_DONE };
enum store_task_state {
    STORE_OPEN,
    STORE_ANSWERED,    /* its result was stored with it (and may have been evicted since) */
    STORE_FAILED,      /* the upstream accepted it and could not do it */
    STORE_NOT_CREATED, /* the upstream never accepted it: nothing was paid */
    STORE_UNKNOWN,     /* it may exist, and may have been paid; its result will not arrive */
    STORE_TASK_STATES
};

/* The names of the states, stored and shown to operators. */
extern const char *const store_batch_words[STORE_DONE + 1];
extern const char *const store_task_words[STORE_TASK_STATES];

/* One task of the journal. Strings are borrowed in both directions; none is NULL. */
struct store_task {
    const char *tracking_id, *lookup_id;
    const unsigned char *key; /* HASH_SIZE bytes */
    struct question_parts parts;
    const char *client; /* the account that pays for it, */
    int64_t day;        /* and the day it is charged to; days since 1970 */
    /* Set when read, ignored when written: */
    enum store_task_state task_state;
    const char *task_id; /* Openmart's, of a completed task; "" = none */
    enum err err;        /* the error, unless it was answered */
    const char *detail;  /* "" = none */
    int64_t ended_ms;
};

/* Returns a new number for a batch: 63 random bits, never 0. The caller gives a batch its number,
 * so that it can repeat a call whose outcome it does not know. */
int64_t store_new_number(void);

/* A batch to be submitted. Borrowed for the call. */
struct store_new_batch {
    int64_t number; /* by store_new_number() */
    const struct store_task *tasks;
    size_t n;                 /* 1..100 */
    const char *notify_token; /* unguessable, of this batch only; NULL or "" = none */
    int64_t wall_ms;
};

/* Adds a batch, SENDING, and charges one credit for each task to its client's account of its day.
 * Returns ERR_NO_ENTRY if the number is in use, except for a SENDING batch of the same tasks. */
enum err store_begin_batch(struct store *store, const struct store_new_batch *batch);

/* Changes the state of a batch that is sent again (SENDING), or whose submit created nothing
 * (RESTING). store_sending() moves its credits to the accounts of `day`, and gives it this notify
 * token; with NULL or "" it keeps the one that it has. Returns ERR_NO_ENTRY if the batch was
 * already submitted or is not known; so do the two functions below. store_mark_not_sent() of a
 * batch that has ended since is ERR_OK, unless its outcome is unknown. */
enum err store_sending(struct store *store, int64_t batch, int64_t day, const char *notify_token);
enum err store_mark_not_sent(struct store *store, int64_t batch);

/* Records that a SENDING batch is sent once more although its last submit may have been accepted:
 * marks it permanently, and charges a second credit for each task to the accounts of `day`. This
 * happens once in the life of a batch. */
enum err store_mark_resubmitted(struct store *store, int64_t batch, int64_t day);

/* Records that the submit was accepted, with Openmart's id of the batch. */
enum err store_submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms);

/* Moves tasks of a RESTING batch into a new batch with the number `half`, also RESTING and without
 * a notify token. */
enum err store_split(struct store *store, int64_t batch, int64_t half,
                     const char *const *tracking_ids, size_t n, int64_t wall_ms);

/* How one task, or every open task of a batch, ended. */
struct store_end {
    enum store_task_state state; /* not STORE_OPEN */
    const char *task_id;         /* Openmart's; NULL or "" = none */
    enum err err;                /* ERR_OK if answered */
    const char *detail;          /* NULL or "" = none */
    int64_t wall_ms;
    bool refunds_last; /* the last submit of an UNKNOWN batch created nothing: refund its credits */
    const void *raw;   /* what the upstream sent, to be parsed by a later version; NULL = nothing */
    size_t raw_len;
    int parser; /* the version of the parser that could not understand it */
};

/* Ends one task and, in the same transaction, stores its result (NULL = none) or the first
 * STORE_RAW_MAX raw bytes. If it was the last open task, the batch is DONE. If the task has ended
 * in the same way already, nothing is stored: its result may have been deleted since. Returns
 * ERR_NO_ENTRY if it has ended in another way, or is not known.
 *
 * *ret_stored (may be NULL) is false if `keep` is NULL, or is a failure and the store has a result
 * of its question, which stays; else true, also if results are not stored at all. */
enum err store_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                        const struct result *keep, bool *ret_stored);

/* One of several tasks that end: what store_end_task() takes, and what it returns. Borrowed. */
struct store_task_end {
    const char *tracking_id;
    const struct store_end *end;
    const struct result *keep;
    /* Results: */
    enum err err;
    bool stored;
};

/* Ends the first of `n` tasks, n >= 1, as store_end_task() does one after the other, but as one
 * write if the driver can. *ret_n says how many: at least one, and fewer than `n` if the next one
 * is not to be in the same write. What is beyond the limits of the store is deleted afterwards. An
 * error is that of all `n`: ERR_STORAGE_UNAVAILABLE, or ERR_INTERNAL, after which nothing was
 * changed, and the caller finds out which of them fails by ending them one by one. */
enum err store_end_tasks(struct store *store, struct store_task_end *ends, size_t n, size_t *ret_n);

/* Ends every open task of the batch, which is then DONE. Credits of NOT_CREATED tasks are refunded,
 * and those of the last submit if `refunds_last`. `end->raw` is the response to the submit; its
 * first STORE_RESPONSE_MAX bytes are stored with the batch. A batch that is not known, or has no
 * open task, is ERR_OK. */
enum err store_end_batch(struct store *store, int64_t batch, const struct store_end *end);

/* ---- startup ---- */

/* One batch. Borrowed for the call. `tasks` has all its tasks, completed ones included. */
struct store_batch {
    int64_t number;
    enum store_batch_state state;
    const char *batch_id; /* "" = none */
    bool risked;
    int64_t intended_ms;
    const char *notify_token; /* "" = none */
    const void *response;     /* to its submit, if it could not be read; NULL = none */
    size_t response_len;
    const struct store_task *tasks;
    size_t n;
};
typedef void store_batch_fn(void *arg, const struct store_batch *batch);

/* Runs `each` for every batch that is not DONE, oldest first: by `intended_ms`, then by number. The
 * store must not be changed inside `each`. */
enum err store_for_each_open_batch(struct store *store, store_batch_fn *each, void *arg);

/* Runs `each` for the last `limit` tasks that ended unknown since `since_ms`, newest last. */
typedef void store_task_fn(void *arg, const struct store_task *task, const char *batch_id);
enum err store_each_unknown(struct store *store, int64_t since_ms, size_t limit,
                            store_task_fn *each, void *arg);

/* ---- unknown outcomes ---- */

/* Runs `each` for the batch with that notify token, in any state; ERR_NO_ENTRY if there is none. */
enum err store_find_batch(struct store *store, const char *notify_token, store_batch_fn *each,
                          void *arg);

/* Returns the number of the batch of a task, or ERR_NO_ENTRY. */
enum err store_batch_of(struct store *store, const char *tracking_id, int64_t *ret_batch);

/* Owner only: resumes a batch whose outcome was unknown: its UNKNOWN tasks become OPEN, except
 * those with a raw result, and the batch SUBMITTED with this id. Credits stay charged. Returns
 * ERR_NO_ENTRY if the batch is not DONE, has no such task, or has another id; but ERR_OK if it was
 * resumed with this id and `wall_ms`. */
enum err store_resolve_batch(struct store *store, int64_t batch, const char *batch_id,
                             int64_t wall_ms);

/* Records that the upstream never accepted an UNKNOWN task: it becomes NOT_CREATED, and one credit
 * is refunded to its account. Returns ERR_NO_ENTRY if there is no such task, or if the upstream
 * accepted its batch; but ERR_OK if this was recorded before. */
enum err store_resolve_not_taken(struct store *store, const char *tracking_id, int64_t wall_ms);

/* Ends an UNKNOWN task by what the upstream has reported about it since, and stores its result as
 * store_end_task() does. Returns ERR_NO_ENTRY if there is no such task; but ERR_OK, and stores
 * nothing, if it has ended in the same way already. */
enum err store_resolve_task(struct store *store, const char *tracking_id,
                            const struct store_end *end, const struct result *keep);

/* Owner only: returns whether the store had a batch whose id was read at that time, and has deleted
 * it with its tasks as the first that ended: it is not there, the store has as many ended tasks as
 * it retains, and all that are next to be deleted ended after that time. False for any other batch
 * that is not there: another store may have it, or what a failover has lost. Also false if the
 * store is on this machine; see store_place(). */
enum err store_has_outlived(struct store *store, int64_t batch, int64_t wall_ms,
                            bool *ret_outlived);

/* Runs `each` for the batch of that number. Returns ERR_NO_ENTRY if there is none. */
enum err store_read_batch(struct store *store, int64_t batch, store_batch_fn *each, void *arg);

/* Runs `each` for the last `limit` batches with an unreadable response to their submit, newest
 * first. */
enum err store_each_response(struct store *store, size_t limit, store_batch_fn *each, void *arg);

/* The operator may propose an id for a batch whose outcome is unknown. The owner checks it with the
 * upstream, and calls store_resolve_batch() if it is right. A proposal changes nothing else, and
 * waits for the next owner if there is none.
 *
 * store_propose_batch() replaces the batch's earlier proposal. Returns ERR_NO_ENTRY if there is no
 * such UNKNOWN task (without a raw result), its batch is not DONE, or has another id. */
enum err store_propose_batch(struct store *store, const char *tracking_id, const char *batch_id);

/* Deletes a proposal that was wrong, unless another one has replaced it. */
enum err store_drop_proposal(struct store *store, int64_t batch, const char *batch_id);

/* What became of the proposal for the batch of a task. ERR_NO_ENTRY: there is no such task. */
enum store_proposal_state {
    STORE_PROPOSED,
    STORE_PROPOSAL_CONFIRMED, /* the outcome of the task is not unknown any more */
    STORE_PROPOSAL_REJECTED,  /* it is, and there is no proposal */
};
enum err store_proposal_state(struct store *store, const char *tracking_id,
                              enum store_proposal_state *ret_state);

/* ---- news: what the owner reads every second ---- */

/* A task that another process has recorded as not taken. */
struct store_not_taken {
    int64_t number;                 /* ascending in the order of the records; never reused */
    const unsigned char *key;       /* HASH_SIZE bytes; of its question */
    const char *lookup_id, *client; /* the credit was refunded to this account, */
    int64_t day;                    /* of this day */
};

/* A batch id that the operator proposes; see store_propose_batch(). */
struct store_proposal {
    int64_t batch; /* its number */
    const char *batch_id;
};

/* A response to a submit in which no batch id was found. */
struct store_response {
    int64_t batch; /* its number */
    const char *notify_token;
    const void *bytes;
    size_t len;
    bool is_lost; /* a task of the batch is unknown, without a raw result */
};

#define STORE_NEWS_ROWS      1000 /* of each kind in one read, */
#define STORE_NEWS_RESPONSES 20   /* and responses: searching one takes longer */

struct store_news {
    bool paused; /* the operator has paused paid lookups */
    /* Questions whose result other processes deleted or changed: */
    const unsigned char (*changed)[HASH_SIZE];
    size_t n_changed;
    int64_t last_change; /* number of the last record of a change; 0 = none */
    const struct store_not_taken *not_taken;
    size_t n_not_taken;
    int64_t last_not_taken; /* number of the last record; 0 = none */
    const struct store_proposal *proposals;
    size_t n_proposals;
    bool has_settled; /* there are proposals for batches of which nothing is unknown any more */
    const struct store_response *responses;
    size_t n_responses;
    int64_t since_ms; /* of store_read_news() */
    bool has_more;    /* more changes or tasks not taken are to be read after these */
};

/* Owner only: reads what store_confirm_news() has not confirmed. Changes nothing, and is cheap if
 * there is nothing. Responses are those that no process has searched since `since_ms`. What
 * *ret_news points to is in the arena. */
enum err store_read_news(struct store *store, int64_t since_ms, struct arena *arena,
                         struct store_news *ret_news);

/* Owner only: deletes the records of changes and of tasks not taken up to the last ones that were
 * read, and settled proposals; notes that these responses were searched. Only then does
 * store_changes_pending() of the other process become false. */
enum err store_confirm_news(struct store *store, const struct store_news *news);

/* ---- raw results ---- */

/* A paid result that could not be understood, as the upstream sent it. Borrowed for the call. */
struct store_raw {
    const char *tracking_id, *lookup_id, *domain, *company_name;
    const unsigned char *key; /* HASH_SIZE bytes; of the question */
    int parser;               /* the latest version that could not understand it */
    int64_t stored_ms;
    const void *body;
    size_t len; /* 1..STORE_RAW_MAX */
};
typedef void store_raw_fn(void *arg, const struct store_raw *raw);

/* Runs `each` for the raw results that only parsers below that version have failed to understand,
 * newest first, at most `limit`. The store must not be changed inside `each`. */
#define STORE_ANY_PARSER INT_MAX
enum err store_each_raw(struct store *store, int parser, size_t limit, store_raw_fn *each,
                        void *arg);

/* What a later parser made of a raw result. */
struct store_parsed {
    const char *tracking_id;
    const struct result *result; /* borrowed; NULL = still not understood */
    bool is_stored;              /* set by store_put_parsed(): the store has this result now */
};

/* Records what that version of the parser made of `n` raw results. A result is stored unless a
 * newer one is, its task becomes ANSWERED, and its raw bytes are deleted. Raw results that were
 * deleted in the meantime are skipped. After an error, some of the first ones may be recorded; all
 * may be repeated. */
enum err store_put_parsed(struct store *store, int parser, struct store_parsed *parsed, size_t n);

/* ---- money ---- */

/* Runs `each` for every client with an account on that day. *ret_not_taken is the number of the
 * last task that another process has recorded as not taken: the accounts contain the refunds up to
 * it, and no later one. Deletes accounts that are more than STORE_ACCOUNT_DAYS older; recent days
 * stay, in case the clock is set back. Owner only. */
#define STORE_ACCOUNT_DAYS 7
typedef void store_account_fn(void *arg, const char *client, int64_t credits);
enum err store_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg,
                        int64_t *ret_not_taken);

/* Returns the last day that has an account; INT64_MIN if there is none. */
enum err store_last_day(struct store *store, int64_t *ret_day);

/* Read and set whether the operator has paused paid lookups. The owner sees a change by another
 * process in its news. */
enum err store_paused(struct store *store, bool *ret_paused);
enum err store_set_paused(struct store *store, bool paused);

/* Checks whether the disk can be written: writes a dummy row and syncs it. Owner only, after a
 * failure. */
enum err store_try(struct store *store, int64_t wall_ms);

/* ---- results ---- */

/* Finds the result of a question, or ERR_NO_ENTRY; the reference is the caller's. */
enum err store_find(struct store *store, const unsigned char key[HASH_SIZE],
                    const struct result **ret_result);

/* Finds the outcome of a lookup by its id: its result as stored now, or its failure; the reference
 * is the caller's. Returns ERR_NO_ENTRY if the lookup is unknown or still open, or if its result
 * was deleted. */
enum err store_find_lookup(struct store *store, const char *lookup_id,
                           const struct result **ret_result);

/* Runs for every question whose result was deleted or changed. `key` is borrowed. */
typedef void store_key_fn(void *arg, const unsigned char key[HASH_SIZE]);

/* Deletes the result of one question. Returns ERR_OK also if there is none. */
enum err store_forget_key(struct store *store, const unsigned char key[HASH_SIZE]);

/* Deletes all results of a domain, raw ones included. `each` may be NULL. */
enum err store_forget_domain(struct store *store, const char *domain, store_key_fn *each, void *arg,
                             size_t *ret_n);

/* Deletes one address (compared without ASCII case) from every result; the rest of each result
 * stays. Raw results and responses to submits that contain it are deleted; *ret_n counts these raw
 * results too. No trace of it remains in a file; PostgreSQL removes the rows from its tables, but
 * its log and its backups keep them. After store_open_shared(), the owner learns of it by
 * store_read_news(), and store_changes_pending() is true until it has confirmed that. */
enum err store_forget_address(struct store *store, const char *address, size_t *ret_n);

/* Not for the owner: returns whether a running owner has yet to confirm the deletions of this
 * process. False also if there is no owner. */
bool store_changes_pending(struct store *store);

/* What is too old. */
struct store_ages {
    int64_t expired_before_ms; /* results that expired before then */
    int64_t raw_before_ms;     /* raw results that were stored before then */
    int64_t day;               /* accounts that are more than STORE_ACCOUNT_DAYS older */
};

/* Deletes what is too old, a limited number of rows per call. *ret_more: more are left. */
enum err store_trim(struct store *store, const struct store_ages *ages, bool *ret_more);

/* ---- inspection ---- */

struct store_stats {
    size_t batches[STORE_DONE + 1];  /* by state */
    size_t risked;                   /* batches sent again at the operator's risk */
    size_t tasks[STORE_TASK_STATES]; /* by state */
    size_t found, empty, failed;     /* results with mailboxes, without, stored failures */
    size_t raw;                      /* raw results, */
    int64_t raw_bytes;               /* and their bytes */
    size_t responses;                /* responses to submits that could not be read */
    int64_t bytes;                   /* on disk */
    int schema;                      /* version */
    bool owned;                      /* a process has it open as its owner; owner included */
};
/* Counts rows and sizes. Works for the owner and for others. */
enum err store_stats(struct store *store, struct store_stats *ret_stats);

#endif
