/* SPDX-License-Identifier: MIT */
/* config.h - what the operator may set, from ONE table of options.
 *
 * Each row of the table in config.c holds a flag, the kind of its value, its default, its limits
 * and its help; the environment name (EMAILSD_ + the flag in capitals) follows from it. Precedence:
 * flag, environment, default. Only main.c includes this header: modules have option structs of
 * their own, and main fills them. Start-up, main thread. */
#ifndef CONFIG_H
#define CONFIG_H

#include "base/err.h"
#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_LISTENS 8
#define CONFIG_WORDS   3
#define CONFIG_WHY     256

struct config {
    const char *words[CONFIG_WORDS]; /* of the command line, that are no options; argv's own */
    size_t n_words;
    char *listen[CONFIG_LISTENS];
    size_t n_listen;
    char *upstream_url;
    bool upstream_insecure;
    char *api_key_file;     /* NULL = not given */
    char *store;            /* NULL = not given */
    char *client_keys_file; /* NULL = not given */
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
    int64_t drain_timeout_ms;
    int64_t threads;   /* 0 = one per core that the process may use */
    int64_t log_level; /* enum log_level */
    int64_t log_json;  /* --log-format json */
    bool json;
    bool help, version;
};

/* Reads environment and argv. ERR_SYNTAX on failure; `why` (CONFIG_WHY bytes) says what is wrong,
 * naming the option and never a secret. *ret_config is config_done()'s in every case of success. */
enum err config_read(int argc, char *const *argv, struct config *ret_config, char *why);
void config_done(struct config *config);

/* The text of --help. */
void config_print_help(FILE *out);

#endif
