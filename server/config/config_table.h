/* SPDX-License-Identifier: MIT */
/* config_table.h - the table of options, and the conversion between values and text. For config_*.c
 * only. Pure. */
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
    LAYERS,
    TOGGLE,   /* on or off */
    ACCESS,   /* a FLAG that also has the value "admin" */
    SWITCH,   /* a FLAG that is allowed only on the command line */
    ARGUMENT, /* a TEXT that is allowed only on the command line */
};

/* The headings of --help, in printed order. */
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
    const char *standard;      /* default, as text; NULL = none */
    int64_t min, max;          /* of numbers, in the field's unit */
    const char *sample, *help; /* for --help */
    bool reloads;              /* SIGHUP can apply a new value */
    enum option_group group;   /* of --help */
};

extern const char *const option_groups[OPTION_GROUPS];
extern const struct option options[];
extern const size_t n_options;

/* Sets the option's field. Returns ERR_SYNTAX or ERR_TOO_BIG; the field may have changed then. */
enum err option_set(struct config *config, const struct option *option, const char *text);

/* Swaps the values of one option. Not for a LIST, because none is reloadable. */
void option_swap(struct config *a, struct config *b, const struct option *option);

/* Returns the text with which option_set() sets the field to its value. `i` is the index of the
 * value in a LIST, else 0. Heap, owned by the caller; NULL if there is no such value. */
char *option_text(const struct config *config, const struct option *option, size_t i);

/* Returns what a value must be, such as "0 or 1", for messages. Static. */
const char *option_form(const struct option *option);

/* Writes EMAILSD_MAX_WAIT for --max-wait. `name` holds OPTION_NAME bytes. */
#define OPTION_NAME   64
#define OPTION_PREFIX "EMAILSD_"
void option_environment_name(const struct option *option, char *name);

/* Returns the key in the file: "max-wait". Static. */
const char *option_key(const struct option *option);

/* Returns whether the option is allowed in the environment; most are allowed in the file too. */
bool option_is_lasting(const struct option *option);

/* Returns the row whose key is the `len` bytes at `key`, or NULL. */
const struct option *option_find(const char *key, size_t len);

#endif
