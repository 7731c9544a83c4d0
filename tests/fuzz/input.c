/* SPDX-License-Identifier: MIT */
/* input.c - see fuzz.h. */
#include "base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_fail(const char *file, int line, const char *promise)
{
    fprintf(stderr, "%s:%d: broken promise: %s\n", file, line, promise);
    abort();
}

struct input input_of(const uint8_t *data, size_t size)
{
    return (struct input){.at = (const char *)data, .left = size};
}

unsigned input_byte(struct input *input)
{
    if (!input->left)
        return 0;
    input->left--;
    return (unsigned char)*input->at++;
}

char *input_line(struct input *input, size_t *ret_len)
{
    if (!input->left)
        return NULL;
    const char *end = memchr(input->at, '\n', input->left);
    size_t len = end ? (size_t)(end - input->at) : input->left;
    char *line = xstrndup(input->at, len);

    input->at += len + (end != NULL);
    input->left -= len + (end != NULL);
    *ret_len = len;
    return line;
}

char *input_text(const uint8_t *data, size_t size)
{
    return xstrndup((const char *)data, size ? strnlen((const char *)data, size) : 0);
}

char *input_other_case(const char *text)
{
    char *other = xstrdup(text);

    for (char *c = other; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'))
            *c ^= 0x20;
    return other;
}

bool input_is_printable(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return true;
}
