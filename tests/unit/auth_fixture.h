/* SPDX-License-Identifier: MIT */
/* auth_fixture.h - requests without a key, from their header fields, and who accepts them. */
#ifndef TESTS_UNIT_AUTH_FIXTURE_H
#define TESTS_UNIT_AUTH_FIXTURE_H

#include "base/mem.h"
#include "http/auth/auth.h"
#include "model/domain.h"

#include "tests/support/suite.h"
#include <string.h>

static inline struct slice slice(const char *text)
{
    return (struct slice){text, strlen(text)};
}

/* Returns the header fields of the pairs of name and value, which NULL ends. */
static inline struct credentials read(const char *const *headers)
{
    struct credentials credentials = {0};

    for (; *headers; headers += 2)
        auth_header(&credentials, slice(headers[0]), slice(headers[1]));
    return credentials;
}
#define HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct auth_policy here = {.access = ANONYMOUS_LOCAL};
static const struct auth_policy anywhere = {.access = ANONYMOUS_ALL};

/* Returns whether a request without a key is accepted, after a check that a rejected one gets a
 * reason. */
static inline bool is_accepted(const struct auth_policy *policy,
                               const struct credentials *presented)
{
    const struct client *client = NULL;
    enum err err = auth_identify(NULL, policy, presented, &client);

    ck_assert(err == ERR_OK || err == ERR_FORBIDDEN);
    ck_assert_int_eq(client != NULL, err == ERR_OK);
    ck_assert_int_eq(auth_denial(policy, presented) != NULL, err != ERR_OK);
    return !err;
}

static void setup(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

static void teardown(void)
{
    domain_stop();
}

FIXTURE(setup, teardown);

#endif
