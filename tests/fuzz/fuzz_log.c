/* SPDX-License-Identifier: MIT */
/* fuzz_log.c - fuzzes untrusted bytes in a line of the log: one line, safe for a terminal, and
 * the same bytes for a parser.
 *
 * Each line of the input is a value; a NUL ends it. Standard error is a file in memory while the
 * line is written. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define VALUES         3

/* The sanitizers' own function; their reports would otherwise be lost. */
void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

static size_t write_line(char *const values[VALUES], bool as_json, char *line)
{
    static int kept = -1, memory = -1;

    if (kept < 0) {
        kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        memory = memfd_create("log", MFD_CLOEXEC);
        FUZZ_WANT(kept >= 0 && memory >= 0);
        if (__sanitizer_set_report_fd)
            __sanitizer_set_report_fd((void *)(intptr_t)kept);
    }
    FUZZ_WANT(ftruncate(memory, 0) == 0 && lseek(memory, 0, SEEK_SET) == 0);
    log_set_json(as_json);
    FUZZ_WANT(dup2(memory, STDERR_FILENO) == STDERR_FILENO);
    log_event(LOG_INFO, "fuzzed", LOG_STR("first", values[0]), LOG_STR("second", values[1]),
              LOG_STR("third", values[2]));
    dup2(kept, STDERR_FILENO);
    ssize_t len = pread(memory, line, LINE_MAX_BYTES + 1, 0);
    FUZZ_WANT(len > 0 && len <= LINE_MAX_BYTES);
    FUZZ_WANT(line[len - 1] == '\n');
    FUZZ_WANT(input_is_printable(line, (size_t)len - 1));
    line[len] = '\0';
    return (size_t)len;
}

/* Returns whether the value and those before it could fill a line if each byte becomes so many. */
static bool may_be_too_long(char *const values[VALUES], int which, size_t bytes_per_byte)
{
    size_t len = 128; /* time, level, event, keys and quotes */

    for (int i = 0; i <= which; i++)
        len += values[i] ? strlen(values[i]) * bytes_per_byte : 0;
    return len > LINE_MAX_BYTES;
}

/* Parses one logfmt value at `s`; returns the text after it. */
static const char *read_value(const char *s, char *out)
{
    if (*s != '"') {
        size_t len = strcspn(s, " \n");
        FUZZ_WANT(!memchr(s, '"', len) && !memchr(s, '=', len));
        memcpy(out, s, len);
        out[len] = '\0';
        return s + len;
    }
    for (s++; *s != '"'; s++) {
        FUZZ_WANT(*s && *s != '\n');
        if (*s != '\\') {
            *out++ = *s;
        } else if (*++s == 'x') {
            char digits[3] = {s[1], s[2], '\0'};
            *out++ = (char)strtol(digits, NULL, 16);
            s += 2;
        } else {
            *out++ = *s;
        }
    }
    *out = '\0';
    return s + 1;
}

static void check_logfmt(char *const values[VALUES], const char *line)
{
    static const char *const keys[VALUES] = {" first=", " second=", " third="};
    char value[LINE_MAX_BYTES];
    const char *event = strstr(line, " level=info event=fuzzed");

    FUZZ_WANT(strncmp(line, "ts=", 3) == 0 && event);
    const char *s = event + strlen(" level=info event=fuzzed");
    for (int i = 0; i < VALUES; i++) {
        if (strncmp(s, keys[i], strlen(keys[i])) != 0) {
            FUZZ_WANT(!values[i] ||
                      may_be_too_long(values, i, 4)); /* and is then omitted completely */
            continue;
        }
        s = read_value(s + strlen(keys[i]), value);
        FUZZ_WANT(values[i] && strcmp(value, values[i]) == 0);
    }
    FUZZ_WANT(strcmp(s, "\n") == 0);
}

/* In JSON, each byte of a value is one character: U+0000 to U+00FF. */
static void check_bytes(const char *read, const char *value)
{
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        if (c < 0x80) {
            FUZZ_WANT((unsigned char)*read++ == c);
            continue;
        }
        FUZZ_WANT((unsigned char)*read++ == (0xc0 | c >> 6));
        FUZZ_WANT((unsigned char)*read++ == (0x80 | (c & 0x3f)));
    }
    FUZZ_WANT(!*read);
}

static void check_json(char *const values[VALUES], const char *line, size_t len)
{
    static const char *const keys[VALUES] = {"first", "second", "third"};
    struct json *document = NULL;

    FUZZ_WANT(!json_parse(line, len, &document));
    FUZZ_WANT(strcmp(json_get_string(document, "event"), "fuzzed") == 0);
    for (int i = 0; i < VALUES; i++) {
        const char *read = json_get_string(document, keys[i]);
        FUZZ_WANT(read ? values[i] != NULL : !values[i] || may_be_too_long(values, i, 6));
        if (read)
            check_bytes(read, values[i]);
    }
    json_free(document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    char *values[VALUES], line[LINE_MAX_BYTES + 2];
    size_t len;

    for (int i = 0; i < VALUES; i++)
        values[i] = input_line(&input, &len);
    write_line(values, false, line);
    check_logfmt(values, line);
    len = write_line(values, true, line);
    check_json(values, line, len);
    for (int i = 0; i < VALUES; i++)
        free(values[i]);
    return 0;
}
