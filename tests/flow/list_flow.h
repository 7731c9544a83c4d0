/* SPDX-License-Identifier: MIT */
/* list_flow.h - lists for the flow tests, and readers that check what they get: each index once,
 * and either an error or a result of the entry's domain. */
#ifndef FLOW_LIST_FLOW_H
#define FLOW_LIST_FLOW_H

#include "flow.h"
#include "lookup/lists/bulk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a reader has got about an entry. */
struct listed {
    int times;
    enum err err;
    enum bulk_outcome outcome;
    enum charged charged;
    char *detail;
};

struct list_reader {
    struct bulk_open_call open;
    struct bulk_pull_call pull;
    int returns;     /* of the pull */
    bool is_pulling; /* the pull is in flight */
    bool is_over;    /* the last result was read */
    bool is_closed;
    size_t n;               /* results so far */
    size_t *order;          /* their indexes */
    struct listed *entries; /* by index */
    size_t n_entries;
};

/* A list of "client", without limits; add entries, set members, and open it. */
struct bulk_list *list_new(void);
void list_set_account(struct bulk_list *list, const char *account);
void list_add(struct bulk_list *list, const char *domain);
void list_add_tracked(struct bulk_list *list, const char *domain,
                      const char *tracking_id); /* which outlives the list */
void list_add_rejected(struct bulk_list *list, const char *input, enum err err);
void list_add_companies(struct bulk_list *list, int first, int n);
struct bulk_list *list_of_companies(int first, int n);

/* Opens the list, or the bulk with `id`; takes the list. The caller frees the reader with
 * list_free(), which closes it. */
struct list_reader *list_try(struct bulk_list *list);
struct list_reader *list_open(struct bulk_list *list); /* without an error */
struct list_reader *list_find(const char *id, const char *account);
/* Opens the bulk of a reader again, after the results that it has: the place in `order` and the
 * entries are taken over, unless the engine starts from the first result. */
struct list_reader *list_continue(const struct list_reader *earlier, size_t after);
void list_free(struct list_reader *reader);

/* Pulls what comes after what it has, in the order of reader->pull.order, until
 * reader->pull.until_ms (list_open() sets INT64_MAX). Takes what has returned. Returns whether the
 * pull has returned. */
bool list_pull(struct list_reader *reader);

/* Reads while there is something to read at this instant. */
void list_read(struct list_reader *reader);

/* Reads to the end; fails after `max_ms`. */
void list_read_all(struct list_reader *reader, int64_t max_ms);

/* Reads to the end, as list_read_all(), expects a result for each of `n_ok` entries, and frees the
 * reader. */
void list_finish(struct list_reader *reader, int64_t max_ms, size_t n_ok);

void list_close(struct list_reader *reader);
enum err list_cancel(const char *id, const char *account);

/* Return how many entries have that outcome, error or charge. */
size_t list_outcomes(const struct list_reader *reader, enum bulk_outcome outcome);
size_t list_errors(const struct list_reader *reader, enum err err);
size_t list_charged(const struct list_reader *reader, enum charged charged);

/* The progress of the last pull, or of the open. */
const struct bulk_progress *list_progress(const struct list_reader *reader);

#endif
