/* SPDX-License-Identifier: MIT */
/* test_domain_idna.c - tests published test cases of UTS 46 as labels of registrable domains, among
 * them joiners (V97 of the catalogue of inputs).
 *
 * The rows are facts from IdnaTestV2.txt of Unicode 16.0.0 and 17.0.0, which agree on them, with
 * Transitional_Processing=false. Rows with several labels are given label by label, one of several
 * spellings that differ in case is kept. Left out: rows with a dot, and rows for which
 * libidn2 2.3.3, 2.3.7 and 2.3.8 disagree, because their tables are of Unicode 14.0 to 15.1
 * (U+1E9E, U+2260, U+19DA, compatibility ideographs beyond the BMP). */
#include "domain_check.h"
#include "tests/support/suite.h"

#include <stdio.h>

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

struct row {
    const char *label;
    const char *a_label; /* NULL: UTS 46 reports an error */
};

/* clang-format off */
static const struct row rows[] = {
    /* Letters, case and normal forms. */
    {"fass", "fass"},
    {"faß", "xn--fa-hia"},
    {"Faß", "xn--fa-hia"},
    {"Bücher", "xn--bcher-kva"},
    {"Bu\u0308cher", "xn--bcher-kva"},
    {"BÜCHER", "xn--bcher-kva"},
    {"ශ\u0DCAර\u0DD3", "xn--10cl1a0b"},
    {"a\u094Db", "xn--ab-fsf"},
    {"A\u094DB", "xn--ab-fsf"},
    {"ꭠ", "xn--3y9a"},
    {"ÖBB", "xn--bb-eka"},
    {"O\u0308BB", "xn--bb-eka"},
    {"o\u0308bb", "xn--bb-eka"},
    {"βόλος", "xn--nxasmm1c"},
    {"βο\u0301λος", "xn--nxasmm1c"},
    {"ΒΟ\u0301ΛΟΣ", "xn--nxasmq6b"},
    {"ΒΌΛΟΣ", "xn--nxasmq6b"},
    {"βόλοσ", "xn--nxasmq6b"},
    {"\u0646\u0627\u0645\u0647\u0627\u06CC", "xn--mgba3gch31f"},
    {"夙", "xn--bss"},
    {"夡夞夜夙", "xn--bssffl"},
    {"ä1234567890123456789012345678901234567890123456789012345", "xn--1234567890123456789012345678901234567890123456789012345-9te"},
    {"a\u03081234567890123456789012345678901234567890123456789012345", "xn--1234567890123456789012345678901234567890123456789012345-9te"},
    {"A\u03081234567890123456789012345678901234567890123456789012345", "xn--1234567890123456789012345678901234567890123456789012345-9te"},
    {"\u05D0\u05C7", "xn--vdbr"},
    {"\u05D09\u05C7", "xn--9-ihcz"},
    {"\u05D0\u05EA", "xn--4db6c"},
    {"\u05D0\u05F3\u05EA", "xn--4db6c0a"},
    {"\u05D07\u05EA", "xn--7-zhc3f"},
    {"\u05D0\u0667\u05EA", "xn--4db6c6t"},
    {"ஹ\u0BCD", "xn--dmc4b"},
    {"ஹ", "xn--dmc"},
    {"\u0644\u0670\u06ED\u06EF", "xn--ghb2gxqia"},
    {"\u0644\u0670\u06EF", "xn--ghb2g3q"},
    {"\u0644\u06ED\u06EF", "xn--ghb25aga"},
    {"\u0644\u06EF", "xn--ghb65a"},
    {"\u0644\u0670\u06ED", "xn--ghb2gxq"},
    {"\u06EF\u06EF", "xn--cmba"},
    {"\u0644", "xn--ghb"},
    {"陋㛼当\U000243AB竮䗗", "xn--snl253bgitxhzwu2arn60c"},
    {"電\U0002136A弳䎫窮䵗", "xn--kbo60w31ob3z6t3av9z5b"},
    {"aö", "xn--a-1ga"},
    {"ao\u0308", "xn--a-1ga"},
    {"\u06B9", "xn--skb"},
    {"\U0002603E\u1CE0", "xn--t6f5138v"},
    {"\U0001E93F", "xn--3e6h"},
    {"\U0001E91D", "xn--3e6h"},
    {"\U0001E93A", "xn--ye6h"},
    {"\U0001E918", "xn--ye6h"},
    {"ss\U000114C3", "xn--ss-bh7o"},
    {"SS\U000114C3", "xn--ss-bh7o"},
    {"\u06BD\u0663\u0596", "xn--hcb32bni"},
    /* A-labels. */
    {"xn--fa-hia", "xn--fa-hia"},
    {"xn--bcher-kva", "xn--bcher-kva"},
    {"xn--10cl1a0b660p", "xn--10cl1a0b660p"},
    {"xn--ab-fsf", "xn--ab-fsf"},
    {"xn--3y9a", "xn--3y9a"},
    {"xn--nxasmm1c", "xn--nxasmm1c"},
    {"xn--mgba3gch31f", "xn--mgba3gch31f"},
    {"xn--mgba3gch31f060k", "xn--mgba3gch31f060k"},
    {"xn--bss", "xn--bss"},
    {"xn--bssffl", "xn--bssffl"},
    {"xn--vdbr", "xn--vdbr"},
    {"xn--9-ihcz", "xn--9-ihcz"},
    {"xn--4db6c", "xn--4db6c"},
    {"xn--4db6c0a", "xn--4db6c0a"},
    {"xn--7-zhc3f", "xn--7-zhc3f"},
    {"xn--4db6c6t", "xn--4db6c6t"},
    {"xn--dmc4b", "xn--dmc4b"},
    {"xn--dmc4b194h", "xn--dmc4b194h"},
    {"xn--dmc", "xn--dmc"},
    {"xn--dmc4by94h", "xn--dmc4by94h"},
    {"xn--ghb2gxqia", "xn--ghb2gxqia"},
    {"xn--ghb2gxqia7523a", "xn--ghb2gxqia7523a"},
    {"xn--ghb2g3q", "xn--ghb2g3q"},
    {"xn--ghb2g3qq34f", "xn--ghb2g3qq34f"},
    {"xn--ghb25aga", "xn--ghb25aga"},
    {"xn--ghb25aga828w", "xn--ghb25aga828w"},
    {"xn--ghb65a", "xn--ghb65a"},
    {"xn--ghb65a953d", "xn--ghb65a953d"},
    {"xn--ghb2gxq", "xn--ghb2gxq"},
    {"xn--cmba", "xn--cmba"},
    {"xn--ghb", "xn--ghb"},
    {"xn--snl253bgitxhzwu2arn60c", "xn--snl253bgitxhzwu2arn60c"},
    {"xn--kbo60w31ob3z6t3av9z5b", "xn--kbo60w31ob3z6t3av9z5b"},
    {"xn--A-1ga", "xn--a-1ga"},
    {"xn--skb", "xn--skb"},
    {"xn--t6f5138v", "xn--t6f5138v"},
    {"xn--3e6h", "xn--3e6h"},
    {"xn--ye6h", "xn--ye6h"},
    {"xn--ss-bh7o", "xn--ss-bh7o"},
    {"xn--hcb32bni", "xn--hcb32bni"},
    /* Joiners where CONTEXTJ allows them (RFC 5892, A.1 and A.2). */
    {"ශ\u0DCA\u200Dර\u0DD3", "xn--10cl1a0b660p"},
    {"a\u094D\u200Cb", "xn--ab-fsf604u"},
    {"A\u094D\u200CB", "xn--ab-fsf604u"},
    {"A\u094D\u200Cb", "xn--ab-fsf604u"},
    {"a\u094D\u200Db", "xn--ab-fsf014u"},
    {"A\u094D\u200DB", "xn--ab-fsf014u"},
    {"A\u094D\u200Db", "xn--ab-fsf014u"},
    {"\u0646\u0627\u0645\u0647\u200C\u0627\u06CC", "xn--mgba3gch31f060k"},
    {"ஹ\u0BCD\u200D", "xn--dmc4b194h"},
    {"ஹ\u0BCD\u200C", "xn--dmc4by94h"},
    {"\u0644\u0670\u200C\u06ED\u06EF", "xn--ghb2gxqia7523a"},
    {"\u0644\u0670\u200C\u06EF", "xn--ghb2g3qq34f"},
    {"\u0644\u200C\u06ED\u06EF", "xn--ghb25aga828w"},
    {"\u0644\u200C\u06EF", "xn--ghb65a953d"},
    /* Joiners elsewhere: C1, C2. */
    {"a\u200Cb", NULL},
    {"xn--ab-j1t", NULL},
    {"\u0308\u200C\u0308\u0628b", NULL},
    {"xn--b-bcba413a2w8b", NULL},
    {"a\u0628\u0308\u200C\u0308", NULL},
    {"xn--a-ccba213a5w8b", NULL},
    {"a\u200Db", NULL},
    {"xn--ab-m1t", NULL},
    {"\u0308\u200D\u0308\u0628b", NULL},
    {"xn--b-bcba413a7w8b", NULL},
    {"a\u0628\u0308\u200D\u0308", NULL},
    {"xn--a-ccba213abx8b", NULL},
    {"a\u0628\u0308\u200D\u0308\u0628b", NULL},
    {"xn--ab-uuba211bca5157b", NULL},
    {"\u200Cx\u200Dn\u200C-\u200D-bß", NULL},
    {"xn--xn--bss-7z6ccid", NULL},
    {"xn--xn--b-pqa5796ccahd", NULL},
    {"ஹ\u200D", NULL},
    {"xn--dmc225h", NULL},
    {"\u200D", NULL},
    {"xn--1ug", NULL},
    {"ஹ\u200C", NULL},
    {"xn--dmc025h", NULL},
    {"\u200C", NULL},
    {"xn--0ug", NULL},
    {"\u0644\u0670\u200C\u06ED", NULL},
    {"xn--ghb2gxqy34f", NULL},
    {"\u06EF\u200C\u06EF", NULL},
    {"xn--cmba004q", NULL},
    {"\u0644\u200C", NULL},
    {"xn--ghb413k", NULL},
    /* Right-to-left labels that break the Bidi rule: B1 to B6. */
    {"à\u05D0", NULL},
    {"a\u0300\u05D0", NULL},
    {"xn--0ca24w", NULL},
    {"xn--b-bcba413a", NULL},
    {"xn--a-ccba213a", NULL},
    {"a\u0628\u0308\u200C\u0308\u0628b", NULL},
    {"xn--ab-uuba211bca", NULL},
    {"xn--ab-uuba211bca8057b", NULL},
    {"a\u05D0", NULL},
    {"xn--a-0hc", NULL},
    {"\u05D0a\u05C7", NULL},
    {"xn--a-ihcz", NULL},
    {"a\u05D0Tz", NULL},
    {"xn--atz-qpe", NULL},
    {"\u05D0T\u05EA", NULL},
    {"xn--t-zhc3f", NULL},
    {"a7\u0667z", NULL},
    {"xn--a7z-06e", NULL},
    /* Labels that are too long, forbidden, or no Punycode: A4_2, P4, U1, V1 to V7. */
    {"xn--unicode-", NULL},
    {"1234567890ä1234567890123456789012345678901234567890123456", NULL},
    {"1234567890a\u03081234567890123456789012345678901234567890123456", NULL},
    {"xn--12345678901234567890123456789012345678901234567890123456-fxe", NULL},
    {"xn--u-ccb", NULL},
    {"a⒈com", NULL},
    {"xn--acom-0w1b", NULL},
    {"xn--xn---epa", NULL},
    {"$", NULL},
    {"xn--", NULL},
    {"xn---", NULL},
    {"xn--ASCII-", NULL},
};
/* clang-format on */

