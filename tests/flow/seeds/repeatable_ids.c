/* SPDX-License-Identifier: MIT */
/* repeatable_ids.c - replaces base/id at link time: the same seed gives the same ids, so that a run
 * can be repeated. */
#include "repeatable_ids.h"

#include "base/id.h"
#include "tests/simulator/random.h"

#include <stdio.h>
#include <string.h>

static struct random source;

void repeatable_ids_start(uint64_t seed)
{
    source.state = seed;
}

void id_new(char *text)
{
    unsigned long long high = random_next(&source), low = random_next(&source);

    snprintf(text, ID_TEXT, "%016llx%016llx", high, low);
}

bool id_is_well_formed(const char *text)
{
    return strspn(text, "0123456789abcdef") == ID_LEN && !text[ID_LEN];
}

uint32_t id_random(void)
{
    return (uint32_t)random_next(&source);
}
