/* SPDX-License-Identifier: MIT */
/* test_domain.c - tests which domains are accepted, and under which key.
 *
 * One line for each row of the catalogue of inputs: V1 to V92 as decoded bytes. Rows that exist
 * in a query string only are tested through HTTP; V93 is in test_question.c, V94 to V96 are in
 * test_domain_forms.c, V97 in test_domain_idna.c. Then lengths and
 * human-readable reasons. What holds for any input is in test_domain_any.c. */
#include "domain_check.h"
#include "tests/support/suite.h"

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

struct row {
    const char *id;
    const char *text;
    size_t len;
    enum err err;
    const char *key;
};

#define GOOD(id, text, key)                                                                        \
    {                                                                                              \
        id, text, sizeof(text) - 1, ERR_OK, key                                                    \
    }
#define BAD(id, text, reason)                                                                      \
    {                                                                                              \
        id, text, sizeof(text) - 1, ERR_##reason, NULL                                             \
    }

static const struct row rows[] = {
    GOOD("V1", "milvali.com", "milvali.com"),
    GOOD("V2", "MILVALI.COM", "milvali.com"),
    GOOD("V3", "Milvali.Com.", "milvali.com"),
    BAD("V4", "milvali.com..", INVALID_DOMAIN),
    BAD("V5", ".milvali.com", INVALID_DOMAIN),
    BAD("V6", "a..com", INVALID_DOMAIN),
    BAD("V6 mapped", "ü..com", INVALID_DOMAIN),
    BAD("V7", ".", INVALID_DOMAIN),
    BAD("V8", "", MISSING_DOMAIN),
    BAD("V11", " ", MISSING_DOMAIN),
    GOOD("V12", " milvali.com", "milvali.com"),
    GOOD("V13", "milvali.com ", "milvali.com"),
    GOOD("V14", "milvali.com\t", "milvali.com"),
    BAD("V15", "a b.com", INVALID_DOMAIN),
    BAD("V15 path", "milvali.com/a b", INVALID_DOMAIN),
    BAD("V15 no-break", "a\u00A0b.com", INVALID_DOMAIN),
    GOOD("V16", "milvali.com\0", "milvali.com"),
    BAD("V17", "milvali.com\0.evil.com", INVALID_DOMAIN),
    BAD("V18", "milvali.com\r\nX-Injected: 1", INVALID_DOMAIN),
    GOOD("V19", "milvali.com\n", "milvali.com"),
    BAD("V20", "milvali.com\x1b[31m", INVALID_DOMAIN),
    BAD("V20 C1", "milvali.com/\xc2\x9b[31m", INVALID_DOMAIN),
    GOOD("V21", "milvali.com\x7f", "milvali.com"),
    BAD("V22", "\xff\xfe.com", INVALID_DOMAIN),
    BAD("V23", "\xc0\xae.com", INVALID_DOMAIN),
    BAD("V24", "\xed\xa0\x80.com", INVALID_DOMAIN),
    BAD("V25", "%zz.com", INVALID_DOMAIN),
    BAD("V26", "milvali.com%", INVALID_DOMAIN),
    BAD("V27", "%u006d.com", INVALID_DOMAIN),
    BAD("V28", "milvali%2ecom", INVALID_DOMAIN),
    GOOD("V30",
         "b\xc3\xbc"
         "cher.de",
         "xn--bcher-kva.de"),
    GOOD("V31", "bücher.de", "xn--bcher-kva.de"),
    GOOD("V31 upper", "BÜCHER.DE", "xn--bcher-kva.de"),
    BAD("V32",
        "b\xfc"
        "cher.de",
        INVALID_DOMAIN),
    GOOD("V33", "xn--bcher-kva.de", "xn--bcher-kva.de"),
    GOOD("V34", "XN--BCHER-KVA.DE", "xn--bcher-kva.de"),
    GOOD("V35", "be\u0301.fr", "xn--b-bga.fr"),
    GOOD("V35 composed", "bé.fr", "xn--b-bga.fr"),
    GOOD("V36", "faß.de", "xn--fa-hia.de"),
    GOOD("V37", "fass.de", "fass.de"),
    GOOD("V38", "аррӏе.com", "xn--80ak6aa92e.com"),
    GOOD("V39", "ＭＩＬＶＡＬＩ.com", "milvali.com"),
    GOOD("V40 U+3002", "milvali。com", "milvali.com"),
    GOOD("V40 U+FF0E", "milvali．com", "milvali.com"),
    GOOD("V40 U+FF61", "milvali｡com", "milvali.com"),
    GOOD("V40 at the end", "milvali.com。", "milvali.com"),
    BAD("V40 twice", "milvali.com。.", INVALID_DOMAIN),
    GOOD("V41 U+1D55E", "𝕞ilvali.com", "milvali.com"),
    GOOD("V41 ligature", "ﬁ.com", "fi.com"),
    GOOD("V41 circled", "①.com", "1.com"),
    BAD("V42", "a\u00ADb.com", INVALID_DOMAIN),
    BAD("V42 U+200B", "a\u200Bb.com", INVALID_DOMAIN),
    BAD("V42 U+2060", "a\u2060b.com", INVALID_DOMAIN),
    BAD("V42 U+FEFF", "\uFEFFmilvali.com", INVALID_DOMAIN),
    BAD("V42 U+FE0F", "milvali\uFE0F.com", INVALID_DOMAIN),
    BAD("V43", "a\u200Db.com", INVALID_DOMAIN),
    BAD("V44", "a\u202Eb.com", INVALID_DOMAIN),
    BAD("V45", "☃.net", INVALID_DOMAIN),
    BAD("V46 slash", "a／b.com", INVALID_DOMAIN),
    BAD("V46 colon", "a：b.com", INVALID_DOMAIN),
    BAD("V46 at", "a＠b.com", INVALID_DOMAIN),
    BAD("V47", "℀.com", INVALID_DOMAIN),
    BAD("V48 single", "xn--a", INVALID_DOMAIN),
    BAD("V48", "xn--a.com", INVALID_DOMAIN),
    BAD("V48 hyphens", "xn--zzzzzz--.com", INVALID_DOMAIN),
    BAD("V48 empty", "xn--.com", INVALID_DOMAIN),
    BAD("V48 ASCII inside", "xn--milvali-.com", INVALID_DOMAIN),
    BAD("V49", "ab--cd.com", INVALID_DOMAIN),
    GOOD("V49 elsewhere", "a--b.com", "a--b.com"),
    BAD("V50 start", "-a.com", INVALID_DOMAIN),
    BAD("V50 end", "a-.com", INVALID_DOMAIN),
    BAD("V50 last", "a.com-", INVALID_DOMAIN),
    BAD("V51", "a_b.com", INVALID_DOMAIN),
    BAD("V59", "milvali.com:443", INVALID_DOMAIN),
    GOOD("V60", "http://milvali.com", "milvali.com"),
    GOOD("V60 port", "HTTPS://www.Milvali.com:8443/x?y#z", "milvali.com"),
    GOOD("V60 Unicode", "http://www.bücher.de/", "xn--bcher-kva.de"),
    BAD("V60 ftp", "ftp://milvali.com/", INVALID_DOMAIN),
    BAD("V60 one slash", "http:/milvali.com", INVALID_DOMAIN),
    BAD("V60 three", "http:///milvali.com", INVALID_DOMAIN),
    BAD("V60 backslash", "http://milvali.com\\@evil.com", INVALID_DOMAIN),
    BAD("V60 two URLs", "http://http://milvali.com", INVALID_DOMAIN),
    BAD("V60 bad port", "http://milvali.com:99999", INVALID_DOMAIN),
    BAD("V60 user", "http://milvali.com@evil.com/", INVALID_DOMAIN),
    BAD("V60 no user", "http://@milvali.com/", INVALID_DOMAIN),
    BAD("V60 hidden slash", "http://milvali.com%2f.evil.com/", INVALID_DOMAIN),
    BAD("V60 Latin-1", "http://b%fccher.de/", INVALID_DOMAIN),
    BAD("V60 soft hyphen", "http://a%c2%adb.com/", INVALID_DOMAIN),
    BAD("V60 no host", "http://", INVALID_DOMAIN),
    GOOD("V61", "https://milvali.com/", "milvali.com"),
    BAD("V62", "//milvali.com", INVALID_DOMAIN),
    GOOD("V63", "milvali.com/", "milvali.com"),
    GOOD("V63 path", "milvali.com/path", "milvali.com"),
    GOOD("V63 at", "milvali.com/@evil.com", "milvali.com"),
    GOOD("V64", "milvali.com?x=1", "milvali.com"),
    GOOD("V65", "milvali.com#f", "milvali.com"),
    GOOD("V66", "info@milvali.com", "milvali.com"),
    GOOD("V66 dots", "first.last+tag@Mail.Milvali.com.", "milvali.com"),
    BAD("V66 two", "a@milvali.com,b@milvali.com", INVALID_DOMAIN),
    BAD("V66 twice", "a@b@milvali.com", INVALID_DOMAIN),
    BAD("V66 no local", "@milvali.com", INVALID_DOMAIN),
    BAD("V66 no host", "info@", INVALID_DOMAIN),
    BAD("V66 path", "info@milvali.com/x", INVALID_DOMAIN),
    BAD("V66 dot", ".info@milvali.com", INVALID_DOMAIN),
    BAD("V67", "user:pw@milvali.com", INVALID_DOMAIN),
    BAD("V67 URL", "https://user:pw@milvali.com/", INVALID_DOMAIN),
    BAD("V68", "*.milvali.com", INVALID_DOMAIN),
    BAD("V69", "milvali.com,example.com", INVALID_DOMAIN),
    BAD("V70", "milvali.com;x", INVALID_DOMAIN),
    BAD("V71 double", "\"milvali.com\"", INVALID_DOMAIN),
    BAD("V71 single", "'milvali.com'", INVALID_DOMAIN),
    BAD("V72", "[milvali.com]", INVALID_DOMAIN),
    BAD("V73", "1.2.3.4", IP_ADDRESS),
    BAD("V73 URL", "http://1.2.3.4:80/", IP_ADDRESS),
    BAD("V73 address", "info@[1.2.3.4]", IP_ADDRESS),
    BAD("V73 full width", "１.２.３.４", IP_ADDRESS),
    BAD("V74", "1.2.3.4.", IP_ADDRESS),
    BAD("V75 brackets", "[::1]", IP_ADDRESS),
    BAD("V75", "::1", IP_ADDRESS),
    BAD("V75 zone", "fe80::1%25eth0", IP_ADDRESS),
    BAD("V75 zone, decoded", "fe80::1%eth0", IP_ADDRESS),
    BAD("V75 URL", "https://[::1]:443/", IP_ADDRESS),
    BAD("V75 no address", "a::1", IP_ADDRESS),
    BAD("V75 nonsense", "::g", INVALID_DOMAIN),
    BAD("V76 short", "127.1", IP_ADDRESS),
    BAD("V76 hex", "0x7f.1", IP_ADDRESS),
    BAD("V76 HEX", "0X7F.1", IP_ADDRESS),
    BAD("V76 octal", "0177.0.0.1", IP_ADDRESS),
    BAD("V76 one number", "2130706433", IP_ADDRESS),
    BAD("V77", "a.1", INVALID_DOMAIN),
    BAD("V77 number", "123", IP_ADDRESS),
    BAD("V77 too big", "256.1.1.1", INVALID_DOMAIN),
    BAD("V77 five", "1.2.3.4.5", INVALID_DOMAIN),
    BAD("V77 hex", "a.0x1f", INVALID_DOMAIN),
    GOOD("V78", "1.com", "1.com"),
    BAD("V79", "localhost", SPECIAL_USE_DOMAIN),
    BAD("V80", "com", PUBLIC_SUFFIX),
    BAD("V80 two labels", "co.uk", PUBLIC_SUFFIX),
    BAD("V80 A-label", "xn--p1ai", PUBLIC_SUFFIX),
    BAD("V80 Unicode", "рф", PUBLIC_SUFFIX),
    BAD("V80 wildcard only", "ck", PUBLIC_SUFFIX),
    BAD("V80 no list has it", "milvali", INVALID_DOMAIN),
    BAD("V81", "github.io", PUBLIC_SUFFIX),
    GOOD("V82", "foo.github.io", "foo.github.io"),
    GOOD("V82 below", "www.foo.github.io", "foo.github.io"),
    GOOD("V83", "www.milvali.com", "milvali.com"),
    GOOD("V84", "a.b.c.example.co.uk", "example.co.uk"),
    BAD("V85 wildcard", "a.ck", PUBLIC_SUFFIX),
    GOOD("V85 below", "b.a.ck", "b.a.ck"),
    GOOD("V85 exception", "www.ck", "www.ck"),
    BAD("V86 local", "a.local", SPECIAL_USE_DOMAIN),
    BAD("V86 internal", "a.internal", SPECIAL_USE_DOMAIN),
    BAD("V86 test", "a.test", SPECIAL_USE_DOMAIN),
    BAD("V86 invalid", "a.invalid", SPECIAL_USE_DOMAIN),
    BAD("V86 example", "a.example", SPECIAL_USE_DOMAIN),
    BAD("V86 onion", "a.onion", SPECIAL_USE_DOMAIN),
    BAD("V86 alt", "a.alt", SPECIAL_USE_DOMAIN),
    BAD("V86 arpa", "4.3.2.1.in-addr.arpa", SPECIAL_USE_DOMAIN),
    BAD("V86 home", "a.home.arpa", SPECIAL_USE_DOMAIN),
    BAD("V86 dot, case", "A.LOCALHOST.", SPECIAL_USE_DOMAIN),
    BAD("V86 URL", "http://localhost:8080/", SPECIAL_USE_DOMAIN),
    GOOD("V86 not the last", "local.example.com", "example.com"),
    BAD("V87", "milvali.newtld", UNKNOWN_SUFFIX),
    BAD("V87 below", "www.milvali.newtld", UNKNOWN_SUFFIX),
    BAD("V87 mistyped", "milvali.con", UNKNOWN_SUFFIX),
    BAD("V87 URL", "https://milvali.con/", UNKNOWN_SUFFIX),
    BAD("V87 address", "info@milvali.con", UNKNOWN_SUFFIX),
    BAD("V87 Unicode", "milvali.кон", UNKNOWN_SUFFIX),
    BAD("V88 template", "{{7*7}}", INVALID_DOMAIN),
    BAD("V88 jndi", "${jndi:ldap://evil.com/a}", INVALID_DOMAIN),
    BAD("V88 script", "<script>", INVALID_DOMAIN),
    BAD("V88 SQL", "' OR 1=1", INVALID_DOMAIN),
    BAD("V88 path", "../../etc/passwd", INVALID_DOMAIN),
    BAD("V88 format", "%s%n", INVALID_DOMAIN),
    BAD("V89 null", "null", INVALID_DOMAIN),
    BAD("V89 undefined", "undefined", INVALID_DOMAIN),
    BAD("V89 true", "true", INVALID_DOMAIN),
    BAD("V89 NaN", "NaN", INVALID_DOMAIN),
    BAD("V90", "💩.la", INVALID_DOMAIN),
    BAD("V90 A-label", "xn--ls8h.la", INVALID_DOMAIN),
    BAD("V91", "אab.com", INVALID_DOMAIN),
    GOOD("V91 whole label", "אבג.com", "xn--4dbcd.com"),
};

