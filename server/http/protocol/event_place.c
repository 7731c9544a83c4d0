/* SPDX-License-Identifier: MIT */
/* event_place.c - see event_place.h. */
#include "http/protocol/event_place.h"

#include <stdio.h>

#define RUN_DIGITS_MAX 18 /* all such numbers fit into an int64_t */
#define N_DIGITS_MAX   9

/* Parses 1 to `max` digits, and nothing else. Returns false otherwise. */
static bool read_number(struct slice digits, size_t max, int64_t *ret_number)
{
    int64_t number = 0;

    if (digits.len == 0 || digits.len > max)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        number = number * 10 + (digits.data[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* Splits off what precedes the first hyphen; absent without one. */
static struct slice take_run(struct slice *text)
{
    const char *hyphen = text->len ? memchr(text->data, '-', text->len) : NULL;
    struct slice run = {NULL, 0};

    if (!hyphen)
        return run;
    run = (struct slice){text->data, (size_t)(hyphen - text->data)};
    *text = (struct slice){hyphen + 1, text->len - run.len - 1};
    return run;
}

bool event_place_read(struct slice text, struct event_place *ret_place)
{
    int64_t run = 0, n;
    struct slice run_text = take_run(&text);

    if (run_text.data && (!read_number(run_text, RUN_DIGITS_MAX, &run) || run == 0))
        return false;
    if (!read_number(text, N_DIGITS_MAX, &n))
        return false;
    *ret_place = (struct event_place){run, (size_t)n};
    return true;
}

void event_place_write(struct event_place place, char text[EVENT_PLACE_TEXT])
{
    snprintf(text, EVENT_PLACE_TEXT, "%lld-%zu", (long long)place.run, place.n);
}
