/* SPDX-License-Identifier: MIT */
/* output.c - see output.h.
 *
 * Lines of JSON are the server's own, but for `index`: the server counts the entries of one
 * request, and a list can take several of them. Each line has it, also that of a single domain, so
 * that a script needs no special case for a list of one. */
#include "client/emails/output.h"

#include "base/csv_write.h"
#include "base/json.h"
#include "client/emails/screen.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX          ((size_t)64 << 20)
#define LOOK_MS           100 /* between two looks at what ends the wait for a reader */
#define DOMAIN_WIDTH_MIN  12
#define DOMAIN_WIDTH_MAX  32
#define ADDRESS_WIDTH_MIN 8
#define ADDRESS_WIDTH     24 /* to begin with, if the terminal is wide enough */
#define STATUS_WIDTH      12 /* "no mailboxes" */
#define ADDRESS_WIDTH_MAX 48

/* Returns what the terminal leaves for addresses beside a status of that width. Two blanks divide
 * the columns. */
static size_t address_width(size_t domain_width, size_t status_width, size_t max)
{
    size_t columns = screen_columns(STDOUT_FILENO);
    size_t others = domain_width + 2 + 2 + status_width;
    size_t left = columns > others ? columns - others : 0;

    return left < ADDRESS_WIDTH_MIN ? ADDRESS_WIDTH_MIN : left < max ? left : max;
}

void output_init(struct output *output, const struct options *options, const struct domains *list)
{
    *output = (struct output){.format = options->format,
                              .has_colours = screen_has_colours(STDOUT_FILENO),
                              .shows_unknown = options->dry_run,
                              .domain_width = DOMAIN_WIDTH_MIN,
                              .text = BUF_INIT(TEXT_MAX)};
    if (output->format == FORMAT_AUTO)
        output->format = isatty(STDOUT_FILENO) ? FORMAT_TABLE : FORMAT_PLAIN;
    for (size_t i = 0; i < list->n; i++) {
        size_t width = screen_width(list->entries[i].input);
        if (width > output->domain_width)
            output->domain_width = width < DOMAIN_WIDTH_MAX ? width : DOMAIN_WIDTH_MAX;
    }
    output->address_width = address_width(output->domain_width, STATUS_WIDTH, ADDRESS_WIDTH);
    output->address_width_max =
        address_width(output->domain_width, sizeof "STATUS" - 1, ADDRESS_WIDTH_MAX);
}

void output_done(struct output *output)
{
    buf_done(&output->text);
}

/* ---- lines ---- */

static const char *text_of(const struct json *email, const char *name)
{
    const char *text = json_get_string(email, name);

    return text ? text : "";
}

/* Adds a text that must not break its line or its column. */
static void add_clean(struct buf *out, const char *text)
{
    while (*text) {
        size_t unsafe = screen_unsafe(text);
        buf_add(out, unsafe ? "?" : text, 1);
        text += unsafe ? unsafe : 1;
    }
}

static void add_plain(struct output *output, const struct line *line)
{
    struct buf *out = &output->text;

    for (const struct json *email = json_first(line->emails); email; email = json_next(email)) {
        add_clean(out, line->domain);
        buf_add_str(out, "\t");
        add_clean(out, text_of(email, "email"));
        buf_add_str(out, "\t");
        add_clean(out, text_of(email, "status"));
        buf_add_str(out, "\n");
    }
}

static void add_addresses(struct output *output, const struct line *line)
{
    for (const struct json *email = json_first(line->emails); email; email = json_next(email)) {
        add_clean(&output->text, text_of(email, "email"));
        buf_add_str(&output->text, "\n");
    }
}

/* Adds the position in the list, in place of that in the request. The result of a single lookup has
 * none, and no input. */
static void add_json(struct output *output, const struct line *line, const struct entry *entry,
                     size_t index)
{
    static const char start[] = "{\"index\":", digits[] = "0123456789";
    struct buf *out = &output->text;
    struct slice text = line->text;
    size_t len = sizeof start - 1;

    if (line->index < 0 && text.len && text.data[0] == '{') {
        buf_addf(out, "%s%zu,\"input\":", start, index);
        json_add_text(out, entry->input);
        buf_add_str(out, ",");
        text = (struct slice){text.data + 1, text.len - 1};
    } else if (text.len > len && memcmp(text.data, start, len) == 0 &&
               strspn(text.data + len, digits)) {
        buf_addf(out, "%s%zu", start, index);
        len += strspn(text.data + len, digits);
        text = (struct slice){text.data + len, text.len - len};
    }
    buf_add(out, text.data, text.len);
    buf_add_str(out, "\n");
}

/* ---- CSV ---- */

