/* SPDX-License-Identifier: MIT */
/* settings.h - reads settings: numbers of the command line, and JSON objects by a table of keys.
 *
 * A misspelt key must be an error, and a task's "data" must be sent byte by byte as the test wrote
 * it. base/json can neither list the keys of an object nor print a value, so this finds the exact
 * bytes of keys and values in the text itself. Pure functions. */
#ifndef SIMULATOR_SETTINGS_H
#define SIMULATOR_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- numbers: ERR_SYNTAX unless the whole text is such a number and in range ---- */

/* "26s", "250ms", "2m", "1h", "0". */
enum err parse_duration(const char *text, int64_t *ret_ms);

/* "10000". */
enum err parse_count(const char *text, int64_t *ret_count);

/* "0.3" is 300; at most three decimals. */
enum err parse_thousandths(const char *text, int64_t *ret_thousandths);

/* Appends the bytes of pairs of hex digits. ERR_SYNTAX for other text, ERR_TOO_BIG beyond the
 * buffer's limit. */
enum err parse_hex(const char *hex, struct buf *out);

/* ---- parts of a JSON text, which json_parse() must have accepted ---- */

struct json_span {
    const char *at; /* borrowed from the text; not NUL-terminated */
    size_t len;
};

/* Returns the next member of the object in `text`. Start with *pos = 0; false at the end, or if
 * the text is not an object. The key comes without quotes but with its escapes, the value
 * unchanged. */
bool json_span_member(struct json_span text, size_t *pos, struct json_span *ret_key,
                      struct json_span *ret_value);

/* Returns the value of the first member named `key`; false if there is none. */
bool json_span_get(struct json_span text, const char *key, struct json_span *ret_value);

bool json_span_is(struct json_span span, const char *s);

/* ---- tables of keys ---- */

#define SETTING_TEXT_ROOM 64

enum setting_kind {
    SETTING_NUMBER, /* int64_t, at least `min` and at most `max` */
    SETTING_TIME,   /* the same in milliseconds; "26s" on the command line */
    SETTING_PRICE,  /* int64_t in thousandths; a text like "0.3", or a whole number */
    SETTING_SWITCH, /* bool */
    SETTING_WORD,   /* unsigned: the index in `words` */
    SETTING_TEXT,   /* char[SETTING_TEXT_ROOM] */
    SETTING_OTHER   /* what `read` makes of it */
};

/* A value as a member of its object, and as text. */
struct setting_value {
    const struct json *object;
    const char *key;
    struct json_span text;
};

/* Sets members of `target` by `value`. If it fails, it may set *ret_why (static) to something
 * better than the key. */
typedef enum err setting_read_fn(void *target, const struct setting_value *value,
                                 const char **ret_why);

struct setting {
    const char *key;
    size_t offset; /* in the struct that it sets */
    enum setting_kind kind;
    int64_t min, max;         /* max 0: unlimited */
    const char *const *words; /* ends with NULL */
    setting_read_fn *read;
    const char *flag, *help; /* NULL: not on the command line */
};

/* Read one value of these kinds. ERR_SYNTAX: NULL, an unknown word, or a text that is too long. */
enum err setting_word(const struct setting *setting, const char *text, unsigned *ret_index);
enum err setting_text(const char *text, char *ret_text);

/* Sets `target` by the JSON object `object`, of which `text` is the text. Applies the keys in the
 * order of the table. ERR_NO_ENTRY: unknown key; ERR_SYNTAX: a value of the wrong kind. *ret_why
 * (static) then has the reason, and `target` may be changed in part. */
enum err settings_read(const struct setting *settings, size_t n, void *target,
                       const struct json *object, struct json_span text, const char **ret_why);

/* The same for a text that is not parsed yet; ERR_SYNTAX also if it is not a JSON object. */
enum err settings_parse(const struct setting *settings, size_t n, void *target,
                        struct json_span text, const char **ret_why);

#endif