/* Where domain_parse() differs from UTS 46. */
static const struct {
    struct row row;
    const char *ours; /* NULL: rejected */
    bool in_front;    /* accepted in front of a registrable domain */
} differences[] = {
    /* Invisible characters: UTS 46 deletes them; then one name has two readings. */
    {{"x\u034FN\u200B-\u00AD-\u180CB\uFE00s\u2064s\U000E01EFffl", "xn--bssffl"}, NULL, false},
    /* Symbols and punctuation: UTS 46 has them for compatibility, IDNA 2008 (RFC 5892) not. */
    {{"\u2615", "xn--53h"}, NULL, true},
    {{"xn--53h", "xn--53h"}, NULL, true},
    {{"\u00A1", "xn--7a"}, NULL, false},
    {{"xn--7a", "xn--7a"}, NULL, true},
    /* European and Arabic digits in one label: libidn2 does not check rule 4 of RFC 5893. */
    {{"\u05D07\u0667\u05EA", NULL}, "xn--7-zhc3fty", true},
    {{"xn--7-zhc3fty", NULL}, "xn--7-zhc3fty", true},
    {{"\u05D00\u0660", NULL}, "xn--0-zhc74b", true},
    {{"xn--0-zhc74b", NULL}, "xn--0-zhc74b", true},
};

