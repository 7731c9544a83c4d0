/* SPDX-License-Identifier: MIT */
/* fuzz_list_parser.c - fuzzes lists of domains, and their Content-Type.
 *
 * The first byte selects the type of the list, or that the rest is a Content-Type. A simple model
 * says which entries there are: lines that are not blank, or what a parser of all the JSON finds.
 * A list in CSV is written and read again. */
#include "base/buf.h"
#include "base/csv_write.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "http/protocol/list_parser.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* An entry, copied. */
struct taken {
    char *texts[QUESTION_PARTS + 1]; /* the last one is the tracking id; NULL = not given */
    enum err err;
};

struct list {
    struct taken *entries;
    size_t n;
    enum err end;
};

/* ---- reading ---- */

/* Returns whether the text is what the header promises: in bounds, which a sanitizer checks here,
 * UTF-8 without NUL, and not longer than the body. */
static bool is_sound(struct slice text, size_t body_len)
{
    return !text.data || (text.len <= body_len && text_is_utf8(text.data, text.len) &&
                          !memchr(text.data, '\0', text.len));
}

static char *copy_of(struct slice text)
{
    return text.data ? xstrndup(text.data, text.len) : NULL;
}

static bool is_error_of_an_entry(enum err err)
{
    return err == ERR_INVALID_BODY || err == ERR_UNKNOWN_PARAMETER ||
           err == ERR_DUPLICATE_PARAMETER || err == ERR_INVALID_PARAMETER ||
           err == ERR_MISSING_DOMAIN;
}

static void check_entry(const struct list_entry *entry, size_t body_len)
{
    const char *why = entry->why.text;

    FUZZ_WANT(entry->input.data && is_sound(entry->input, body_len));
    FUZZ_WANT(is_sound(entry->tracking_id, body_len));
    FUZZ_WANT(entry->input.len <= LIST_ENTRY_MAX && entry->tracking_id.len <= LIST_TRACKING_MAX);
    for (int i = 0; i < QUESTION_PARTS; i++)
        FUZZ_WANT(is_sound(entry->fields[i], body_len));
    FUZZ_WANT(!entry->err || is_error_of_an_entry(entry->err));
    FUZZ_WANT((*why != '\0') == (entry->err != ERR_OK));
    FUZZ_WANT(input_is_printable(why, strlen(why)));
    if (!entry->err)
        FUZZ_WANT(entry->fields[QUESTION_DOMAIN].data == entry->input.data);
}

static struct list read_list(enum list_type type, struct slice body)
{
    struct list list = {0};
    struct list_parser *parser = list_parser_new(type, body);
    struct errmsg why = {""};
    struct list_entry entry;

    list.entries = xcalloc(body.len + 1, sizeof *list.entries);
    for (size_t calls = 0; !list.end || list.end == ERR_AGAIN; calls++) {
        FUZZ_WANT(calls <= 2 * body.len + 1);
        list.end = list_parser_next(parser, &entry, &why);
        if (list.end)
            continue;
        struct taken *taken = &list.entries[list.n++];
        FUZZ_WANT(list.n <= body.len);
        check_entry(&entry, body.len);
        for (int i = 0; i < QUESTION_PARTS; i++)
            taken->texts[i] = copy_of(entry.fields[i]);
        taken->texts[QUESTION_PARTS] = copy_of(entry.tracking_id);
        taken->err = entry.err;
    }
    FUZZ_WANT(list.end == ERR_NO_ENTRY || list.end == ERR_INVALID_BODY);
    FUZZ_WANT((*why.text != '\0') == (list.end == ERR_INVALID_BODY));
    FUZZ_WANT(input_is_printable(why.text, strlen(why.text)));
    list_parser_free(parser);
    return list;
}

static void list_done(struct list *list)
{
    for (size_t i = 0; i < list->n; i++)
        for (int part = 0; part <= QUESTION_PARTS; part++)
            free(list->entries[i].texts[part]);
    free(list->entries);
}

/* ---- the models ---- */

