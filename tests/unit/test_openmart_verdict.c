/* SPDX-License-Identifier: MIT */
/* test_openmart_verdict.c - tests what the result of a call means, one line per case. Lines U...
 * are the catalogue of submit faults, lines S... that of free reads. */
#include "client/openmart/openmart_verdict.h"

#include "base/mem.h"

#include "tests/support/suite.h"

#define SUBMIT     true
#define READ       false
#define ANSWERED   TRANSPORT_ANSWERED
#define BODY       true
#define NO_BODY    false
#define OURS       true  /* a rejection by Openmart */
#define FOREIGN    false /* anything else */
#define DONE       VERDICT_DONE, ERR_OK
#define UNKNOWN    VERDICT_UNKNOWN, ERR_UPSTREAM_OUTCOME_UNKNOWN
#define RETRY      VERDICT_RETRYABLE, ERR_UPSTREAM_ERROR
#define UNREADABLE VERDICT_RETRYABLE, ERR_UPSTREAM_INVALID_RESPONSE
#define FINAL      VERDICT_REFUSED, ERR_UPSTREAM_ERROR
#define REJECTED   VERDICT_REFUSED, ERR_UPSTREAM_REJECTED
#define AUTH       VERDICT_REFUSED, ERR_UPSTREAM_AUTH
#define CREDITS    VERDICT_REFUSED, ERR_CREDITS_EXHAUSTED
#define BANNED     VERDICT_REFUSED, ERR_UPSTREAM_BANNED

