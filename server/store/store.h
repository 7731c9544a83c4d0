/* SPDX-License-Identifier: MIT */
/* store.h - what outlives the process: the journal of paid work and the answers that were bought.
 *
 * The journal holds every batch and its tasks. A batch is written before its submit may leave, its
 * id as soon as it is read, and each task's end in one transaction with its answer, so that after a
 * kill at any instant it is known what may have been paid for:
 *
 *     SENDING    a submit is, or was, under way: its tasks may exist. Found at a start: unknown.
 *     RESTING    the last submit provably created nothing; another may follow
 *     SUBMITTED  taken; its batch id is here: polled to its end, also after a restart
 *     OVER       every task has ended
 *
 * Answers are found by the key of their question and are kept until the limit on rows pushes out
 * those that expired first. A failure that is worth remembering is kept like an answer, but never
 * in an answer's place. Ended tasks stay for a while too: they are the books.
 *
 * What returned ERR_OK is durable (sqlite/) - it survives the loss of power. One thread uses a
 * store. Other processes may read the same file, and take answers out of it; store_poll_changes()
 * tells. All times are wall time in milliseconds. Errors: ERR_STORAGE_UNAVAILABLE when nothing can
 * be written or read at the moment (full, read-only, I/O error): nothing was changed, and the same
 * call may succeed later. Only a process that is killed while the disk is failing may find what was
 * refused last done after all when it starts again: a refused intent reads as an unknown outcome.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "base/hash.h"
#include "base/id.h"
#include "model/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

#define STORE_WHY         512
#define STORE_TASK_ID_MAX 64 /* of the vendor's ids, for batches and tasks */

struct store_options {
    const char *url;    /* "sqlite:PATH" or "memory:"; not kept */
    size_t max_answers; /* rows; 0 = answers are not kept at all */
    size_t max_ended;   /* ended tasks that stay in the books */
};

/* Opens it for its one owner, creating what is missing (folders 0700, files 0600). On failure `why`
 * (STORE_WHY bytes) says what to do: ERR_STORE_BUSY when another process owns it, ERR_STORE_DAMAGED
 * when what is there cannot be trusted (another program's file, a newer version's, corrupt),
 * ERR_STORE_REFUSED for a file that is not safe (a link, a device, somebody else's, open to others)
 * or a URL that is none, ERR_STORAGE_UNAVAILABLE for everything that the system refuses. */
enum err store_open(const struct store_options *options, struct store **ret_store, char *why);

/* Opens it beside an owner, or without one, to look or to forget: nothing is created. ERR_ABSENT
 * when there is no store. */
enum err store_open_shared(const char *url, struct store **ret_store, char *why);

void store_close(struct store *store); /* NULL is fine */

/* ---- the journal ---- */

enum store_batch_state { STORE_SENDING, STORE_RESTING, STORE_SUBMITTED, STORE_DONE };
enum store_task_state {
    STORE_OPEN,
    STORE_ANSWERED,    /* its answer was stored with it (and may have been pushed out since) */
    STORE_FAILED,      /* the vendor took it and could not do it */
    STORE_NOT_CREATED, /* the vendor never took it: nothing was paid */
    STORE_UNKNOWN,     /* it may exist, and may have been paid; its result will not come */
    STORE_TASK_STATES
};

/* Their names in the books and for people. */
extern const char *const store_batch_words[STORE_DONE + 1];
extern const char *const store_task_words[STORE_TASK_STATES];

/* One task as the journal knows it. Strings are borrowed both ways; none is NULL. */
struct store_task {
    const char *tracking_id, *lookup_id;
    const unsigned char *key; /* HASH_SIZE bytes */
    const char *domain, *company_name, *city, *state, *country;
    const char *client; /* who pays for it, */
    int64_t day;        /* and on which day's account; days since 1970 */
    /* Set when read, not looked at when written: */
    enum store_task_state task_state;
    const char *task_id; /* the vendor's, of an ended task; "" = none */
    enum err err;        /* how it ended, unless it was answered */
    const char *detail;  /* "" = none */
    int64_t ended_ms;
};

/* A new batch, SENDING, with 1..100 tasks, and a credit for each of them on its client's account of
 * its day. The number is never used twice. */
enum err store_begin_batch(struct store *store, const struct store_task *tasks, size_t n,
                           int64_t wall_ms, int64_t *ret_batch);

/* The state of a batch whose submit is sent again, or created nothing. Sent again, its credits go
 * over to the accounts of `day`. */
enum err store_sending(struct store *store, int64_t batch, int64_t day);
enum err store_mark_not_sent(struct store *store, int64_t batch);

/* A batch, SENDING, is to be sent once more although its last submit may have been taken: marks it
 * for good, and takes a second credit for each of its tasks, on the accounts of `day`. */
enum err store_mark_resubmitted(struct store *store, int64_t batch, int64_t day);

/* Taken: the vendor's id for it. */
enum err store_submitted(struct store *store, int64_t batch, const char *batch_id, int64_t wall_ms);

