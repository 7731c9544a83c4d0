/* SPDX-License-Identifier: MIT */
/* list_json.c - reads a JSON array: finds the end of each element, and parses each alone.
 *
 * Strings and the depth of brackets are enough to find the end. json_parse() checks the inside of
 * each element that is short enough to be an entry; what lies between the elements is checked here.
 * So the array is never in memory as a whole, which would cost 40 times its size. */
#include "http/protocol/list_state.h"

#include "http/protocol/unknown_name.h"

#include <stdio.h>
#include <string.h>

/* ---- an entry ---- */

static void reject_unknown(struct slice name, struct list_entry *entry)
{
    static const struct known_names known = {"the entry", "member", list_field_names, LIST_FIELDS};
    struct errmsg why;

    unknown_name_explain(&known, name, &why);
    list_reject(entry, ERR_UNKNOWN_PARAMETER, why.text);
}

static void reject_member(size_t field, enum err err, const char *fault, struct list_entry *entry)
{
    char why[64];

    snprintf(why, sizeof why, "%s %s", list_field_names[field], fault);
    list_reject(entry, err, why);
}

/* After an error, the others are read all the same: the caller finds the entry by them. */
static void take_members(const struct json *object, struct list_entry *entry)
{
    unsigned given = 0;

    for (const struct json *member = json_first_member(object); member;
         member = json_next(member)) {
        const char *name = json_member_name(member), *text = json_string(member);
        struct slice name_slice = {name, strlen(name)};
        size_t field = list_find_field(name_slice, slice_equals);
        if (field == LIST_FIELDS)
            reject_unknown(name_slice, entry);
        else if (given & 1U << field)
            reject_member(field, ERR_DUPLICATE_PARAMETER, "occurs twice", entry);
        else if (text)
            list_set_field(entry, field, (struct slice){text, strlen(text)});
        else if (!json_is_null(member))
            reject_member(field, ERR_INVALID_PARAMETER, "must be a string", entry);
        if (field < LIST_FIELDS)
            given |= 1U << field;
    }
}

bool list_take_json(struct list_parser *parser, struct slice text, struct list_entry *entry)
{
    if (text.len > LIST_ENTRY_MAX) {
        list_reject_long(entry);
        return true;
    }
    if (json_parse(text.data, text.len, &parser->doc))
        return false;
    const char *domain = json_string(parser->doc);
    if (domain)
        list_set_field(entry, QUESTION_DOMAIN, (struct slice){domain, strlen(domain)});
    else if (json_is_object(parser->doc))
        take_members(parser->doc, entry);
    else
        list_reject(entry, ERR_INVALID_BODY, "an entry must be a string or an object");
    return true;
}

/* ---- the array ---- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Returns the length of the white space at the position. */
static size_t count_spaces(const struct list_parser *parser)
{
    size_t n = 0, window = list_window(parser);

    while (n < window && is_space(parser->at[n]))
        n++;
    return n;
}

/* Returns the length of a string with its quotes, at most `max`. */
static size_t string_len(const char *text, size_t max)
{
    size_t n = 1;

    while (n < max && text[n] != '"')
        n += text[n] == '\\' && n + 1 < max ? 2 : 1;
    return n < max ? n + 1 : max;
}

/* Returns the length of the value at `text`, at most `max`; 0 if none begins there. */
static size_t value_len(const char *text, size_t max)
{
    size_t depth = 0, n = 0;

    while (n < max) {
        char c = text[n];
        bool opens = c == '[' || c == '{', closes = c == ']' || c == '}';
        if (!depth && (closes || c == ',' || is_space(c)))
            return n;
        depth += opens;
        depth -= closes;
        n += c == '"' ? string_len(text + n, max - n) : 1;
        if (!depth && (c == '"' || closes))
            return n;
    }
    return n;
}

static enum err read_element(struct list_parser *parser, struct list_entry *entry,
                             struct errmsg *why)
{
    size_t window = list_window(parser), len = value_len(parser->at, window);

    if (len == window && parser->at + window < parser->end)
        return list_fault(parser->line, "an element longer than 65536 bytes", why);
    /* json_parse() would skip a byte order mark. */
    bool is_ascii = (unsigned char)*parser->at < 0x80;
    if (!is_ascii || !list_take_json(parser, (struct slice){parser->at, len}, entry))
        return list_fault(parser->line, "not valid JSON, or nested too deeply", why);
    list_advance(parser, len);
    parser->array = ARRAY_AFTER_ELEMENT;
    return ERR_OK;
}

/* Takes a bracket, or a comma between two elements. */
static enum err take_punctuation(struct list_parser *parser, enum list_array next)
{
    list_advance(parser, 1);
    parser->array = next;
    return ERR_AGAIN;
}

/* An empty text is a list without an entry, as in the other types. */
static enum err end_list(const struct list_parser *parser, struct errmsg *why)
{
    if (parser->array == ARRAY_OUTSIDE || parser->array == ARRAY_CLOSED)
        return ERR_NO_ENTRY;
    return list_fault(parser->line, "the JSON array is not closed", why);
}

enum err list_read_json(struct list_parser *parser, struct list_entry *entry, struct errmsg *why)
{
    size_t spaces = count_spaces(parser);

    if (spaces) {
        list_advance(parser, spaces);
        return ERR_AGAIN;
    }
    if (parser->at == parser->end)
        return end_list(parser, why);
    char c = *parser->at;
    switch (parser->array) {
    case ARRAY_OUTSIDE:
        return c == '[' ? take_punctuation(parser, ARRAY_OPENED)
                        : list_fault(parser->line, "not a JSON array", why);
    case ARRAY_OPENED:
        return c == ']' ? take_punctuation(parser, ARRAY_CLOSED) : read_element(parser, entry, why);
    case ARRAY_BEFORE_ELEMENT:
        return read_element(parser, entry, why);
    case ARRAY_AFTER_ELEMENT:
        if (c == ',')
            return take_punctuation(parser, ARRAY_BEFORE_ELEMENT);
        return c == ']' ? take_punctuation(parser, ARRAY_CLOSED)
                        : list_fault(parser->line, "no comma between two elements", why);
    case ARRAY_CLOSED:
        break;
    }
    return list_fault(parser->line, "text after the end of the JSON array", why);
}
