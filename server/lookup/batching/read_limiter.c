/* SPDX-License-Identifier: MIT */
/* read_limiter.c - ring buffers of start times: a read may start once the one `per_second` reads
 * before it is a second old. Unlike a token bucket, this keeps the limit over every window of a
 * second and still lets a short burst start immediately. A second, shorter buffer does the same for
 * the share of polls. After a 429, an entry closer to the end of the buffer counts.
 *
 * If more reads wait than that burst, the others start one by one. All of a second at its beginning
 * would be as many, but on the way to the upstream, some would be delayed into the next second and
 * arrive with its own. */
#include "lookup/batching/read_limiter.h"

#include "base/backoff.h"
#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

#define WINDOW_MS    1000
#define POLLS_DIVIDE 3 /* polls get this part of the rate while tasks wait */
#define BURST_DIVIDE 2 /* this part of the rate may start at the same time */

static void init_starts(struct read_starts *starts, size_t n, int64_t now_ms)
{
    *starts = (struct read_starts){.at_ms = n ? xcalloc(n, sizeof *starts->at_ms) : NULL, .n = n};
    for (size_t i = 0; i < n; i++)
        starts->at_ms[i] = now_ms - WINDOW_MS;
}

static void add_start(struct read_starts *starts, int64_t now_ms)
{
    if (!starts->n)
        return;
    starts->at_ms[starts->oldest] = now_ms;
    starts->oldest = (starts->oldest + 1) % starts->n;
}

/* Returns when another start keeps to `limit` per second, at most starts->n. */
static int64_t next_start_ms(const struct read_starts *starts, size_t limit)
{
    if (!starts->n)
        return INT64_MIN;
    return starts->at_ms[(starts->oldest + starts->n - limit) % starts->n] + WINDOW_MS;
}

void read_limiter_init(struct read_limiter *limiter, const struct clock *clock,
                       struct timers *timers, int per_second)
{
    size_t n = per_second > 0 ? (size_t)per_second : 0;
    size_t n_polls = n / POLLS_DIVIDE;

    *limiter = (struct read_limiter){.clock = clock,
                                     .timers = timers,
                                     .paused_until_ms = clock->now_ms,
                                     .step = READ_LIMITER_STEPS};
    init_starts(&limiter->all, n, clock->now_ms);
    init_starts(&limiter->polls, n && !n_polls ? 1 : n_polls, clock->now_ms);
}

void read_limiter_done(struct read_limiter *limiter)
{
    assert(!limiter->queues[READ_POLL] && !limiter->queues[READ_TASK]);
    timer_disarm(limiter->timers, &limiter->next_start);
    free(limiter->all.at_ms);
    free(limiter->polls.at_ms);
}

/* Returns the step of the rate now: READ_LIMITER_STEPS is the full rate. */
static int64_t step_now(const struct read_limiter *limiter)
{
    int64_t since_ms = limiter->clock->now_ms - limiter->paused_until_ms;
    int64_t step = limiter->step + (since_ms > 0 ? since_ms / READ_LIMITER_STEP_MS : 0);

    return step < READ_LIMITER_STEPS ? step : READ_LIMITER_STEPS;
}

static size_t rate_now(const struct read_limiter *limiter)
{
    size_t rate = limiter->all.n * (size_t)step_now(limiter) / READ_LIMITER_STEPS;

    return rate ? rate : 1;
}

/* Returns when another start keeps its distance from the last one, unless few started within the
 * last second. */
static int64_t spaced_start_ms(const struct read_limiter *limiter)
{
    size_t rate = rate_now(limiter), burst = rate / BURST_DIVIDE ? rate / BURST_DIVIDE : 1;
    int64_t after_burst_ms = next_start_ms(&limiter->all, burst);
    int64_t last_ms = next_start_ms(&limiter->all, 1) - WINDOW_MS;
    int64_t spaced_ms = last_ms + WINDOW_MS / (int64_t)rate;

    return after_burst_ms < spaced_ms ? after_burst_ms : spaced_ms;
}

/* Returns when another read may start by the rate. */
static int64_t rate_start_ms(const struct read_limiter *limiter)
{
    if (!limiter->all.n)
        return INT64_MIN;
    int64_t at_ms = next_start_ms(&limiter->all, rate_now(limiter));
    int64_t spaced_ms = spaced_start_ms(limiter);
    return at_ms > spaced_ms ? at_ms : spaced_ms;
}

static bool has_connection(const struct read_limiter *limiter, enum read_class class)
{
    size_t tasks = limiter->in_flight[READ_TASK];
    size_t all = tasks + limiter->in_flight[READ_POLL];

    if (class == READ_TASK && tasks >= READ_LIMITER_IN_FLIGHT - READ_LIMITER_FOR_POLLS)
        return false;
    return all < READ_LIMITER_IN_FLIGHT;
}

/* Returns when the first waiting read of a class may start; INT64_MAX if none may before another
 * event. */
