/* SPDX-License-Identifier: MIT */
/* config_file.c - see config_file.h. Lines are counted and measured in the function that passes
 * them to inih: inih would split a long line and does not report line numbers. */
#include "config/config_file.h"

#include "base/mem.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct reading {
    const char *rest; /* the unread text */
    int line;
    const char *fault; /* static message; NULL = none */
    enum err err;      /* of `each` */
    config_file_fn *each;
    void *arg;
};

static char *next_line(char *room, int size, void *arg)
{
    struct reading *reading = arg;
    size_t len = strcspn(reading->rest, "\n");

    if (!*reading->rest || reading->fault || reading->err)
        return NULL;
    reading->line++;
    if (len > CONFIG_LINE || len + 2 > (size_t)size) {
        reading->fault = "line too long";
        return NULL;
    }
    len += reading->rest[len] == '\n';
    *(char *)mempcpy(room, reading->rest, len) = '\0';
    reading->rest += len;
    return room;
}

static int take_pair(void *arg, const char *section, const char *name, const char *value)
{
    struct reading *reading = arg;

    if (*section)
        reading->fault = "sections are not allowed";
    else
        reading->err = reading->each(reading->arg, name, value, reading->line);
    return !reading->fault && !reading->err;
}

/* inih does not report a section without pairs. */
static bool has_section(const char *text)
{
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (text[strspn(text, " \t")] == '[')
            return true;
    return false;
}

enum err config_file_parse(const char *name, const char *text, config_file_fn *each, void *arg,
                           struct errmsg *why)
{
    struct reading reading = {.rest = text, .each = each, .arg = arg};

    ini_allow_multiline = false;
    ini_allow_inline_comments = false;
    ini_use_stack = false;
    ini_stop_on_first_error = true;
    ini_max_line = ini_initial_alloc = CONFIG_LINE + 4;
    int bad_line = ini_parse_stream(next_line, &reading, take_pair, &reading);
    if (reading.err)
        return reading.err;
    if (!reading.fault && bad_line)
        reading.fault = "must be of the form key = value";
    if (!reading.fault && has_section(text))
        reading.fault = "sections are not allowed";
    if (!reading.fault)
        return ERR_OK;
    errmsg_set(why, "%.120s:%d: %s", name, reading.line, reading.fault);
    return ERR_SYNTAX;
}

enum err config_file_read(const char *path, config_file_fn *each, void *arg, struct errmsg *why)
{
    autofree char *text = xcalloc(1, CONFIG_FILE_BYTES + 1);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, CONFIG_FILE_BYTES + 1, file) : 0;
    int error = !file || ferror(file) ? errno : 0;

    if (file)
        fclose(file);
    if (error) {
        errmsg_set(why, "%.120s: %s", path, strerror(error));
        return ERR_SYSTEM;
    }
    if (len > CONFIG_FILE_BYTES || strlen(text) != len) {
        errmsg_set(why, "%.120s: %s", path,
                   len > CONFIG_FILE_BYTES ? "file too long" : "contains a NUL byte");
        return ERR_SYNTAX;
    }
    return config_file_parse(path, text, each, arg, why);
}