LOOP_TEST(domain_catalogue_row_gives_its_result, rows)
{
    const struct row *row = &rows[_i];
    struct domain domain, again;
    struct errmsg why;
    enum err err = parse(row->text, row->len, &domain, &why);

    ck_assert_msg(err == row->err, "%s: got %s (%s), want %s", row->id, err_words(err),
                  err ? why.text : domain.name, err_words(row->err));
    check_answer(row->id, err, &domain, why.text);
    if (err)
        return;
    ck_assert_msg(strcmp(domain.name, row->key) == 0, "%s: got %s, want %s", row->id, domain.name,
                  row->key);
    ck_assert_int_eq(parse(domain.name, strlen(domain.name), &again, &why), ERR_OK);
    ck_assert_str_eq(again.name, domain.name);
}

/* Writes `total` bytes of labels of at most 60 bytes, which end in ".com". */
static void make_name(char *out, size_t total)
{
    for (size_t i = 0; i < total; i++)
        out[i] = i % 61 == 60 && i < total - 5 ? '.' : 'a';
    memcpy(out + total - 4, ".com", 5);
}

static enum err parse_text(const char *text)
{
    struct domain domain;
    struct errmsg why;
    enum err err = parse(text, strlen(text), &domain, &why);

    check_answer(text, err, &domain, why.text);
    return err;
}

