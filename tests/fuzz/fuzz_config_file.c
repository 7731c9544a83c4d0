/* SPDX-License-Identifier: MIT */
/* fuzz_config_file.c - fuzzes `key = value` lines: pairs in order with their line numbers, or an
 * error with its line. */
#include "base/mem.h"
#include "config/config_file.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

struct pairs {
    const char *text;
    int n, last_line, stop_at; /* `each` rejects the pair with that number */
};

/* Returns whether the word is within that line. */
static bool line_holds(const char *text, int number, const char *word)
{
    while (--number > 0) {
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    size_t len = strcspn(text, "\n");
    return memmem(text, len, word, strlen(word)) != NULL;
}

static enum err note_pair(void *arg, const char *key, const char *value, int line)
{
    struct pairs *pairs = arg;

    FUZZ_WANT(line > pairs->last_line);
    FUZZ_WANT(strlen(key) <= CONFIG_LINE && strlen(value) <= CONFIG_LINE);
    FUZZ_WANT(!strchr(key, '\n') && !strchr(value, '\n'));
    FUZZ_WANT(line_holds(pairs->text, line, key) && line_holds(pairs->text, line, value));
    pairs->last_line = line;
    return ++pairs->n == pairs->stop_at ? ERR_TOO_BIG : ERR_OK;
}

static enum err parse(struct pairs *pairs, struct errmsg *why)
{
    enum err err = config_file_parse("settings", pairs->text, note_pair, pairs, why);

    FUZZ_WANT(strnlen(why->text, ERRMSG_MAX) < ERRMSG_MAX);
    FUZZ_WANT((*why->text != '\0') == (err == ERR_SYNTAX));
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = input_text(data, size);
    struct pairs pairs = {.text = text}, stopped = {.text = text, .stop_at = 2};
    struct errmsg why = {""}, again = {""};
    enum err err = parse(&pairs, &why);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    if (err) /* the error names the line and repeats no part of it */
        FUZZ_WANT(strncmp(why.text, "settings:", 9) == 0 &&
                  input_is_printable(why.text, strlen(why.text)));
    err = parse(&stopped, &again);
    FUZZ_WANT((err == ERR_TOO_BIG) == (pairs.n >= 2));
    FUZZ_WANT(stopped.n == (pairs.n < 2 ? pairs.n : 2));
    return 0;
}
