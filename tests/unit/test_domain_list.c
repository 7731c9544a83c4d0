/* SPDX-License-Identifier: MIT */
/* test_domain_list.c - the list of suffixes when it is not the usual one: none, a damaged one, the
 * one that is built in. Three functions of libpsl are stood in for; what they hand out is libpsl's.
 */
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

TEST(without_a_list_there_is_no_start)
{
    list = NONE;
    ck_assert_int_eq(domain_start(), ERR_ABSENT);
    ck_assert_str_eq(domain_list_source(), "none");
}

TEST(a_list_that_does_not_know_com_is_none)
{
    list = WITHOUT_COM;
    ck_assert_int_eq(domain_start(), ERR_ABSENT);
    ck_assert_str_eq(domain_list_source(), "none");
}

TEST(the_list_that_is_built_in_says_so)
{
    struct domain domain;
    char why[DOMAIN_WHY];

    list = BUILT_IN;
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_ptr_nonnull(strstr(domain_list_source(), "built into libpsl, 20"));
    ck_assert_int_eq(domain_parse("www.a.co.uk", 11, &domain, why), ERR_OK);
    ck_assert_str_eq(domain.name, "a.co.uk");
}

static const char *const files[] = {NULL, "/nowhere/at/all.dat"};

RANGE_TEST(a_file_that_is_gone_is_not_named, 0, 2)
{
    dist_file = files[_i];
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_ptr_nonnull(strstr(domain_list_source(), "built into libpsl, "));
}
