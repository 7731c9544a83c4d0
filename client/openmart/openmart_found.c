/* SPDX-License-Identifier: MIT */
/* openmart_found.c - see openmart_found.h. Reads the text once for each kind of id, because the
 * kinds that say most come first when there are too many. */
#include "client/openmart/openmart_found.h"

#include "base/mem.h"
#include "client/openmart/openmart_id.h"

#include <ctype.h>
#include <string.h>

#define UUID_LEN 36

struct text {
    const char *at, *end;
};

/* Words that stand for "no id" in JSON, Python and JavaScript. */
static bool is_no_id(const char *id)
{
    static const char *const words[] = {"null", "None", "undefined", "true", "false", "NaN"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(id, words[i]) == 0)
            return true;
    return false;
}

/* Of the characters that an id may have, only those that are unreserved in URLs (RFC 3986, 2.3):
 * others are more likely part of the text around it. */
static bool is_plain(const char *id)
{
    for (; *id; id++)
        if (!isalnum((unsigned char)*id) && !strchr("-._~", *id))
            return false;
    return true;
}

static void add(struct openmart_found *found, enum openmart_found_kind kind, const char *id,
                size_t len)
{
    struct openmart_found_id new = {.kind = kind};

    if (found->n == OPENMART_FOUND_MAX || len > OPENMART_ID_MAX)
        return;
    memcpy(new.id, id, len);
    for (size_t i = 0; i < found->n; i++)
        if (strcmp(found->ids[i].id, new.id) == 0)
            return;
    if (openmart_id_ok(new.id) && is_plain(new.id) && !is_no_id(new.id))
        found->ids[found->n++] = new;
}

/* ---- members ---- */

static bool is_name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* Returns the length of `name` at the start of the text, in any case and with or without its
 * underscore ("batch_id", "batchId", "batch-id"); 0 if it is not there. */
static size_t name_len(const struct text *text, const char *name)
{
    const char *c = text->at;

    for (; *name; name++) {
        if (*name == '_' && c < text->end && (*c == '_' || *c == '-'))
            c++;
        else if (*name == '_')
            continue;
        else if (c == text->end || tolower((unsigned char)*c++) != *name)
            return 0;
    }
    return c < text->end && is_name_char(*c) ? 0 : (size_t)(c - text->at);
}

/* Skips quotes, white space and the backslashes of JSON within JSON. Returns the last quote, or
 * NUL. */
static char skip_quotes(struct text *text)
{
    char quote = '\0';

    for (; text->at < text->end && strchr("\"'\\ \t\r\n", *text->at) && *text->at; text->at++)
        if (*text->at == '"' || *text->at == '\'')
            quote = *text->at;
    return quote;
}

/* Adds the value that follows a name: "name": "value", name=value&, <name>value<, 'name': 7. */
static void take_value(struct text text, enum openmart_found_kind kind,
                       struct openmart_found *found)
{
    skip_quotes(&text);
    if (text.at == text.end || !strchr(":=>", *text.at) || !*text.at)
        return;
    text.at++;
    const char *stops = skip_quotes(&text) ? "\"'\\" : "\"'\\ \t\r\n<>&;,}]";
    const char *value = text.at;
    while (text.at < text.end && *text.at && !strchr(stops, *text.at) &&
           text.at - value <= OPENMART_ID_MAX) /* then it is too long */
        text.at++;
    add(found, kind, value, (size_t)(text.at - value));
}

static void find_members(struct text text, const char *name, enum openmart_found_kind kind,
                         struct openmart_found *found)
{
    const char *begin = text.at;

    for (; text.at < text.end; text.at++) {
        size_t len = text.at > begin && is_name_char(text.at[-1]) ? 0 : name_len(&text, name);
        if (len)
            take_value((struct text){text.at + len, text.end}, kind, found);
    }
}

/* ---- UUIDs ---- */

/* RFC 9562, 4: 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(const struct text *text)
{
    if (text->end - text->at < UUID_LEN)
        return false;
    for (int i = 0; i < UUID_LEN; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_hyphen ? text->at[i] != '-' : !isxdigit((unsigned char)text->at[i]))
            return false;
    }
    return true;
}

static void find_uuids(struct text text, struct openmart_found *found)
{
    for (; text.at < text.end; text.at++)
        if (is_uuid(&text)) {
            add(found, OPENMART_FOUND_UUID, text.at, UUID_LEN);
            text.at += UUID_LEN - 1;
        }
}

void openmart_find_ids(const char *text, size_t len, struct openmart_found *found)
{
    const struct text whole = {text, text + len};

    find_members(whole, "batch_id", OPENMART_FOUND_BATCH, found);
    find_members(whole, "task_id", OPENMART_FOUND_TASK, found);
    find_members(whole, "id", OPENMART_FOUND_ID, found);
    find_uuids(whole, found);
}
