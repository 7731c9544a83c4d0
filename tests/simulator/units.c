/* SPDX-License-Identifier: MIT */
/* units.c - see units.h. Digits are read by hand: strtoll() would take blanks and signs. */
#include "tests/simulator/units.h"

#include "base/mem.h"

#include <string.h>

/* Far below INT64_MAX, so that sums of two and multiples by 1000 cannot overflow. */
#define UNITS_MAX ((int64_t)1 << 50)

/* Reads digits and moves *text behind them; ERR_SYNTAX when there are none or too many. */
static enum err digits(const char **text, int64_t *ret_value)
{
    const char *s = *text;
    int64_t value = 0;

    for (; *s >= '0' && *s <= '9'; s++) {
        value = value * 10 + (*s - '0');
        if (value > UNITS_MAX / 1000)
            return ERR_SYNTAX;
    }
    if (s == *text)
        return ERR_SYNTAX;
    *text = s;
    *ret_value = value;
    return ERR_OK;
}

enum err units_count(const char *text, int64_t *ret_count)
{
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK || *text)
        return ERR_SYNTAX;
    *ret_count = value;
    return ERR_OK;
}

enum err units_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK)
        return ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text, units[i].name) != 0 || value > UNITS_MAX / units[i].ms)
            continue;
        *ret_ms = value * units[i].ms;
        return ERR_OK;
    }
    if (*text || value)
        return ERR_SYNTAX;
    *ret_ms = 0;
    return ERR_OK;
}

enum err units_thousandths(const char *text, int64_t *ret_thousandths)
{
    int64_t value = 0;

    if (digits(&text, &value) != ERR_OK)
        return ERR_SYNTAX;
    value *= 1000;
    if (*text == '.') {
        text++;
        int64_t worth = 100;
        for (; *text >= '0' && *text <= '9' && worth; text++, worth /= 10)
            value += (*text - '0') * worth;
    }
    if (*text)
        return ERR_SYNTAX;
    *ret_thousandths = value;
    return ERR_OK;
}
