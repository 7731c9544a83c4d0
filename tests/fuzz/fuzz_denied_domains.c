/* SPDX-License-Identifier: MIT */
/* fuzz_denied_domains.c - fuzzes the file of denied domains. The input is the file. */
#include "base/mem.h"
#include "base/text.h"
#include "model/denied_domains.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Each line of an accepted file denies what it says: the name that domain_parse() makes of it. */
static void check_line(const struct denied_domains *denied, const char *line, size_t len)
{
    struct domain domain;
    struct errmsg why;

    len = strnlen(line, len);
    while (len && strchr(" \t\r", line[len - 1]))
        len--;
    if (len && !domain_parse(line, len, &domain, &why))
        FUZZ_WANT(denied_domains_contain(denied, domain.name));
}

static void check_list(struct denied_domains *denied, const char *text, size_t len)
{
    size_t lines = 1;

    for (const char *line = text; line < text + len;) {
        size_t rest = (size_t)(text + len - line);
        const char *newline = memchr(line, '\n', rest);
        check_line(denied, line, newline ? (size_t)(newline - line) : rest);
        lines++;
        line = newline ? newline + 1 : text + len;
    }
    FUZZ_WANT(denied_domains_count(denied) >= 1 && denied_domains_count(denied) <= lines);
    FUZZ_WANT(!denied_domains_contain(denied, ""));
    FUZZ_WANT(!denied_domains_contain(denied, "com"));
    FUZZ_WANT(denied_domains_ref(denied) == denied);
    denied_domains_unref(denied);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool started;
    struct denied_domains *denied = NULL;
    struct errmsg why = {""};

    if (!started)
        FUZZ_WANT(domain_start() == ERR_OK);
    started = true;
    enum err err = denied_domains_parse("list", (const char *)data, size, &denied, &why);
    if (err) {
        FUZZ_WANT(err == ERR_SYNTAX && !denied);
        FUZZ_WANT(strncmp(why.text, "list", 4) == 0);
        FUZZ_WANT(!text_has_control(why.text, strlen(why.text)));
    } else {
        check_list(denied, (const char *)data, size);
    }
    denied_domains_unref(denied);
    return 0;
}
