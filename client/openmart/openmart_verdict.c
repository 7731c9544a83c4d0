/* SPDX-License-Identifier: MIT */
/* openmart_verdict.c - see openmart_verdict.h. The first matching row decides, so single statuses
 * precede ranges; the last row of each kind matches everything.
 *
 * A submit that got 408, 425 or 5xx is unknown: such a response may come from a proxy in between,
 * or from a handler that failed after it created the batch. 429 proves that the handler never ran,
 * and so does 503 with Retry-After. A truncated response does not count as one, whatever its status
 * was. */
#include "client/openmart/openmart_verdict.h"

#include "base/mem.h"

#include <limits.h>

enum asked { SUBMIT, READ };
enum need { ANY, YES, NO };

struct row {
    enum asked asked;
    enum transport_end end;
    int from, to; /* status, both included */
    enum need readable, has_retry_after;
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
    /* request, end, statuses, body readable?, Retry-After present?, meaning */
    {SUBMIT, TRANSPORT_NOT_SENT, ONE(OPENMART_UNSENDABLE), ANY, ANY, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, TRANSPORT_NOT_SENT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {SUBMIT, TRANSPORT_BROKEN, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, TRANSPORT_TIMEOUT, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, TRANSPORT_TOO_BIG, ALL, ANY, ANY, UNKNOWN},
    {SUBMIT, ANSWERED, 200, 299, YES, ANY, DONE},
    {SUBMIT, ANSWERED, 200, 299, NO, ANY, UNKNOWN},
    {SUBMIT, ANSWERED, ONE(400), ANY, ANY, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, ANSWERED, ONE(401), ANY, ANY, REFUSED(UPSTREAM_AUTH)},
    {SUBMIT, ANSWERED, ONE(402), ANY, ANY, REFUSED(CREDITS_EXHAUSTED)},
    {SUBMIT, ANSWERED, ONE(403), ANY, ANY, REFUSED(UPSTREAM_BANNED)},
    {SUBMIT, ANSWERED, ONE(408), ANY, ANY, UNKNOWN},
    {SUBMIT, ANSWERED, ONE(422), ANY, ANY, REFUSED(UPSTREAM_REJECTED)},
    {SUBMIT, ANSWERED, ONE(425), ANY, ANY, UNKNOWN},
    {SUBMIT, ANSWERED, ONE(429), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, 300, 499, ANY, ANY, REFUSED(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, ONE(503), ANY, YES, RETRYABLE(UPSTREAM_ERROR)},
    {SUBMIT, ANSWERED, ALL, ANY, ANY, UNKNOWN},

    {READ, TRANSPORT_NOT_SENT, ONE(OPENMART_UNSENDABLE), ANY, ANY, REFUSED(UPSTREAM_ERROR)},
    {READ, TRANSPORT_NOT_SENT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_BROKEN, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_TIMEOUT, ALL, ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, TRANSPORT_TOO_BIG, ALL, ANY, ANY, RETRYABLE(UPSTREAM_INVALID_RESPONSE)},
    {READ, ANSWERED, 200, 299, YES, ANY, DONE},
    {READ, ANSWERED, 200, 299, NO, ANY, RETRYABLE(UPSTREAM_INVALID_RESPONSE)},
    {READ, ANSWERED, ONE(401), ANY, ANY, REFUSED(UPSTREAM_AUTH)},
    {READ, ANSWERED, ONE(402), ANY, ANY, REFUSED(CREDITS_EXHAUSTED)},
    {READ, ANSWERED, ONE(403), ANY, ANY, REFUSED(UPSTREAM_BANNED)},
    {READ, ANSWERED, ONE(408), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(425), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, ONE(429), ANY, ANY, RETRYABLE(UPSTREAM_ERROR)},
    {READ, ANSWERED, 300, 499, ANY, ANY, REFUSED(UPSTREAM_ERROR)},
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
           meets(row->readable, seen->readable) &&
           meets(row->has_retry_after, seen->has_retry_after);
}

struct openmart_meaning openmart_verdict(const struct openmart_seen *seen)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (fits(&rows[i], seen))
            return (struct openmart_meaning){rows[i].verdict, rows[i].err};
    return (struct openmart_meaning){UNKNOWN}; /* unreachable; the safe verdict */
}