TEST(domain_lengths_are_limited_as_in_dns)
{
    autofree char *text = xcalloc(16385, 1);

    memcpy(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com", 68);
    ck_assert_msg(parse_text(text) == ERR_OK, "V52: a label of 63");
    memcpy(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.com", 69);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V53: a label of 64");
    make_name(text, 253);
    ck_assert_msg(parse_text(text) == ERR_OK, "V54: 253 in all");
    text[253] = '.';
    text[254] = '\0';
    ck_assert_msg(parse_text(text) == ERR_OK, "V54: 253 and the dot of the root");
    make_name(text, 254);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V55: 254 in all");
    make_name(text, 255);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V55: 255 in all");
    make_name(text, 10000);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V56: 10,000 in all");
    memset(text, 'A', 16384);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V92: 16 KB of A");
}

TEST(domain_many_labels_within_the_length_are_valid)
{
    char text[300];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? '.' : 'a';
    memcpy(text + 250, "de", 3);
    ck_assert_msg(parse_text(text) == ERR_OK, "V57: 126 labels");
    memcpy(text + 250, "a.a", 4);
    ck_assert_msg(parse_text(text) == ERR_UNKNOWN_SUFFIX, "V57: 127 labels");
    text[253] = '.';
    text[255] = '\0';
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V57: 128 labels");
}

TEST(domain_label_too_long_is_rejected)
{
    char text[200] = "";

    for (size_t i = 0; i < 56; i++)
        memcpy(text + 2 * i, i % 2 ? "ü" : "б", sizeof "ü");
    memcpy(text + 112, ".com", 5);
    ck_assert_msg(parse_text(text) == ERR_INVALID_DOMAIN, "V58");
}

TEST(domain_too_long_as_a_labels_is_rejected)
{
    struct domain domain;
    struct errmsg why;
    char text[256] = "";

    for (size_t i = 0; i < 64; i++) /* "xn--tda." each */
        memcpy(text + 3 * i, "ü.", sizeof "ü.");
    memcpy(text + 3 * (size_t)64, "com", sizeof "com");
    ck_assert_int_eq(parse(text, strlen(text), &domain, &why), ERR_INVALID_DOMAIN);
    ck_assert_ptr_nonnull(strstr(why.text, "longer than 253"));
}

TEST(domain_input_is_limited_to_2048_bytes)
{
    char text[2050];

    memset(text, 'x', sizeof text);
    memcpy(text, "milvali.com/", 12);
    text[2048] = '\0';
    ck_assert_int_eq(parse_text(text), ERR_OK);
    text[2048] = 'x';
    text[2049] = '\0';
    ck_assert_int_eq(parse_text(text), ERR_INVALID_DOMAIN);
}

/* ------------------------------------------------------------------ human-readable texts */

TEST(domain_unknown_suffixes_are_accepted_on_demand)
{
    struct domain domain;
    struct errmsg why;

    domain_accept_unknown_suffixes();
    ck_assert_int_eq(parse("www.milvali.newtld", 18, &domain, &why), ERR_OK);
    ck_assert_str_eq(domain.name, "milvali.newtld");
    ck_assert_int_eq(parse_text("milvali"), ERR_INVALID_DOMAIN);
    ck_assert_int_eq(parse_text("milvali.test"), ERR_SPECIAL_USE_DOMAIN);
    domain_stop();
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_int_eq(parse_text("milvali.newtld"), ERR_UNKNOWN_SUFFIX);
}

static void check_why(const char *text, const char *want)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_ne(parse(text, strlen(text), &domain, &why), ERR_OK);
    ck_assert_str_eq(why.text, want);
}

