/* SPDX-License-Identifier: MIT */
/* fuzz_text.c - fuzzes normal forms of text: they are used in keys, so they must be stable. */
#include "base/mem.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

typedef enum err form_fn(const char *s, size_t len, char **ret_text);

static char *form(form_fn *make, const char *s, size_t len)
{
    char *text = NULL;

    FUZZ_WANT(make(s, len, &text) == ERR_OK);
    FUZZ_WANT(text && text_is_utf8(text, strlen(text)));
    return text;
}

/* Normalizing twice is the same as normalizing once. */
static void check_end(form_fn *make, const char *s, size_t len)
{
    autofree char *once = form(make, s, len);
    autofree char *twice = form(make, once, strlen(once));

    FUZZ_WANT(strcmp(once, twice) == 0);
}

static void check_forms(const char *s, size_t len)
{
    autofree char *tidy = form(text_tidy, s, len);
    autofree char *folded = form(text_fold, s, len);
    autofree char *tidy_folded = form(text_fold, tidy, strlen(tidy));
    autofree char *title = NULL;

    check_end(text_tidy, s, len);
    check_end(text_fold, s, len);
    FUZZ_WANT(strcmp(folded, tidy_folded) == 0);
    FUZZ_WANT(!text_title(s, len, '-', &title) && text_is_utf8(title, strlen(title)));
    FUZZ_WANT(!strchr(title, '-'));
    if (!text_has_control(s, len))
        FUZZ_WANT(!text_has_control(tidy, strlen(tidy)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = (const char *)data;
    char *text = NULL;

    if (text_is_name(s, size))
        FUZZ_WANT(text_is_utf8(s, size) && !text_has_control(s, size) &&
                  !text_has_ignorable_but_joiners(s, size));
    if (text_is_utf8(s, size) && !(size && memchr(s, '\0', size))) {
        check_forms(s, size);
        return 0;
    }
    FUZZ_WANT(text_tidy(s, size, &text) == ERR_SYNTAX && !text);
    FUZZ_WANT(text_fold(s, size, &text) == ERR_SYNTAX && !text);
    FUZZ_WANT(text_title(s, size, '-', &text) == ERR_SYNTAX && !text);
    return 0;
}
