/* SPDX-License-Identifier: MIT */
/* domains.c - see domains.h. domains_csv.c reads tables. */
#include "client/emails/domains.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_MAX ((size_t)256 << 20) /* more than two million domains */

const char *const entry_field_names[ENTRY_FIELDS] = {
    [ENTRY_COMPANY_NAME] = "company_name",
    [ENTRY_CITY] = "city",
    [ENTRY_STATE] = "state",
    [ENTRY_COUNTRY] = "country",
    [ENTRY_TRACKING_ID] = "tracking_id",
};

struct entry *domains_add(struct domains *list, struct slice input)
{
    if (list->n == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->entries = xrealloc(list->entries, list->room * sizeof *list->entries);
    }
    struct entry *entry = &list->entries[list->n++];
    *entry = (struct entry){.input = xstrndup(input.data, input.len)};
    return entry;
}

void domains_done(struct domains *list)
{
    for (size_t i = 0; i < list->n; i++) {
        for (size_t field = 0; field < ENTRY_FIELDS; field++)
            free(list->entries[i].fields[field]);
        free(list->entries[i].input);
        free(list->entries[i].held);
    }
    free(list->entries);
    *list = (struct domains){0};
}

/* ---- text ---- */

static struct slice without_blanks(struct slice line)
{
    static const char blanks[] = " \t\r";

    while (line.len && strchr(blanks, line.data[0]))
        line = (struct slice){line.data + 1, line.len - 1};
    while (line.len && strchr(blanks, line.data[line.len - 1]))
        line.len--;
    return line;
}

void domains_read_text(struct domains *list, const char *text)
{
    while (*text) {
        struct slice line = {text, strcspn(text, "\n")};
        text += line.len + (text[line.len] == '\n');
        line = without_blanks(line);
        if (line.len && line.data[0] != '#')
            domains_add(list, line);
    }
}

/* ---- files ---- */

static enum err read_all(FILE *file, struct buf *text)
{
    char piece[65536];
    size_t n;
    enum err err = ERR_OK;

    do {
        n = fread(piece, 1, sizeof piece, file);
        err = buf_add(text, piece, n);
    } while (!err && n == sizeof piece);
    return ferror(file) ? ERR_SYSTEM : err;
}

static bool is_table(const char *path)
{
    const char *end = strrchr(path, '.');

    return end && strcasecmp(end, ".csv") == 0;
}

static const char *without_mark(const char *text)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* the byte order mark of UTF-8 */

    return strncmp(text, mark, strlen(mark)) == 0 ? text + strlen(mark) : text;
}

/* Returns the number of the first line that is not UTF-8, from 1; 0 if every line is UTF-8. */
static size_t foreign_line(const char *text)
{
    for (size_t number = 1; *text; number++) {
        size_t len = strcspn(text, "\n");
        if (!text_is_utf8(text, len))
            return number;
        text += len + (text[len] == '\n');
    }
    return 0;
}

/* A name in another encoding would be paid for as another name. */
static enum err take_text(struct domains *list, const char *path, const struct buf *text,
                          struct errmsg *why)
{
    const char *start = without_mark(buf_str(text));
    size_t line = foreign_line(start);

    if (strlen(buf_str(text)) != text->len) {
        errmsg_set(why, "not a text file in UTF-8: it contains a NUL byte");
        return ERR_SYNTAX;
    }
    if (line) {
        errmsg_set(why, "line %zu: not UTF-8", line);
        return ERR_SYNTAX;
    }
    if (is_table(path))
        return domains_read_csv(list, start, why);
    domains_read_text(list, start);
    return ERR_OK;
}

enum err domains_read_file(struct domains *list, const char *path, struct errmsg *why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *file = is_stdin ? stdin : fopen(path, "re");
    struct buf autobuf text = BUF_INIT(FILE_MAX);
    enum err err = file ? read_all(file, &text) : ERR_SYSTEM;

    if (err == ERR_SYSTEM)
        errmsg_set(why, "%s", strerror(errno));
    else if (err)
        errmsg_set(why, "longer than %zu MiB", FILE_MAX >> 20);
    else
        err = take_text(list, path, &text, why);
    if (file && !is_stdin)
        fclose(file);
    if (err)
        errmsg_prefix(why, is_stdin ? "standard input" : path);
    return err;
}
