/* SPDX-License-Identifier: MIT */
/* fuzz_event_place.c - fuzzes the header Last-Event-ID of a reader of a list. */
#include "http/protocol/event_place.h"
#include "tests/fuzz/fuzz.h"

static bool is_same(struct event_place a, struct event_place b)
{
    return a.run == b.run && a.n == b.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = {(const char *)data, size};
    const struct event_place untouched = {-1, 1};
    struct event_place place = untouched, again = untouched;
    char written[EVENT_PLACE_TEXT];

    if (!event_place_read(text, &place)) {
        FUZZ_WANT(is_same(place, untouched));
        return 0;
    }
    FUZZ_WANT(place.run >= 0 && place.n <= 999999999);
    for (size_t i = 0; i < size; i++)
        FUZZ_WANT(text.data[i] == '-' || (text.data[i] >= '0' && text.data[i] <= '9'));
    if (place.run == 0) {
        FUZZ_WANT(!memchr(text.data, '-', size));
        return 0;
    }
    event_place_write(place, written);
    FUZZ_WANT(event_place_read((struct slice){written, strlen(written)}, &again));
    FUZZ_WANT(is_same(place, again));
    return 0;
}