TEST(domain_reason_names_the_problem)
{
    check_why("milvali", "'milvali' has no public suffix; did you mean milvali.com?");
    check_why("Milvali.", "'Milvali.' has no public suffix; did you mean milvali.com?");
    check_why("co.uk", "'co.uk' is a public suffix; company domains are registered below it");
    check_why("1.2.3.4", "'1.2.3.4' is an IP address; send the company's domain");
    check_why("a_b.com", "'a_b.com' contains a character that is not allowed in host names");
    check_why("milvali.con",
              "'milvali.con' ends in an unknown top-level domain; did you mean milvali.com?");
    check_why("shop.milvali.cmo",
              "'shop.milvali.cmo' ends in an unknown top-level domain; did you mean milvali.com?");
    check_why("https://shop.milvali.co.ik/x",
              "the domain ends in an unknown top-level domain; did you mean milvali.co.uk?");
    check_why("milvali.zzzzzzzz", "'milvali.zzzzzzzz' ends in an unknown top-level domain");
    check_why("", "the domain is empty");
    check_why("user:pw@milvali.com",
              "the domain contains a user name or password; send only the host name");
    check_why("http://b%fccher.de/", "the domain is not valid UTF-8");
}

#define LONGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

TEST(domain_longest_reason_fits)
{
    check_why(LONGEST ".", "'" LONGEST ".' has no public suffix; did you mean " LONGEST ".com?");
    check_why(LONGEST ".co.ik", "the domain ends in an unknown top-level domain"); /* no guess */
}

