/* SPDX-License-Identifier: MIT */
/* question.c - see question.h.
 *
 * While a question is built, every part exists twice: tidy, as it is displayed and sent, and
 * folded, as it enters the key. The key is the SHA-256 of the folded parts in the order of enum
 * question_part, each followed by a NUL. No part can contain a NUL (controls are rejected, names
 * are A-labels), so different questions never produce the same bytes. */
#include "model/question.h"

#include "base/mem.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_names[QUESTION_PARTS] = {
    [QUESTION_DOMAIN] = "domain",   [QUESTION_COMPANY_NAME] = "company_name",
    [QUESTION_CITY] = "city",       [QUESTION_STATE] = "state",
    [QUESTION_COUNTRY] = "country",
};

/* The parts while they are checked; heap strings, "" if not given. */
struct draft {
    char *tidy[QUESTION_PARTS];
    char *folded[QUESTION_PARTS];
};

static void draft_done(struct draft *draft)
{
    for (int i = 0; i < QUESTION_PARTS; i++) {
        free(draft->tidy[i]);
        free(draft->folded[i]);
    }
}
#define autodraft __attribute__((cleanup(draft_done)))

static enum err refuse(enum question_part part, const char *fault, struct errmsg *why)
{
    errmsg_set(why, "%s %s", part_names[part], fault);
    return ERR_INVALID_PARAMETER;
}

_Static_assert(QUESTION_FIELD_MAX == 200, "read_field() names the limit");

static enum err read_field(struct slice field, enum question_part part, struct draft *draft,
                           struct errmsg *why)
{
    if (!field.data)
        field = (struct slice){.data = "", .len = 0};
    if (field.len > QUESTION_FIELD_MAX)
        return refuse(part, "is longer than 200 bytes", why);
    if (!text_is_utf8(field.data, field.len))
        return refuse(part, "is not valid UTF-8", why);
    if (text_has_control(field.data, field.len))
        return refuse(part, "contains a control character", why);
    enum err err = text_tidy(field.data, field.len, &draft->tidy[part]);
    return err ? err : text_fold(field.data, field.len, &draft->folded[part]);
}

/* The upstream requires a name. If none is given, or the one that would be derived, it is derived,
 * and the key says that none was given. So all spellings of the derived name get the same body. */
static enum err settle_company_name(bool given, const struct domain *domain, struct draft *draft,
                                    struct errmsg *why)
{
    char **tidy = &draft->tidy[QUESTION_COMPANY_NAME];
    char *folded = draft->folded[QUESTION_COMPANY_NAME];
    autofree char *derived = domain_display_name(domain), *derived_folded = NULL;

    if (given && !**tidy)
        return refuse(QUESTION_COMPANY_NAME, "is blank", why);
    if (given && (text_fold(derived, strlen(derived), &derived_folded) ||
                  strcmp(derived_folded, folded) != 0))
        return ERR_OK;
    free(*tidy);
    *tidy = TAKE(derived);
    *folded = '\0';
    return ERR_OK;
}

static void make_key(char *const folded[QUESTION_PARTS], unsigned char *ret_key)
{
    size_t size = 0;

    for (int i = 0; i < QUESTION_PARTS; i++)
        size += strlen(folded[i]) + 1;
    autofree char *bytes = xcalloc(size, 1);
    char *end = bytes;
    for (int i = 0; i < QUESTION_PARTS; i++)
        end = stpcpy(end, folded[i]) + 1;
    hash_sha256(bytes, size, ret_key);
}

enum err question_new(const struct slice fields[QUESTION_PARTS], struct question **ret_question,
                      struct errmsg *why)
{
    autodraft struct draft draft = {0};
    struct domain domain;
    unsigned char key[HASH_SIZE];
    enum err err =
        domain_parse(fields[QUESTION_DOMAIN].data, fields[QUESTION_DOMAIN].len, &domain, why);

    if (err)
        return err;
    draft.tidy[QUESTION_DOMAIN] = xstrdup(domain.name);
    draft.folded[QUESTION_DOMAIN] = xstrdup(domain.name);
    for (int i = QUESTION_COMPANY_NAME; i < QUESTION_PARTS && !err; i++)
        err = read_field(fields[i], (enum question_part)i, &draft, why);
    if (!err)
        err = settle_company_name(fields[QUESTION_COMPANY_NAME].data != NULL, &domain, &draft, why);
    if (err)
        return err;
    make_key(draft.folded, key);
    *ret_question = question_restore(
        key, &(struct question_parts){.domain = draft.tidy[QUESTION_DOMAIN],
                                      .company_name = draft.tidy[QUESTION_COMPANY_NAME],
                                      .city = draft.tidy[QUESTION_CITY],
                                      .state = draft.tidy[QUESTION_STATE],
                                      .country = draft.tidy[QUESTION_COUNTRY]});
    return ERR_OK;
}

/* Copies `text` to *end, advances *end past its NUL, and returns the copy. */
static const char *place(char **end, const char *text)
{
    char *copy = *end;

    *end = stpcpy(copy, text) + 1;
    return copy;
}

struct question *question_restore(const unsigned char key[HASH_SIZE],
                                  const struct question_parts *parts)
{
    size_t size = strlen(parts->domain) + strlen(parts->company_name) + strlen(parts->city) +
                  strlen(parts->state) + strlen(parts->country) + QUESTION_PARTS;
    struct question *question = xcalloc(1, sizeof *question + size);
    char *end = (char *)(question + 1);

    memcpy(question->key, key, HASH_SIZE);
    question->parts = (struct question_parts){.domain = place(&end, parts->domain),
                                              .company_name = place(&end, parts->company_name),
                                              .city = place(&end, parts->city),
                                              .state = place(&end, parts->state),
                                              .country = place(&end, parts->country)};
    return question;
}

void question_free(struct question *question)
{
    free(question);
}
