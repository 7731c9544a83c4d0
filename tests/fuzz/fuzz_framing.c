/* SPDX-License-Identifier: MIT */
/* fuzz_framing.c - fuzzes which headers are rejected because two parsers could read them
 * differently.
 *
 * First line: the version. Each further line is a header line: NAME:VALUE. */
#include "base/mem.h"
#include "http/protocol/framing.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 128

struct line {
    char *text;
    struct slice name, value;
};

static bool is_named(const struct line *line, const char *name)
{
    return line->name.len == strlen(name) &&
           strncasecmp(line->name.data, name, line->name.len) == 0;
}

static size_t count(const struct line *lines, size_t n, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += is_named(&lines[i], name);
    return found;
}

static bool is_well_formed(const struct line *line)
{
    static const char separators[] = "()<>@,;:\\\"/[]?={} \t";

    for (size_t i = 0; i < line->name.len; i++)
        if (line->name.data[i] <= 0x20 || line->name.data[i] > 0x7e ||
            strchr(separators, line->name.data[i]))
            return false;
    for (size_t i = 0; i < line->value.len; i++) {
        unsigned char c = (unsigned char)line->value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        if (is_named(line, "Host") && (c <= 0x20 || c > 0x7e || strchr("/@,\\?#<>\"'", c)))
            return false;
    }
    return line->name.len && (!is_named(line, "Host") || line->value.len);
}

static bool is_chunked(const struct line *line)
{
    return line->value.len == 7 && strncasecmp(line->value.data, "chunked", 7) == 0;
}

/* The conditions that an accepted request meets whose route accepts a body. */
static void check_body(const char *version, const struct line *lines, size_t n, bool has_body)
{
    size_t encodings = count(lines, n, "Transfer-Encoding");
    size_t lengths = count(lines, n, "Content-Length");

    FUZZ_WANT(encodings + lengths <= 1);
    FUZZ_WANT(encodings == 0 || strcmp(version, "HTTP/1.1") == 0);
    FUZZ_WANT(!has_body || encodings + lengths == 1);
    for (size_t i = 0; i < n; i++) {
        FUZZ_WANT(!is_named(&lines[i], "Transfer-Encoding") || is_chunked(&lines[i]));
        if (!is_named(&lines[i], "Content-Length"))
            continue;
        autofree char *digits = strndup(lines[i].value.data, lines[i].value.len);
        FUZZ_WANT(*digits && strspn(digits, "0123456789") == lines[i].value.len);
        FUZZ_WANT(has_body == (strtoull(digits, NULL, 10) > 0));
    }
}

/* The conditions that an accepted request meets whose route accepts no body. */
static void check_passed(const char *version, const struct line *lines, size_t n)
{
    FUZZ_WANT(strcmp(version, "HTTP/1.1") == 0 || strcmp(version, "HTTP/1.0") == 0);
    FUZZ_WANT(count(lines, n, "Host") == 1 ||
              (count(lines, n, "Host") == 0 && strcmp(version, "HTTP/1.0") == 0));
    FUZZ_WANT(count(lines, n, "Transfer-Encoding") == 0);
    FUZZ_WANT(count(lines, n, "Content-Length") <= 1);
    for (size_t i = 0; i < n; i++) {
        FUZZ_WANT(is_well_formed(&lines[i]));
        if (is_named(&lines[i], "Content-Length"))
            for (size_t j = 0; j < lines[i].value.len; j++)
                FUZZ_WANT(lines[i].value.data[j] == '0');
    }
}

static enum err judge(const char *version, const struct line *lines, size_t n, bool backwards,
                      const char **ret_detail)
{
    struct framing framing = {0};
    const char *unused;

    for (size_t i = 0; i < n; i++) {
        const struct line *line = &lines[backwards ? n - 1 - i : i];
        framing_header(&framing, line->name, line->value);
    }
    enum err err = framing_verdict(&framing, version, FRAMING_NO_BODY, ret_detail);
    FUZZ_WANT(err || !framing_has_body(&framing));
    enum err of_length = framing_verdict(&framing, version, FRAMING_BODY_OF_LENGTH, &unused);
    enum err with_body = framing_verdict(&framing, version, FRAMING_ANY_BODY, &unused);
    FUZZ_WANT(err || !of_length); /* a body is all that a route can accept in addition */
    FUZZ_WANT(of_length || !with_body);
    FUZZ_WANT(of_length || framing.encodings == 0);
    if (!with_body)
        check_body(version, lines, n, framing_has_body(&framing));
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct line lines[LINES_MAX];
    const char *detail = NULL, *backwards = NULL;
    size_t n = 0, len;
    autofree char *version = input_line(&input, &len);
    char *text;

    if (!version)
        return 0;
    for (; n < LINES_MAX && (text = input_line(&input, &len)); n++) {
        const char *colon = memchr(text, ':', len);
        size_t name_len = colon ? (size_t)(colon - text) : len;
        size_t value_at = name_len + (colon != NULL);
        lines[n] = (struct line){text, {text, name_len}, {text + value_at, len - value_at}};
    }
    enum err err = judge(version, lines, n, false, &detail);
    FUZZ_WANT(err == judge(version, lines, n, true, &backwards));
    FUZZ_WANT(detail == backwards);
    FUZZ_WANT(err == ERR_OK || err == ERR_INVALID_REQUEST || err == ERR_BODY_TOO_LARGE);
    FUZZ_WANT((err == ERR_OK) == (detail == NULL));
    if (!err)
        check_passed(version, lines, n);
    while (n)
        free(lines[--n].text);
    return 0;
}
