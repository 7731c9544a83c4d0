/* SPDX-License-Identifier: MIT */
/* thread.h - a thread that executes the calls posted to it, and posts them back.
 *
 * Each round executes the reads that wait, then a group of the journal, then one call of the
 * upkeep: so the journal is first, and does not keep the others waiting for long. */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include "base/heartbeat.h"
#include "store/execute.h"

#include <pthread.h>
#include <stdatomic.h>

struct store_thread {
    struct store_executor *executor; /* borrowed */
    struct inbox *returns;           /* borrowed; takes the calls that were executed */
    message_run_fn *returned;        /* runs there */
    /* Private, zeroed: */
    const char *name;
    struct inbox *inbox;
    struct store_call *reads, *journal, *upkeep; /* they wait */
    struct message stop;
    bool is_asked_to_stop; /* the owner's */
    bool is_stopping;      /* the thread's; nothing follows */
    pthread_t id;
    struct heartbeat heartbeat;
    atomic_size_t waiting;
    atomic_bool has_failed;
};

/* Starts it, with that name (static, at most 15 bytes), and without signals except those of its own
 * faults. Returns ERR_SYSTEM, with errno, if the system has no thread or no descriptor left. */
enum err store_thread_start(struct store_thread *thread, const char *name);

/* The owner only, until store_thread_stop(). */
void store_thread_post(struct store_thread *thread, struct store_call *call);

/* Asks it to end after it has executed what was posted. May be repeated. */
void store_thread_stop(struct store_thread *thread);

/* Returns true if it has ended within that time, or was not started. May be repeated. */
bool store_thread_join(struct store_thread *thread, int64_t within_ms);

/* Any thread. */
struct store_thread_health {
    bool is_busy;    /* it is inside a call or a group */
    int64_t busy_ms; /* since then; 0 = it is not */
    size_t waiting;  /* calls that were posted and have not been executed, this one included */
    bool has_failed; /* the last one failed by the disk, or because one before it did */
};
struct store_thread_health store_thread_health(const struct store_thread *thread, int64_t now_ms);

#endif
