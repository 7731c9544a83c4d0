/* SPDX-License-Identifier: MIT */
/* err.h - every way in which something here can fail, as one closed table.
 *
 * Each row is an error that a caller of the HTTP interface may see: its name in C, its stable code
 * on the wire, the HTTP status, whether asking again later can help, whether credits may have been
 * spent, and a title for people. http/core/problem.c turns rows into RFC 9457 documents and the
 * /problems/ pages; tests compare the table with openapi.yaml. The rows of ERR_INTERNAL_TABLE never
 * travel: they are how modules talk to each other, and would be shown as `internal` if one escaped.
 *
 * A function that can fail returns `enum err`; ERR_OK is 0. Its outputs come last, are named
 * ret_... and stay untouched on failure. All functions here are safe on any thread. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

enum charged { CHARGED_NO, CHARGED_YES, CHARGED_MAYBE };

/*  X(name, code, HTTP status, retryable, charged, title) */
#define ERR_TABLE(X)                                                                               \
    X(MISSING_DOMAIN, "missing-domain", 400, false, NO, "The parameter domain is missing")         \
    X(INVALID_DOMAIN, "invalid-domain", 400, false, NO, "That is not a company domain")            \
    X(UNKNOWN_PARAMETER, "unknown-parameter", 400, false, NO, "There is no such parameter")        \
    X(DUPLICATE_PARAMETER, "duplicate-parameter", 400, false, NO,                                  \
      "A parameter was given more than once")                                                      \
    X(INVALID_PARAMETER, "invalid-parameter", 400, false, NO, "A parameter has no valid value")    \
    X(INVALID_REQUEST, "invalid-request", 400, false, NO, "The request is not valid HTTP")         \
    X(UNAUTHORIZED, "unauthorized", 401, false, NO, "This server wants a key that it knows")       \
    X(FORBIDDEN, "forbidden", 403, false, NO, "This may not be done by this client")               \
    X(NOT_FOUND, "not-found", 404, false, NO, "There is nothing at this path")                     \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, false, NO,                                    \
      "This path does not take that method")                                                       \
    X(NOT_ACCEPTABLE, "not-acceptable", 406, false, NO, "None of the accepted types is on offer")  \
    X(BODY_TOO_LARGE, "body-too-large", 413, false, NO, "The request body is too large")           \
    X(PUBLIC_SUFFIX, "public-suffix", 422, false, NO,                                              \
      "That is a public suffix, not the domain of a company")                                      \
    X(IP_ADDRESS, "ip-address", 422, false, NO, "That is an IP address, not a domain")             \
    X(SPECIAL_USE_DOMAIN, "special-use-domain", 422, false, NO,                                    \
      "That name is reserved and belongs to no company")                                           \
    X(QUOTA_EXCEEDED, "quota-exceeded", 429, true, NO, "This client has used up its own limit")    \
    X(INTERNAL, "internal", 500, true, MAYBE, "Something went wrong inside emailsd")               \
    X(CREDITS_EXHAUSTED, "credits-exhausted", 402, true, NO, "There are no credits left")          \
    X(UPSTREAM_AUTH, "upstream-auth", 502, false, NO, "The upstream refused the server's API key") \
    X(UPSTREAM_BANNED, "upstream-banned", 502, false, NO, "The upstream has banned this account")  \
    X(UPSTREAM_REJECTED, "upstream-rejected", 502, false, NO, "The upstream refused this lookup")  \
    X(UPSTREAM_ERROR, "upstream-error", 502, true, NO, "The upstream failed")                      \
    X(UPSTREAM_INVALID_RESPONSE, "upstream-invalid-response", 502, true, MAYBE,                    \
      "The upstream's answer cannot be used")                                                      \
    X(LOOKUP_FAILED, "lookup-failed", 502, true, MAYBE, "The upstream could not do this lookup")   \
    X(UPSTREAM_OUTCOME_UNKNOWN, "upstream-outcome-unknown", 502, true, MAYBE,                      \
      "It is not known whether the upstream took this lookup")                                     \
    X(OVERLOADED, "overloaded", 503, true, NO, "Too much is waiting already")                      \
    X(CIRCUIT_OPEN, "circuit-open", 503, true, NO,                                                 \
      "The upstream is in trouble, so nothing is sent")                                            \
    X(PAUSED, "paused", 503, true, NO, "The operator has paused all buying")                       \
    X(STORAGE_UNAVAILABLE, "storage-unavailable", 503, true, NO,                                   \
      "The store cannot be written, so nothing is bought")                                         \
    X(DRAINING, "draining", 503, true, NO, "This server is stopping")                              \
    X(STARTING, "starting", 503, true, NO, "This server is not ready yet")                         \
    X(STILL_PROCESSING, "still-processing", 504, true, MAYBE,                                      \
      "The lookup goes on and takes longer than this request may wait")                            \
    X(NOT_CACHED, "not-cached", 504, true, NO, "No answer is stored for this question")

/*  X(name, words for the log) */
#define ERR_INTERNAL_TABLE(X)                                                                      \
    X(SYSTEM, "the operating system refused (see errno)")                                          \
    X(TOO_BIG, "a limit on size was reached")                                                      \
    X(SYNTAX, "the text does not follow its grammar")                                              \
    X(ABSENT, "there is no such thing")                                                            \
    X(GONE, "the one who asked has left")                                                          \
    X(STORE_BUSY, "another process owns the store")                                                \
    X(STORE_DAMAGED, "the store cannot be trusted")                                                \
    X(STORE_REFUSED, "the store's file is not safe to use")

enum err {
    ERR_OK = 0,
#define X(name, code, status, retryable, charged, title) ERR_##name,
    ERR_TABLE(X)
#undef X
        ERR_PUBLIC_END,
#define X(name, words) ERR_##name,
    ERR_INTERNAL_TABLE(X)
#undef X
};

/* One row of ERR_TABLE. Strings are static. */
struct err_row {
    enum err err;
    const char *code;     /* stable, on the wire and in logs */
    int status;           /* HTTP */
    bool retryable;       /* may the same request succeed later? */
    enum charged charged; /* the usual case; a problem may say otherwise */
    const char *title;
};

/* The row of `err`; that of ERR_INTERNAL for ERR_OK and for internal errors. Never NULL. */
const struct err_row *err_row(enum err err);

/* The row whose code is the `len` bytes at `code`, or NULL. */
const struct err_row *err_row_by_code(const char *code, size_t len);

/* Words for a log line; covers the internal errors too. Static, never NULL. */
const char *err_words(enum err err);

/* "no", "yes" or "maybe". */
const char *charged_word(enum charged charged);

#endif
