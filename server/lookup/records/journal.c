/* SPDX-License-Identifier: MIT */
/* journal.c - see journal.h. An entry is in the list from the moment at which it is recorded until
 * it is written. Calls return in the order of their posts, so the first of the list is the next to
 * be written, and the first flight is the oldest.
 *
 * Long because entries, intents and receipts share the order of the calls. */
#include "lookup/records/journal.h"

#include "base/log.h"
#include "base/mem.h"
#include "lookup/records/journal_entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct journal {
    struct store_calls *calls;
    journal_written_fn *on_written; /* may be NULL */
    void *on_written_arg;
    journal_usable_fn *on_usable; /* may be NULL */
    void *on_usable_arg;
    const struct clock *clock;
    struct timers *timers;
    struct timer retry, slow;
    struct entry *entries;
    uint64_t last_number;
    uint64_t
        last_exposed;  /* number of the last entry whose receipt returned before it was written */
    size_t n_deferred; /* entries that are DEFERRED or REPEATED */
    struct journal_flight *flights;
    struct journal_receipt *receipts; /* that wait, by number */
    struct store_try_call attempt;    /* to write, while there is nothing to write */
    struct journal_flight attempt_flight;
    bool is_stopped; /* a call of the journal failed: nothing is posted until the retry */
    bool is_slow;    /* the oldest flight takes longer than JOURNAL_SLOW_MS */
    bool is_unwell;  /* the store failed or is slow, and no access has worked since */
};

struct journal_state journal_state(const struct journal *journal)
{
    return (struct journal_state){.is_usable = !journal->is_unwell, .backlog = journal->n_deferred};
}

/* Returns whether entries may stay unwritten, so that no receipt may wait for them. */
static bool is_stuck(const struct journal *journal)
{
    return journal->n_deferred || journal->is_stopped || journal->is_slow;
}

/* Returns whether the store does not have what was returned before it was durable. */
static bool is_exposed(const struct journal *journal)
{
    return journal->entries && journal->entries->number <= journal->last_exposed;
}

enum err journal_check(const struct journal *journal)
{
    return is_stuck(journal) || is_exposed(journal) ? ERR_STORAGE_UNAVAILABLE : ERR_OK;
}

bool journal_is_written(const struct journal *journal)
{
    return !journal->entries;
}

bool journal_is_writing(const struct journal *journal)
{
    return journal->flights != NULL;
}

size_t journal_log_unwritten(const struct journal *journal)
{
    struct entry *entry;
    size_t n = 0;

    DL_FOREACH (journal->entries, entry) {
        entry_log_unwritten(entry);
        n++;
    }
    return n;
}

/* ---- the state of the store ---- */

static void retry(struct timer *timer);

static void retry_later(struct journal *journal)
{
    timer_arm(journal->timers, &journal->retry, journal->clock->now_ms + JOURNAL_RETRY_MS, retry);
}

/* The store failed, or is slow. */
static void suspect(struct journal *journal)
{
    journal->is_unwell = true;
    if (!timer_armed(&journal->retry))
        retry_later(journal);
}

/* The order of the writes is kept: after this failure, the store fails all later ones too. Those
 * posted since store_calls_resume() are not later ones. */
static void call_failed(void *arg, const struct store_call *call)
{
    enum store_class class = store_call_class(call);
    struct journal *journal = arg;

    if ((class == STORE_JOURNAL || class == STORE_JOURNAL_ALONE) && store_call_is_current(call))
        journal->is_stopped = true;
    suspect(journal);
}

/* A write has returned. */
static void note_return(struct journal *journal, enum err err)
{
    if (!journal->is_unwell || err == ERR_STORAGE_UNAVAILABLE || journal_check(journal))
        return;
    journal->is_unwell = false;
    if (journal->on_usable)
        journal->on_usable(journal->on_usable_arg);
}

struct journal *journal_new(struct store_calls *calls, const struct clock *clock,
                            struct timers *timers)
{
    struct journal *journal = xcalloc(1, sizeof *journal);

