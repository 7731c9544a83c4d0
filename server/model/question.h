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

struct question {
    unsigned char key[HASH_SIZE];
    struct domain domain;
    /* Trimmed NFC. company_name is never empty, the others are "" if not given. Allocated together
     * with the struct. */
    const char *company_name, *city, *state, *country;
};

/* Checks the raw fields, which are indexed by enum question_part, untrusted and borrowed for the
 * call; one with `data` NULL is not given. The caller frees *ret_question.
 * Returns ERR_INVALID_PARAMETER if a field other than the domain is too long, not UTF-8, blank
 * (company_name only; a blank place counts as not given) or contains control characters; otherwise
 * the errors of domain_parse(). `why` is written on failure. */
enum err question_new(const struct slice fields[QUESTION_PARTS], struct question **ret_question,
                      struct errmsg *why);

/* Restores a checked question from the journal, owned by the caller. All values are used unchanged;
 * parts[QUESTION_DOMAIN] is ignored. */
struct question *question_restore(const unsigned char key[HASH_SIZE], const char *domain,
                                  const char *const parts[QUESTION_PARTS]);

/* Returns a copy, owned by the caller. */
struct question *question_copy(const struct question *question);

/* NULL is a no-op. */
void question_free(struct question *question);

#endif
