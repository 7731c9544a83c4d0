/* SPDX-License-Identifier: MIT */
/* config.h - what the operator may set, from ONE table of options.
 *
 * Each row of the table in config_table.c holds a flag, the kind of its value, its default, its
 * limits and its help; the environment name (EMAILSD_ + the flag in capitals) and the key in the
 * file (the flag without dashes) follow from it; what is called so and is no option is refused.
 * Precedence: flag, environment, file, default. Only main.c, daemon/ and the commands include this
 * header: modules have option structs of their own, which are filled there. Start-up and reload,
 * main thread. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_LISTENS 8
#define CONFIG_WORDS   3
#define CONFIG_WHY     256

enum origin_kind { FROM_NOWHERE, FROM_DEFAULT, FROM_FILE, FROM_ENVIRONMENT, FROM_FLAG };

struct origin {
    enum origin_kind from;
    int line; /* in the file */
};

struct config {
    struct origin *origins;          /* by the row of the table */
    const char *words[CONFIG_WORDS]; /* of the command line, that are no options; argv's own */
    size_t n_words;
    char *listen[CONFIG_LISTENS];
    size_t n_listen;
    char *upstream_url;
    bool upstream_insecure;
    char *upstream_ca;        /* NULL = the system's */
    char *api_key_file;       /* NULL = not given */
    char *store;              /* NULL = not given */
    char *tls_cert, *tls_key; /* NULL = not given */
    char *client_keys_file;   /* NULL = not given */
    bool allow_anonymous;
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
    int64_t max_waiters;
    int64_t max_per_address; /* 0 = no limit */
    int64_t drain_delay_ms, drain_timeout_ms;
    int64_t threads;   /* 0 = one per core that the process may use */
    int64_t log_level; /* enum log_level */
    int64_t sandbox;   /* enum sandbox_part, or-ed */
    int64_t log_json;  /* --log-format json */
    char *config_file; /* NULL = not given */
    bool check, print, json;
    bool help, version;
};

/* Reads argv, environment and file. ERR_SYNTAX on failure; `why` (CONFIG_WHY bytes) says what is
 * wrong, naming the option and never a secret. *ret_config is config_done()'s in every case of
 * success. */
enum err config_read(int argc, char *const *argv, struct config *ret_config, char *why);
void config_done(struct config *config);

/* Runs for each option whose values differ; `reloads`: a running daemon can take it over. */
typedef void config_change_fn(void *arg, const char *key, bool reloads);
void config_each_change(const struct config *before, const struct config *now,
                        config_change_fn *each, void *arg);

/* Gives `running` what `read` says for the options that a running daemon can take over; `read` gets
 * the old values, and is still config_done()'s. */
void config_adopt(struct config *running, struct config *read);

/* All that lasts, each with where it comes from; may be read again as a file. */
void config_print(const struct config *config, FILE *out);

/* Prints the options for --help, by group. CONFIG_HELP_WIDTH is the width of the left column: the
 * longest option with its value. */
#define CONFIG_HELP_WIDTH 31
void config_print_help(FILE *out);

#endif
