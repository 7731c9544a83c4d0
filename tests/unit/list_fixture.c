/* SPDX-License-Identifier: MIT */
/* list_fixture.c - see list_fixture.h. */
#include "tests/unit/list_fixture.h"

#include "base/mem.h"

#include <check.h>
#include <string.h>

#define TEXT_MAX ((size_t)64 << 20)

static void add_field(struct buf *text, const char *name, struct slice value)
{
    if (!value.data)
        return;
    buf_addf(text, "|%s=", name);
    buf_add(text, value.data, value.len);
}

static void add_entry(struct buf *text, const struct list_entry *entry)
{
    const struct slice *domain = &entry->fields[QUESTION_DOMAIN];

    buf_add(text, entry->input.data, entry->input.len);
    add_field(text, "company_name", entry->fields[QUESTION_COMPANY_NAME]);
    add_field(text, "city", entry->fields[QUESTION_CITY]);
    add_field(text, "state", entry->fields[QUESTION_STATE]);
    add_field(text, "country", entry->fields[QUESTION_COUNTRY]);
    add_field(text, "tracking_id", entry->tracking_id);
    if (entry->err)
        buf_addf(text, "|!%s: %s", err_row(entry->err)->code, entry->why.text);
    else
        ck_assert(domain->data == entry->input.data && domain->len == entry->input.len);
    ck_assert_int_eq(*entry->why.text != '\0', entry->err != ERR_OK);
    buf_add_str(text, "\n");
}

struct list_reading list_read(enum list_type type, const char *body, size_t len)
{
    struct list_reading reading = {.text = BUF_INIT(TEXT_MAX)};
    autofree char *copy = xcalloc(1, len ? len : 1);
    struct errmsg why = {""};
    struct list_entry entry;

    memcpy(copy, body, len);
    struct list_parser *parser = list_parser_new(type, (struct slice){copy, len});
    while (!reading.err || reading.err == ERR_AGAIN) {
        reading.err = list_parser_next(parser, &entry, &why);
        reading.n_portions += reading.err == ERR_AGAIN;
        if (reading.err)
            continue;
        reading.n++;
        add_entry(&reading.text, &entry);
    }
    ck_assert(reading.err == ERR_NO_ENTRY || reading.err == ERR_INVALID_BODY);
    ck_assert_int_eq(*why.text != '\0', reading.err == ERR_INVALID_BODY);
    buf_addf(&reading.text, "%s\n", *why.text ? why.text : "end");
    ck_assert_int_eq(buf_check(&reading.text), ERR_OK);
    list_parser_free(parser);
    return reading;
}

void list_reading_done(struct list_reading *reading)
{
    buf_done(&reading->text);
}

void list_check(enum list_type type, const char *body, const char *text)
{
    struct list_reading reading = list_read(type, body, strlen(body));

    ck_assert_str_eq(buf_str(&reading.text), text);
    list_reading_done(&reading);
}
