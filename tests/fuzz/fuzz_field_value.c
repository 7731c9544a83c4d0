/* SPDX-License-Identifier: MIT */
/* fuzz_field_value.c - fuzzes header lines of one name as one value, and how the value is split.
 *
 * Each line of the input is a header line: NAME:VALUE. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/protocol/field_value.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Reads a quoted string character by character, as in RFC 9110, 5.6.4. */
static const char *find_slowly(const char *s, char stop)
{
    bool quoted = false;

    for (; *s; s++) {
        if (quoted && *s == '\\' && s[1])
            s++;
        else if (*s == '"')
            quoted = !quoted;
        else if (!quoted && (*s == ',' || *s == stop))
            break;
    }
    return s;
}

static void check_finding(const char *value)
{
    static const char stops[] = ",;= ";

    for (size_t i = 0; i < sizeof stops - 1; i++) {
        const char *found = field_value_find(value, stops[i]);
        FUZZ_WANT(found == find_slowly(value, stops[i]));
        FUZZ_WANT(!*found || *found == ',' || *found == stops[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    struct field_lines lines = {.name = "Prefer"};
    struct buf expected autobuf = BUF_INIT(2 * size + 64);
    struct joined_lines *keep = NULL;
    char *line, *kept[256];
    size_t n = 0, matching = 0, len;

    while (n < ARRAY_LEN(kept) && (line = input_line(&input, &len))) {
        kept[n++] = line;
        len = strlen(line);
        size_t name_len = strcspn(line, ":");
        const char *value = line + name_len + (line[name_len] == ':');
        field_lines_add(&lines, (struct slice){line, name_len},
                        (struct slice){value, strlen(value)});
        if (name_len == 6 && strncasecmp(line, "Prefer", 6) == 0)
            buf_addf(&expected, "%s%s", matching++ ? ", " : "", value);
        check_finding(value);
    }
    const char *joined = field_lines_join(&lines, &keep);
    FUZZ_WANT((joined != NULL) == (matching > 0));
    FUZZ_WANT(!joined || strcmp(joined, buf_str(&expected)) == 0);
    joined_lines_free(keep);
    while (n)
        free(kept[--n]);
    return 0;
}
