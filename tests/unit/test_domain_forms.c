/* SPDX-License-Identifier: MIT */
/* test_domain_forms.c - tests what may surround a registrable domain: white space and control
 * characters, labels in front, and "mailto:".
 *
 * V94 to V96 of the catalogue of inputs. */
#include "domain_check.h"
#include "tests/support/suite.h"

#include <stdio.h>

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

struct row {
    const char *text, *name; /* NULL: invalid-domain */
};

static void check(const struct row *row)
{
    struct domain domain;
    struct errmsg why;
    enum err err = parse(row->text, strlen(row->text), &domain, &why);

    check_answer(row->text, err, &domain, why.text);
    if (!row->name)
        ck_assert_msg(err == ERR_INVALID_DOMAIN, "%s: %s", row->text,
                      err ? err_words(err) : domain.name);
    else
        ck_assert_msg(!err && strcmp(domain.name, row->name) == 0, "%s: %s", row->text,
                      err ? why.text : domain.name);
}

static const struct row ends[] = {
    {"\u00A0milvali.com\u3000", "milvali.com"},
    {"\t\r\n milvali.com \r\n", "milvali.com"},
    {"\u2028milvali.com\xc2\x85", "milvali.com"},
    {"\x01\x1fmilvali.com\x7f\xc2\x9f", "milvali.com"},
    {" https://milvali.com/a?b \n", "milvali.com"},
    {" info@milvali.com\r", "milvali.com"},
    {"milvali.com .", NULL},
    {"milvali. com", NULL},
    {"info@ milvali.com", NULL},
    {"https://milvali.com/a b", NULL},
    {"milvali.com\u200B", NULL}, /* invisible, but no white space in Unicode */
    {"\uFEFFmilvali.com", NULL},
    {" \xff", NULL},
};

LOOP_TEST(domain_blank_ends_are_trimmed, ends)
{
    check(&ends[_i]);
}

static const char *const blanks[] = {" ", "\n", "\r\n\t", "\x01", "\u00A0\u3000", "\xc2\x85"};

LOOP_TEST(domain_of_blanks_only_is_missing, blanks)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_eq(parse(blanks[_i], strlen(blanks[_i]), &domain, &why), ERR_MISSING_DOMAIN);
    ck_assert_str_eq(why.text, "the domain is empty");
}

TEST(domain_reason_quotes_the_trimmed_input)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_eq(parse(" co.uk\n", 7, &domain, &why), ERR_PUBLIC_SUFFIX);
    ck_assert_msg(strncmp(why.text, "'co.uk' is", 10) == 0, "%s", why.text);
}

static const struct row fronts[] = {
    {"_dmarc.milvali.com", "milvali.com"},
    {"_sip._tcp.milvali.co.uk", "milvali.co.uk"},
    {"a_b.milvali.com", "milvali.com"},
    {"~a.milvali.com", "milvali.com"},
    {"_.milvali.com", "milvali.com"},
    {"r2---sn.milvali.com", "milvali.com"},
    {"ab--cd.milvali.com", "milvali.com"},
    {"-a.milvali.com", "milvali.com"},
    {"a-.milvali.com", "milvali.com"},
    {"-.milvali.com", "milvali.com"},
    {"--.www.milvali.com.", "milvali.com"},
    {"https://r2---sn-4g5e6nz7.milvali.com/x?y", "milvali.com"},
    {"https://_a-.MILVALI.com:8443/", "milvali.com"},
    {"info@_a.milvali.com", "milvali.com"},
    {"xn--a.milvali.com", "milvali.com"}, /* no A-label, but a label of DNS */
    {"xn--.milvali.com", "milvali.com"},
    {"_ü.milvali.com", "milvali.com"},
    {"ü-.milvali.com", "milvali.com"},
    {"-ü--.milvali.com", "milvali.com"},
    {"💩.milvali.com", "milvali.com"},
    {"☃.a.github.io", "a.github.io"},
    {"＿a.milvali.com", "milvali.com"},
    {"_a。milvali．com", "milvali.com"},
    {"_a.www.ck", "www.ck"},
    {"_x.b.a.ck", "b.a.ck"},
    /* in the registrable domain */
    {"_milvali.com", NULL},
    {"www._milvali.com", NULL},
    {"_a.milvali-.com", NULL},
    {"r2---sn.com", NULL},
    {"☃.com", NULL},
    {"~a.com", NULL},
    {"xn--a.com", NULL},
    {"a_b.github.io", NULL},
    {"_a", NULL},
    {"_a.milvali._com", NULL},
    /* in the public suffix */
    {"_a.ck", NULL},
    {"_a.compute.amazonaws.com", NULL},
    /* readers disagree where such labels end, or the text is more than one name */
    {"a/b.milvali.com@c", NULL},
    {"a\\b.milvali.com", NULL},
    {"a／b.milvali.com", NULL},
    {"a＠b.milvali.com", NULL},
    {"a：b.milvali.com", NULL},
    {"℀.milvali.com", NULL},
    {"a\u2024b.milvali.com", NULL}, /* a dot after NFKC */
    {"a\u2026.milvali.com", NULL},
    {"*.milvali.com", NULL},
    {"a.com,www.milvali.com", NULL},
    {"a.com、www.milvali.com", NULL},
    {"a;b.milvali.com", NULL},
    {"'www.milvali.com", NULL},
    {"%61.milvali.com", NULL},
    {"a\u00A0b.milvali.com", NULL},
    {"a\u1680b.milvali.com", NULL},
    {"a\u00ADb.milvali.com", NULL},
    {"a\u200Bb.milvali.com", NULL},
    {"a\u200Db.milvali.com", NULL},
    {"a\u202Eb.milvali.com", NULL},
    {"a\uE000b.milvali.com", NULL}, /* private use */
    {"..milvali.com", NULL},
    {"_a..milvali.com", NULL},
    {"._a.milvali.com", NULL},
};

