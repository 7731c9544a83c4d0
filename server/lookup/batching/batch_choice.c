/* SPDX-License-Identifier: MIT */
/* batch_choice.c - chooses the batch that takes a free submit slot.
 *
 * Batches that were formed before and wait for a slot, such as parts of a rejected one, alternate
 * with the queue, so that they do not block other tasks. The circuit breaker may permit only a
 * probe: then it is cut from such a batch, or formed from the queue. Used slots are counted by the
 * states of the batches.
 *
 * Lists hardly delay a single lookup. A batch with a single lookup goes first. Tasks of lists form
 * batches of their own, if another slot stays free, or if there is only one. They fill what a batch
 * of single lookups leaves free only if these use slots that a list could use: then lists are not
 * starved, but a single lookup shares the fate of a batch with them. They leave half of the
 * back-pressure's limit to single lookups. While these use all slots but one, a batch that was
 * formed of listed tasks alone waits. */
#include "lookup/batching/batcher_state.h"

#include "base/metrics.h"
#include "lookup/batching/batch_split.h"
#include "lookup/batching/waiting_batches.h"

#include <utlist.h>

/* ---- slots ---- */

int batcher_slots_used(const struct batcher *batcher)
{
    const struct batch *batch;
    int n = 0;

    DL_FOREACH (batcher->batches, batch)
        n += batch_is_in_slot(batch);
    return n;
}

int batcher_slots_free(const struct batcher *batcher)
{
    return batcher->options.slots - batcher_slots_used(batcher);
}

/* Returns whether a batch of listed tasks alone may take a slot. */
static bool may_serve_lists(const struct batcher *batcher)
{
    return batcher->options.slots == 1 || batcher_slots_free(batcher) > 1;
}

/* Returns whether lists can have no further slot once a batch of single lookups has taken one, and
 * have fewer of their own than they may have: single lookups use the others. */
static bool will_lack_slots(const struct batcher *batcher)
{
    const struct batch *batch;
    int n = 0, max = batcher->options.slots > 1 ? batcher->options.slots - 1 : 1;

    DL_FOREACH (batcher->batches, batch)
        n += batch_is_in_slot(batch) && batch_is_listed(batch);
    return batcher_slots_free(batcher) <= 2 && n < max;
}

/* Returns whether the accepted batches have so many unread tasks that no task of this lane may
 * leave: more than can be read soon. They would only be paid for earlier. */
static bool has_back_pressure(const struct batcher *batcher, const struct task_lane *lane)
{
    size_t max = (size_t)batcher->options.reads_per_second * BACK_PRESSURE_S, n = 0;
    const struct batch *batch;

    DL_FOREACH (batcher->batches, batch)
        n += batch->state == BATCH_COLLECTING ? batch->n_open : 0;
    return max && n > (lane == &batcher->listed ? max / 2 : max);
}

/* Returns whether tasks of this lane may leave; a batch of them may not be due. */
static bool can_form(const struct batcher *batcher, const struct task_lane *lane)
{
    return lane->queue.n && !has_back_pressure(batcher, lane);
}

/* ---- forming ---- */

static struct task *take(struct task_lane *lane, bool oldest_first)
{
    return oldest_first ? fair_queue_take_oldest(&lane->queue) : fair_queue_take(&lane->queue);
}

static void add_tasks(struct batch *batch, struct task_lane *lane, size_t max, bool oldest_first)
{
    struct task *task;

    while (batch->n_tasks < max && (task = take(lane, oldest_first)))
        batch_add(batch, task);
}

/* Forms a batch of as many tasks of the lane as the permit allows. If lists lack slots, listed
 * tasks fill up one of single lookups; in the only slot, these leave with a batch of a list. */
static struct batch *form_batch(struct batcher *batcher, const struct task_lane *lane,
                                struct circuit_permit permit, enum metrics_flush trigger)
{
    size_t size = batcher->options.size, max = permit.max_tasks < size ? permit.max_tasks : size;
    bool is_listed = lane == &batcher->listed;
    bool has_listed =
        can_form(batcher, &batcher->listed) && (is_listed || will_lack_slots(batcher));
    struct batch *batch = batch_new(&batcher->tools);

    if (!is_listed || batcher->options.slots == 1)
        add_tasks(batch, &batcher->single, max, permit.oldest_first);
    if (has_listed)
        add_tasks(batch, &batcher->listed, max, permit.oldest_first);
    if (batch->n_tasks == size)
        trigger = FLUSH_FULL;
    metrics_add(&metrics_mine()->batches_flushed[trigger], 1);
    metrics_size(&metrics_mine()->batch_tasks, batch->n_tasks);
    return batch;
}

/* ---- choosing ---- */

/* Returns a small batch that probes the circuit, without linger. */
static struct batch *choose_probe(struct batcher *batcher, struct circuit_permit permit)
{
    const struct task_lane *lane = &batcher->single;
    struct batch *pending = waiting_batches_oldest(&batcher->tools, false);
    bool forms = can_form(batcher, lane);

    if (!pending && !forms && may_serve_lists(batcher)) {
        lane = &batcher->listed;
        pending = waiting_batches_oldest(&batcher->tools, true);
        forms = can_form(batcher, lane);
    }
    bool is_older = pending && forms && permit.oldest_first &&
                    pending->oldest_ms <= lane->queue.oldest->queued_ms;
    if (pending && (!forms || is_older))
        return batch_cut(pending, permit.max_tasks);
    return forms ? form_batch(batcher, lane, permit, FLUSH_SLOT) : NULL;
}

/* Returns whether tasks of the lane are due: `n` tasks would leave with them. */
static bool is_due(const struct batcher *batcher, const struct task_lane *lane, size_t n)
{
    return can_form(batcher, lane) && (lane->overdue || n >= batcher->options.size);
}

struct batch *batch_choose(struct batcher *batcher, enum metrics_flush trigger)
{
    struct circuit_permit permit = circuit_permit(batcher->breaker);
    const struct task_lane *lane = &batcher->single;
    size_t n_single = lane->queue.n, n_listed = batcher->listed.queue.n;

    if (permit.max_tasks == 0)
        return NULL;
    if (permit.max_tasks < OPENMART_BATCH_MAX)
        return choose_probe(batcher, permit);
    struct batch *pending = waiting_batches_first(&batcher->tools, false);
    bool forms = is_due(batcher, lane, n_single);
    if (!pending && !forms && may_serve_lists(batcher)) {
        /* In the only slot, it would leave before a single task that lingers. */
        if (batcher_slots_free(batcher) > 1 || n_single == 0)
            pending = waiting_batches_first(&batcher->tools, true);
        lane = &batcher->listed;
        forms = is_due(batcher, lane, batcher->options.slots == 1 ? n_single + n_listed : n_listed);
    }
    if (pending && forms)
        batcher->pending_had_its_turn = !batcher->pending_had_its_turn;
    if (pending && (!forms || batcher->pending_had_its_turn))
        return pending;
    return forms ? form_batch(batcher, lane, permit, trigger) : NULL;
}
