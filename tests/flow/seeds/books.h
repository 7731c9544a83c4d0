/* SPDX-License-Identifier: MIT */
/* books.h - what the oracle knows of each question, each task and each request of a seed, from the
 * calls to the store, the ledger of the upstream and the plan; apart from what the engine says. */
#ifndef SEEDS_BOOKS_H
#define SEEDS_BOOKS_H

#include "oracle.h"

#include "base/hash.h"
#include "base/id.h"

#define BOOK_TASKS    512
#define BOOK_REQUESTS 512
#define BOOK_BATCHES  512
#define BOOK_DOMAINS  32

struct question_book {
    unsigned char key[HASH_SIZE];
    int n_deleting;       /* deletions that are not known to be over */
    int64_t deleted_ms;   /* end of the last deletion; -1 = none */
    int64_t refreshed_ms; /* when a newer result was last asked for; -1 = never */
    /* The last confirmed deletion: when it was posted (wall time), and when it returned. */
    int64_t forgotten_wall_ms, forgotten_ms;
    bool is_refreshed; /* without a caller, at some time */
    int64_t newest_ms; /* wall time: when the newest result was fetched that a caller received */
    /* The last result that a caller received before it was in the store: when it was fetched, by
     * wall time (0 = there was none), and when it was received. */
    int64_t exposed_wall_ms, exposed_ms;
};

struct task_book {
    char tracking_id[ID_TEXT], lookup_id[ID_TEXT];
    size_t question;
    int64_t batch;
    bool is_accepted; /* the engine has recorded the id of its batch, or what it became */
    int n_created;    /* by the upstream */
    int64_t created_ms;
    bool has_ended;   /* the engine has recorded its end, */
    int64_t ended_ms; /* then */
    enum store_task_state state;
    int64_t unknown_ms;  /* when its outcome became unknown for the first time; -1 = never */
    bool is_called_free; /* its lookup has ended, without a charge */
};

struct request_book {
    struct caller *caller;
    size_t question;
    int64_t asked_ms, until_ms;
    bool is_seen, is_abandoned;
    bool was_stored; /* what it received was in the store then */
    int64_t fetched_ms;
    int n_restarts; /* before it was answered */
};

struct books {
    const struct oracle_options *options;
    struct question_book questions[BOOK_DOMAINS];
    struct task_book tasks[BOOK_TASKS];
    size_t n_tasks;
    struct request_book requests[BOOK_REQUESTS];
    size_t n_requests;
    int64_t batches[BOOK_BATCHES]; /* their numbers */
    size_t n_batches;
    int n_restarts;
    int64_t paused_ms; /* since then; -1 = there is no pause */
    bool is_blocked;
};

extern struct books books;

struct task_book *books_task(const char *tracking_id); /* NULL = unknown */
size_t books_question(const unsigned char *key);       /* fails the seed if it is unknown */
size_t books_account(const char *name);                /* the same */
struct request_book *books_request(const struct caller *caller);

/* Adds what a call of the journal says. */
void books_add_call(const struct store_call *call);

/* Notes that a task has ended so. */
void books_set_end(struct task_book *task, enum store_task_state state, int64_t ended_ms);

/* What the store has about a task. */
struct task_row {
    bool is_known;
    enum store_batch_state batch_state;
    enum store_task_state state;
    bool is_risked;
    bool is_accepted; /* its batch has an id */
    enum err err;
    int64_t ended_ms;    /* on the monotonic clock */
    const char *account; /* of the options; pays */
};
struct task_row books_row(const char *tracking_id);

/* Returns when the stored result of a question was fetched (wall time); -1 = there is none. */
int64_t books_stored_ms(size_t question);

#endif
