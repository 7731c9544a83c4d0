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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_names[QUESTION_PARTS] = {
    [QUESTION_DOMAIN] = "domain",   [QUESTION_COMPANY_NAME] = "company_name",
    [QUESTION_CITY] = "city",       [QUESTION_STATE] = "state",
    [QUESTION_COUNTRY] = "country",
};

/* The parts while they are checked; heap strings, "" if not given. */
struct draft {
    struct domain domain;
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

_Static_assert(QUESTION_FIELD_MAX == 200, "fault_of() names the limit");

/* Returns what is wrong with a raw field, or NULL. */
static const char *fault_of(const struct slice *field)
{
    if (field->len > QUESTION_FIELD_MAX)
        return "is longer than 200 bytes";
    if (!text_is_utf8(field->data, field->len))
        return "is not valid UTF-8";
    if (text_has_control(field->data, field->len))
        return "contains a control character";
    return NULL;
}

static enum err refuse(enum question_part part, const char *fault, struct errmsg *why)
{
    errmsg_set(why, "%s %s", part_names[part], fault);
    return ERR_INVALID_PARAMETER;
}

static enum err read_field(const struct slice *fields, enum question_part part, struct draft *draft,
                           struct errmsg *why)
{
    static const struct slice not_given = {.data = "", .len = 0};
    const struct slice *field = fields[part].data ? &fields[part] : &not_given;
    const char *fault = fault_of(field);

    if (fault)
        return refuse(part, fault, why);
    enum err err = text_tidy(field->data, field->len, &draft->tidy[part]);
    if (err)
        return err;
    return text_fold(field->data, field->len, &draft->folded[part]);
}

static bool equals_folded(const char *made, const char *folded)
{
    autofree char *made_folded = NULL;

    return text_fold(made, strlen(made), &made_folded) == ERR_OK &&
           strcmp(made_folded, folded) == 0;
}

/* The upstream requires a name. If none is given, or the one that would be derived, it is derived,
 * and the key says that none was given. So all spellings of the derived name get the same body. */
static enum err settle_company_name(bool given, struct draft *draft, struct errmsg *why)
{
    char **tidy = &draft->tidy[QUESTION_COMPANY_NAME];
    char *folded = draft->folded[QUESTION_COMPANY_NAME];
    autofree char *made = domain_display_name(&draft->domain);

    if (given && !**tidy)
        return refuse(QUESTION_COMPANY_NAME, "is blank", why);
    if (given && !equals_folded(made, folded))
        return ERR_OK;
    free(*tidy);
    *tidy = TAKE(made);
    *folded = '\0';
    return ERR_OK;
}

/* Returns the size of all parts except the domain, with their NULs. */
static size_t size_of(const char *const parts[QUESTION_PARTS])
{
    size_t size = 0;

    for (int i = QUESTION_COMPANY_NAME; i < QUESTION_PARTS; i++)
        size += strlen(parts[i]) + 1;
    return size;
}

static void make_key(const struct draft *draft, unsigned char *ret_key)
{
    const char *const *folded = (const char *const *)draft->folded;
    autofree char *bytes = xcalloc(strlen(folded[QUESTION_DOMAIN]) + 1 + size_of(folded), 1);
    char *end = bytes;

    for (int i = 0; i < QUESTION_PARTS; i++)
        end = stpcpy(end, folded[i]) + 1;
    hash_sha256(bytes, (size_t)(end - bytes), ret_key);
}

/* Builds a question; the caller sets its key. */
static struct question *assemble(const char *domain, const char *const parts[QUESTION_PARTS])
{
    struct question *question = xcalloc(1, sizeof *question + size_of(parts));
    const char **const places[QUESTION_PARTS] = {
        [QUESTION_COMPANY_NAME] = &question->company_name,
        [QUESTION_CITY] = &question->city,
        [QUESTION_STATE] = &question->state,
        [QUESTION_COUNTRY] = &question->country,
    };
    char *end = (char *)(question + 1);

    snprintf(question->domain.name, sizeof question->domain.name, "%s", domain);
    for (int i = QUESTION_COMPANY_NAME; i < QUESTION_PARTS; i++) {
        *places[i] = end;
        end = stpcpy(end, parts[i]) + 1;
    }
    return question;
}

enum err question_new(const struct slice fields[QUESTION_PARTS], struct question **ret_question,
                      struct errmsg *why)
{
    autodraft struct draft draft = {0};
    const struct slice *domain = &fields[QUESTION_DOMAIN];
    enum err err = domain_parse(domain->data, domain->len, &draft.domain, why);

    if (err)
        return err;
    draft.tidy[QUESTION_DOMAIN] = xstrdup(draft.domain.name);
    draft.folded[QUESTION_DOMAIN] = xstrdup(draft.domain.name);
    for (int i = QUESTION_COMPANY_NAME; i < QUESTION_PARTS; i++) {
        err = read_field(fields, (enum question_part)i, &draft, why);
        if (err)
            return err;
    }
    err = settle_company_name(fields[QUESTION_COMPANY_NAME].data != NULL, &draft, why);
    if (err)
        return err;
    struct question *question = assemble(draft.domain.name, (const char *const *)draft.tidy);
    make_key(&draft, question->key);
    *ret_question = question;
    return ERR_OK;
}

struct question *question_restore(const unsigned char key[HASH_SIZE], const char *domain,
                                  const char *const parts[QUESTION_PARTS])
{
    struct question *question = assemble(domain, parts);

    memcpy(question->key, key, HASH_SIZE);
    return question;
}

struct question *question_copy(const struct question *question)
{
    return question_restore(question->key, question->domain.name,
                            (const char *[QUESTION_PARTS]){NULL, question->company_name,
                                                           question->city, question->state,
                                                           question->country});
}

void question_free(struct question *question)
{
    free(question);
}