static int64_t start_ms(const struct read_limiter *limiter, enum read_class class)
{
    if (!limiter->queues[class] || !has_connection(limiter, class))
        return INT64_MAX;
    int64_t at_ms = rate_start_ms(limiter);
    if (class == READ_POLL && limiter->queues[READ_TASK]) {
        int64_t share_ms = next_start_ms(&limiter->polls, limiter->polls.n);
        at_ms = share_ms > at_ms ? share_ms : at_ms;
    }
    return at_ms > limiter->paused_until_ms ? at_ms : limiter->paused_until_ms;
}

static void start_first(struct timer *timer);

static void arm(struct read_limiter *limiter)
{
    int64_t poll_ms = start_ms(limiter, READ_POLL), task_ms = start_ms(limiter, READ_TASK);
    int64_t at_ms = poll_ms < task_ms ? poll_ms : task_ms;

    if (at_ms != INT64_MAX)
        timer_arm(limiter->timers, &limiter->next_start, at_ms, start_first);
    else
        timer_disarm(limiter->timers, &limiter->next_start);
}

/* Returns the waiting read that starts now, or NULL. */
static struct read_slot *first(const struct read_limiter *limiter)
{
    struct read_slot *best = NULL;

    for (enum read_class class = READ_POLL; class < READ_CLASSES; class ++) {
        struct read_slot *slot = limiter->queues[class];
        if (start_ms(limiter, class) > limiter->clock->now_ms)
            continue;
        if (!best || slot->rank < best->rank ||
            (slot->rank == best->rank && slot->ticket < best->ticket))
            best = slot;
    }
    return best;
}

static void start_first(struct timer *timer)
{
    struct read_limiter *limiter = container_of(timer, struct read_limiter, next_start);
    struct read_slot *slot = first(limiter);

    if (!slot) { /* a pause began meanwhile */
        arm(limiter);
        return;
    }
    DL_DELETE(limiter->queues[slot->class], slot);
    slot->state = READ_SLOT_IN_FLIGHT;
    limiter->in_flight[slot->class]++;
    limiter->n_started++;
    add_start(&limiter->all, limiter->clock->now_ms);
    if (slot->class == READ_POLL)
        add_start(&limiter->polls, limiter->clock->now_ms);
    arm(limiter);
    slot->start(slot);
}

/* The newest batch usually comes last, so the search starts at the end; utlist's own sorted insert
 * starts at the head. */
static void insert(struct read_limiter *limiter, struct read_slot *slot)
{
    struct read_slot **queue = &limiter->queues[slot->class];
    struct read_slot *before = *queue ? (*queue)->prev : NULL;

    while (before && before->rank > slot->rank)
        before = before == *queue ? NULL : before->prev;
    DL_APPEND_ELEM(*queue, before, slot);
    arm(limiter);
}

void read_limiter_acquire(struct read_limiter *limiter, struct read_slot *slot,
                          enum read_class class, int64_t rank, read_slot_fn *start)
{
    assert(slot->state == READ_SLOT_IDLE);
    *slot = (struct read_slot){.state = READ_SLOT_WAITING,
                               .class = class,
                               .rank = rank,
                               .ticket = limiter->tickets++,
                               .start = start};
    insert(limiter, slot);
}

void read_limiter_reorder(struct read_limiter *limiter, struct read_slot *slot, int64_t rank)
{
    if (slot->state != READ_SLOT_WAITING)
        return;
    DL_DELETE(limiter->queues[slot->class], slot);
    slot->rank = rank;
    insert(limiter, slot);
}

void read_limiter_release(struct read_limiter *limiter, struct read_slot *slot)
{
    if (slot->state == READ_SLOT_WAITING)
        DL_DELETE(limiter->queues[slot->class], slot);
    if (slot->state == READ_SLOT_IN_FLIGHT)
        limiter->in_flight[slot->class]--;
    slot->state = READ_SLOT_IDLE;
    arm(limiter);
}

/* Begins a pause. Of more reads than can be in flight, one was answered, and not with 429. */
static void pause_reads(struct read_limiter *limiter, int64_t asked_ms)
{
    static const struct backoff backoff = {.first_ms = 1000, .max_ms = READ_LIMITER_PAUSE_MS};
    int64_t step = step_now(limiter) / 2;

    limiter->pauses = limiter->n_started > READ_LIMITER_IN_FLIGHT ? 1 : limiter->pauses + 1;
    limiter->n_started = 0;
    limiter->step = step ? step : 1;
    limiter->paused_until_ms = limiter->clock->now_ms +
                               (asked_ms > 0 ? asked_ms : backoff_ms(&backoff, limiter->pauses, 0));
}

void read_limiter_slow_down(struct read_limiter *limiter, int64_t retry_after_s)
{
    int64_t now_ms = limiter->clock->now_ms;
    int64_t asked_ms = retry_after_s * 1000 < READ_LIMITER_LONGEST_MS ? retry_after_s * 1000
                                                                      : READ_LIMITER_LONGEST_MS;

    if (now_ms >= limiter->paused_until_ms)
        pause_reads(limiter, asked_ms);
    else if (now_ms + asked_ms > limiter->paused_until_ms)
        limiter->paused_until_ms = now_ms + asked_ms;
    arm(limiter);
}
