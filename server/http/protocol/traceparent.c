/* SPDX-License-Identifier: MIT */
/* traceparent.c - see traceparent.h. */
#include "http/protocol/traceparent.h"

#include <string.h>

#define TRACE_LEN 55 /* 00-<32 hex>-<16 hex>-<2 hex> */
#define TRACE_AT  3
#define SPAN_AT   36

/* Versions above 00 may append fields after another dash; only the fields of 00 are used. Version
 * "ff" and ids of zeros are not valid (W3C Trace Context, 3.2.2 and 3.2.4). */
bool traceparent_is_valid(struct slice value)
{
    static const char form[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
    static const char zeros[] = "00000000000000000000000000000000";
    _Static_assert(sizeof form - 1 == TRACE_LEN, "as long as it is");

    if (value.len < TRACE_LEN)
        return false;
    for (size_t i = 0; i < TRACE_LEN; i++)
        if (form[i] == 'x' ? !strchr("0123456789abcdef", value.data[i]) || !value.data[i]
                           : value.data[i] != form[i])
            return false;
    bool is_first = memcmp(value.data, "00", 2) == 0;
    if (value.len > TRACE_LEN && (is_first || value.data[TRACE_LEN] != '-'))
        return false;
    return memcmp(value.data, "ff", 2) != 0 && memcmp(value.data + TRACE_AT, zeros, 32) != 0 &&
           memcmp(value.data + SPAN_AT, zeros, 16) != 0;
}

void traceparent_read(struct slice value, struct trace_words *ret_words)
{
    ret_words->trace[0] = ret_words->span[0] = '\0';
    if (!value.len)
        return;
    *(char *)mempcpy(ret_words->trace, value.data + TRACE_AT, sizeof ret_words->trace - 1) = '\0';
    *(char *)mempcpy(ret_words->span, value.data + SPAN_AT, sizeof ret_words->span - 1) = '\0';
}
