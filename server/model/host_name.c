/* SPDX-License-Identifier: MIT */
/* host_name.c - see host_name.h.
 *
 * Known traps, each covered by a test: libidn2 2.3.3 with its STD3 flag deletes illegal bytes
 * ("a_b.com" becomes "ab.com"); without, it accepts them, as well as empty labels and whatever maps
 * to '/', ':', '@' or '.'. It drops ignorable code points silently. So the flag is never set,
 * ignorables are rejected first, and the output is checked. Each label is mapped alone, so that a
 * label in front cannot fail a name which is good behind it. */
#include "model/host_name.h"

#include "base/mem.h"
#include "base/text.h"

#include <idn2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IDN_FLAGS (IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT)

/* ------------------------------------------------------------------ one label */

static char *lower_case(const char *text, size_t len)
{
    char *lower = xstrndup(text, len);

    for (char *s = lower; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
    return lower;
}

static bool is_ascii(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

static bool is_a_label(const char *label)
{
    return strncmp(label, "xn--", 4) == 0;
}

static enum reason reason_of_idn(int rc)
{
    switch (rc) {
    case IDN2_TOO_BIG_LABEL:
    case IDN2_TOO_BIG_DOMAIN: /* a domain of one label */
    case IDN2_PUNYCODE_BIG_OUTPUT:
        return REASON_LONG_LABEL;
    case IDN2_HYPHEN_STARTEND:
        return REASON_HYPHEN;
    case IDN2_2HYPHEN:
        return REASON_HYPHENS;
    default:
        return REASON_IDN;
    }
}

/* Checks what libidn2 wrote, or a label that it need not see, but for the length. */
static enum reason check_label(const char *label)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strlen(label);

    if (!len)
        return REASON_EMPTY_LABEL;
    if (label[strspn(label, allowed)])
        return REASON_CHARACTER;
    if (label[0] == '-' || label[len - 1] == '-')
        return REASON_HYPHEN;
    if (len > 3 && label[2] == '-' && label[3] == '-' && !is_a_label(label))
        return REASON_HYPHENS;
    return REASON_NONE;
}

/* Replaces *label, in lower case, by its A-label, for which libidn2 checks the length. Most names
 * are plain ASCII and stay. */
static enum reason map_label(char **label)
{
    unsigned char *mapped = NULL;

    if (is_ascii(*label) && strlen(*label) > HOST_LABEL_MAX)
        return REASON_LONG_LABEL;
    if (!is_ascii(*label) || is_a_label(*label)) {
        int rc = idn2_lookup_u8((const unsigned char *)*label, &mapped, IDN_FLAGS);
        if (rc != IDN2_OK)
            return reason_of_idn(rc);
        free(*label);
        *label = xstrdup((const char *)mapped);
        idn2_free(mapped);
    }
    return check_label(*label);
}

/* Returns whether a label that cannot be registered may be in front of one that is. */
static bool is_odd(const char *label, enum reason reason)
{
    return reason != REASON_LONG_LABEL && text_is_url_label(label, strlen(label));
}

/* ------------------------------------------------------------------ all labels */

static enum reason append(struct host_name *name, const char *text)
{
    size_t len = strlen(text);

    if (len > HOST_LEN_MAX - name->len)
        return REASON_LONG;
    memcpy(name->name + name->len, text, len + 1);
    name->len += len;
    return REASON_NONE;
}

static enum reason add_label(struct host_name *name, const char *text, size_t len)
{
    autofree char *label = lower_case(text, len);
    enum reason reason = map_label(&label);

    if (!reason)
        return append(name, label);
    if (!is_odd(label, reason))
        return reason;
    name->odd_reason = reason;
    reason = append(name, is_ascii(label) ? label : "-");
    name->odd_end = name->len;
    return reason;
}

/* Returns the length of the dot at `text`; 0 if there is none. The four dots are those of RFC 3490,
 * 3.1; UTS 46 maps three of them to the first. */
static size_t dot_len(const char *text)
{
    static const char *const dots[] = {".", "\u3002", "\uFF0E", "\uFF61"};

    for (size_t i = 0; i < ARRAY_LEN(dots); i++)
        if (strncmp(text, dots[i], strlen(dots[i])) == 0)
            return strlen(dots[i]);
    return 0;
}

static size_t label_len(const char *text)
{
    size_t len = 0;

    while (text[len] && !dot_len(text + len))
        len++;
    return len;
}

enum reason host_name_read(const char *host, struct host_name *ret_name)
{
    struct host_name name = {.len = 0};
    enum reason reason = REASON_NONE;

    if (!text_is_utf8(host, strlen(host)))
        return REASON_UTF8;
    if (text_has_ignorable_but_joiners(host, strlen(host)))
        return REASON_INVISIBLE;
    while (!reason) {
        size_t len = label_len(host), dot = dot_len(host + len);
        reason = add_label(&name, host, len);
        host += len + dot;
        if (!*host) /* one dot at the end means the root; of two, the label between is empty */
            break;
        if (!reason)
            reason = append(&name, ".");
    }
    if (!reason)
        *ret_name = name;
    return reason;
}

char *host_label_display(const char *label)
{
    char *decoded = NULL;

    if (!is_a_label(label) || idn2_to_unicode_8z8z(label, &decoded, 0) != IDN2_OK)
        return xstrdup(label);
    char *copy = xstrdup(decoded);
    idn2_free(decoded);
    return copy;
}
