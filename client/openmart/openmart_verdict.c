/* SPDX-License-Identifier: MIT */
/* openmart_verdict.c - see openmart_verdict.h. The first matching row decides, so single statuses
 * precede ranges; the last row of each kind matches everything.
 *
 * A 401, 402 or 403 that is not Openmart's was written by something in front of it, such as a CDN
 * that asks for a challenge: it says nothing about the key or the credits, and so must not stop
 * other lookups. A truncated response does not count as one, whatever its status was. A task that
 * is larger than the limit is readable as far as openmart.c goes: its next read would be as large.
 */
#include "client/openmart/openmart_verdict.h"

#include "base/mem.h"

#include <limits.h>

enum asked { SUBMIT, READ };
enum need { ANY, YES, NO };

struct row {
    enum asked asked;
    enum transport_end end;
    int from, to; /* status, both included */
    enum need readable, is_rejection;
    enum verdict verdict;
    enum err err;
};

#define ALL      INT_MIN, INT_MAX
#define ONE(n)   (n), (n)
#define ANSWERED TRANSPORT_ANSWERED

#define DONE           VERDICT_DONE, ERR_OK
#define REFUSED(why)   VERDICT_REFUSED, ERR_##why
#define RETRYABLE(why) VERDICT_RETRYABLE, ERR_##why
#define UNKNOWN        VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN

static const struct row rows[] = {
    /* request, end, statuses, body readable?, a rejection by Openmart?, meaning */
    {SUBMIT, TRANSPORT_NOT_SENT, ONE(OPENMART_UNSENDABLE), ANY, ANY, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, TRANSPORT_NOT_SENT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, 200, 299, YES, ANY, DONE},
    {SUBMIT, ANSWERED, ONE(400), ANY, YES, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, ANSWERED, ONE(401), ANY, YES, REFUSED(UPSTREAM_AUTH)},
    {SUBMIT, ANSWERED, ONE(402), ANY, YES, REFUSED(CREDITS_EXHAUSTED)},
    {SUBMIT, ANSWERED, ONE(403), ANY, YES, REFUSED(UPSTREAM_BANNED)},
    {SUBMIT, ANSWERED, 401, 403, ANY, NO, REFUSED(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, ONE(422), ANY, YES, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, ANSWERED, ONE(429), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, TRANSPORT_BROKEN, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, TRANSPORT_TIMEOUT, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, TRANSPORT_TOO_BIG, ALL, ANY, ANY, UNKNOWN},

    {READ, TRANSPORT_NOT_SENT, ONE(OPENMART_UNSENDABLE), ANY, ANY, REFUSED(UPSTREAM_ERROR)},
    {READ, TRANSPORT_NOT_SENT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_BROKEN, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_TIMEOUT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_TOO_BIG, 200, 299, YES, ANY, DONE},
    {READ, TRANSPORT_TOO_BIG, ALL, ANY, ANY, RETRYABLE(UPSTREAM_INVALID_RESPONSE)},
    {READ, ANSWERED, 200, 299, YES, ANY, DONE},
    {READ, ANSWERED, 200, 299, NO, ANY, RETRYABLE(UPSTREAM_INVALID_RESPONSE)},
    {READ, ANSWERED, 300, 399, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(401), ANY, YES, REFUSED(UPSTREAM_AUTH)},
    {READ, ANSWERED, ONE(402), ANY, YES, REFUSED(CREDITS_EXHAUSTED)},
    {READ, ANSWERED, ONE(403), ANY, YES, REFUSED(UPSTREAM_BANNED)},
    {READ, ANSWERED, 401, 403, ANY, NO, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(408), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(425), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(429), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, 400, 499, ANY, ANY, REFUSED(UPSTREAM_ERROR)},
    {READ, ANSWERED, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
};

static bool meets(enum need need, bool is)
{
    return need == ANY || (need == YES) == is;
}

static bool fits(const struct row *row, const struct openmart_seen *seen)
{
    return (row->asked == SUBMIT) == seen->is_submit && row->end == seen->end &&
           seen->status >= row->from && seen->status <= row->to &&
           meets(row->readable, seen->readable) && meets(row->is_rejection, seen->is_rejection);
}

struct openmart_meaning openmart_verdict(const struct openmart_seen *seen)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (fits(&rows[i], seen))
            return (struct openmart_meaning){rows[i].verdict, rows[i].err};
    return (struct openmart_meaning){UNKNOWN}; /* unreachable; the safe verdict */
}
