/* SPDX-License-Identifier: MIT */
/* domain_reason.h - lists why domain_parse() rejects a text. Shared by domain.c, which writes the
 * messages, and host_name.c; each names the reasons of its own step. */
#ifndef MODEL_DOMAIN_REASON_H
#define MODEL_DOMAIN_REASON_H

/*  X(reason, error, problem: completes "'input' " or "the domain ") */
#define REASON_TABLE(X)                                                                            \
    X(EMPTY, MISSING_DOMAIN, "is empty")                                                           \
    X(INPUT, INVALID_DOMAIN, "is longer than 2048 bytes")                                          \
    X(UTF8, INVALID_DOMAIN, "is not valid UTF-8")                                                  \
    X(CONTROL, INVALID_DOMAIN, "contains a space or a control character")                          \
    X(INVISIBLE, INVALID_DOMAIN, "contains an invisible character")                                \
    X(URL, INVALID_DOMAIN, "is not a complete http or https URL")                                  \
    X(USER_INFO, INVALID_DOMAIN, "contains a user name or password; send only the host name")      \
    X(ADDRESS, INVALID_DOMAIN, "is not a single plain e-mail address")                             \
    X(COLON, INVALID_DOMAIN, "contains a colon; send the host name or a complete http(s) URL")     \
    X(NO_HOST, INVALID_DOMAIN, "does not start with a host name")                                  \
    X(CHARACTER, INVALID_DOMAIN, "contains a character that is not allowed in host names")         \
    X(IDN, INVALID_DOMAIN, "violates the rules for internationalized names (IDNA 2008)")           \
    X(EMPTY_LABEL, INVALID_DOMAIN, "has an empty label between dots")                              \
    X(LONG_LABEL, INVALID_DOMAIN, "has a label longer than 63 characters")                         \
    X(LONG, INVALID_DOMAIN, "is longer than 253 characters")                                       \
    X(HYPHEN, INVALID_DOMAIN, "has a label that starts or ends with a hyphen")                     \
    X(HYPHENS, INVALID_DOMAIN, "has a label with hyphens as third and fourth characters")          \
    X(NUMBER, INVALID_DOMAIN, "ends in a number, which is not a valid top-level domain")           \
    X(SINGLE, INVALID_DOMAIN, "has no public suffix")                                              \
    X(SUFFIX, PUBLIC_SUFFIX, "is a public suffix; company domains are registered below it")        \
    X(IP, IP_ADDRESS, "is an IP address; send the company's domain")                               \
    X(SPECIAL, SPECIAL_USE_DOMAIN, "ends in a reserved name that cannot belong to a company")      \
    X(UNKNOWN, UNKNOWN_SUFFIX, "ends in an unknown top-level domain")

enum reason {
    REASON_NONE = 0,
#define X(reason, error, words) REASON_##reason,
    REASON_TABLE(X)
#undef X
};

#endif
