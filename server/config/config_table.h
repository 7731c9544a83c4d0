/* SPDX-License-Identifier: MIT */
/* config_table.h - THE table of options, and how a value becomes text and text a value. Shared by
 * the config_*.c files alone. Pure. */
#ifndef CONFIG_CONFIG_TABLE_H
#define CONFIG_CONFIG_TABLE_H

#include "base/err.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kind {
    TEXT,
    LIST,
    FLAG,
    COUNT,
    SIZE,
    TIME,
    LEVEL,
    FORMAT,
    WALLS,
    SWITCH, /* a FLAG that only the command line can hold */
};

/* The headings of --help, in the order in which it prints them. */
enum option_group {
    LISTENING,
    UPSTREAM,
    BATCHING,
    SPENDING,
    WAITING,
    CACHING,
    STORAGE,
    SHUTDOWN,
    OTHER,
    OPTION_GROUPS
};

struct option {
    const char *flag; /* "--listen" */
    enum kind kind;
    size_t field;              /* offset in struct config */
    const char *standard;      /* default, as one would write it; NULL = none */
    int64_t min, max;          /* of numbers, in the field's unit */
    const char *sample, *help; /* for --help */
    bool reloads;              /* SIGHUP can change it */
    enum option_group group;   /* of --help */
};

extern const char *const option_groups[OPTION_GROUPS];
extern const struct option options[];
extern const size_t n_options;

/* Gives the option's field that value. ERR_SYNTAX or ERR_TOO_BIG; the field may have changed then.
 */
enum err option_set(struct config *config, const struct option *option, const char *text);

/* The values of one option change places. Not for a LIST: none reloads. */
void option_swap(struct config *a, struct config *b, const struct option *option);

/* What option_set() takes to make the field what it is; `i` is the number of the value, of which a
 * LIST has several. Heap, the caller's; NULL when there is no such value. */
char *option_text(const struct config *config, const struct option *option, size_t i);

/* "a time such as 90s", for messages. Static. */
const char *option_form(const struct option *option);

/* EMAILSD_MAX_WAIT for --max-wait. `name` holds OPTION_NAME bytes. */
#define OPTION_NAME   64
#define OPTION_PREFIX "EMAILSD_"
void option_environment_name(const struct option *option, char *name);

/* "max-wait": the key in the file. */
const char *option_key(const struct option *option);

/* May it stand in the environment and in the file? */
bool option_is_lasting(const struct option *option);

/* The row whose key is the `len` bytes at `key`; NULL when there is none. */
const struct option *option_find(const char *key, size_t len);

#endif
