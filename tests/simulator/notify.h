/* SPDX-License-Identifier: MIT */
/* notify.h - calls the notify_url of tasks, with real HTTP requests.
 *
 * No public document shows such a call, so time, order, number and body are settings of the
 * behaviour. Only http:// with a numeric IPv4 address or "localhost" is called; other URLs, and
 * calls without an HTTP response within NOTIFY_TIMEOUT_MS, count as failed. At most NOTIFY_FLYING
 * calls are in flight and NOTIFY_WAITING wait; more fail immediately.
 *
 *   notify     created    when the batch is created, before the response to its submit
 *              done       when the task has ended
 *              twice      two calls then
 *              reversed   when the last task of the batch has ended, the last task first
 *   notify_body  task     the response to a task read, as JSON
 *              batch      {"batch_id": ...}, as JSON
 *              empty      a GET without a body
 *              form       batch_id and status, form-encoded
 *              garbage    bytes that are not text
 *              mixed      one after the other
 *
 * Runs on the loop of the simulator. One thread. */
#ifndef SIMULATOR_NOTIFY_H
#define SIMULATOR_NOTIFY_H

#include "tests/simulator/upstream.h"

#define NOTIFY_TIMEOUT_MS 10000
#define NOTIFY_FLYING     32
#define NOTIFY_WAITING    10000

struct loop;
struct notice;

/* Starts as {.loop, .behaviour}, both borrowed. */
struct notifier {
    struct loop *loop;
    const struct behaviour *behaviour;
    struct notice *waiting, *flying, *dead;
    size_t n_waiting, n_flying;
    uint64_t n_answered, n_failed;
};

/* A task_event_fn; `arg` is the notifier. */
void notifier_on_task(void *arg, const struct task *task);

/* Drops all calls, and resets the counters. */
void notifier_clear(struct notifier *notifier);

/* Frees the calls that ended; call between loop iterations, never within one. */
void notifier_bury(struct notifier *notifier);

#endif