static void add_row(struct buf *out, const struct line *line, const struct entry *entry,
                    size_t index, const struct json *email)
{
    buf_addf(out, "%zu,", index);
    csv_add_foreign_cell(out, entry->input);
    buf_add_str(out, ",");
    csv_add_foreign_cell(out, entry->fields[ENTRY_TRACKING_ID]);
    buf_add_str(out, ",");
    csv_add_cell(out, line->domain ? line->domain : "");
    buf_add_str(out, ",");
    csv_add_cell(out, line->company_name ? line->company_name : "");
    buf_add_str(out, ",");
    csv_add_cell(out, text_of(email, "email"));
    buf_add_str(out, ",");
    csv_add_cell(out, text_of(email, "status"));
    buf_addf(out, ",%d,", (int)line->http_status);
    csv_add_cell(out, line->code ? line->code : "");
    buf_add_str(out, ",");
    csv_add_cell(out, line->outcome);
    buf_add_str(out, ",");
    csv_add_cell(out, line->charged);
    buf_add_str(out, "\r\n");
}

static void add_rows(struct output *output, const struct line *line, const struct entry *entry,
                     size_t index)
{
    const struct json *email = json_first(line->emails);

    if (!output->has_header)
        buf_add_str(&output->text, "index,input,tracking_id,domain,company_name,email,email_status,"
                                   "status,code,outcome,charged\r\n");
    output->has_header = true;
    do {
        add_row(&output->text, line, entry, index, email);
        email = email ? json_next(email) : NULL;
    } while (email);
}

/* ---- the table ---- */

static void add_column(struct buf *out, const char *text, size_t width)
{
    size_t used = screen_add(out, text, SIZE_MAX / 2);

    buf_addf(out, "%*s", used < width ? (int)(width - used + 2) : 2, "");
}

static void add_columns(struct output *output, const char *domain, const char *address,
                        const char *status)
{
    add_column(&output->text, domain, output->domain_width);
    add_column(&output->text, address, output->address_width);
    screen_add(&output->text, status, SIZE_MAX / 2);
}

static void add_table_row(struct output *output, const char *domain, const char *address,
                          const char *status)
{
    add_columns(output, domain, address, status);
    buf_add_str(&output->text, "\n");
}

static void add_table_header(struct output *output)
{
    if (output->has_header)
        return;
    output->has_header = true;
    buf_add_str(&output->text, output->has_colours ? "\033[1m" : "");
    add_columns(output, "DOMAIN", "ADDRESS", "STATUS");
    buf_add_str(&output->text, output->has_colours ? "\033[0m\n" : "\n");
}

/* Later rows are aligned with the longest address so far, if that leaves room for the header. */
static void widen(struct output *output, const struct json *emails)
{
    for (const struct json *email = json_first(emails); email; email = json_next(email)) {
        size_t width = screen_width(text_of(email, "email"));
        if (width > output->address_width)
            output->address_width =
                width < output->address_width_max ? width : output->address_width_max;
    }
}

/* Other failures are messages only. */
static void add_table(struct output *output, const struct line *line, const struct entry *entry)
{
    const struct json *email = json_first(line->emails);

    if (line->code && !(output->shows_unknown && strcmp(line->code, "not-cached") == 0))
        return;
    widen(output, line->emails);
    add_table_header(output);
    if (line->code)
        add_table_row(output, entry->input, "-", "not known");
    else if (!email)
        add_table_row(output, line->domain, "-", "no mailboxes");
    for (; email; email = json_next(email))
        add_table_row(output, line->domain, text_of(email, "email"), text_of(email, "status"));
}

/* ---- all of them ---- */

void output_add(struct output *output, const struct line *line, const struct entry *entry,
                size_t index)
{
    switch (output->format) {
    case FORMAT_AUTO:
    case FORMAT_TABLE:
        add_table(output, line, entry);
        break;
    case FORMAT_PLAIN:
        add_plain(output, line);
        break;
    case FORMAT_ADDRESSES:
        add_addresses(output, line);
        break;
    case FORMAT_JSON:
        add_json(output, line, entry, index);
        break;
    case FORMAT_CSV:
        add_rows(output, line, entry, index);
        break;
    }
    if (output->text.len >= BUF_SMALL || buf_check(&output->text))
        output_flush(output);
}

/* Waits until standard output takes PIPE_BUF bytes: then write() does not block, as it would in a
 * pipe that is full. O_NONBLOCK would change the file for all processes that have it. */
static void await_room(struct output *output)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

    while (poll(&fd, 1, LOOK_MS) != 1)
        if (output->gives_up && output->gives_up()) {
            output->error = EINTR;
            return;
        }
}

bool output_flush(struct output *output)
{
    const char *data = output->text.data;
    size_t left = output->text.len;

    if (buf_check(&output->text) && !output->error)
        output->error = ENOMEM;
    while (left && !output->error) {
        await_room(output);
        if (output->error)
            break;
        ssize_t n = write(STDOUT_FILENO, data, left < PIPE_BUF ? left : PIPE_BUF);
        if (n < 0 && errno != EINTR)
            output->error = errno;
        if (n > 0) {
            data += n;
            left -= (size_t)n;
        }
    }
    buf_clear(&output->text);
    return !output->error;
}

bool output_is_closed(void)
{
    struct pollfd fd = {.fd = STDOUT_FILENO};

    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLERR);
}
