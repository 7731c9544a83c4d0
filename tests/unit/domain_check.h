/* SPDX-License-Identifier: MIT */
/* domain_check.h - calls domain_parse() for all its tests.
 *
 * Passes a buffer of the exact size, and checks what every result has to guarantee. */
#ifndef DOMAIN_CHECK_H
#define DOMAIN_CHECK_H

#include "base/mem.h"
#include "base/text.h"
#include "model/domain.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ck_assert_msg() reports every call to its runner, which is slow for a million calls. */
#define REQUIRE(holds, ...)                                                                        \
    do {                                                                                           \
        if (!(holds))                                                                              \
            ck_abort_msg(__VA_ARGS__);                                                             \
    } while (0)

#define UNTOUCHED "untouched"

/* Parses a copy of the exact size, so that a sanitizer detects every read beyond it. */
static enum err parse(const char *text, size_t len, struct domain *domain, struct errmsg *why)
{
    autofree char *copy = xcalloc(len, 1);

    memcpy(copy, text, len);
    memset(why->text, 'x', ERRMSG_MAX);
    memcpy(domain->name, UNTOUCHED, sizeof UNTOUCHED);
    return domain_parse(copy, len, domain, why);
}

/* Checks what every result must guarantee, for any input. */
static void check_answer(const char *id, enum err err, const struct domain *domain, const char *why)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
    size_t len = strlen(domain->name);

    if (!err) {
        REQUIRE(domain->name[strspn(domain->name, plain)] == '\0', "%s: %s", id, domain->name);
        REQUIRE(len <= DOMAIN_MAX && strchr(domain->name, '.'), "%s: %s", id, domain->name);
        return;
    }
    REQUIRE(err == ERR_MISSING_DOMAIN || err == ERR_INVALID_DOMAIN || err == ERR_PUBLIC_SUFFIX ||
                err == ERR_IP_ADDRESS || err == ERR_SPECIAL_USE_DOMAIN || err == ERR_UNKNOWN_SUFFIX,
            "%s: %s", id, err_words(err));
    REQUIRE(strcmp(domain->name, UNTOUCHED) == 0, "%s: result touched on failure", id);
    const char *end = memchr(why, '\0', ERRMSG_MAX);
    REQUIRE(end && end > why, "%s: no sentence", id);
    size_t why_len = (size_t)(end - why);
    REQUIRE(text_is_utf8(why, why_len) && !text_has_control(why, why_len), "%s: why", id);
    REQUIRE(!strpbrk(why, "@<>\"") && !text_has_ignorable_but_joiners(why, why_len), "%s: %s", id,
            why);
    REQUIRE(!strstr(why, "\u200C") && !strstr(why, "\u200D"), "%s: joiner in the reason", id);
}

#endif
