/* SPDX-License-Identifier: MIT */
/* test_denied_domains.c - tests the file of denied domains, and the one that is installed. */
#include "base/mem.h"
#include "base/small_file.h"
#include "model/denied_domains.h"

#include "tests/support/suite.h"
#include <string.h>

#define INSTALLED "packaging/consumer-mail-domains.txt"

static void start(void)
{
    ck_assert_int_eq(domain_start(), ERR_OK);
}

SHARED_FIXTURE(start, domain_stop);

static struct denied_domains *parse(const char *text)
{
    struct denied_domains *denied = NULL;
    struct errmsg why = {""};

    ck_assert_msg(!denied_domains_parse("list", text, strlen(text), &denied, &why), "%s", why.text);
    return denied;
}

TEST(denied_domains_are_found_in_any_spelling)
{
    struct denied_domains *denied =
        parse("# mail\nYahoo.com\r\n\n\t gmail.com. # Google\nb\u00fccher.de\nweb.de");

    ck_assert_uint_eq(denied_domains_count(denied), 4);
    ck_assert(denied_domains_contain(denied, "gmail.com"));
    ck_assert(denied_domains_contain(denied, "yahoo.com"));
    ck_assert(denied_domains_contain(denied, "xn--bcher-kva.de"));
    ck_assert(denied_domains_contain(denied, "web.de"));
    ck_assert(!denied_domains_contain(denied, "milvali.com"));
    ck_assert(!denied_domains_contain(denied, "com"));
    denied_domains_unref(denied);
}

TEST(denied_domains_absent_deny_nothing)
{
    ck_assert(!denied_domains_contain(NULL, "gmail.com"));
    denied_domains_unref(NULL);
}

TEST(denied_domains_live_until_the_last_reference)
{
    struct denied_domains *denied = parse("gmail.com");

    ck_assert_ptr_eq(denied_domains_ref(denied), denied);
    denied_domains_unref(denied);
    ck_assert(denied_domains_contain(denied, "gmail.com"));
    denied_domains_unref(denied);
}

static const struct {
    const char *text, *why;
} faults[] = {
    {"", "list contains no domains"},
    {"# nothing\n", "list contains no domains"},
    {"gmail.com\n\nmail.gmail.com\n",
     "list: line 3: a name below a registrable domain; list the registrable domain"},
    {"co.uk", "list: line 1: not a registrable domain"},
    {"gmail", "list: line 1: not a registrable domain"},
    {"gmail.con", "list: line 1: not a registrable domain"},
    {"gmail.com yahoo.com", "list: line 1: not a registrable domain"},
    {"https://gmail.com", "list: line 1: not a domain"},
    {"info@gmail.com", "list: line 1: not a domain"},
    {"gmail.com\n*.yahoo.com\n", "list: line 2: not a registrable domain"},
};

LOOP_TEST(denied_domains_bad_line_is_an_error, faults)
{
    struct denied_domains *denied = NULL;
    struct errmsg why = {""};
    enum err err =
        denied_domains_parse("list", faults[_i].text, strlen(faults[_i].text), &denied, &why);

    ck_assert_int_eq(err, ERR_SYNTAX);
    ck_assert_str_eq(why.text, faults[_i].why);
    ck_assert_ptr_null(denied);
}

TEST(denied_domains_installed_list_is_valid)
{
    struct denied_domains *denied = NULL;
    struct errmsg why = {""};
    autofree char *text = NULL;
    size_t len;

    ck_assert_msg(!small_file_read(INSTALLED, DENIED_DOMAINS_FILE_MAX, &text, &len, &why), "%s",
                  why.text);
    ck_assert_msg(!denied_domains_parse(INSTALLED, text, len, &denied, &why), "%s", why.text);
    ck_assert_uint_ge(denied_domains_count(denied), 50);
    ck_assert(denied_domains_contain(denied, "gmail.com"));
    ck_assert(denied_domains_contain(denied, "gmx.de"));
    denied_domains_unref(denied);
}