    journal->calls = calls;
    journal->clock = clock;
    journal->timers = timers;
    store_calls_on_failure(calls, call_failed, journal);
    return journal;
}

void journal_on_written(struct journal *journal, journal_written_fn *written, void *arg)
{
    journal->on_written = written;
    journal->on_written_arg = arg;
}

void journal_on_usable(struct journal *journal, journal_usable_fn *usable, void *arg)
{
    journal->on_usable = usable;
    journal->on_usable_arg = arg;
}

/* ---- receipts ---- */

static void return_receipt(struct journal *journal, struct journal_receipt *receipt, bool durable)
{
    DL_DELETE(journal->receipts, receipt);
    if (!durable)
        journal->last_exposed = receipt->number;
    receipt->done(receipt);
}

/* An entry was written. No receipt of a later entry is before one of an earlier entry. */
static void return_durable(struct journal *journal)
{
    struct journal_receipt *receipt;

    while ((receipt = journal->receipts) &&
           (!journal->entries || journal->entries->number > receipt->number))
        return_receipt(journal, receipt, true);
}

/* The journal is stuck. Until that changes, no receipt is added. */
static void return_all(struct journal *journal)
{
    while (journal->receipts)
        return_receipt(journal, journal->receipts, false);
}

bool journal_wait(struct journal *journal, struct journal_receipt *receipt)
{
    receipt->number = journal->last_number;
    receipt->has_stored = false;
    if (!journal->entries)
        return false;
    if (is_stuck(journal)) {
        journal->last_exposed = receipt->number;
        return false;
    }
    DL_APPEND(journal->receipts, receipt);
    return true;
}

void journal_cancel_wait(struct journal *journal, struct journal_receipt *receipt)
{
    DL_DELETE(journal->receipts, receipt);
}

/* ---- flights ---- */

static void watch(struct journal *journal);

static void look_at_oldest(struct timer *timer)
{
    watch(container_of(timer, struct journal, slow));
}

/* Notes whether the oldest flight is slow, and looks again when it would be. */
static void watch(struct journal *journal)
{
    const struct journal_flight *oldest = journal->flights;
    struct entry *entry;
    bool was_slow = journal->is_slow;
    int64_t due_ms = oldest ? oldest->since_ms + JOURNAL_SLOW_MS : INT64_MAX;

    journal->is_slow = journal->clock->now_ms >= due_ms;
    if (oldest && !journal->is_slow)
        timer_arm(journal->timers, &journal->slow, due_ms, look_at_oldest);
    else
        timer_disarm(journal->timers, &journal->slow);
    if (was_slow || !journal->is_slow)
        return;
    log_event(LOG_ERROR, "journal_write_delayed", LOG_INT("seconds", JOURNAL_SLOW_MS / 1000));
    DL_FOREACH (journal->entries, entry)
        entry_log_unwritten(entry);
    suspect(journal);
    return_all(journal);
}

static void depart(struct journal *journal, struct journal_flight *flight)
{
    bool is_only = !journal->flights;

    flight->since_ms = journal->clock->now_ms;
    DL_APPEND(journal->flights, flight);
    if (is_only)
        watch(journal);
}

static void arrive(struct journal *journal, struct journal_flight *flight)
{
    DL_DELETE(journal->flights, flight);
    watch(journal);
}

/* ---- intents ---- */

static void intent_returned(struct store_call *call)
{
    struct journal_intent *intent = container_of(call, struct journal_intent, call.any);
    struct journal *journal = intent->journal;
    enum err err = call->err;

    arrive(journal, &intent->flight);
    free(TAKE(intent->rows));
    note_return(journal, err);
    if (err && err != ERR_STORAGE_UNAVAILABLE)
        log_event(LOG_ERROR, "journal_write_failed", LOG_STR("error", err_words(err)));
    intent->done(intent, err ? ERR_STORAGE_UNAVAILABLE : ERR_OK);
}