/* Counts the lines that are not blank and, of text, not comments. */
static size_t count_lines(const char *text, size_t len, bool has_comments)
{
    size_t n = 0;

    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        len -= 3;
    }
    for (size_t i = 0; i < len; i++) {
        size_t end = i;
        while (end < len && text[end] != '\n')
            end++;
        while (i < end && strchr(" \t\r", text[i]))
            i++;
        n += i < end && !(has_comments && text[i] == '#');
        i = end;
    }
    return n;
}

static bool is_blank(struct slice body)
{
    size_t i = body.len >= 3 && memcmp(body.data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    while (i < body.len && strchr(" \t\r\n", body.data[i]) && body.data[i])
        i++;
    return i == body.len;
}

/* Against a parser of the whole array. It permits one level less, that of the list, and no blank
 * text. */
static void check_json(const struct list *list, struct slice body)
{
    struct json *all = NULL;
    size_t size = 0;

    if (!json_parse(body.data, body.len, &all) && json_is_array(all)) {
        FUZZ_WANT(list->end == ERR_NO_ENTRY);
        for (const struct json *element = json_first(all); element; element = json_next(element)) {
            const char *domain = json_string(element);
            domain = domain ? domain : json_get_string(element, "domain");
            const struct taken *taken = &list->entries[size++];
            FUZZ_WANT(size <= list->n);
            if (!taken->err)
                FUZZ_WANT(domain && strcmp(domain, taken->texts[QUESTION_DOMAIN]) == 0);
        }
        FUZZ_WANT(size == list->n);
    } else if (is_blank(body)) {
        FUZZ_WANT(list->end == ERR_NO_ENTRY && list->n == 0);
    } else if (list->end == ERR_NO_ENTRY) {
        size_t depth = 0;
        for (size_t i = 0; i < body.len; i++)
            depth += body.data[i] == '[' || body.data[i] == '{';
        FUZZ_WANT(depth > JSON_MAX_DEPTH);
    }
    json_free(all);
}

/* Writes the list and reads it again. */
static void check_csv(const struct list *list, size_t body_len)
{
    struct buf autobuf text = BUF_INIT(16 * body_len + 256);

    buf_add_str(&text, "tracking_id,country,state,city,company_name,domain\r\n");
    for (size_t i = 0; i < list->n; i++)
        for (int part = QUESTION_PARTS; part >= 0; part--) {
            const char *cell = list->entries[i].texts[part];
            csv_add_cell(&text, cell ? cell : "");
            buf_add_str(&text, part ? "," : "\r\n");
        }
    FUZZ_WANT(!buf_check(&text));
    struct list again = read_list(LIST_CSV, (struct slice){text.data, text.len});
    FUZZ_WANT(again.end == ERR_NO_ENTRY && again.n == list->n);
    for (size_t i = 0; i < list->n; i++)
        for (int part = 0; part <= QUESTION_PARTS; part++) {
            const char *a = list->entries[i].texts[part], *b = again.entries[i].texts[part];
            FUZZ_WANT(a ? b && strcmp(a, b) == 0 : !b);
        }
    list_done(&again);
}

static void check_type(const uint8_t *data, size_t size)
{
    autofree char *text = input_text(data, size);
    enum list_type type = LIST_TYPES;
    struct errmsg why = {""};
    enum err err = list_type_read(text, &type, &why);

    FUZZ_WANT(err == ERR_OK || err == ERR_UNSUPPORTED_MEDIA_TYPE);
    FUZZ_WANT((type < LIST_TYPES) == (err == ERR_OK));
    FUZZ_WANT((*why.text == '\0') == (err == ERR_OK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    enum list_type type = (enum list_type)(data[0] % (LIST_TYPES + 1));
    struct slice body = {(const char *)data + 1, size - 1};
    if (type == LIST_TYPES) {
        check_type(data + 1, size - 1);
        return 0;
    }
    struct list list = read_list(type, body);
    bool is_text = text_is_utf8(body.data, body.len) && !memchr(body.data, '\0', body.len);
    if (type == LIST_JSON)
        check_json(&list, body);
    else if (type == LIST_CSV)
        check_csv(&list, body.len);
    else
        FUZZ_WANT(list.n == (is_text ? count_lines(body.data, body.len, type == LIST_TEXT) : 0));
    list_done(&list);
    return 0;
}
