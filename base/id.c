/* SPDX-License-Identifier: MIT */
/* id.c - see id.h. A pool of 4 KiB per thread serves 256 ids with one system call. */
#include "base/id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

#define POOL 4096

static _Thread_local unsigned char pool[POOL];
static _Thread_local size_t left;

static void refill(void)
{
    for (size_t got = 0; got < POOL;) {
        ssize_t n = getrandom(pool + got, POOL - got, 0);
        if (n < 0 && errno != EINTR)
            abort(); /* cannot continue safely without random numbers */
        if (n > 0)
            got += (size_t)n;
    }
    left = POOL;
}

static void draw(void *out, size_t len)
{
    if (left < len)
        refill();
    left -= len;
    memcpy(out, pool + left, len);
    memset(pool + left, 0, len);
}

void id_new(char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[ID_LEN / 2];

    draw(raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++) {
        text[2 * i] = digits[raw[i] >> 4];
        text[2 * i + 1] = digits[raw[i] & 15];
    }
    text[ID_LEN] = '\0';
}

bool id_is_well_formed(const char *text)
{
    return strspn(text, "0123456789abcdef") == ID_LEN && !text[ID_LEN];
}

uint32_t id_random(void)
{
    uint32_t value;

    draw(&value, sizeof value);
    return value;
}
