/* SPDX-License-Identifier: MIT */
/* domains_csv.c - reads a table of domains (RFC 4180; LF ends a row, too).
 *
 * The server would read the same table, but only as a whole: entries without a result are sent
 * again, as lines. */
#include "client/emails/domains.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

#define CELL_MAX    ((size_t)1 << 20)
#define COLUMNS_MAX 1000
#define DOMAIN      ENTRY_FIELDS /* the column of the input, after those of the fields */
#define IGNORED     (ENTRY_FIELDS + 1)

struct table {
    const char *at;
    size_t line; /* of `at`, from 1 */
    struct buf cell;
    bool is_row_over; /* the cell was the last of its row */
};

/* Appends the content of quotes and goes behind them. Returns ERR_SYNTAX if they are not closed. */
static enum err take_quoted(struct table *table)
{
    for (table->at++; *table->at; table->at++) {
        if (*table->at == '"' && table->at[1] != '"') {
            table->at++;
            return ERR_OK;
        }
        table->at += *table->at == '"'; /* two quotes are one */
        table->line += *table->at == '\n';
        buf_add(&table->cell, table->at, 1);
    }
    return ERR_SYNTAX;
}

/* Reads a cell and what divides it from the next one. */
static enum err take_cell(struct table *table)
{
    enum err err = ERR_OK;

    buf_clear(&table->cell);
    if (*table->at == '"')
        err = take_quoted(table);
    size_t len = strcspn(table->at, ",\n");
    bool has_return = len && table->at[len] != ',' && table->at[len - 1] == '\r';
    buf_add(&table->cell, table->at, has_return ? len - 1 : len);
    table->at += len;
    table->is_row_over = *table->at != ',';
    table->line += *table->at == '\n';
    table->at += *table->at != '\0';
    return err ? err : buf_check(&table->cell);
}

/* Blanks around a name do not count. */
static int column_of(const char *name)
{
    size_t blanks = strspn(name, " \t");
    size_t len = strlen(name + blanks);

    while (len && strchr(" \t", name[blanks + len - 1]))
        len--;
    for (int i = 0; i < ENTRY_FIELDS; i++)
        if (strlen(entry_field_names[i]) == len &&
            strncasecmp(name + blanks, entry_field_names[i], len) == 0)
            return i;
    return len == 6 && strncasecmp(name + blanks, "domain", len) == 0 ? DOMAIN : IGNORED;
}

/* Reads the first row. Of two columns with the same name, either could be meant. */
static enum err take_header(struct table *table, int *columns, size_t *ret_n, struct errmsg *why)
{
    bool is_known[IGNORED + 1] = {false};
    size_t n = 0;

    do {
        if (take_cell(table) || n == COLUMNS_MAX) {
            errmsg_set(why, "line 1: cannot read the names of the columns");
            return ERR_SYNTAX;
        }
        int column = column_of(buf_str(&table->cell));
        if (column != IGNORED && is_known[column]) {
            errmsg_set(why, "line 1: two columns of one name");
            return ERR_SYNTAX;
        }
        columns[n++] = column;
        is_known[column] = true;
    } while (!table->is_row_over);
    if (!is_known[DOMAIN]) {
        errmsg_set(why, "line 1: no column 'domain'; the first row names the columns, with commas "
                        "between them");
        return ERR_SYNTAX;
    }
    *ret_n = n;
    return ERR_OK;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

/* Sets one cell of an entry; a blank one counts as not given. */
static void set_cell(struct entry *entry, int column, const char *text)
{
    if (column == DOMAIN) {
        mem_autofree(&entry->input);
        entry->input = xstrdup(text);
    } else if (column < ENTRY_FIELDS && !is_blank(text)) {
        entry->fields[column] = xstrdup(text);
    }
}

/* A row of one empty cell is a blank line. A cell without a name is a comma that lacks its quotes:
 * the cells before it may be of the wrong column, and would be paid for. */
static enum err take_row(struct domains *list, struct table *table, const int *columns, size_t n,
                         struct errmsg *why)
{
    size_t line = table->line;
    struct entry *entry = NULL;

    for (size_t i = 0; i == 0 || !table->is_row_over; i++) {
        if (take_cell(table)) {
            errmsg_set(why, "line %zu: a quoted cell does not end, or is too long", line);
            return ERR_SYNTAX;
        }
        if (i == 0 && table->is_row_over && table->cell.len == 0)
            return ERR_OK;
        if (i == 0)
            entry = domains_add(list, (struct slice){"", 0});
        if (i < n) {
            set_cell(entry, columns[i], buf_str(&table->cell));
        } else if (!is_blank(buf_str(&table->cell))) {
            errmsg_set(why, "line %zu: more cells than line 1 has names; is a comma not in quotes?",
                       line);
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

enum err domains_read_csv(struct domains *list, const char *text, struct errmsg *why)
{
    struct table table = {.at = text, .line = 1, .cell = BUF_INIT(CELL_MAX)};
    int columns[COLUMNS_MAX];
    size_t n = 0;
    enum err err = take_header(&table, columns, &n, why);

    while (!err && *table.at)
        err = take_row(list, &table, columns, n, why);
    buf_done(&table.cell);
    return err;
}
