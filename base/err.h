/* SPDX-License-Identifier: MIT */
/* err.h - all error codes, in one table.
 *
 * Each row of ERR_TABLE is an error that an HTTP client can receive: name in C, stable code on the
 * wire, HTTP status, whether a retry can help, whether credits may have been spent, and a
 * human-readable title. http/core/problem.c renders rows as RFC 9457 documents and as the
 * /problems/ pages; tests compare the table with openapi.yaml. Rows of ERR_INTERNAL_TABLE are used
 * between modules only; one that reaches a client is shown as `internal`.
 *
 * A function that can fail returns `enum err`; ERR_OK is 0. Its outputs come last, are named
 * ret_... and are untouched on failure. Any thread. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

enum charged { CHARGED_NO, CHARGED_YES, CHARGED_MAYBE };

/*  X(name, code, HTTP status, retryable, charged, title) */
#define ERR_TABLE(X)                                                                               \
    X(MISSING_DOMAIN, "missing-domain", 400, false, NO, "Missing parameter 'domain'")              \
    X(INVALID_DOMAIN, "invalid-domain", 400, false, NO, "Invalid domain")                          \
    X(UNKNOWN_PARAMETER, "unknown-parameter", 400, false, NO, "Unknown parameter")                 \
    X(DUPLICATE_PARAMETER, "duplicate-parameter", 400, false, NO, "Duplicate parameter")           \
    X(INVALID_PARAMETER, "invalid-parameter", 400, false, NO, "Invalid parameter value")           \
    X(INVALID_REQUEST, "invalid-request", 400, false, NO, "Malformed request")                     \
    X(INVALID_BODY, "invalid-body", 400, false, NO, "Invalid request body")                        \
    X(UNAUTHORIZED, "unauthorized", 401, false, NO, "Missing or unknown API key")                  \
    X(FORBIDDEN, "forbidden", 403, false, NO, "Not permitted for this client")                     \
    X(NOT_FOUND, "not-found", 404, false, NO, "Not found")                                         \
    X(METHOD_NOT_ALLOWED, "method-not-allowed", 405, false, NO, "Method not allowed")              \
    X(NOT_ACCEPTABLE, "not-acceptable", 406, false, NO, "No acceptable media type")                \
    X(CANCELLED_LOOKUP, "cancelled", 409, true, NO, "Lookup cancelled")                            \
    X(LENGTH_REQUIRED, "length-required", 411, false, NO, "Length required")                       \
    X(PRECONDITION_FAILED, "precondition-failed", 412, false, NO, "Precondition failed")           \
    X(BODY_TOO_LARGE, "body-too-large", 413, false, NO, "Request body too large")                  \
    X(URI_TOO_LONG, "uri-too-long", 414, false, NO, "Request target too long")                     \
    X(UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", 415, false, NO, "Unsupported media type")  \
    X(HEADERS_TOO_LARGE, "headers-too-large", 431, false, NO, "Request headers too large")         \
    X(PUBLIC_SUFFIX, "public-suffix", 422, false, NO, "Domain is a public suffix")                 \
    X(IP_ADDRESS, "ip-address", 422, false, NO, "IP address instead of a domain")                  \
    X(SPECIAL_USE_DOMAIN, "special-use-domain", 422, false, NO, "Reserved domain name")            \
    X(UNKNOWN_SUFFIX, "unknown-suffix", 422, false, NO, "Unknown top-level domain")                \
    X(DENIED_DOMAIN, "denied-domain", 422, false, NO, "Domain excluded by the operator")           \
    X(RATE_LIMITED, "rate-limited", 429, true, NO, "Rate limit exceeded")                          \
    X(QUOTA_EXCEEDED, "quota-exceeded", 429, true, NO, "Client quota exceeded")                    \
    X(INTERNAL, "internal", 500, true, MAYBE, "Internal error")                                    \
    X(CREDITS_EXHAUSTED, "credits-exhausted", 402, true, NO, "Credits exhausted")                  \
    X(UPSTREAM_AUTH, "upstream-auth", 502, false, NO, "Upstream rejected the server's API key")    \
    X(UPSTREAM_BANNED, "upstream-banned", 502, false, NO, "Upstream account blocked")              \
    X(UPSTREAM_REJECTED, "upstream-rejected", 502, false, NO, "Upstream rejected the lookup")      \
    X(UPSTREAM_ERROR, "upstream-error", 502, true, NO, "Upstream error")                           \
    X(UPSTREAM_INVALID_RESPONSE, "upstream-invalid-response", 502, true, MAYBE,                    \
      "Unusable upstream response")                                                                \
    X(LOOKUP_FAILED, "lookup-failed", 502, true, MAYBE, "Lookup failed upstream")                  \
    X(UPSTREAM_OUTCOME_UNKNOWN, "upstream-outcome-unknown", 502, true, MAYBE,                      \
      "Outcome of the lookup unknown")                                                             \
    X(OVERLOADED, "overloaded", 503, true, NO, "Server overloaded")                                \
    X(CIRCUIT_OPEN, "circuit-open", 503, true, NO, "Upstream unavailable (circuit open)")          \
    X(PAUSED, "paused", 503, true, NO, "Paid lookups paused")                                      \
    X(STORAGE_UNAVAILABLE, "storage-unavailable", 503, true, NO, "Storage unavailable")            \
    X(DRAINING, "draining", 503, true, NO, "Server shutting down")                                 \
    X(STARTING, "starting", 503, true, NO, "Server starting")                                      \
    X(STILL_PROCESSING, "still-processing", 504, true, MAYBE, "Lookup still in progress")          \
    X(NOT_CACHED, "not-cached", 504, true, NO, "No cached result")

/*  X(name, log message) */
#define ERR_INTERNAL_TABLE(X)                                                                      \
    X(SYSTEM, "system call failed")                                                                \
    X(TOO_BIG, "size limit exceeded")                                                              \
    X(SYNTAX, "syntax error")                                                                      \
    X(NO_ENTRY, "not found")                                                                       \
    X(AGAIN, "not complete yet")                                                                   \
    X(CANCELLED, "request abandoned")                                                              \
    X(STORE_BUSY, "store in use by another process")                                               \
    X(STORE_DAMAGED, "store damaged")                                                              \
    X(STORE_REFUSED, "store file rejected")

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
    bool retryable;       /* whether the same request may succeed later */
    enum charged charged; /* default; a problem document may differ */
    const char *title;
};

/* Returns the row of `err`; for ERR_OK and internal errors, that of ERR_INTERNAL. Never NULL. */
const struct err_row *err_row(enum err err);

/* Returns the row whose code is the `len` bytes at `code`, or NULL. */
const struct err_row *err_row_by_code(const char *code, size_t len);

/* Returns a message for the log, for internal errors also. Static, never NULL. */
const char *err_words(enum err err);

/* Returns "no", "yes" or "maybe". Static. */
const char *charged_word(enum charged charged);

#endif
