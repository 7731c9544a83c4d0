/* SPDX-License-Identifier: MIT */
/* test_domain_psl.c - tests published test cases of the Public Suffix List.
 *
 * The rows are facts from tests/test_psl.txt of https://github.com/publicsuffix/list (last changed
 * on 2016-02-12, in the public domain), and from tests/test-is-public*.c and
 * test-registrable-domain.c of libpsl as of 2024-05-09. All lists from 2023-02-09 to 2025-03-28
 * give these results. Results are given as A-labels. */
#include "domain_check.h"
#include "tests/support/suite.h"

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

/* Where `registrable` is published and `ours` is an error, the rules differ on purpose: the list's
 * default rule makes a suffix of any unlisted top-level domain, but no company has a reserved name.
 * Names with a leading dot have no registrable domain either way; here they are malformed. */
struct row {
    const char *text;
    const char *registrable; /* NULL = no registrable domain */
    enum err ours;
};

/* clang-format off */
static const struct row rows[] = {
    /* Mixed case. */
    {"COM", NULL, ERR_PUBLIC_SUFFIX},
    {"example.COM", "example.com", ERR_OK},
    {"WwW.example.COM", "example.com", ERR_OK},
    /* Leading dot. */
    {".com", NULL, ERR_INVALID_DOMAIN},
    {".example", NULL, ERR_INVALID_DOMAIN},
    {".example.com", NULL, ERR_INVALID_DOMAIN},
    {".example.example", NULL, ERR_INVALID_DOMAIN},
    /* Unlisted TLD. */
    {"example", NULL, ERR_SPECIAL_USE_DOMAIN},
    {"example.example", "example.example", ERR_SPECIAL_USE_DOMAIN},
    {"b.example.example", "example.example", ERR_SPECIAL_USE_DOMAIN},
    {"a.b.example.example", "example.example", ERR_SPECIAL_USE_DOMAIN},
    /* Listed, but non-Internet, TLD. */
    {"local", NULL, ERR_SPECIAL_USE_DOMAIN},
    {"example.local", NULL, ERR_SPECIAL_USE_DOMAIN},
    {"b.example.local", NULL, ERR_SPECIAL_USE_DOMAIN},
    {"a.b.example.local", NULL, ERR_SPECIAL_USE_DOMAIN},
    /* TLD with only 1 rule. */
    {"biz", NULL, ERR_PUBLIC_SUFFIX},
    {"domain.biz", "domain.biz", ERR_OK},
    {"b.domain.biz", "domain.biz", ERR_OK},
    {"a.b.domain.biz", "domain.biz", ERR_OK},
    /* TLD with some 2-level rules. */
    {"com", NULL, ERR_PUBLIC_SUFFIX},
    {"example.com", "example.com", ERR_OK},
    {"b.example.com", "example.com", ERR_OK},
    {"a.b.example.com", "example.com", ERR_OK},
    {"uk.com", NULL, ERR_PUBLIC_SUFFIX},
    {"example.uk.com", "example.uk.com", ERR_OK},
    {"b.example.uk.com", "example.uk.com", ERR_OK},
    {"a.b.example.uk.com", "example.uk.com", ERR_OK},
    {"test.ac", "test.ac", ERR_OK},
    /* TLD with only 1 (wildcard) rule. */
    {"mm", NULL, ERR_PUBLIC_SUFFIX},
    {"c.mm", NULL, ERR_PUBLIC_SUFFIX},
    {"b.c.mm", "b.c.mm", ERR_OK},
    {"a.b.c.mm", "b.c.mm", ERR_OK},
    /* More complex TLD. */
    {"jp", NULL, ERR_PUBLIC_SUFFIX},
    {"test.jp", "test.jp", ERR_OK},
    {"www.test.jp", "test.jp", ERR_OK},
    {"ac.jp", NULL, ERR_PUBLIC_SUFFIX},
    {"test.ac.jp", "test.ac.jp", ERR_OK},
    {"www.test.ac.jp", "test.ac.jp", ERR_OK},
    {"kyoto.jp", NULL, ERR_PUBLIC_SUFFIX},
    {"test.kyoto.jp", "test.kyoto.jp", ERR_OK},
    {"ide.kyoto.jp", NULL, ERR_PUBLIC_SUFFIX},
    {"b.ide.kyoto.jp", "b.ide.kyoto.jp", ERR_OK},
    {"a.b.ide.kyoto.jp", "b.ide.kyoto.jp", ERR_OK},
    {"c.kobe.jp", NULL, ERR_PUBLIC_SUFFIX},
    {"b.c.kobe.jp", "b.c.kobe.jp", ERR_OK},
    {"a.b.c.kobe.jp", "b.c.kobe.jp", ERR_OK},
    {"city.kobe.jp", "city.kobe.jp", ERR_OK},
    {"www.city.kobe.jp", "city.kobe.jp", ERR_OK},
    /* TLD with a wildcard rule and exceptions. */
    {"ck", NULL, ERR_PUBLIC_SUFFIX},
    {"test.ck", NULL, ERR_PUBLIC_SUFFIX},
    {"b.test.ck", "b.test.ck", ERR_OK},
    {"a.b.test.ck", "b.test.ck", ERR_OK},
    {"www.ck", "www.ck", ERR_OK},
    {"www.www.ck", "www.ck", ERR_OK},
    /* US K12. */
    {"us", NULL, ERR_PUBLIC_SUFFIX},
    {"test.us", "test.us", ERR_OK},
    {"www.test.us", "test.us", ERR_OK},
    {"ak.us", NULL, ERR_PUBLIC_SUFFIX},
    {"test.ak.us", "test.ak.us", ERR_OK},
    {"www.test.ak.us", "test.ak.us", ERR_OK},
    {"k12.ak.us", NULL, ERR_PUBLIC_SUFFIX},
    {"test.k12.ak.us", "test.k12.ak.us", ERR_OK},
    {"www.test.k12.ak.us", "test.k12.ak.us", ERR_OK},
    /* IDN labels. */
    {"食狮.com.cn", "xn--85x722f.com.cn", ERR_OK},
    {"食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn", ERR_OK},
    {"www.食狮.公司.cn", "xn--85x722f.xn--55qx5d.cn", ERR_OK},
    {"shishi.公司.cn", "shishi.xn--55qx5d.cn", ERR_OK},
    {"公司.cn", NULL, ERR_PUBLIC_SUFFIX},
    {"食狮.中国", "xn--85x722f.xn--fiqs8s", ERR_OK},
    {"www.食狮.中国", "xn--85x722f.xn--fiqs8s", ERR_OK},
    {"shishi.中国", "shishi.xn--fiqs8s", ERR_OK},
    {"中国", NULL, ERR_PUBLIC_SUFFIX},
    /* Same as above, but punycoded. */
    {"xn--85x722f.com.cn", "xn--85x722f.com.cn", ERR_OK},
    {"xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", ERR_OK},
    {"www.xn--85x722f.xn--55qx5d.cn", "xn--85x722f.xn--55qx5d.cn", ERR_OK},
    {"shishi.xn--55qx5d.cn", "shishi.xn--55qx5d.cn", ERR_OK},
    {"xn--55qx5d.cn", NULL, ERR_PUBLIC_SUFFIX},
    {"xn--85x722f.xn--fiqs8s", "xn--85x722f.xn--fiqs8s", ERR_OK},
    {"www.xn--85x722f.xn--fiqs8s", "xn--85x722f.xn--fiqs8s", ERR_OK},
    {"shishi.xn--fiqs8s", "shishi.xn--fiqs8s", ERR_OK},
    {"xn--fiqs8s", NULL, ERR_PUBLIC_SUFFIX},
};

