/* SPDX-License-Identifier: MIT */
/* list_parser.c - checks the whole body for UTF-8, then has the reader of its type return entry
 * after entry; what the readers share.
 *
 * The check comes first, so that no reader meets a cut character or a NUL: inputs and tracking ids
 * become C strings later. A NUL is valid UTF-8, but usually means UTF-16. */
#include "http/protocol/list_parser.h"

#include "base/mem.h"
#include "base/text.h"
#include "http/protocol/list_state.h"

#include <stdlib.h>
#include <string.h>

const char *const list_field_names[LIST_FIELDS] = {
    [QUESTION_DOMAIN] = "domain",   [QUESTION_COMPANY_NAME] = "company_name",
    [QUESTION_CITY] = "city",       [QUESTION_STATE] = "state",
    [QUESTION_COUNTRY] = "country", [LIST_TRACKING_ID] = "tracking_id",
};

/* ---- for the readers ---- */

size_t list_count_lines(const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n';
    return n;
}

void list_advance(struct list_parser *parser, size_t len)
{
    parser->line += list_count_lines(parser->at, len);
    parser->at += len;
    parser->portion += len;
}

size_t list_window(const struct list_parser *parser)
{
    size_t left = (size_t)(parser->end - parser->at);

    return left < LIST_PORTION ? left : LIST_PORTION;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

struct slice list_trim(struct slice text)
{
    while (text.len && is_blank(text.data[text.len - 1]))
        text.len--;
    while (text.len && is_blank(*text.data)) {
        text.data++;
        text.len--;
    }
    return text;
}

size_t list_find_field(struct slice name, bool (*equals)(struct slice, const char *))
{
    size_t field = 0;

    while (field < LIST_FIELDS && !equals(name, list_field_names[field]))
        field++;
    return field;
}

void list_set_field(struct list_entry *entry, size_t field, struct slice value)
{
    if (field == LIST_TRACKING_ID)
        entry->tracking_id = value;
    else
        entry->fields[field] = value;
    if (field == QUESTION_DOMAIN)
        entry->input = value;
}

void list_reject(struct list_entry *entry, enum err err, const char *why)
{
    if (entry->err)
        return;
    entry->err = err;
    errmsg_set(&entry->why, "%s", why);
}

_Static_assert(LIST_ENTRY_MAX == 4096 && LIST_TRACKING_MAX == 200, "the messages name the limits");

void list_reject_long(struct list_entry *entry)
{
    entry->input = (struct slice){"", 0};
    list_reject(entry, ERR_INVALID_BODY, "the entry is longer than 4096 bytes");
}

enum err list_fault(size_t line, const char *problem, struct errmsg *why)
{
    errmsg_set(why, "line %zu: %s", line, problem);
    return ERR_INVALID_BODY;
}

/* ---- the text ---- */

static bool is_text(const char *text, size_t len)
{
    return text_is_utf8(text, len) && !memchr(text, '\0', len);
}

/* Returns how many bytes to check next; does not cut a character. */
static size_t next_piece(const struct list_parser *parser)
{
    size_t left = (size_t)(parser->end - parser->checked), len = LIST_PORTION;

    if (left <= LIST_PORTION)
        return left;
    while (len > LIST_PORTION - 3 && (parser->checked[len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* Names the first line of the piece that is not text. A line feed is never part of another
 * character, so there is one. */
static enum err reject_text(const struct list_parser *parser, size_t len, struct errmsg *why)
{
    const char *line = parser->checked, *end = line + len;
    size_t number = parser->checked_line;

    for (;; number++) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        size_t line_len = (size_t)((feed ? feed : end) - line);
        if (!feed || !is_text(line, line_len))
            break;
        line = feed + 1;
    }
    return list_fault(number, "not valid UTF-8 text; convert the list to UTF-8", why);
}

static enum err check_text(struct list_parser *parser, struct errmsg *why)
{
    size_t len = next_piece(parser);

    if (!is_text(parser->checked, len))
        return reject_text(parser, len, why);
    parser->checked_line += list_count_lines(parser->checked, len);
    parser->checked += len;
    parser->portion += len;
    return ERR_AGAIN;
}

/* ---- the parser ---- */

struct list_parser *list_parser_new(enum list_type type, struct slice body)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct list_parser *parser = xcalloc(1, sizeof *parser);
    size_t skipped = body.len >= 3 && memcmp(body.data, mark, 3) == 0 ? 3 : 0;

    parser->type = type;
    parser->at = parser->checked = body.len ? body.data + skipped : "";
    parser->end = parser->at + body.len - skipped;
    parser->line = parser->checked_line = 1;
    if (type == LIST_CSV)
        parser->cells = xcalloc(1, LIST_PORTION);
    return parser;
}

void list_parser_free(struct list_parser *parser)
{
    if (!parser)
        return;
    json_free(parser->doc);
    free(parser->cells);
    free(parser);
}

/* Checks what is the same for all types. */
static void finish_entry(struct list_entry *entry)
{
    if (entry->tracking_id.len > LIST_TRACKING_MAX) {
        entry->tracking_id = (struct slice){NULL, 0};
        list_reject(entry, ERR_INVALID_PARAMETER, "tracking_id is longer than 200 bytes");
    }
    if (!entry->fields[QUESTION_DOMAIN].data)
        list_reject(entry, ERR_MISSING_DOMAIN, "the entry has no domain");
}

enum err list_parser_next(struct list_parser *parser, struct list_entry *ret_entry,
                          struct errmsg *why)
{
    static list_read_fn *const readers[LIST_TYPES] = {[LIST_TEXT] = list_read_text,
                                                      [LIST_JSON] = list_read_json,
                                                      [LIST_NDJSON] = list_read_ndjson,
                                                      [LIST_CSV] = list_read_csv};
    struct list_entry entry = {.input = {"", 0}};
    enum err err = ERR_AGAIN;

    json_free(TAKE(parser->doc));
    while (err == ERR_AGAIN && parser->portion < LIST_PORTION)
        err = parser->checked < parser->end ? check_text(parser, why)
                                            : readers[parser->type](parser, &entry, why);
    if (err == ERR_AGAIN)
        parser->portion = 0;
    if (err)
        return err;
    finish_entry(&entry);
    *ret_entry = entry;
    return ERR_OK;
}