static const struct line {
    const char *name;
    struct openmart_seen seen; /* call, end, status, body readable, a rejection by Openmart */
    enum verdict verdict;
    enum err err;
} lines[] = {
    {"U1 a slow success", {SUBMIT, ANSWERED, 200, BODY, FOREIGN}, DONE},
    {"U2 our timeout", {SUBMIT, TRANSPORT_TIMEOUT, 0, NO_BODY, FOREIGN}, UNKNOWN},
    {"U3 FIN instead of an answer", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, FOREIGN}, UNKNOWN},
    {"U4 RST instead of an answer", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, FOREIGN}, UNKNOWN},
    {"U5 accept and close", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, FOREIGN}, UNKNOWN},
    {"U6 connection refused", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, FOREIGN}, RETRY},
    {"U7 no connection in time", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, FOREIGN}, RETRY},
    {"U8 TLS hangs", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, FOREIGN}, RETRY},
    {"U9 no such name", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, FOREIGN}, RETRY},
    {"U11 a cut 200", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U12 a 200 cut without notice", {SUBMIT, ANSWERED, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U13 a cut chunk", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U14 HTML for JSON", {SUBMIT, ANSWERED, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U15 no batch id", {SUBMIT, ANSWERED, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U19 201 with an id", {SUBMIT, ANSWERED, 201, BODY, FOREIGN}, DONE},
    {"U19 202 with an id", {SUBMIT, ANSWERED, 202, BODY, FOREIGN}, DONE},
    {"U19 299 with an id", {SUBMIT, ANSWERED, 299, BODY, FOREIGN}, DONE},
    {"U19 204", {SUBMIT, ANSWERED, 204, NO_BODY, FOREIGN}, UNKNOWN},
    {"U20 400", {SUBMIT, ANSWERED, 400, NO_BODY, OURS}, REJECTED},
    {"U20 400 that looks like a success", {SUBMIT, ANSWERED, 400, BODY, OURS}, REJECTED},
    {"U20 400 of a proxy", {SUBMIT, ANSWERED, 400, NO_BODY, FOREIGN}, UNKNOWN},
    {"U20 422", {SUBMIT, ANSWERED, 422, NO_BODY, OURS}, REJECTED},
    {"U20 422 of a proxy", {SUBMIT, ANSWERED, 422, NO_BODY, FOREIGN}, UNKNOWN},
    {"U20 a cut 400", {SUBMIT, TRANSPORT_BROKEN, 400, NO_BODY, OURS}, UNKNOWN},
    {"U21 401", {SUBMIT, ANSWERED, 401, NO_BODY, OURS}, AUTH},
    {"U22 402", {SUBMIT, ANSWERED, 402, NO_BODY, OURS}, CREDITS},
    {"U23 403", {SUBMIT, ANSWERED, 403, NO_BODY, OURS}, BANNED},
    {"U21 401 of a proxy", {SUBMIT, ANSWERED, 401, NO_BODY, FOREIGN}, FINAL},
    {"U22 402 of a proxy", {SUBMIT, ANSWERED, 402, NO_BODY, FOREIGN}, FINAL},
    {"U23 403 of a CDN", {SUBMIT, ANSWERED, 403, NO_BODY, FOREIGN}, FINAL},
    {"U24 404", {SUBMIT, ANSWERED, 404, NO_BODY, OURS}, UNKNOWN},
    {"U24 405", {SUBMIT, ANSWERED, 405, NO_BODY, FOREIGN}, UNKNOWN},
    {"U24 410", {SUBMIT, ANSWERED, 410, NO_BODY, OURS}, UNKNOWN},
    {"U25 408", {SUBMIT, ANSWERED, 408, NO_BODY, FOREIGN}, UNKNOWN},
    {"U25 425", {SUBMIT, ANSWERED, 425, NO_BODY, OURS}, UNKNOWN},
    {"U25 429", {SUBMIT, ANSWERED, 429, NO_BODY, OURS}, RETRY},
    {"U25 429 of a proxy", {SUBMIT, ANSWERED, 429, NO_BODY, FOREIGN}, RETRY},
    {"U26 500", {SUBMIT, ANSWERED, 500, NO_BODY, OURS}, UNKNOWN},
    {"U26 500 of a proxy", {SUBMIT, ANSWERED, 500, NO_BODY, FOREIGN}, UNKNOWN},
    {"U26 500 with an id", {SUBMIT, ANSWERED, 500, BODY, FOREIGN}, UNKNOWN},
    {"U27 501", {SUBMIT, ANSWERED, 501, NO_BODY, FOREIGN}, UNKNOWN},
    {"U27 502", {SUBMIT, ANSWERED, 502, NO_BODY, FOREIGN}, UNKNOWN},
    {"U27 503", {SUBMIT, ANSWERED, 503, NO_BODY, OURS}, UNKNOWN},
    {"U27 503 of a proxy", {SUBMIT, ANSWERED, 503, NO_BODY, FOREIGN}, UNKNOWN},
    {"U27 504", {SUBMIT, ANSWERED, 504, NO_BODY, FOREIGN}, UNKNOWN},
    {"U27 524", {SUBMIT, ANSWERED, 524, NO_BODY, FOREIGN}, UNKNOWN},
    {"U28 301", {SUBMIT, ANSWERED, 301, NO_BODY, FOREIGN}, UNKNOWN},
    {"U28 303", {SUBMIT, ANSWERED, 303, NO_BODY, OURS}, UNKNOWN},
    {"U28 307", {SUBMIT, ANSWERED, 307, NO_BODY, FOREIGN}, UNKNOWN},
    {"U28 308", {SUBMIT, ANSWERED, 308, NO_BODY, FOREIGN}, UNKNOWN},
    {"U29 100, then FIN", {SUBMIT, TRANSPORT_BROKEN, 100, NO_BODY, FOREIGN}, UNKNOWN},
    {"U30 409", {SUBMIT, ANSWERED, 409, NO_BODY, OURS}, UNKNOWN},
    {"U30 413", {SUBMIT, ANSWERED, 413, NO_BODY, OURS}, UNKNOWN},
    {"U30 417", {SUBMIT, ANSWERED, 417, NO_BODY, OURS}, UNKNOWN},
    {"U31 endless headers", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U32 an endless body", {SUBMIT, TRANSPORT_TOO_BIG, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U33 a dribbling body", {SUBMIT, TRANSPORT_TIMEOUT, 200, NO_BODY, FOREIGN}, UNKNOWN},
    {"U35 garbage", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, FOREIGN}, UNKNOWN},
    {"U? a status that does not exist", {SUBMIT, ANSWERED, 700, BODY, OURS}, UNKNOWN},
    {"U? no status", {SUBMIT, ANSWERED, 0, BODY, OURS}, UNKNOWN},
    {"U? 101", {SUBMIT, ANSWERED, 101, NO_BODY, FOREIGN}, UNKNOWN},
    {"U? never tried",
     {SUBMIT, TRANSPORT_NOT_SENT, OPENMART_UNSENDABLE, NO_BODY, FOREIGN},
     REJECTED},
    {"U? an end that does not exist", {SUBMIT, (enum transport_end)99, 200, BODY, OURS}, UNKNOWN},

    {"S a good read", {READ, ANSWERED, 200, BODY, FOREIGN}, DONE},
    {"S3 an unreadable read", {READ, ANSWERED, 200, NO_BODY, FOREIGN}, UNREADABLE},
    {"S 204", {READ, ANSWERED, 204, NO_BODY, FOREIGN}, UNREADABLE},
    {"S1 404", {READ, ANSWERED, 404, NO_BODY, OURS}, FINAL},
    {"S1 404 of a proxy", {READ, ANSWERED, 404, NO_BODY, FOREIGN}, FINAL},
    {"S 302", {READ, ANSWERED, 302, NO_BODY, FOREIGN}, RETRY},
    {"S 400", {READ, ANSWERED, 400, NO_BODY, OURS}, FINAL},
    {"S 401", {READ, ANSWERED, 401, NO_BODY, OURS}, AUTH},
    {"S 402", {READ, ANSWERED, 402, NO_BODY, OURS}, CREDITS},
    {"S 403", {READ, ANSWERED, 403, NO_BODY, OURS}, BANNED},
    {"S 401 of a proxy", {READ, ANSWERED, 401, NO_BODY, FOREIGN}, RETRY},
    {"S 402 of a proxy", {READ, ANSWERED, 402, NO_BODY, FOREIGN}, RETRY},
    {"S 403 of a CDN", {READ, ANSWERED, 403, NO_BODY, FOREIGN}, RETRY},
    {"S 408", {READ, ANSWERED, 408, NO_BODY, FOREIGN}, RETRY},
    {"S 422", {READ, ANSWERED, 422, NO_BODY, FOREIGN}, FINAL},
    {"S 425", {READ, ANSWERED, 425, NO_BODY, FOREIGN}, RETRY},
    {"S16 429", {READ, ANSWERED, 429, NO_BODY, FOREIGN}, RETRY},
    {"S16 503", {READ, ANSWERED, 503, NO_BODY, OURS}, RETRY},
    {"S 500", {READ, ANSWERED, 500, BODY, FOREIGN}, RETRY},
    {"S 599", {READ, ANSWERED, 599, NO_BODY, FOREIGN}, RETRY},
    {"S17 a kept connection died", {READ, TRANSPORT_BROKEN, 0, NO_BODY, FOREIGN}, RETRY},
    {"S20 not sent", {READ, TRANSPORT_NOT_SENT, 0, NO_BODY, FOREIGN}, RETRY},
    {"S timeout", {READ, TRANSPORT_TIMEOUT, 0, NO_BODY, FOREIGN}, RETRY},
    {"S12 too big", {READ, TRANSPORT_TOO_BIG, 200, NO_BODY, FOREIGN}, UNREADABLE},
    {"S12 a task that is too big", {READ, TRANSPORT_TOO_BIG, 200, BODY, FOREIGN}, DONE},
    {"S12 an error that is too big", {READ, TRANSPORT_TOO_BIG, 502, NO_BODY, FOREIGN}, UNREADABLE},
    {"S never tried", {READ, TRANSPORT_NOT_SENT, OPENMART_UNSENDABLE, NO_BODY, FOREIGN}, FINAL},
};

