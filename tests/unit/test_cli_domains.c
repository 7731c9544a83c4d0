/* SPDX-License-Identifier: MIT */
/* test_cli_domains.c - tests what `emails` takes for domains: lines of text, and tables. */
#include "client/emails/domains.h"

#include "base/buf.h"
#include "tests/support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Writes the entries as "input|name=value;". */
static void describe(const struct domains *list, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_add_str(out, list->entries[i].input);
        for (size_t field = 0; field < ENTRY_FIELDS; field++)
            if (list->entries[i].fields[field])
                buf_addf(out, "|%s=%s", entry_field_names[field], list->entries[i].fields[field]);
        buf_add_str(out, ";");
    }
}

static void check_list(struct domains *list, const char *wanted)
{
    struct buf autobuf out = BUF_INIT(4096);

    describe(list, &out);
    ck_assert_str_eq(buf_str(&out), wanted);
    domains_done(list);
}

static const struct {
    const char *text, *entries;
} texts[] = {
    {"", ""},
    {"\n\n \t\r\n", ""},
    {"a.com", "a.com;"},
    {"a.com\nb.com\n", "a.com;b.com;"},
    {"  a.com \r\n\tb.com\t\r\n", "a.com;b.com;"},
    {"# comment\na.com\n #b.com\n", "a.com;"},
    {"https://a.com/#x\n", "https://a.com/#x;"},
    {"a b\n", "a b;"},
    {"b\xC3\xBC"
     "cher.de\n\xFF\n",
     "b\xC3\xBC"
     "cher.de;\xFF;"},
};

LOOP_TEST(domains_text_has_a_domain_per_line, texts)
{
    struct domains list = {0};

    domains_read_text(&list, texts[_i].text);
    check_list(&list, texts[_i].entries);
}

static const struct {
    const char *text, *entries;
} tables[] = {
    {"domain", ""},
    {"domain\n", ""},
    {"domain\na.com\nb.com", "a.com;b.com;"},
    {"Domain\r\na.com\r\n\r\nb.com\r\n", "a.com;b.com;"},
    {"id,domain,note\n1,a.com,x\n2,b.com,y\n", "a.com;b.com;"},
    {"domain,company_name,city,state,country,tracking_id\na.com,A,B,C,D,7\n",
     "a.com|company_name=A|city=B|state=C|country=D|tracking_id=7;"},
    {"company_name, DOMAIN \n\"A, Inc. \"\"x\"\"\",a.com\n", "a.com|company_name=A, Inc. \"x\";"},
    {"domain,city\n\"a.com\",\"New\nYork\"\nb.com,\" \"\n", "a.com|city=New\nYork;b.com;"},
    {"note,domain,note\nx,a.com,y\n", "a.com;"},
    {"domain rating,domain,country code\n45,a.com,49\n", "a.com;"},
    {"\tdomain \t, , state tax id,city\ta\na.com,x,y,z\n", "a.com;"},
    {"domain,city\na.com\nb.com,X,, \n,Y\n", "a.com;b.com|city=X;|city=Y;"},
    {"\"domain\"\n\"\"\n\"a\"b\n", "ab;"},
};

LOOP_TEST(domains_table_has_named_columns, tables)
{
    struct domains list = {0};
    struct errmsg why = {""};

    ck_assert_msg(!domains_read_csv(&list, tables[_i].text, &why), "%s", why.text);
    check_list(&list, tables[_i].entries);
}

static const struct {
    const char *text, *why;
} broken[] = {
    {"", "line 1: no column 'domain'; the first row names the columns, with commas between them"},
    {"a.com\nb.com\n", "line 1: no column 'domain'; the first row names the columns, with commas "
                       "between them"},
    {"domain;city\na.com;x\n", "line 1: no column 'domain'; the first row names the columns, with "
                               "commas between them"},
    {"domain,city, Domain\na.com,x,b.com\n", "line 1: two columns of one name"},
    {"domain,company_name,city\na.com,A, Inc.,B\n",
     "line 2: more cells than line 1 has names; is a comma not in quotes?"},
    {"\"domain", "line 1: cannot read the names of the columns"},
    {"domain\na.com\n\"b.com\nc.com\n", "line 3: a quoted cell does not end, or is too long"},
    {"domain,x\n\"a\nb\",\"c\n", "line 2: a quoted cell does not end, or is too long"},
};

LOOP_TEST(domains_table_that_is_broken_is_rejected, broken)
{
    struct domains list = {0};
    struct errmsg why = {""};

    ck_assert_int_eq(domains_read_csv(&list, broken[_i].text, &why), ERR_SYNTAX);
    ck_assert_str_eq(why.text, broken[_i].why);
    domains_done(&list);
}

/* Writes a file in the current folder's temporary one, reads it, and removes it. */
static enum err read_file(const char *name, const char *text, size_t len, struct domains *list,
                          struct errmsg *why)
{
    char folder[] = "/tmp/test_cli_domains.XXXXXX", path[64];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, len, file), len);
    fclose(file);
    enum err err = domains_read_file(list, path, why);
    unlink(path);
    rmdir(folder);
    return err;
}

static const struct {
    const char *name, *text, *entries;
} files[] = {
    {"list.txt", "a.com\nb.com\n", "a.com;b.com;"},
    {"list.txt",
     "\xEF\xBB\xBF"
     "a.com\n",
     "a.com;"},
    {"list.csv",
     "\xEF\xBB\xBF"
     "domain\na.com\n",
     "a.com;"},
    {"LIST.CSV", "domain\na.com\n", "a.com;"},
    {"csv", "domain\na.com\n", "domain;a.com;"},
};

LOOP_TEST(domains_file_is_read_by_its_name, files)
{
    struct domains list = {0};
    struct errmsg why = {""};

    enum err err = read_file(files[_i].name, files[_i].text, strlen(files[_i].text), &list, &why);
    ck_assert_msg(!err, "%s", why.text);
    check_list(&list, files[_i].entries);
}

TEST(domains_file_with_nul_bytes_is_rejected)
{
    struct domains list = {0};
    struct errmsg why = {""};

    ck_assert_int_eq(read_file("utf16.txt", "a\0.\0", 4, &list, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "utf16.txt: not a text file in UTF-8"));
    domains_done(&list);
}

/* A company's name in Latin-1. */
TEST(domains_file_in_another_encoding_is_rejected)
{
    static const char text[] = "domain,company_name\na.com,M\xC3\xBCller\nb.com,M\xFCller\n";
    struct domains list = {0};
    struct errmsg why = {""};

    ck_assert_int_eq(read_file("l1.csv", text, strlen(text), &list, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "l1.csv: line 3: not UTF-8"));
    ck_assert_uint_eq(list.n, 0);
    domains_done(&list);
}

TEST(domains_file_that_is_missing_is_rejected)
{
    struct domains list = {0};
    struct errmsg why = {""};

    ck_assert_int_eq(domains_read_file(&list, "/nonexistent/x", &why), ERR_SYSTEM);
    ck_assert_str_eq(why.text, "/nonexistent/x: No such file or directory");
}

TEST(domains_grows)
{
    struct domains list = {0};

    for (int i = 0; i < 1000; i++)
        domains_add(&list, (struct slice){"a.com", 5});
    ck_assert_uint_eq(list.n, 1000);
    ck_assert_str_eq(list.entries[999].input, "a.com");
    domains_done(&list);
    ck_assert_uint_eq(list.n, 0);
}
