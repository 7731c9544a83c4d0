/* SPDX-License-Identifier: MIT */
/* openmart_parse.c - see openmart_parse.h; openmart_parse_task.c parses tasks.
 *
 * The documented formats are: submit {"batch_id", "status": {counts}}, status {counts}, task ids as
 * an array of strings, balance {"balance"}. The counts are at different levels in two of them,
 * which has caused errors in other clients; here, all known places are checked. */
#include "client/openmart/openmart_parse.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT_MAX  1000000
#define NUMBER_MAX ((int64_t)1 << 53) /* as json_get_int() */

/* Where a member of a batch may be; the first place where it is readable counts. */
static const char *const places[][2] = {
    {NULL},
    {"status"},
    {"data"},
    {"batch"},
    {"result"},
    {"data", "status"},
    {"batch", "status"},
    {"result", "status"},
};

/* Returns the object at that place, or NULL. */
static const struct json *place_in(const struct json *doc, const char *const *path)
{
    for (size_t i = 0; i < 2 && path[i]; i++)
        doc = json_get(doc, path[i]);
    return doc;
}

enum err openmart_parse_submit(const char *body, size_t len, char *ret_id)
{
    struct json *doc;
    enum err err = openmart_parse_json(body, len, &doc);
    bool found = false;

    if (err)
        return err;
    for (size_t i = 0; !found && i < ARRAY_LEN(places); i++)
        found = openmart_id_read(json_get(place_in(doc, places[i]), "batch_id"), ret_id);
    json_free(doc);
    return found ? ERR_OK : ERR_SYNTAX;
}

/* Reads an integer, or a string that is one. */
static bool read_number(const struct json *place, const char *key, int64_t *ret_n)
{
    const char *text = json_get_string(place, key);
    char *end = NULL;
    int64_t n = text ? strtoll(text, &end, 10) : json_get_int(place, key, INT64_MIN);

    if (text ? end == text || *end : n == INT64_MIN)
        return false;
    *ret_n = n > NUMBER_MAX ? NUMBER_MAX : n < -NUMBER_MAX ? -NUMBER_MAX : n;
    return true;
}

/* Reads true, "true", "1" and 1 as true. */
static bool read_flag(const struct json *place, const char *key, bool *ret_flag)
{
    const char *text = json_get_string(place, key);
    bool is_bool = json_get_bool(place, key, true) == json_get_bool(place, key, false);
    int64_t n;

    if (is_bool)
        *ret_flag = json_get_bool(place, key, false);
    else if (text && (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0))
        *ret_flag = strcasecmp(text, "true") == 0;
    else if (read_number(place, key, &n) && (n == 0 || n == 1))
        *ret_flag = n == 1;
    else
        return false;
    return true;
}

static void read_count(const struct json *doc, const char *key, int64_t *ret_count, bool *known)
{
    int64_t n;

    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (read_number(place_in(doc, places[i]), key, &n)) {
            *ret_count = n < 0 ? 0 : n > COUNT_MAX ? COUNT_MAX : n;
            *known = true;
            return;
        }
}

static void read_ready(const struct json *doc, struct openmart_counts *counts)
{
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (read_flag(place_in(doc, places[i]), "batch_ready", &counts->ready)) {
            counts->known = true;
            return;
        }
}

enum err openmart_parse_counts(const char *body, size_t len, struct openmart_counts *ret_counts)
{
    struct openmart_counts counts = {0};
    struct json *doc;
    enum err err = openmart_parse_json(body, len, &doc);

    if (err)
        return err;
    if (json_is_object(doc)) {
        read_count(doc, "processing", &counts.processing, &counts.known);
        read_count(doc, "completed", &counts.completed, &counts.known);
        read_count(doc, "errored", &counts.errored, &counts.known);
        read_count(doc, "total", &counts.total, &counts.known);
        read_ready(doc, &counts);
        *ret_counts = counts;
    } else {
        err = ERR_SYNTAX;
    }
    json_free(doc);
    return err;
}

