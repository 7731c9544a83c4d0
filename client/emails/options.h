/* SPDX-License-Identifier: MIT */
/* options.h - the command line of `emails`.
 *
 * One table in options.c is the source for parsing and for --help. tests/scripts/check_contract.py
 * compares it with the manual page and with the completion of bash. Main thread only. */
#ifndef CLIENT_EMAILS_OPTIONS_H
#define CLIENT_EMAILS_OPTIONS_H

#include "base/err.h"
#include "base/errmsg.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum format { FORMAT_AUTO, FORMAT_TABLE, FORMAT_PLAIN, FORMAT_ADDRESSES, FORMAT_JSON, FORMAT_CSV };

/* The exit statuses of --help. */
enum status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
    STATUS_UNREACHABLE = 3,
    STATUS_DENIED = 4,
    STATUS_EXHAUSTED = 5,
    STATUS_IN_PROGRESS = 6,
    STATUS_SIGNAL = 128, /* and the number of the signal */
};

/* Strings are borrowed from argv or the environment; NULL = not given. Numbers are -1 if they are
 * not given. */
struct options {
    enum format format;
    const char *file; /* "-" = standard input */
    const char *company_name, *city, *state, *country;
    bool refresh;
    int64_t max_age_s;
    int64_t wait_s;
    bool dry_run;
    int64_t max_credits;
    bool yes;
    bool usage;
    const char *url; /* never NULL */
    const char *key_file;
    const char *key; /* the key itself, if there is no file */
    bool quiet;
    bool help, version;
    char *const *domains; /* the operands */
    size_t n_domains;
};

/* Reads the command line, which getopt_long() permutes, and the environment. Returns ERR_SYNTAX if
 * an option is unknown, has no valid value, or contradicts another one; `why` then says so. */
enum err options_read(int argc, char **argv, struct options *ret_options, struct errmsg *why);

/* Reads a time such as "90s", "5min" or "30d"; a number alone is in seconds. */
enum err options_time(const char *text, int64_t *ret_seconds);

/* Print the help, and its first lines. */
void options_print_help(FILE *out);
void options_print_usage(FILE *out);

#endif