LOOP_TEST(verdict_of_each_case_is_as_listed, lines)
{
    struct openmart_meaning meaning = openmart_verdict(&lines[_i].seen);

    ck_assert_msg(meaning.verdict == lines[_i].verdict, "%s: verdict %d", lines[_i].name,
                  meaning.verdict);
    ck_assert_msg(meaning.err == lines[_i].err, "%s: %s", lines[_i].name, err_words(meaning.err));
}

static const enum transport_end ends[] = {TRANSPORT_ANSWERED, TRANSPORT_NOT_SENT, TRANSPORT_BROKEN,
                                          TRANSPORT_TIMEOUT, TRANSPORT_TOO_BIG};

/* Calls `check` with every combination of what a call can return. */
static void for_all_cases(bool is_submit, void (*check)(const struct openmart_seen *seen))
{
    for (size_t e = 0; e < ARRAY_LEN(ends); e++)
        for (int status = -1; status < 1000; status++)
            for (int bits = 0; bits < 4; bits++)
                check(&(struct openmart_seen){is_submit, ends[e], status, bits & 1, bits & 2});
}

/* The rejections that prove that nothing was created. */
static bool is_rejected(const struct openmart_seen *seen)
{
    return (seen->is_rejection && (seen->status == 400 || seen->status == 422)) ||
           (seen->status >= 401 && seen->status <= 403);
}

static void check_submit(const struct openmart_seen *seen)
{
    struct openmart_meaning meaning = openmart_verdict(seen);
    bool received = seen->end != TRANSPORT_NOT_SENT;

    ck_assert((meaning.verdict == VERDICT_DONE) == (meaning.err == ERR_OK));
    if (meaning.verdict == VERDICT_RETRYABLE && received)
        ck_assert(seen->end == TRANSPORT_ANSWERED && seen->status == 429);
    if (meaning.verdict == VERDICT_REFUSED && received)
        ck_assert(seen->end == TRANSPORT_ANSWERED && is_rejected(seen));
    if (meaning.verdict == VERDICT_DONE)
        ck_assert(seen->end == TRANSPORT_ANSWERED && seen->readable);
    if (meaning.verdict == VERDICT_UNKNOWN)
        ck_assert(received);
}

TEST(verdict_retries_a_received_submit_only_on_proof)
{
    for_all_cases(true, check_submit);
}

/* What stops other lookups must be Openmart's own words. */
static void check_stops(const struct openmart_seen *seen)
{
    enum err err = openmart_verdict(seen).err;

    if (err == ERR_UPSTREAM_AUTH || err == ERR_CREDITS_EXHAUSTED || err == ERR_UPSTREAM_BANNED)
        ck_assert(seen->end == TRANSPORT_ANSWERED && seen->is_rejection);
}

TEST(verdict_about_the_key_requires_words_of_the_upstream)
{
    for_all_cases(true, check_stops);
    for_all_cases(false, check_stops);
}

static void check_read(const struct openmart_seen *seen)
{
    struct openmart_meaning meaning = openmart_verdict(seen);

    ck_assert((meaning.verdict == VERDICT_DONE) == (meaning.err == ERR_OK));
    ck_assert_int_ne(meaning.verdict, VERDICT_UNKNOWN);
}

TEST(verdict_of_a_read_is_never_unknown)
{
    for_all_cases(false, check_read);
}