LOOP_TEST(domain_labels_in_front_may_be_odd, fronts)
{
    check(&fronts[_i]);
}

TEST(domain_labels_in_front_are_limited_as_in_dns)
{
    char text[400];
    struct row row = {text, "milvali.com"};

    snprintf(text, sizeof text, "_%062d.milvali.com", 0);
    check(&row);
    row.name = NULL;
    snprintf(text, sizeof text, "_%063d.milvali.com", 0);
    check(&row);
    snprintf(text, sizeof text, "xn--%060d.milvali.com", 0);
    check(&row);
    snprintf(text, sizeof text, "_%060d.%061d.%061d.%055d.milvali.com", 0, 0, 0, 0);
    ck_assert_uint_eq(strlen(text), 253);
    row.name = "milvali.com";
    check(&row);
    snprintf(text, sizeof text, "_%061d.%061d.%061d.%055d.milvali.com", 0, 0, 0, 0);
    row.name = NULL;
    check(&row);
}

/* libidn2 reports labels that are too long in three ways. */
static const struct {
    const char *character;
    int times;
} long_labels[] = {{"ａ", 64}, {"ü", 62}, {"ü", 260}};

LOOP_TEST(domain_label_too_long_as_an_a_label_is_rejected, long_labels)
{
    struct domain domain;
    struct errmsg why;
    char text[1000] = "";
    size_t len = 0;

    for (int i = 0; i < long_labels[_i].times; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s", long_labels[_i].character);
    len += (size_t)snprintf(text + len, sizeof text - len, ".milvali.com");
    ck_assert_int_eq(parse(text, len, &domain, &why), ERR_INVALID_DOMAIN);
    ck_assert_msg(strstr(why.text, "longer than 63"), "%s", why.text);
}

static void check_why(const char *text, const char *want)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_ne(parse(text, strlen(text), &domain, &why), ERR_OK);
    ck_assert_msg(strstr(why.text, want), "%s", why.text);
}

TEST(domain_guess_that_is_too_long_is_left_out)
{
    struct domain domain;
    struct errmsg why;
    char text[100];
    int len = snprintf(text, sizeof text, "a%062d.co.ik", 0);

    ck_assert_int_eq(parse(text, (size_t)len, &domain, &why), ERR_UNKNOWN_SUFFIX);
    ck_assert_str_eq(why.text, "the domain ends in an unknown top-level domain");
}

TEST(domain_reason_of_an_odd_label_is_kept)
{
    check_why("www.a_b.com", "'www.a_b.com' contains a character that is not allowed");
    check_why("_a.r2---sn.com", "has a label with hyphens as third and fourth characters");
    check_why("_a.-b.com", "has a label that starts or ends with a hyphen");
    check_why("_a.xn--a.com", "violates the rules for internationalized names");
    check_why("_a.milvali.con", "did you mean milvali.com?");
    check_why("a_b.con", "contains a character that is not allowed");
    check_why("_a.local", "ends in a reserved name");
    check_why("_a.co.uk", "contains a character that is not allowed");
}

static const struct row mailtos[] = {
    {"mailto:info@milvali.com", "milvali.com"},
    {"MailTo:Info@WWW.Milvali.com.", "milvali.com"},
    {" mailto:info@milvali.com\n", "milvali.com"},
    {"mailto:info@milvali.com?subject=a&cc=b@example.com", "milvali.com"},
    {"mailto:info@milvali.com#x", "milvali.com"},
    {"mailto:info@b%C3%BCcher.de", "xn--bcher-kva.de"}, /* as browsers write it */
    {"mailto:info@bücher.de", "xn--bcher-kva.de"},
    {"mailto:first%2Elast+tag@milvali.com", "milvali.com"},
    {"mailto:info@_a.milvali.com", "milvali.com"},
    {"mailto:", NULL},
    {"mailto:?to=info@milvali.com", NULL},
    {"mailto:milvali.com", NULL},
    {"mailto:@milvali.com", NULL},
    {"mailto:info@", NULL},
    {"mailto://info@milvali.com", NULL},
    {"mailto:a@milvali.com,b@example.com", NULL},
    {"mailto:a@milvali.com%2Cb@example.com", NULL},
    {"mailto:a@example.com%40milvali.com", NULL},
    {"mailto:a@milvali.com%00", NULL},
    {"mailto:a@milvali.com%2F.example.com", NULL},
    {"mailto:a@milvali.com%20", NULL},
    {"mailto:a@b%FCcher.de", NULL}, /* Latin-1 */
    {"mailto:a@milvali.com%", NULL},
    {"mailto:user:pw@milvali.com", NULL},
    {"mailto:mailto:a@milvali.com", NULL},
    {"https://mailto:a@milvali.com", NULL},
    {"tel:info@milvali.com", NULL},
};

LOOP_TEST(domain_mailto_is_one_address, mailtos)
{
    check(&mailtos[_i]);
}

TEST(domain_mailto_of_an_address_literal_is_an_ip_address)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_eq(parse("mailto:info@[1.2.3.4]", 21, &domain, &why), ERR_IP_ADDRESS);
}

TEST(domain_reason_never_repeats_a_mailto)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_eq(parse("mailto:hunter2", 14, &domain, &why), ERR_INVALID_DOMAIN);
    ck_assert_str_eq(why.text, "the domain is not a single plain e-mail address");
}
