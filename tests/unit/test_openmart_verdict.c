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
#define WAIT       true
#define NO_WAIT    false
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
    struct openmart_seen seen; /* call, end, status, body readable, Retry-After present */
    enum verdict verdict;
    enum err err;
} lines[] = {
    {"U1 a slow success", {SUBMIT, ANSWERED, 200, BODY, NO_WAIT}, DONE},
    {"U2 our timeout", {SUBMIT, TRANSPORT_TIMEOUT, 0, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U3 FIN instead of an answer", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U4 RST instead of an answer", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U5 accept and close", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U6 connection refused", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"U7 no connection in time", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"U8 TLS hangs", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"U9 no such name", {SUBMIT, TRANSPORT_NOT_SENT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"U11 a cut 200", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U12 a 200 cut without notice", {SUBMIT, ANSWERED, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U13 a cut chunk", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U14 HTML for JSON", {SUBMIT, ANSWERED, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U15 no batch id", {SUBMIT, ANSWERED, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U19 201 with an id", {SUBMIT, ANSWERED, 201, BODY, NO_WAIT}, DONE},
    {"U19 202 with an id", {SUBMIT, ANSWERED, 202, BODY, NO_WAIT}, DONE},
    {"U19 299 with an id", {SUBMIT, ANSWERED, 299, BODY, NO_WAIT}, DONE},
    {"U19 204", {SUBMIT, ANSWERED, 204, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U20 400", {SUBMIT, ANSWERED, 400, NO_BODY, NO_WAIT}, REJECTED},
    {"U20 400 that looks like a success", {SUBMIT, ANSWERED, 400, BODY, WAIT}, REJECTED},
    {"U20 422", {SUBMIT, ANSWERED, 422, NO_BODY, NO_WAIT}, REJECTED},
    {"U20 a cut 400", {SUBMIT, TRANSPORT_BROKEN, 400, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U21 401", {SUBMIT, ANSWERED, 401, NO_BODY, NO_WAIT}, AUTH},
    {"U22 402", {SUBMIT, ANSWERED, 402, NO_BODY, NO_WAIT}, CREDITS},
    {"U23 403", {SUBMIT, ANSWERED, 403, NO_BODY, NO_WAIT}, BANNED},
    {"U24 404", {SUBMIT, ANSWERED, 404, NO_BODY, NO_WAIT}, FINAL},
    {"U24 405", {SUBMIT, ANSWERED, 405, NO_BODY, NO_WAIT}, FINAL},
    {"U24 410", {SUBMIT, ANSWERED, 410, NO_BODY, NO_WAIT}, FINAL},
    {"U25 408", {SUBMIT, ANSWERED, 408, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U25 408 with a time", {SUBMIT, ANSWERED, 408, NO_BODY, WAIT}, UNKNOWN},
    {"U25 425", {SUBMIT, ANSWERED, 425, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U25 429", {SUBMIT, ANSWERED, 429, NO_BODY, NO_WAIT}, RETRY},
    {"U25 429 with a time", {SUBMIT, ANSWERED, 429, NO_BODY, WAIT}, RETRY},
    {"U26 500", {SUBMIT, ANSWERED, 500, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U26 500 with a time", {SUBMIT, ANSWERED, 500, NO_BODY, WAIT}, UNKNOWN},
    {"U26 500 with an id", {SUBMIT, ANSWERED, 500, BODY, NO_WAIT}, UNKNOWN},
    {"U27 501", {SUBMIT, ANSWERED, 501, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U27 502", {SUBMIT, ANSWERED, 502, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U27 503", {SUBMIT, ANSWERED, 503, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U27 503 with a time", {SUBMIT, ANSWERED, 503, NO_BODY, WAIT}, RETRY},
    {"U27 504", {SUBMIT, ANSWERED, 504, NO_BODY, WAIT}, UNKNOWN},
    {"U27 524", {SUBMIT, ANSWERED, 524, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U28 301", {SUBMIT, ANSWERED, 301, NO_BODY, NO_WAIT}, FINAL},
    {"U28 303", {SUBMIT, ANSWERED, 303, NO_BODY, NO_WAIT}, FINAL},
    {"U28 307", {SUBMIT, ANSWERED, 307, NO_BODY, NO_WAIT}, FINAL},
    {"U28 308", {SUBMIT, ANSWERED, 308, NO_BODY, NO_WAIT}, FINAL},
    {"U29 100, then FIN", {SUBMIT, TRANSPORT_BROKEN, 100, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U30 409", {SUBMIT, ANSWERED, 409, NO_BODY, NO_WAIT}, FINAL},
    {"U30 413", {SUBMIT, ANSWERED, 413, NO_BODY, NO_WAIT}, FINAL},
    {"U30 417", {SUBMIT, ANSWERED, 417, NO_BODY, NO_WAIT}, FINAL},
    {"U31 endless headers", {SUBMIT, TRANSPORT_BROKEN, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U32 an endless body", {SUBMIT, TRANSPORT_TOO_BIG, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U33 a dribbling body", {SUBMIT, TRANSPORT_TIMEOUT, 200, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U35 garbage", {SUBMIT, TRANSPORT_BROKEN, 0, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U? a status that does not exist", {SUBMIT, ANSWERED, 700, BODY, WAIT}, UNKNOWN},
    {"U? no status", {SUBMIT, ANSWERED, 0, BODY, WAIT}, UNKNOWN},
    {"U? 101", {SUBMIT, ANSWERED, 101, NO_BODY, NO_WAIT}, UNKNOWN},
    {"U? never tried",
     {SUBMIT, TRANSPORT_NOT_SENT, OPENMART_UNSENDABLE, NO_BODY, NO_WAIT},
     REJECTED},
    {"U? an end that does not exist", {SUBMIT, (enum transport_end)99, 200, BODY, WAIT}, UNKNOWN},

    {"S a good read", {READ, ANSWERED, 200, BODY, NO_WAIT}, DONE},
    {"S3 an unreadable read", {READ, ANSWERED, 200, NO_BODY, NO_WAIT}, UNREADABLE},
    {"S 204", {READ, ANSWERED, 204, NO_BODY, NO_WAIT}, UNREADABLE},
    {"S1 404", {READ, ANSWERED, 404, NO_BODY, NO_WAIT}, FINAL},
    {"S 302", {READ, ANSWERED, 302, NO_BODY, NO_WAIT}, FINAL},
    {"S 400", {READ, ANSWERED, 400, NO_BODY, NO_WAIT}, FINAL},
    {"S 401", {READ, ANSWERED, 401, NO_BODY, NO_WAIT}, AUTH},
    {"S 402", {READ, ANSWERED, 402, NO_BODY, NO_WAIT}, CREDITS},
    {"S 403", {READ, ANSWERED, 403, NO_BODY, NO_WAIT}, BANNED},
    {"S 408", {READ, ANSWERED, 408, NO_BODY, NO_WAIT}, RETRY},
    {"S 422", {READ, ANSWERED, 422, NO_BODY, NO_WAIT}, FINAL},
    {"S 425", {READ, ANSWERED, 425, NO_BODY, NO_WAIT}, RETRY},
    {"S16 429", {READ, ANSWERED, 429, NO_BODY, NO_WAIT}, RETRY},
    {"S16 503", {READ, ANSWERED, 503, NO_BODY, WAIT}, RETRY},
    {"S 500", {READ, ANSWERED, 500, BODY, NO_WAIT}, RETRY},
    {"S 599", {READ, ANSWERED, 599, NO_BODY, NO_WAIT}, RETRY},
    {"S17 a kept connection died", {READ, TRANSPORT_BROKEN, 0, NO_BODY, NO_WAIT}, RETRY},
    {"S20 not sent", {READ, TRANSPORT_NOT_SENT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"S timeout", {READ, TRANSPORT_TIMEOUT, 0, NO_BODY, NO_WAIT}, RETRY},
    {"S12 too big", {READ, TRANSPORT_TOO_BIG, 200, NO_BODY, NO_WAIT}, UNREADABLE},
    {"S never tried", {READ, TRANSPORT_NOT_SENT, OPENMART_UNSENDABLE, NO_BODY, NO_WAIT}, FINAL},
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

static void check_submit(const struct openmart_seen *seen)
{
    struct openmart_meaning meaning = openmart_verdict(seen);
    bool received = seen->end != TRANSPORT_NOT_SENT;

    ck_assert((meaning.verdict == VERDICT_DONE) == (meaning.err == ERR_OK));
    if (meaning.verdict == VERDICT_RETRYABLE && received)
        ck_assert(seen->end == TRANSPORT_ANSWERED &&
                  (seen->status == 429 || (seen->status == 503 && seen->has_retry_after)));
    if (meaning.verdict == VERDICT_REFUSED && received)
        ck_assert(seen->end == TRANSPORT_ANSWERED && seen->status >= 300 && seen->status <= 499);
    if (meaning.verdict == VERDICT_DONE)
        ck_assert(seen->end == TRANSPORT_ANSWERED && seen->readable);
    if (meaning.verdict == VERDICT_UNKNOWN)
        ck_assert(received);
}

TEST(verdict_retries_a_received_submit_only_on_proof)
{
    for_all_cases(true, check_submit);
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