TEST(domain_reason_never_repeats_secrets)
{
    static const char *const texts[] = {
        "user:hunter2@milvali.com",
        "https://user:hunter2@milvali.com/",
        "user/hunter2",
        "hunter2\x1b[31m",
        "user：hunter2＠milvali.com",
        "?token=hunter2",
        "hunter2\xff",
        "http://hunter2@/",
        "hunter2\u202E",
        "hunter2-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    struct domain domain;
    struct errmsg why;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ck_assert_int_ne(parse(texts[i], strlen(texts[i]), &domain, &why), ERR_OK);
        ck_assert_msg(!strstr(why.text, "hunter2"), "%s", why.text);
    }
}

static void check_display(const char *text, const char *want)
{
    struct domain domain;
    struct errmsg why;

    ck_assert_int_eq(parse(text, strlen(text), &domain, &why), ERR_OK);
    autofree char *name = domain_display_name(&domain);
    ck_assert_str_eq(name, want);
}

TEST(domain_company_name_comes_from_the_first_label)
{
    check_display("blue-bottle.com", "Blue Bottle");
    check_display("www.milvali.co.uk", "Milvali");
    check_display("bücher-ecke.de", "Bücher Ecke");
    check_display("öl.de", "Öl");
    check_display("a--b.com", "A B");
    check_display("1.com", "1");
    check_display("рога-и-копыта.рф", "Рога И Копыта");
    check_display("i\u0307.com", "\u0130");
}

TEST(domain_suffix_list_names_its_source)
{
    const char *source = domain_list_source();
    size_t len = strlen(source);

    ck_assert_uint_gt(len, 12);
    ck_assert_msg(strncmp(source + len - 12, ", 20", 4) == 0, "%s", source);
    domain_stop();
    ck_assert_str_eq(domain_list_source(), "none");
    ck_assert_int_eq(domain_start(), ERR_OK);
    ck_assert_int_eq(parse_text("milvali.com"), ERR_OK);
}
