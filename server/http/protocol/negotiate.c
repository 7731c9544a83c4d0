/* SPDX-License-Identifier: MIT */
/* negotiate.c - see negotiate.h. Media ranges are compared as text. Parameters other than q are
 * skipped, because they do not matter for any format offered. */
#include "http/protocol/negotiate.h"

#include "http/protocol/field_value.h"

#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"

static const struct {
    const char *name;  /* the value of `format` */
    const char *type;  /* such as text/plain */
    const char *range; /* the range of all its subtypes */
    const char *content_type;
} forms[FORMATS] = {
    [FORMAT_JSON] = {"json", "application/json", "application/*", "application/json"},
    [FORMAT_TEXT] = {"text", "text/plain", "text/*", "text/plain; charset=utf-8"},
    [FORMAT_CSV] = {"csv", "text/csv", "text/*", "text/csv; charset=utf-8; header=present"},
    [FORMAT_NDJSON] = {"ndjson", "application/x-ndjson", "application/*", "application/x-ndjson"},
    [FORMAT_SSE] = {"sse", "text/event-stream", "text/*", "text/event-stream"},
};

const char *negotiate_content_type(enum format format)
{
    return forms[format].content_type;
}

bool format_read(struct slice name, enum format *ret_format)
{
    for (int i = 0; i < FORMATS; i++)
        if (slice_equals(name, forms[i].name)) {
            *ret_format = (enum format)i;
            return true;
        }
    return false;
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

/* Returns how closely a media range matches a format: 3 = exactly, 2 = its type, 1 = any type, 0 =
 * not. Java's clients send "*" for any type. */
static int closeness(struct slice range, enum format format)
{
    if (slice_equals_nocase(range, forms[format].type))
        return 3;
    if (slice_equals_nocase(range, forms[format].range))
        return 2;
    return slice_equals_nocase(range, "*/*") || slice_equals_nocase(range, "*") ? 1 : 0;
}

/* Parses a weight (RFC 9110, 12.4.2: 0, 0.5, 1.000) into thousandths. Clients send others: a number
 * outside the grammar counts as the nearest weight, where only zero is zero, and what is no number
 * as 1. */
static int weight(const char *s)
{
    bool is_negative = *s == '-';
    const struct slice whole = {s + is_negative, strspn(s + is_negative, DIGITS)};
    const char *point = whole.data + whole.len, *fraction = point + (*point == '.');
    size_t digits = *point == '.' ? strspn(fraction, DIGITS) : 0;
    int q = 0;

    if (whole.len + digits == 0 || !strchr(" \t,;", fraction[digits]))
        return 1000;
    if (is_negative)
        return 0;
    if (strspn(whole.data, "0") < whole.len)
        return 1000;
    for (size_t i = 0, unit = 100; i < 3 && i < digits; i++, unit /= 10)
        q += (fraction[i] - '0') * (int)unit;
    return q == 0 && strspn(fraction, "0") < digits ? 1 : q;
}

/* Returns the q of the media range at `s`, in thousandths; 1000 without a q. */
static int quality(const char *s)
{
    for (s = field_value_find(s, ';'); *s == ';'; s = field_value_find(s, ';')) {
        s = skip_blanks(s + 1);
        if (strncasecmp(s, "q=", 2) == 0)
            return weight(s + 2);
    }
    return 1000;
}

/* Returns the quality that `accept` gives to a format: that of the closest range. */
static int wanted(const char *accept, enum format format)
{
    int best = 0, q = 0;

    for (const char *s = accept; *s;) {
        s += strspn(s, " \t,");
        int close = closeness((struct slice){s, strcspn(s, " \t,;")}, format);
        if (close > best) {
            best = close;
            q = quality(s);
        }
        s = field_value_find(s, ',');
    }
    return q;
}

static bool accepts_all(const char *accept)
{
    return !accept || !*skip_blanks(accept);
}

bool negotiate_accepts(const char *accept, enum format format)
{
    return accepts_all(accept) || wanted(accept, format) > 0;
}

enum err negotiate_format(enum format given, const char *accept, enum format preferred,
                          enum format *ret_format)
{
    bool is_decided = given != FORMATS;
    enum format best = is_decided ? given : preferred;
    int best_q = is_decided || accepts_all(accept) ? 1000 : wanted(accept, preferred);

    for (int i = 0; best_q < 1000 && i < FORMATS; i++) {
        int q = wanted(accept, (enum format)i);
        if (q > best_q) {
            best_q = q;
            best = (enum format)i;
        }
    }
    if (!best_q)
        return ERR_NOT_ACCEPTABLE;
    *ret_format = best;
    return ERR_OK;
}
