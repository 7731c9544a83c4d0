/* SPDX-License-Identifier: MIT */
/* known_suffixes.c - see known_suffixes.h.
 *
 * libpsl offers no way to walk the Public Suffix List, and a guess from all of its 1,400 top-level
 * domains would rarely be right. So this is a list of those with the most registrations, the most
 * frequent first: of two that are equally near, the earlier one is the better guess. */
#include "model/known_suffixes.h"

#include "base/edit_distance.h"
#include "base/mem.h"

#include <string.h>

static const char *const suffixes[] = {
    "com", "net", "org", "de",  "uk",   "info",  "io",     "co",   "fr",   "nl",  "it",   "ch",
    "at",  "eu",  "es",  "ca",  "au",   "us",    "be",     "pl",   "se",   "dk",  "no",   "fi",
    "cz",  "ie",  "pt",  "br",  "in",   "jp",    "cn",     "ru",   "biz",  "ai",  "app",  "dev",
    "me",  "tv",  "edu", "gov", "shop", "store", "online", "tech", "site", "xyz", "club", "agency",
};

const char *known_suffix_near(const char *label)
{
    const struct slice given = {label, strlen(label)};
    size_t best_distance = given.len > 2 ? 3 : 2; /* from here on it is no help */
    const char *best = NULL;

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t distance = edit_distance(given, suffixes[i]);
        if (distance < best_distance) {
            best_distance = distance;
            best = suffixes[i];
        }
    }
    return best;
}