static struct store_call start_intent(struct journal *journal, struct journal_intent *intent)
{
    assert(!journal_check(journal));
    intent->journal = journal;
    depart(journal, &intent->flight);
    return (struct store_call){.done = intent_returned};
}

void journal_begin_batch(struct journal *journal, struct journal_intent *intent, int64_t batch,
                         const struct task *tasks, const char *notify_token)
{
    size_t n;

    intent->rows = task_rows(tasks, &n);
    const struct store_new_batch new = {batch, intent->rows, n, notify_token,
                                        journal->clock->wall_ms};
    intent->call.begin = (struct store_begin_batch_call){start_intent(journal, intent), new};
    store_post_begin_batch(journal->calls, &intent->call.begin);
}

void journal_sending(struct journal *journal, struct journal_intent *intent, int64_t batch,
                     int64_t day, const char *notify_token)
{
    intent->call.sending =
        (struct store_sending_call){start_intent(journal, intent), batch, day, notify_token};
    store_post_sending(journal->calls, &intent->call.sending);
}

void journal_mark_resubmitted(struct journal *journal, struct journal_intent *intent, int64_t batch,
                              int64_t day)
{
    intent->call.resubmitted =
        (struct store_mark_resubmitted_call){start_intent(journal, intent), batch, day};
    store_post_mark_resubmitted(journal->calls, &intent->call.resubmitted);
}

/* ---- entries ---- */

static void report_written(const struct journal *journal, const struct entry *entry)
{
    if (!journal->on_written)
        return;
    if (entry->kind == ENTRY_FORGOTTEN)
        journal->on_written(journal->on_written_arg, entry->key, true);
    else if (entry->keep)
        journal->on_written(journal->on_written_arg, entry->keep->key, false);
}

static void written(struct journal *journal, struct entry *entry)
{
    enum err err = entry->call.any.err;
    /* If it was written before, its row may have been deleted since because of its age. */
    bool is_repeated = entry->state == ENTRY_REPEATED;
    bool has_stored = entry->kind == ENTRY_TASK_ENDED && !err && entry->call.end_task.stored;

    if (err && !(err == ERR_NO_ENTRY && is_repeated))
        log_event(LOG_ERROR, "journal_entry_rejected", LOG_STR("error", err_words(err)),
                  LOG_STR("id", entry->id));
    if (!err)
        report_written(journal, entry);
    for (struct journal_receipt *receipt = journal->receipts;
         receipt && receipt->number == entry->number; receipt = receipt->next)
        receipt->has_stored = has_stored;
    DL_DELETE(journal->entries, entry);
    entry_free(entry);
    journal->n_deferred -= is_repeated;
    if (is_repeated && !journal->n_deferred)
        log_event(LOG_INFO, "journal_backlog_written");
    note_return(journal, err);
    return_durable(journal);
}

static void defer(struct journal *journal, struct entry *entry)
{
    entry_log_unwritten(entry);
    journal->n_deferred += entry->state != ENTRY_REPEATED;
    entry->state = ENTRY_DEFERRED;
}

static void entry_returned(struct store_call *call)
{
    struct entry *entry = entry_of(call);
    struct journal *journal = entry->journal;

    arrive(journal, &entry->flight);
    if (call->err != ERR_STORAGE_UNAVAILABLE) {
        written(journal, entry);
        return;
    }
    defer(journal, entry);
    return_all(journal);
}

static void post(struct journal *journal, struct entry *entry)
{
    entry->state = entry->state == ENTRY_NEW ? ENTRY_POSTED : ENTRY_REPEATED;
    depart(journal, &entry->flight);
    entry_post(entry, journal->calls, entry_returned);
}

