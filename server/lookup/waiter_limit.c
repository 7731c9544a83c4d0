/* SPDX-License-Identifier: MIT */
/* waiter_limit.c - see waiter_limit.h. */
#include "lookup/waiter_limit.h"

#include "base/fair_share.h"
#include "base/hashtable.h"
#include "base/mem.h"
#include "lookup/lookup_request.h"

#include <stdio.h>
#include <stdlib.h>

#define OWN_LIMIT_DETAIL                                                                           \
    "as many requests of this client wait as its key allows (waiters); a request with wait=0 "     \
    "does not count"

struct waiter_count {
    char account[ACCOUNT_NAME_MAX + 1];
    size_t n; /* at least 1 */
    UT_hash_handle hh;
};

static bool has_room(const struct waiter_limit *limit, const struct waiter_count *count)
{
    const struct fair_share share = {.max = limit->max,
                                     .used = limit->used,
                                     .clients = HASH_COUNT(limit->counts) + !count,
                                     .held = count ? count->n : 0};

    return fair_share_has_room(&share);
}

static struct waiter_count *add_row(struct waiter_limit *limit, const char *account)
{
    struct waiter_count *count = xcalloc(1, sizeof *count);

    snprintf(count->account, sizeof count->account, "%s", account);
    HASH_ADD_STR(limit->counts, account, count);
    return count;
}

enum err waiter_limit_acquire(struct waiter_limit *limit, struct lookup_request *request,
                              int64_t now_ms, const char **ret_detail)
{
    struct waiter_count *count;

    *ret_detail = NULL;
    if (request->slot || request->is_listed || !lookup_request_left_ms(request, now_ms))
        return ERR_OK;
    HASH_FIND_STR(limit->counts, request->account.name, count);
    if (request->max_waiters && count && count->n >= request->max_waiters) {
        *ret_detail = OWN_LIMIT_DETAIL;
        return ERR_QUOTA_EXCEEDED;
    }
    if (!has_room(limit, count))
        return ERR_OVERLOADED;
    if (!count)
        count = add_row(limit, request->account.name);
    count->n++;
    limit->used++;
    request->slot = count;
    return ERR_OK;
}

void waiter_limit_release(struct waiter_limit *limit, struct lookup_request *request)
{
    struct waiter_count *count = TAKE(request->slot);

    if (!count)
        return;
    limit->used--;
    if (--count->n > 0)
        return;
    HASH_DEL(limit->counts, count);
    free(count);
}