/* Moves tasks of a RESTING batch into a new batch, RESTING too. */
enum err store_split(struct store *store, int64_t batch, const char *const *tracking_ids, size_t n,
                     int64_t wall_ms, int64_t *ret_half);

/* How one task, or every open task of a batch, ended. */
struct store_end {
    enum store_task_state state; /* not STORE_OPEN */
    const char *task_id;         /* the vendor's; NULL or "" = none */
    enum err err;                /* ERR_OK when answered */
    const char *detail;          /* NULL or "" = none */
    int64_t wall_ms;
};

/* The end of one task and, in the same transaction, the result to keep (NULL = none). When it was
 * the last open one of its batch, the batch is OVER. ERR_ABSENT when there is no such open task. */
enum err store_end_task(struct store *store, const char *tracking_id, const struct store_end *end,
                        const struct result *keep);

/* Every task of the batch that is still open ends so, and the batch is OVER. What was NOT_CREATED
 * is taken off the accounts again. */
enum err store_end_batch(struct store *store, int64_t batch, const struct store_end *end);

/* ---- after a start ---- */

/* Borrowed for the call. `tasks` are all of the batch, ended ones too. */
struct store_batch {
    int64_t number;
    enum store_batch_state state;
    const char *batch_id; /* "" = none */
    bool risked;
    int64_t intended_ms;
    const struct store_task *tasks;
    size_t n;
};
typedef void store_batch_fn(void *arg, const struct store_batch *batch);

/* Every batch that is not OVER, oldest first. The store must not be changed inside `each`. */
enum err store_for_each_open_batch(struct store *store, store_batch_fn *each, void *arg);

/* Every task that ended unknown since then, newest last; at most `limit`, the newest. */
typedef void store_task_fn(void *arg, const struct store_task *task, const char *batch_id);
enum err store_each_unknown(struct store *store, int64_t since_ms, size_t limit,
                            store_task_fn *each, void *arg);

/* ---- money ---- */

/* Runs for every client who has an account on that day; drops the accounts of days so long before
 * that no clock that is set back should reach them: the day before yesterday is still one. Owner
 * only. */
#define STORE_ACCOUNT_DAYS 7
typedef void store_account_fn(void *arg, const char *client, int64_t credits);
enum err store_accounts(struct store *store, int64_t day, store_account_fn *each, void *arg);

/* The last day that has an account; INT64_MIN when none has. */
enum err store_last_day(struct store *store, int64_t *ret_day);

/* Is buying paused by the operator? Set by another process, it is news to the owner. */
enum err store_paused(struct store *store, bool *ret_paused);
enum err store_set_paused(struct store *store, bool paused);

/* Does the disk take anything? Writes a word that nobody needs and waits until it is durable. For
 * the owner, after a failure. */
enum err store_try(struct store *store, int64_t wall_ms);

/* ---- answers ---- */

/* ERR_ABSENT when there is none. The reference is the caller's. */
enum err store_find(struct store *store, const unsigned char key[HASH_SIZE],
                    const struct result **ret_result);

/* How the lookup of that id ended: its answer as stored now, or its failure. ERR_ABSENT when it is
 * not known, not ended, or its answer has gone. */
enum err store_find_lookup(struct store *store, const char *lookup_id,
                           const struct result **ret_result);

/* Runs for every question whose answer was taken out or changed. */
typedef void store_key_fn(void *arg, const unsigned char key[HASH_SIZE]);

enum err store_forget_key(struct store *store, const unsigned char key[HASH_SIZE]);

/* All answers about a domain. `each` may be NULL. */
enum err store_forget_domain(struct store *store, const char *domain, store_key_fn *each, void *arg,
                             size_t *ret_n);

/* Takes one address (compared without ASCII case) out of every answer; the rest of an answer stays.
 * Nothing of it remains in the files afterwards. From store_open_shared(): the owner hears of it by
 * store_poll_changes(). */
enum err store_forget_address(struct store *store, const char *address, size_t *ret_n);

/* Can other processes see it, so that there may be news? */
bool store_is_shared(const struct store *store);

/* Owner of a shared one only: what other processes took out or changed since the last call. Cheap
 * when nothing. */
enum err store_poll_changes(struct store *store, store_key_fn *each, void *arg);

/* Beside only: does a running owner still have to hear of what this process forgot? False also when
 * there is no owner. */
bool store_news_pending(struct store *store);

/* Drops answers that expired before then, a limited number at a time: true when more are left. */
enum err store_trim(struct store *store, int64_t expired_before_ms, bool *ret_more);

/* ---- looking ---- */

struct store_stats {
    size_t batches[STORE_DONE + 1];  /* by state */
    size_t risked;                   /* batches that were sent again at the operator's risk */
    size_t tasks[STORE_TASK_STATES]; /* by state */
    size_t found, empty, failed;     /* answers with mailboxes, without, remembered failures */
    int64_t bytes;                   /* on disk */
    int schema;                      /* version; 0 = none */
    bool owned;                      /* a process has it open as its owner (beside only) */
};
enum err store_stats(struct store *store, struct store_stats *ret_stats);

#endif
