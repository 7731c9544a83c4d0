/* SPDX-License-Identifier: MIT */
/* driver.h - the functions of a store driver. Included by store.c and the drivers only. The
 * functions have the contracts of store.h. */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "base/errmsg.h"
#include "store/store.h"

struct store_driver;
struct store_copier;

/* The first member of every driver's own struct. */
struct store {
    const struct store_driver *driver;
};

struct store_driver {
    void (*begin_close)(struct store *store); /* NULL: the driver waits for no server */
    void (*close)(struct store *store);
    bool (*is_durable)(struct store *store);
    const char *(*place)(struct store *); /* NULL: the store is on this machine */
    enum err (*open_reader)(struct store *, struct store **, struct errmsg *); /* may be NULL */
    enum err (*group_begin)(struct store *); /* NULL: the driver has no groups */
    enum err (*group_end)(struct store *);
    enum err (*heartbeat)(struct store *, struct errmsg *why); /* NULL: the driver needs none */
    enum store_link (*link)(const struct store *);             /* NULL: always STORE_LOCAL */
    enum err (*begin_batch)(struct store *, const struct store_new_batch *);
    enum err (*sending)(struct store *, int64_t batch, int64_t day, const char *notify_token);
    enum err (*mark_not_sent)(struct store *, int64_t batch);
    enum err (*mark_resubmitted)(struct store *, int64_t batch, int64_t day);
    enum err (*submitted)(struct store *, int64_t batch, const char *batch_id, int64_t wall_ms);
    enum err (*split)(struct store *, int64_t batch, int64_t half, const char *const *, size_t,
                      int64_t wall_ms);
    enum err (*end_task)(struct store *, const char *, const struct store_end *,
                         const struct result *, bool *ret_stored);
    /* NULL: the driver ends one at a time */
    enum err (*end_tasks)(struct store *, struct store_task_end *, size_t, size_t *ret_n);
    enum err (*end_batch)(struct store *, int64_t, const struct store_end *);
    enum err (*for_each_open_batch)(struct store *, store_batch_fn *, void *);
    enum err (*each_unknown)(struct store *, int64_t, size_t, store_task_fn *, void *);
    enum err (*find_batch)(struct store *, const char *, store_batch_fn *, void *);
    enum err (*batch_of)(struct store *, const char *, int64_t *);
    enum err (*resolve_batch)(struct store *, int64_t batch, const char *, int64_t wall_ms);
    enum err (*resolve_not_taken)(struct store *, const char *, int64_t wall_ms);
    enum err (*resolve_task)(struct store *, const char *, const struct store_end *,
                             const struct result *);
    /* NULL: the store is on this machine */
    enum err (*has_outlived)(struct store *, int64_t batch, int64_t wall_ms, bool *);
    enum err (*read_batch)(struct store *, int64_t, store_batch_fn *, void *);
    enum err (*each_response)(struct store *, size_t, store_batch_fn *, void *);
    enum err (*propose_batch)(struct store *, const char *tracking_id, const char *batch_id);
    enum err (*drop_proposal)(struct store *, int64_t batch, const char *batch_id);
    enum err (*proposal_state)(struct store *, const char *, enum store_proposal_state *);
    enum err (*read_news)(struct store *, int64_t since_ms, struct arena *, struct store_news *);
    enum err (*confirm_news)(struct store *, const struct store_news *);
    enum err (*each_raw)(struct store *, int, size_t, store_raw_fn *, void *);
    enum err (*put_parsed)(struct store *, int, struct store_parsed *, size_t);
    enum err (*accounts)(struct store *, int64_t, store_account_fn *, void *, int64_t *);
    enum err (*last_day)(struct store *, int64_t *);
    enum err (*paused)(struct store *, bool *);
    enum err (*set_paused)(struct store *, bool);
    enum err (*try)(struct store *, int64_t);
    enum err (*find)(struct store *, const unsigned char *, const struct result **);
    enum err (*find_lookup)(struct store *, const char *, const struct result **);
    enum err (*forget_key)(struct store *, const unsigned char *);
    enum err (*forget_domain)(struct store *, const char *, store_key_fn *, void *, size_t *);
    enum err (*forget_address)(struct store *, const char *, size_t *);
    bool (*changes_pending)(struct store *);
    enum err (*trim)(struct store *, const struct store_ages *, bool *);
    enum err (*stats)(struct store *, struct store_stats *);
    const struct store_copier *copier; /* see tables.h */
};

/* Check where a store would be; `rest` is as below. See store_check(). */
enum err store_sqlite_check(const char *rest, const struct store_options *options,
                            struct errmsg *why);
enum err store_sqlite_check_memory(const char *rest, const struct store_options *options,
                                   struct errmsg *why);

/* Open a store; `rest` is the URL without its scheme. */
enum err store_sqlite_open(const char *rest, const struct store_options *options,
                           struct store **ret_store, struct errmsg *why);
enum err store_sqlite_open_memory(const char *rest, const struct store_options *options,
                                  struct store **ret_store, struct errmsg *why);
enum err store_sqlite_open_shared(const char *rest, const struct store_options *options,
                                  struct store **ret_store, struct errmsg *why);

enum err store_postgres_check(const char *rest, const struct store_options *options,
                              struct errmsg *why);
enum err store_postgres_open(const char *rest, const struct store_options *options,
                             struct store **ret_store, struct errmsg *why);
enum err store_postgres_open_shared(const char *rest, const struct store_options *options,
                                    struct store **ret_store, struct errmsg *why);

/* See store_each_file(). */
void store_postgres_each_file(const struct store_options *options, store_file_fn *each, void *arg);

/* See store_migrate(). */
enum err store_sqlite_migrate(const char *rest, const struct store_options *options,
                              struct store_schema *ret_schema, struct errmsg *why);
enum err store_postgres_migrate(const char *rest, const struct store_options *options,
                                struct store_schema *ret_schema, struct errmsg *why);

#endif