/* From libpsl, where they are not among the above. */
static const struct row more_rows[] = {
    {"www.com.ar", "www.com.ar", ERR_OK},
    {"com.ar", NULL, ERR_PUBLIC_SUFFIX},
    {"cc.ar.us", NULL, ERR_PUBLIC_SUFFIX},
    {".cc.ar.us", NULL, ERR_INVALID_DOMAIN},
    {"www.cc.ar.us", "www.cc.ar.us", ERR_OK},
    {"abc.www.ck", "www.ck", ERR_OK},
    {"xxx.ck", NULL, ERR_PUBLIC_SUFFIX},
    {"www.xxx.ck", "www.xxx.ck", ERR_OK},
    {"商标", NULL, ERR_PUBLIC_SUFFIX},
    {"www.商标", "www.xn--czr694b", ERR_OK},
    {"xn--czr694b", NULL, ERR_PUBLIC_SUFFIX},
    {"www.xn--czr694b", "www.xn--czr694b", ERR_OK},
    {"name", NULL, ERR_PUBLIC_SUFFIX},
    {"his.name", "his.name", ERR_OK},
    {"forgot.his.name", NULL, ERR_PUBLIC_SUFFIX},
    {"whoever.his.name", "his.name", ERR_OK},
    {"whoever.forgot.his.name", "whoever.forgot.his.name", ERR_OK},
    {"whatever.platformsh.site", NULL, ERR_PUBLIC_SUFFIX},
    {"whatever.yokohama.jp", NULL, ERR_PUBLIC_SUFFIX},
    {"compute.amazonaws.com", NULL, ERR_PUBLIC_SUFFIX},
    {"y.compute.amazonaws.com", NULL, ERR_PUBLIC_SUFFIX},
    {"x.y.compute.amazonaws.com", "x.y.compute.amazonaws.com", ERR_OK},
    {"adfhoweirh", NULL, ERR_INVALID_DOMAIN},
    {"www.Øyer.no", "www.xn--yer-zna.no", ERR_OK},
    {"øyer.no", NULL, ERR_PUBLIC_SUFFIX},
    {".", NULL, ERR_INVALID_DOMAIN},
};
/* clang-format on */

static void check(const struct row *row)
{
    struct domain domain;
    struct errmsg why;
    enum err err = parse(row->text, strlen(row->text), &domain, &why);

    check_answer(row->text, err, &domain, why.text);
    ck_assert_msg(err == row->ours, "%s: %s", row->text, err ? why.text : domain.name);
    if (!err)
        ck_assert_str_eq(domain.name, row->registrable);
}

LOOP_TEST(domain_is_reduced_as_the_suffix_list_publishes, rows)
{
    check(&rows[_i]);
}

LOOP_TEST(domain_is_reduced_as_libpsl_publishes, more_rows)
{
    check(&more_rows[_i]);
}
