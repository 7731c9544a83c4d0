/* SPDX-License-Identifier: MIT */
/* calls_upkeep.h - the calls (see calls.h) for what the engine does besides lookups: news, the
 * pause, age, raw results, and tasks whose outcome is unknown.
 *
 * What a call returns in its arena belongs to the caller, who frees it with arena_free(), also
 * after a failure. The arena must be empty when the call is posted. Engine thread only. */
#ifndef STORE_CALLS_UPKEEP_H
#define STORE_CALLS_UPKEEP_H

#include "base/arena.h"
#include "store/calls.h"

/* ---- news ---- */

struct store_read_news_call {
    struct store_call call;
    int64_t since_ms;
    struct store_news news; /* result, in the arena */
    struct arena arena;
};
void store_post_read_news(struct store_calls *calls, struct store_read_news_call *read);

/* Of the class STORE_JOURNAL: it is executed after all results that were recorded before it. Also
 * drops the proposals that were found to be wrong. */
struct store_confirm_news_call {
    struct store_call call;
    const struct store_news *news;
    const struct store_proposal *rejected;
    size_t n_rejected;
};
void store_post_confirm_news(struct store_calls *calls, struct store_confirm_news_call *confirm);

/* ---- pause, age ---- */

/* Only if store_needs_heartbeat(). */
struct store_heartbeat_call {
    struct store_call call;
    enum store_link link; /* result: after it */
    struct errmsg why;    /* result after an error; "" = it has none */
};
void store_post_heartbeat(struct store_calls *calls, struct store_heartbeat_call *heartbeat);

struct store_set_paused_call {
    struct store_call call;
    bool paused;
};
void store_post_set_paused(struct store_calls *calls, struct store_set_paused_call *set);

struct store_trim_call {
    struct store_call call;
    struct store_ages ages;
    bool more; /* result */
};
void store_post_trim(struct store_calls *calls, struct store_trim_call *trim);

/* ---- raw results ---- */

/* See store_each_raw(). */
struct store_read_raw_call {
    struct store_call call;
    int parser;
    size_t limit;
    struct store_raw *rows; /* result, in the arena */
    size_t n;
    struct arena arena;
};
void store_post_read_raw(struct store_calls *calls, struct store_read_raw_call *read);

struct store_put_parsed_call {
    struct store_call call;
    int parser;
    struct store_parsed *parsed;
    size_t n;
};
void store_post_put_parsed(struct store_calls *calls, struct store_put_parsed_call *put);

/* ---- unknown outcomes ---- */

/* Reads the batch of that number or, if it is 0, the one with that notify token. */
struct store_read_batch_call {
    struct store_call call;
    int64_t number;
    const char *notify_token;
    struct store_batch batch; /* result, in the arena */
    struct arena arena;
};
void store_post_read_batch(struct store_calls *calls, struct store_read_batch_call *read);

/* Resumes the batch, and reads it. */
struct store_resolve_batch_call {
    struct store_call call;
    int64_t number;
    const char *batch_id;
    int64_t wall_ms;
    struct store_batch batch; /* result, in the arena */
    struct arena arena;
};
void store_post_resolve_batch(struct store_calls *calls, struct store_resolve_batch_call *resolve);

struct store_resolve_task_call {
    struct store_call call;
    const char *tracking_id;
    struct store_end end;
    const struct result *keep; /* NULL = nothing */
};
void store_post_resolve_task(struct store_calls *calls, struct store_resolve_task_call *resolve);

#endif