void journal_record(struct journal *journal, struct entry *entry)
{
    entry->journal = journal;
    entry->wall_ms = journal->clock->wall_ms;
    entry->number = ++journal->last_number;
    DL_APPEND(journal->entries, entry);
    if (journal->is_stopped)
        defer(journal, entry);
    else
        post(journal, entry);
    if (journal->is_slow)
        entry_log_unwritten(entry);
}

/* ---- deletions ---- */

/* Returns the last deletion of that question, or NULL. */
static struct entry *find_deletion(const struct journal *journal, const unsigned char *key)
{
    struct entry *entry, *found = NULL;

    DL_FOREACH (journal->entries, entry)
        if (entry->kind == ENTRY_FORGOTTEN && memcmp(entry->key, key, HASH_SIZE) == 0)
            found = entry;
    return found;
}

bool journal_is_forgetting(const struct journal *journal, const unsigned char key[HASH_SIZE])
{
    return find_deletion(journal, key) != NULL;
}

const struct result *journal_find_exposed(const struct journal *journal,
                                          const unsigned char key[HASH_SIZE])
{
    const struct result *found = NULL;
    struct entry *entry;

    DL_FOREACH (journal->entries, entry) {
        if (entry->kind == ENTRY_FORGOTTEN && memcmp(entry->key, key, HASH_SIZE) == 0)
            found = NULL;
        if (entry->keep && !entry->keep->err && entry->number <= journal->last_exposed &&
            memcmp(entry->keep->key, key, HASH_SIZE) == 0)
            found = entry->keep;
    }
    return found;
}

void journal_forget(struct journal *journal, const unsigned char key[HASH_SIZE])
{
    struct entry *entry = find_deletion(journal, key);

    if (entry && entry->state == ENTRY_DEFERRED) {
        /* An entry recorded since then may store another result. */
        DL_DELETE(journal->entries, entry);
        DL_APPEND(journal->entries, entry);
        entry->number = ++journal->last_number;
        return;
    }
    entry = entry_new(ENTRY_FORGOTTEN, 0, NULL);
    memcpy(entry->key, key, HASH_SIZE);
    journal_record(journal, entry);
}

/* ---- repeating ---- */

static void attempt_returned(struct store_call *call)
{
    struct journal *journal = container_of(call, struct journal, attempt.call);

    arrive(journal, &journal->attempt_flight);
    if (call->err)
        suspect(journal);
    else
        note_return(journal, ERR_OK);
}

/* While the store is unusable, the server gets no requests and may have nothing to write. Then only
 * a trial write can detect that the disk has recovered. */
static void post_attempt(struct journal *journal)
{
    journal->attempt = (struct store_try_call){{.done = attempt_returned}, journal->clock->wall_ms};
    depart(journal, &journal->attempt_flight);
    store_post_try(journal->calls, &journal->attempt);
}

/* Posts the deferred entries, in order. No call may be in flight: if an earlier entry failed after
 * a later one was posted, their order would change. */
static void post_deferred(struct journal *journal)
{
    struct entry *entry;

    store_calls_resume(journal->calls);
    journal->is_stopped = false;
    DL_FOREACH (journal->entries, entry)
        post(journal, entry);
}

static void retry(struct timer *timer)
{
    struct journal *journal = container_of(timer, struct journal, retry);

    if (journal->flights) {
        retry_later(journal);
        return;
    }
    post_deferred(journal);
    if (!journal->entries && journal->is_unwell)
        post_attempt(journal);
}

size_t journal_free(struct journal *journal)
{
    struct entry *entry, *next;

    if (!journal)
        return 0;
    assert(!journal->flights && !journal->receipts);
    post_deferred(journal);
    store_calls_run(journal->calls);
    size_t n_unwritten = journal_log_unwritten(journal);
    DL_FOREACH_SAFE (journal->entries, entry, next)
        entry_free(entry);
    store_calls_on_failure(journal->calls, NULL, NULL);
    timer_disarm(journal->timers, &journal->retry); /* a failure just now may have armed it */
    timer_disarm(journal->timers, &journal->slow);
    free(journal);
    return n_unwritten;
}