enum err openmart_parse_balance(const char *body, size_t len, int64_t *ret_balance)
{
    struct json *doc;
    enum err err = openmart_parse_json(body, len, &doc);
    bool found = false;

    if (err)
        return err;
    for (size_t i = 0; !found && i < ARRAY_LEN(places); i++)
        found = read_number(place_in(doc, places[i]), "balance", ret_balance);
    json_free(doc);
    return found ? ERR_OK : ERR_SYNTAX;
}

/* Returns the list in `value` or in one of its members, or JSON null for an empty one; NULL if
 * there is neither. */
static const struct json *id_list(const struct json *value)
{
    static const char *const keys[] = {"task_ids", "data", "tasks", "results", "result"};
    const struct json *empty = NULL;

    if (json_is_array(value) || json_is_null(value))
        return value;
    for (size_t i = 0; json_is_object(value) && i < ARRAY_LEN(keys); i++) {
        const struct json *list = id_list(json_get(value, keys[i]));
        if (json_is_array(list))
            return list;
        empty = list ? list : empty;
    }
    return empty;
}

static bool has_id(const struct openmart_ids *ids, const char *id)
{
    for (size_t i = 0; i < ids->n; i++)
        if (strcmp(ids->ids[i], id) == 0)
            return true;
    return false;
}

static void add_id(struct openmart_ids *ids, const struct json *entry)
{
    char *id = ids->text + ids->n * (OPENMART_ID_MAX + 1);
    bool found = openmart_id_read(entry, id) || openmart_id_read(json_get(entry, "task_id"), id) ||
                 openmart_id_read(json_get(entry, "id"), id);

    if (found && !has_id(ids, id))
        ids->ids[ids->n++] = id;
}

enum err openmart_parse_ids(const char *body, size_t len, struct openmart_ids *ret_ids)
{
    struct openmart_ids ids = {0};
    struct json *doc;
    enum err err = openmart_parse_json(body, len, &doc);

    if (err)
        return err;
    const struct json *list = id_list(doc);
    if (!list) {
        json_free(doc);
        return ERR_SYNTAX;
    }
    size_t n = json_size(list) < OPENMART_IDS_MAX ? json_size(list) : OPENMART_IDS_MAX;
    ids.ids = xcalloc(n + 1, sizeof *ids.ids);
    ids.text = xcalloc(n + 1, OPENMART_ID_MAX + 1);
    for (const struct json *entry = json_first(list); n > 0; n--, entry = json_next(entry))
        add_id(&ids, entry);
    json_free(doc);
    *ret_ids = ids;
    return ERR_OK;
}

void openmart_ids_done(struct openmart_ids *ids)
{
    free(ids->text);
    free(ids->ids);
    *ids = (struct openmart_ids){0};
}

/* Appends the messages found in `value`; returns whether there were any. json_parse() limits the
 * nesting, and so the recursion. */
static bool add_words(const struct json *value, struct buf *out)
{
    static const char *const keys[] = {"detail", "message", "error", "msg"};
    const char *text = json_string(value);
    bool any = false;

    if (text && text[0]) {
        buf_add_str(out, out->len ? "; " : "");
        return buf_add_str(out, text) == ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys) && !any; i++)
        any = json_get(value, keys[i]) && add_words(json_get(value, keys[i]), out);
    for (value = json_first(value); value; value = json_next(value))
        any |= add_words(value, out);
    return any;
}

bool openmart_parse_detail(const char *body, size_t len, const char *key, char *ret_detail)
{
    struct buf words autobuf = BUF_INIT(2 * JSON_MAX_BYTES);
    struct json *doc;

    ret_detail[0] = '\0';
    if (openmart_parse_json(body, len, &doc))
        return false;
    bool has_words = add_words(doc, &words);
    bool is_rejection = json_is_object(doc) && (has_words || json_get(doc, "detail"));
    json_free(doc);
    openmart_clean(buf_str(&words), key, ret_detail);
    return is_rejection;
}
