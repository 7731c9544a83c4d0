/* SPDX-License-Identifier: MIT */
/* list_text.c - reads lists with one entry a line: text and NDJSON. */
#include "http/protocol/list_state.h"

#include <string.h>

/* Reads a line, without the white space at its ends. */
static enum err read_line(struct list_parser *parser, struct slice *ret_line, struct errmsg *why)
{
    size_t window = list_window(parser);
    const char *start = parser->at, *feed = memchr(start, '\n', window);

    if (!window)
        return ERR_NO_ENTRY;
    if (!feed && start + window < parser->end)
        return list_fault(parser->line, "longer than 65536 bytes", why);
    size_t len = feed ? (size_t)(feed - start) : window;
    list_advance(parser, len + (feed != NULL));
    *ret_line = list_trim((struct slice){start, len});
    return ERR_OK;
}

enum err list_read_text(struct list_parser *parser, struct list_entry *entry, struct errmsg *why)
{
    struct slice line = {NULL, 0};
    enum err err = read_line(parser, &line, why);

    if (err)
        return err;
    if (!line.len || *line.data == '#')
        return ERR_AGAIN;
    list_set_field(entry, QUESTION_DOMAIN, line);
    if (line.len > LIST_ENTRY_MAX)
        list_reject_long(entry);
    return ERR_OK;
}

enum err list_read_ndjson(struct list_parser *parser, struct list_entry *entry, struct errmsg *why)
{
    size_t number = parser->line;
    struct slice line = {NULL, 0};
    enum err err = read_line(parser, &line, why);

    if (err)
        return err;
    if (!line.len)
        return ERR_AGAIN;
    if (!list_take_json(parser, line, entry))
        entry->err = list_fault(number, "not valid JSON, or nested too deeply", &entry->why);
    return ERR_OK;
}
