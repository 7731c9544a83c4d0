/* SPDX-License-Identifier: MIT */
/* account.h - the account that pays for a lookup, and its remaining quota. Plain values. */
#ifndef MODEL_ACCOUNT_H
#define MODEL_ACCOUNT_H

#include "base/client_key.h"

#include <stdbool.h>
#include <stdint.h>

#define ACCOUNT_NO_QUOTA INT64_C(-1)

/* In bytes. An account has the name of its client, or its address if no keys are required: an IPv6
 * address is longer than any name. A longer name would be truncated where it is stored. */
#define ACCOUNT_NAME_MAX 63
_Static_assert(ACCOUNT_NAME_MAX >= CLIENT_NAME_MAX, "an account can have the name of its client");

struct account_ref {
    const char *name; /* borrowed: for the life of the request, then for the call */
    int64_t quota;    /* paid lookups per UTC day; ACCOUNT_NO_QUOTA = unlimited */
    int weight;       /* share in batches relative to other accounts; at least 1 */
};

/* The remaining quota of an account. */
struct quota_status {
    bool limited; /* false: the other members are unset */
    int64_t quota, left;
    int resets_s; /* seconds until the next UTC day */
};

#endif
