/* SPDX-License-Identifier: MIT */
/* question.h - the checked, canonical form of what one lookup asks for, and its key.
 *
 * A question is a domain, a company name (from the client, or derived from the domain, because the
 * upstream requires one) and an optional place. Two questions are the same if their keys are equal.
 * The key is the SHA-256 of the domain and the other fields, trimmed, NFC and case-folded; a
 * company name equal to the derived one counts as not given.
 *
 * Immutable; one owner; any thread. */
#ifndef MODEL_QUESTION_H
#define MODEL_QUESTION_H

#include "base/err.h"
#include "base/errmsg.h"
#include "base/hash.h"
#include "base/slice.h"
#include "model/domain.h"

#include <stddef.h>

#define QUESTION_FIELD_MAX 200 /* bytes of one field, as given; the upstream states no limit */

enum question_part {
    QUESTION_DOMAIN,
    QUESTION_COMPANY_NAME,
    QUESTION_CITY,
    QUESTION_STATE,
    QUESTION_COUNTRY,
    QUESTION_PARTS
};

/* The checked parts: a registrable domain, and trimmed NFC. The domain and the company name are
 * never empty; the others are "" if not given. None is NULL. */
struct question_parts {
    const char *domain, *company_name, *city, *state, *country;
};

struct question {
    unsigned char key[HASH_SIZE];
    struct question_parts parts; /* allocated together with the struct */
};

/* Checks the raw fields, which are indexed by enum question_part, untrusted and borrowed for the
 * call; one with `data` NULL is not given. The caller frees *ret_question.
 * Returns ERR_INVALID_PARAMETER if a field other than the domain is too long, not UTF-8, blank
 * (company_name only; a blank place counts as not given) or contains control characters; otherwise
 * the errors of domain_parse(). `why` is written on failure. */
enum err question_new(const struct slice fields[QUESTION_PARTS], struct question **ret_question,
                      struct errmsg *why);

/* Builds a question from its key and its checked parts, such as the journal has them. They are
 * copied unchanged. The caller frees the question. */
struct question *question_restore(const unsigned char key[HASH_SIZE],
                                  const struct question_parts *parts);

/* NULL is a no-op. */
void question_free(struct question *question);

#endif
