/* SPDX-License-Identifier: MIT */
/* wish.h - what a request to /emails asks for, parsed from its query and its headers.
 *
 * A query parameter and its header twin (wait and Prefer, refresh and Cache-Control) mean the same;
 * where both are given the parameter wins. Worker thread of the request. */
#ifndef HTTP_ENDPOINTS_WISH_H
#define HTTP_ENDPOINTS_WISH_H

#include "http/core/request.h"
#include "model/freshness.h"
#include "model/question.h"
#include "model/result.h"

#include <stdbool.h>
#include <stdint.h>

#define WISH_APPLIED 64

struct wish {
    struct question *question; /* owned */
    enum result_format format;
    struct cache_wish cache;
    int64_t wait_ms;
    bool async;                 /* 202 instead of 504 when the wait is over */
    char applied[WISH_APPLIED]; /* for Preference-Applied; "" = no header */
};

/* False when the request has been answered with what is wrong with it. On success the question is
 * the caller's to free. */
bool wish_read(struct request *request, struct wish *ret_wish);

#endif
