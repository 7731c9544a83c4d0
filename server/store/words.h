/* SPDX-License-Identifier: MIT */
/* words.h - what all drivers store in the same way: the words for states and errors, and the row of
 * a result. Included by the drivers only. Any thread. */
#ifndef STORE_WORDS_H
#define STORE_WORDS_H

#include "store/store.h"

/* Detail of a task that the operator has recorded as not taken. */
#define STORE_NOT_TAKEN_DETAIL                                                                     \
    "the upstream did not accept the lookup, as the operator has found out"

/* Return the state of a stored word; the first one if it is unknown, which the tables' checks
 * exclude. "" is the word of an open task. */
enum store_batch_state store_batch_state_of(const char *word);
enum store_task_state store_task_state_of(const char *word);

/* Convert an error to its stored code and back; ERR_OK is "". Also ERR_OK if the code is unknown.
 */
const char *store_code_of(enum err err);
enum err store_err_of(const char *code);

/* Returns "" for NULL. */
const char *store_or_empty(const char *text);

/* A stored result, as its row has it. Borrowed. */
struct store_answer {
    const unsigned char *key; /* HASH_SIZE bytes */
    const char *body;         /* as sent; NULL for a failure */
    size_t body_len;
    const char *code, *detail, *charged; /* of a failure; "" = none */
    int64_t fetched_ms, expires_ms;
};

/* Returns the result, whose reference is the caller's, or NULL if the body is not one: damage, and
 * not a reason to pay again. */
const struct result *store_result_of(const struct store_answer *answer);

/* The row of a task that has ended, and whose result is looked for. Borrowed. */
struct store_ended {
    const unsigned char *key; /* HASH_SIZE bytes */
    enum store_task_state state;
    const char *code, *detail; /* "" = none */
    int64_t ended_ms;
    bool has_raw; /* so it was certainly paid for */
};

/* Returns the failure of a task; the reference is the caller's. */
const struct result *store_failure_of(const struct store_ended *ended);

#endif
