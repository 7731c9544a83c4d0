/* SPDX-License-Identifier: MIT */
/* test_domain_list.c - tests unusual lists of suffixes: a missing list, a damaged list, the
 * built-in list.
 *
 * Replaces three functions of libpsl; what they return comes from libpsl. */
#include "model/domain.h"

#include "tests/support/suite.h"
#include <dlfcn.h>
#include <libpsl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static enum { THE_SYSTEMS, NONE, WITHOUT_COM, BUILT_IN } list;
static const char *dist_file;

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static psl_ctx_t *load(const char *rules)
{
    FILE *file = fmemopen((char *)(uintptr_t)rules, strlen(rules), "r");
    psl_ctx_t *loaded = psl_load_fp(file);

    fclose(file);
    ck_assert_ptr_nonnull(loaded);
    return loaded;
}

psl_ctx_t *psl_latest(const char *file)
{
    psl_ctx_t *(*latest)(const char *);

    *(void **)&latest = real("psl_latest");
    switch (list) {
    case THE_SYSTEMS:
        return latest(file);
    case NONE:
        return NULL;
    case WITHOUT_COM:
        return load("org\n");
    case BUILT_IN:
        return (psl_ctx_t *)(uintptr_t)psl_builtin();
    }
    return NULL;
}

const char *psl_dist_filename(void)
{
    return dist_file;
}

static void teardown(void)
{
    domain_stop();
}

FIXTURE(NULL, teardown);

TEST(suffix_list_missing_prevents_the_start)
{
    list = NONE;
    ck_assert_int_eq(domain_start(), ERR_NO_ENTRY);
    ck_assert_str_eq(domain_list_source(), "none");
}

TEST(suffix_list_without_com_is_invalid)
{
    list = WITHOUT_COM;
    ck_assert_int_eq(domain_start(), ERR_NO_ENTRY);
    ck_assert_str_eq(domain_list_source(), "none");
}

TEST(suffix_list_built_in_is_reported_as_such)
{
    struct domain domain;
    struct errmsg why;

    list = BUILT_IN;
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_ptr_nonnull(strstr(domain_list_source(), "built into libpsl, 20"));
    ck_assert_int_eq(domain_parse("www.a.co.uk", 11, &domain, &why), ERR_OK);
    ck_assert_str_eq(domain.name, "a.co.uk");
}

static const char *const files[] = {NULL, "/nowhere/at/all.dat"};

RANGE_TEST(suffix_list_deleted_file_is_not_named, 0, 2)
{
    dist_file = files[_i];
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_ptr_nonnull(strstr(domain_list_source(), "built into libpsl, "));
}
