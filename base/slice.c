/* SPDX-License-Identifier: MIT */
/* slice.c - see slice.h. */
#include "base/slice.h"

bool slice_parse_seconds(struct slice digits, int64_t *ret_seconds)
{
    int64_t seconds = 0;

    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        seconds = seconds * 10 + (digits.data[i] - '0');
        if (seconds > SLICE_SECONDS_MAX)
            seconds = SLICE_SECONDS_MAX;
    }
    if (!digits.len)
        return false;
    *ret_seconds = seconds;
    return true;
}
