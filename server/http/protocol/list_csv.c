/* SPDX-License-Identifier: MIT */
/* list_csv.c - reads CSV (RFC 4180). The first row names the columns, in any order and case.
 *
 * After a broken quote it is unknown where a row ends, so the list is rejected. A row with more
 * cells than the first one is rejected alone: a comma that should be in quotes has moved its other
 * cells to the wrong columns, and that must not cost a credit. */
#include "http/protocol/list_state.h"

#include <string.h>

/* ---- a cell ---- */

/* A row while it is read. */
struct row {
    const char *at, *end; /* the rest of the window */
    bool is_cut;          /* the list continues after the window */
    bool is_complete;     /* its last cell was read */
    char *copies;         /* free memory for cells without doubled quotes */
};

static const char too_long[] = "a row longer than 65536 bytes; is a quote not closed?";

static struct row begin_row(const struct list_parser *parser)
{
    const char *end = parser->at + list_window(parser);

    return (struct row){
        .at = parser->at, .end = end, .is_cut = end < parser->end, .copies = parser->cells};
}

/* Copies a cell with one quote for two. */
static struct slice undouble(struct row *row, struct slice cell)
{
    char *copy = row->copies;

    for (size_t i = 0; i < cell.len; i++) {
        *row->copies++ = cell.data[i];
        if (cell.data[i] == '"')
            i++;
    }
    return (struct slice){copy, (size_t)(row->copies - copy)};
}

/* Reads up to the closing quote. Returns NULL or what is wrong, as the functions below. */
static const char *read_quoted(struct row *row, struct slice *ret_cell)
{
    const char *start = ++row->at, *quote;
    bool is_doubled = false;

    while ((quote = memchr(row->at, '"', (size_t)(row->end - row->at))) && quote + 1 < row->end &&
           quote[1] == '"') {
        is_doubled = true;
        row->at = quote + 2;
    }
    if (!quote) {
        row->at = start;
        return row->is_cut ? too_long : "a quote is not closed";
    }
    row->at = quote + 1;
    *ret_cell = (struct slice){start, (size_t)(quote - start)};
    if (is_doubled)
        *ret_cell = undouble(row, *ret_cell);
    return NULL;
}

/* Returns the length of the line end at the position: LF, CR LF, or the end of the list, with CR or
 * without it. -1 = there is none. */
static int line_end(const struct row *row)
{
    size_t left = (size_t)(row->end - row->at), cr = left && *row->at == '\r';

    if (left == cr)
        return row->is_cut ? -1 : (int)cr;
    return row->at[cr] == '\n' ? (int)cr + 1 : -1;
}

static const char *read_plain(struct row *row, struct slice *ret_cell)
{
    const char *start = row->at;

    while (row->at < row->end && *row->at != ',' && *row->at != '"' && line_end(row) < 0)
        row->at++;
    *ret_cell = (struct slice){start, (size_t)(row->at - start)};
    return row->at < row->end && *row->at == '"' ? "a quote inside a cell that has none around it"
                                                 : NULL;
}

static const char *read_cell(struct row *row, struct slice *ret_cell)
{
    bool is_quoted = row->at < row->end && *row->at == '"';
    const char *problem = is_quoted ? read_quoted(row, ret_cell) : read_plain(row, ret_cell);

    if (problem)
        return problem;
    if (row->at < row->end && *row->at == ',') {
        row->at++;
        return NULL;
    }
    int len = line_end(row);
    if (len < 0)
        return row->is_cut && row->end - row->at < 2 ? too_long : "text after a closing quote";
    row->at += len;
    row->is_complete = true;
    return NULL;
}

/* ---- a row ---- */

typedef const char *use_cell_fn(struct list_parser *parser, size_t column, struct slice cell,
                                struct list_entry *entry);

/* Passes each cell on, with the number of its column, from 1. Stops at the first problem. */
static enum err read_row(struct list_parser *parser, use_cell_fn *use_cell,
                         struct list_entry *entry, struct errmsg *why)
{
    struct row row = begin_row(parser);
    const char *problem = NULL;

    for (size_t column = 1; !problem && !row.is_complete; column++) {
        const char *start = row.at;
        struct slice cell;
        problem = read_cell(&row, &cell);
        if (!problem && (problem = use_cell(parser, column, cell, entry)))
            row.at = start;
    }
    size_t len = (size_t)(row.at - parser->at);
    if (problem)
        return list_fault(parser->line + list_count_lines(parser->at, len), problem, why);
    list_advance(parser, len);
    return ERR_OK;
}

static const char *use_name(struct list_parser *parser, size_t column, struct slice cell,
                            struct list_entry *entry)
{
    size_t field = list_find_field(list_trim(cell), slice_equals_nocase);

    (void)entry;
    parser->n_columns = column;
    if (field == LIST_FIELDS)
        return NULL;
    if (parser->columns[field])
        return "two columns of one name";
    parser->columns[field] = column;
    return NULL;
}

static enum err read_names(struct list_parser *parser, struct list_entry *entry, struct errmsg *why)
{
    size_t number = parser->line;
    enum err err = read_row(parser, use_name, entry, why);

    if (err)
        return err;
    if (!parser->columns[QUESTION_DOMAIN])
        return list_fault(
            number, "no column 'domain'; the first row names the columns, with commas between",
            why);
    return ERR_AGAIN;
}

static const char *use_value(struct list_parser *parser, size_t column, struct slice cell,
                             struct list_entry *entry)
{
    if (!list_trim(cell).len)
        return NULL;
    if (column > parser->n_columns)
        list_reject(entry, ERR_INVALID_BODY,
                    "more cells than the first row has names; is a comma not in quotes?");
    for (size_t field = 0; field < LIST_FIELDS; field++)
        if (parser->columns[field] == column)
            list_set_field(entry, field, cell);
    return NULL;
}

/* Returns the length of an empty line with its end; 0 if the line is not empty. */
static size_t empty_line_len(const struct list_parser *parser)
{
    size_t n = 0, window = list_window(parser);

    while (n < window && (parser->at[n] == ' ' || parser->at[n] == '\t' || parser->at[n] == '\r'))
        n++;
    if (n < window)
        return parser->at[n] == '\n' ? n + 1 : 0;
    return parser->at + n == parser->end ? n : 0;
}

enum err list_read_csv(struct list_parser *parser, struct list_entry *entry, struct errmsg *why)
{
    size_t empty = empty_line_len(parser);

    if (parser->at == parser->end)
        return ERR_NO_ENTRY;
    if (empty) {
        list_advance(parser, empty);
        return ERR_AGAIN;
    }
    if (!parser->n_columns)
        return read_names(parser, entry, why);
    enum err err = read_row(parser, use_value, entry, why);
    if (!err && entry->input.len > LIST_ENTRY_MAX)
        list_reject_long(entry);
    return err;
}
