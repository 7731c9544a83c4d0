/* SPDX-License-Identifier: MIT */
/* question.h - what one lookup asks, checked and in canonical form; and its key.
 *
 * A question is a domain, a company name (the caller's, or made from the domain because the vendor
 * demands one) and an optional place. Two questions are the same when their keys are equal: the key
 * is SHA-256 over the domain and the folded other fields (trimmed, NFC, case-folded), and a company
 * name equal to the made one counts as not given. Immutable; one owner; any thread. */
#ifndef MODEL_QUESTION_H
#define MODEL_QUESTION_H

#include "base/err.h"
#include "base/hash.h"
#include "model/domain.h"

#include <stddef.h>

#define QUESTION_FIELD_MAX 200 /* bytes of one field, as given; the vendor states no limit */
#define QUESTION_WHY       DOMAIN_WHY

/* Fields as they came; `text` NULL = not given. Nothing here is trusted or NUL-terminated. */
struct question_field {
    const char *text;
    size_t len;
};

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
    /* Trimmed NFC; company_name is never empty, the others are "" when not given. One allocation
     * with the struct. */
    const char *company_name, *city, *state, *country;
};

/* `fields` is indexed by enum question_part. A field other than the domain that is too long, not
 * UTF-8, blank (company_name only; a blank place is a place not given) or holds control characters
 * is ERR_INVALID_PARAMETER; otherwise the errors of domain_parse(). `why` holds QUESTION_WHY bytes
 * and is written on failure. */
enum err question_new(const struct question_field fields[QUESTION_PARTS],
                      struct question **ret_question, char *why);

/* One that was checked before, out of the journal: `key` and `domain` are taken as they are, and so
 * are the other parts; parts[QUESTION_DOMAIN] is not looked at. */
struct question *question_restore(const unsigned char key[HASH_SIZE], const char *domain,
                                  const char *const parts[QUESTION_PARTS]);

void question_free(struct question *question);

#endif
