/* SPDX-License-Identifier: MIT */
/* account.h - on whose account a question is asked, and what is left on it. Plain values. */
#ifndef MODEL_ACCOUNT_H
#define MODEL_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_NO_QUOTA INT64_C(-1)
#define ACCOUNT_NAME_MAX 63 /* bytes; longer names are cut where they are kept */

struct account_ref {
    const char *name; /* borrowed: for the life of the ask, then for the call */
    int64_t quota;    /* lookups that it may buy in a day of UTC; ACCOUNT_NO_QUOTA */
    int weight;       /* how many of its lookups ride for one of another's; at least 1 */
};

/* What a payer may still buy. */
struct quota_status {
    bool limited; /* else the rest says nothing */
    int64_t quota, left;
    int resets_s; /* until the next day */
};

#endif
