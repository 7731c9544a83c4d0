/* SPDX-License-Identifier: MIT */
/* reads.c - see reads.h. */
#include "lookup/records/reads.h"

#include "base/hashtable.h"
#include "base/mem.h"
#include "cache/cache.h"
#include "lookup/records/journal.h"
#include "model/domain.h"
#include "model/result.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A call to the store, and those that wait for it; perhaps none, if all were cancelled. */
struct question_read {
    struct reads *reads;
    struct store_find_call call; /* has the key */
    char domain[DOMAIN_MAX + 1];
    bool is_outdated; /* what the call returns may be older than the latest change */
    struct result_read *waiting;
    UT_hash_handle hh;
};

struct reads {
    struct read_tools tools;
    struct question_read *table; /* by key */
    size_t n_lookup_reads;       /* in progress */
    uint64_t n_deletions;
};

struct reads *reads_new(const struct read_tools *tools)
{
    struct reads *reads = xcalloc(1, sizeof *reads);

    reads->tools = *tools;
    return reads;
}

void reads_free(struct reads *reads)
{
    if (!reads)
        return;
    assert(!reads->table && reads->n_lookup_reads == 0);
    free(reads);
}

/* ---- by question ---- */

/* Returns whether the store has to be read again. */
static bool must_repeat(const struct question_read *question)
{
    if (!question->is_outdated || !question->waiting ||
        question->call.call.err == ERR_STORAGE_UNAVAILABLE)
        return false;
    const struct result *cached = cache_find(question->reads->tools.cache, question->call.key);
    result_unref(cached);
    return !cached;
}

/* Returns a newer result than that of the store, which may have been served already, or NULL. The
 * cache may have lost it before it could be written. The caller owns the reference. */
static const struct result *find_newer(const struct read_tools *tools, const unsigned char *key)
{
    const struct result *cached = cache_find(tools->cache, key);
    const struct result *exposed = cached ? NULL : journal_find_exposed(tools->journal, key);

    if (!exposed)
        return cached;
    cache_put(tools->cache, exposed);
    return result_ref(exposed);
}

/* Returns what is known now, where the store returned `err` and `*result`. Replaces or releases
 * that reference if something newer is known. */
static enum err judge(const struct question_read *question, enum err err,
                      const struct result **result)
{
    const struct read_tools *tools = &question->reads->tools;
    const struct result *newer = find_newer(tools, question->call.key);

    if (newer) {
        result_unref(*result);
        *result = newer;
        return ERR_OK;
    }
    if (!*result)
        return err;
    if (question->is_outdated || journal_is_forgetting(tools->journal, question->call.key)) {
        result_unref(TAKE(*result));
        return ERR_NO_ENTRY;
    }
    cache_put(tools->cache, *result);
    return ERR_OK;
}

/* Ends the reads one after the other: one of them may cancel others, or read the same question. */
static void end(struct question_read *question, enum err err, const struct result *result)
{
    struct result_read *read;

    HASH_DEL(question->reads->table, question);
    while ((read = question->waiting)) {
        DL_DELETE(question->waiting, read);
        read->of = NULL;
        read->done(read, err, result);
    }
    free(question);
}

static void found(struct store_call *call)
{
    struct question_read *question = container_of(call, struct question_read, call.call);
    const struct result *result = TAKE(question->call.result);

    if (must_repeat(question)) {
        question->is_outdated = false;
        result_unref(result);
        store_post_find(question->reads->tools.calls, &question->call);
        return;
    }
    enum err err = judge(question, call->err, &result);
    end(question, err, result);
    result_unref(result);
}

static struct question_read *start(struct reads *reads, const unsigned char *key,
                                   const char *domain)
{
    struct question_read *question = xcalloc(1, sizeof *question);

    question->reads = reads;
    question->call.call.done = found;
    memcpy(question->call.key, key, HASH_SIZE);
    snprintf(question->domain, sizeof question->domain, "%s", domain);
    HASH_ADD_KEYPTR(hh, reads->table, question->call.key, HASH_SIZE, question);
    store_post_find(reads->tools.calls, &question->call);
    return question;
}

static struct question_read *find(const struct reads *reads, const unsigned char *key)
{
    struct question_read *question;

    HASH_FIND(hh, reads->table, key, HASH_SIZE, question);
    return question;
}

void reads_find(struct reads *reads, const unsigned char key[HASH_SIZE], const char *domain,
                struct result_read *read)
{
    struct question_read *question = find(reads, key);

    if (!question)
        question = start(reads, key, domain);
    read->of = question;
    DL_APPEND(question->waiting, read);
}

void reads_cancel(struct result_read *read)
{
    struct question_read *question = TAKE(read->of);

    if (question)
        DL_DELETE(question->waiting, read);
}

/* ---- by lookup ---- */

static void post_lookup(struct lookup_read *read)
{
    read->n_deletions = read->reads->n_deletions;
    store_post_find_lookup(read->reads->tools.calls, &read->call);
}

/* Which question the lookup was about is known only now, so any deletion since then counts. */
static void found_lookup(struct store_call *call)
{
    struct lookup_read *read = container_of(call, struct lookup_read, call.call);
    struct reads *reads = read->reads;

    read->err = call->err;
    read->result = TAKE(read->call.result);
    if (read->result && read->n_deletions != reads->n_deletions) {
        result_unref(TAKE(read->result));
        post_lookup(read);
        return;
    }
    if (read->result && journal_is_forgetting(reads->tools.journal, read->result->key)) {
        result_unref(TAKE(read->result));
        read->err = ERR_NO_ENTRY;
    }
    reads->n_lookup_reads--;
    read->done(read);
}

void reads_find_lookup(struct reads *reads, const char *lookup_id, struct lookup_read *read)
{
    read->reads = reads;
    read->call.call.done = found_lookup;
    snprintf(read->call.lookup_id, sizeof read->call.lookup_id, "%s", lookup_id);
    reads->n_lookup_reads++;
    post_lookup(read);
}

/* ---- what changes meanwhile ---- */

void reads_stored(struct reads *reads, const unsigned char key[HASH_SIZE])
{
    struct question_read *question = find(reads, key);

    if (question)
        question->is_outdated = true;
}

void reads_deleted(struct reads *reads, const unsigned char key[HASH_SIZE])
{
    reads->n_deletions++;
    reads_stored(reads, key);
}

void reads_deleted_domain(struct reads *reads, const char *domain)
{
    struct question_read *question, *next;

    reads->n_deletions++;
    HASH_ITER (hh, reads->table, question, next)
        if (strcmp(question->domain, domain) == 0)
            question->is_outdated = true;
}
