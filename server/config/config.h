/* SPDX-License-Identifier: MIT */
/* config.h - reads all settings of the operator, by ONE table of options.
 *
 * Each row of the table in config_table.c has a flag, the kind of its value, its default, its
 * limits and its help. The environment name (EMAILSD_ and the flag in capitals) and the key in the
 * file (the flag without dashes) are derived; unknown names of that form are errors. Precedence:
 * flag, environment, file, default. A list may be repeated, or be comma-separated in the
 * environment.
 *
 * Only main.c, daemon/ and the commands include this header; other modules have option structs of
 * their own, which are filled there. Startup and reload, main thread. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_LIST  8 /* values of one list */
#define CONFIG_WORDS 3

enum origin_kind { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct origin {
    enum origin_kind from;
    int line; /* in the file */
};

struct config_list {
    char *values[CONFIG_LIST];
    size_t n;
};

struct config {
    struct origin *origins;          /* indexed by row of the table; where each value came from */
    const char *words[CONFIG_WORDS]; /* the command line without its options; borrowed from argv */
    size_t n_words;
    struct config_list listen;
    struct config_list hosts;
    char *upstream_url;
    bool upstream_insecure;
    char *notify_url;                         /* NULL = not given */
    char *upstream_ca;                        /* NULL = the system's */
    char *api_key_file;                       /* NULL = not given */
    char *store;                              /* NULL = not given */
    char *store_password_file, *store_schema; /* of a store in PostgreSQL; NULL = not given */
    int64_t store_migrate;                    /* 1 = at startup; 0 = by `emailsd migrate` only */
    char *tls_cert, *tls_key;                 /* NULL = not given */
    char *client_keys_file;                   /* NULL = not given */
    int64_t allow_anonymous;                  /* enum anonymous_access */
    bool allow_unknown_suffixes;
    char *deny_domains; /* NULL = not given */
    int64_t store_rows;
    int64_t wait_ms, max_wait_ms;
    int64_t batch_size, batch_linger_ms, submit_slots;
    int64_t submit_timeout_ms, batch_lifetime_ms;
    int64_t reads_per_second;
    int64_t unknown_hold_ms;
    int64_t credits_per_day;  /* 0 = no limit */
    int64_t balance_every_ms; /* 0 = never */
    bool submit_retry_unknown;
    int64_t ttl_found_ms, ttl_empty_ms, ttl_failed_ms;
    int64_t stale_while_revalidate_ms, stale_if_error_ms;
    int64_t cache_bytes;
    int64_t max_waiters, max_streams;
    int64_t bulk_entries; /* 0 = no lists */
    int64_t max_bulks;
    int64_t max_per_address; /* 0 = no limit */
    int64_t idle_timeout_ms;
    int64_t drain_delay_ms, drain_timeout_ms;
    int64_t threads;   /* 0 = one per CPU that the process may use */
    int64_t log_level; /* enum log_level */
    int64_t sandbox;   /* enum sandbox_part, or-ed */
    int64_t log_json;  /* --log-format json */
    char *config_file; /* NULL = not given */
    bool check, print, json;
    char *batch; /* NULL = not given */
    bool not_taken;
    char *from_password_file, *from_schema; /* of copy-store; NULL = not given */
    bool help, version;
};

/* Reads argv, environment and file. Returns ERR_SYNTAX on failure; `why` then says what is wrong,
 * with the option's name and never a secret. On success, the caller frees *ret_config with
 * config_done(). */
enum err config_read(int argc, char *const *argv, struct config *ret_config, struct errmsg *why);
void config_done(struct config *config);

/* Runs for each option whose values differ. `reloads`: a running daemon can apply the change. `key`
 * is static. */
typedef void config_change_fn(void *arg, const char *key, bool reloads);
void config_each_change(const struct config *before, const struct config *now,
                        config_change_fn *each, void *arg);

/* Applies to `running` the values of `read` for all reloadable options. `read` gets the old values;
 * the caller still frees it with config_done(). */
void config_adopt(struct config *running, struct config *read);

/* Prints all settings except switches and --config, each with its origin; the output is a valid
 * configuration file. */
void config_print(const struct config *config, FILE *out);

/* Prints the options for --help, by group. CONFIG_HELP_WIDTH is the width of the left column: the
 * longest option with its value. */
#define CONFIG_HELP_WIDTH 31
void config_print_help(FILE *out);

#endif