/* Parses `label` and `behind`; `want` is the registrable domain, NULL if there must be none. */
static void check(const char *label, const char *behind, const char *want)
{
    struct domain domain;
    struct errmsg why;
    char text[200];
    int len = snprintf(text, sizeof text, "%s%s", label, behind);
    enum err err = parse(text, (size_t)len, &domain, &why);

    check_answer(text, err, &domain, why.text);
    if (!want)
        ck_assert_msg(err == ERR_INVALID_DOMAIN, "%s: %s", text,
                      err ? err_words(err) : domain.name);
    else
        ck_assert_msg(!err && strcmp(domain.name, want) == 0, "%s: %s", text,
                      err ? why.text : domain.name);
}

static void check_registrable(const char *label, const char *a_label)
{
    char want[DOMAIN_MAX];

    snprintf(want, sizeof want, "%s.com", a_label ? a_label : "");
    check(label, ".com", a_label ? want : NULL);
}

LOOP_TEST(domain_label_is_mapped_as_uts_46_publishes, rows)
{
    check_registrable(rows[_i].label, rows[_i].a_label);
}

LOOP_TEST(domain_label_in_front_never_leads_to_another_domain, rows)
{
    struct domain domain;
    struct errmsg why;
    char text[200];
    int len = snprintf(text, sizeof text, "%s.milvali.com", rows[_i].label);
    enum err err = parse(text, (size_t)len, &domain, &why);

    if (rows[_i].a_label || !err) /* what UTS 46 rejects may be accepted here */
        ck_assert_msg(!err && strcmp(domain.name, "milvali.com") == 0, "%s: %s", text,
                      err ? why.text : domain.name);
}

LOOP_TEST(domain_label_differs_from_uts_46_on_purpose, differences)
{
    const char *published = differences[_i].row.a_label, *ours = differences[_i].ours;

    ck_assert_msg(!published != !ours, "no difference");
    check_registrable(differences[_i].row.label, ours);
    check(differences[_i].row.label, ".milvali.com",
          differences[_i].in_front ? "milvali.com" : NULL);
}
