/* SPDX-License-Identifier: MIT */
/* err.c - see err.h. Expands the tables into data; holds no state. */
#include "base/err.h"

#include <string.h>

static const struct err_row rows[] = {
#define X(name, code, status, retryable, charged, title)                                           \
    {ERR_##name, code, status, retryable, CHARGED_##charged, title},
    ERR_TABLE(X)
#undef X
};

#define N_ROWS (sizeof rows / sizeof rows[0])

const struct err_row *err_row(enum err err)
{
    if (err > ERR_OK && err < ERR_PUBLIC_END)
        return &rows[err - 1];
    return &rows[ERR_INTERNAL - 1];
}

const struct err_row *err_row_by_code(const char *code, size_t len)
{
    for (size_t i = 0; i < N_ROWS; i++)
        if (strlen(rows[i].code) == len && memcmp(rows[i].code, code, len) == 0)
            return &rows[i];
    return NULL;
}

const char *err_words(enum err err)
{
    switch (err) {
    case ERR_OK:
    case ERR_PUBLIC_END:
        return "ok";
#define X(name, code, status, retryable, charged, title)                                           \
    case ERR_##name:                                                                               \
        return title;
        ERR_TABLE(X)
#undef X
#define X(name, words)                                                                             \
    case ERR_##name:                                                                               \
        return words;
        ERR_INTERNAL_TABLE(X)
#undef X
    }
    return "unknown";
}

const char *charged_word(enum charged charged)
{
    switch (charged) {
    case CHARGED_NO:
        return "no";
    case CHARGED_YES:
        return "yes";
    case CHARGED_MAYBE:
        return "maybe";
    }
    return "maybe";
}
