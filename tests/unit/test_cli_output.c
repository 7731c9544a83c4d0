/* SPDX-License-Identifier: MIT */
/* test_cli_output.c - tests the formats of `emails`. */
#include "client/emails/output.h"

#include "base/mem.h"
#include "tests/support/suite.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START(domain)                                                                              \
    "{\"index\":0,\"input\":\"x\",\"status\":200,\"outcome\":\"hit\",\"charged\":\"no\","          \
    "\"domain\":\"" domain "\",\"company_name\":\"A, Inc.\",\"emails\":["
#define TWO                                                                                        \
    START("a.com")                                                                                 \
    "{\"email\":\"info@a.com\",\"status\":\"VALID\"},{\"email\":\"b\\t@a.com\",\"status\":"        \
    "\"A\\u001bB\"}],\"count\":2}"
#define LONG                                                                                       \
    START("a.com")                                                                                 \
    "{\"email\":\"marketing@a.com\",\"status\":\"VALID\"},{\"email\":\"international@a.com\","     \
    "\"status\":\"VALID\"}],\"count\":2}"
#define EMPTY START("b.com") "],\"count\":0}"
#define PROBLEM(code)                                                                              \
    "{\"index\":0,\"input\":\"x\",\"status\":400,\"outcome\":\"rejected\",\"charged\":\"no\","     \
    "\"problem\":{\"detail\":\"d\",\"code\":\"" code "\"}}"
#define CONTROLS                                                                                   \
    START("a.com")                                                                                 \
    "{\"email\":\"\xC2\x9B"                                                                        \
    "2J@a.com\",\"status\":\"A\xE2\x80\xAE\xE2\x80\xA8\xE2\x81\xA6\xC2\xA0\"}],\"count\":1}"
#define HEADER                                                                                     \
    "index,input,tracking_id,domain,company_name,email,email_status,status,code,outcome,"          \
    "charged\r\n"

/* The output is not that of the terminal on which the test may run. */
static void leave_terminal(void)
{
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    close(fd);
    unsetenv("COLUMNS");
}

FIXTURE(leave_terminal, NULL);

static const struct {
    enum format format;
    bool dry_run;
    const char *line, *output;
} formats[] = {
    {FORMAT_PLAIN, false, TWO, "a.com\tinfo@a.com\tVALID\na.com\tb?@a.com\tA?B\n"},
    {FORMAT_PLAIN, false, CONTROLS, "a.com\t?2J@a.com\tA???\xC2\xA0\n"},
    {FORMAT_PLAIN, false, EMPTY, ""},
    {FORMAT_PLAIN, false, PROBLEM("invalid-domain"), ""},
    {FORMAT_ADDRESSES, false, TWO, "info@a.com\nb?@a.com\n"},
    {FORMAT_ADDRESSES, false, CONTROLS, "?2J@a.com\n"},
    {FORMAT_ADDRESSES, false, EMPTY, ""},
    {FORMAT_CSV, false, TWO,
     HEADER "7,'=x,'+1,a.com,\"A, Inc.\",info@a.com,VALID,200,,hit,no\r\n"
            "7,'=x,'+1,a.com,\"A, Inc.\",b\t@a.com,A\033B,200,,hit,no\r\n"},
    {FORMAT_CSV, false, EMPTY, HEADER "7,'=x,'+1,b.com,\"A, Inc.\",,,200,,hit,no\r\n"},
    {FORMAT_CSV, false, PROBLEM("invalid-domain"),
     HEADER "7,'=x,'+1,,,,,400,invalid-domain,rejected,no\r\n"},
    {FORMAT_JSON, false, "{\"index\":0,\"domain\":\"a.com\",\"emails\":[]}",
     "{\"index\":7,\"domain\":\"a.com\",\"emails\":[]}\n"},
    {FORMAT_JSON, false, "{\"status\":200,\"domain\":\"a.com\",\"emails\":[]}",
     "{\"index\":7,\"input\":\"=x\",\"status\":200,\"domain\":\"a.com\",\"emails\":[]}\n"},
    {FORMAT_TABLE, false, TWO,
     "DOMAIN        ADDRESS                   STATUS\n"
     "a.com         info@a.com                VALID\n"
     "a.com         b?@a.com                  A?B\n"},
    {FORMAT_TABLE, false, EMPTY,
     "DOMAIN        ADDRESS                   STATUS\n"
     "b.com         -                         no mailboxes\n"},
    {FORMAT_TABLE, false, PROBLEM("invalid-domain"), ""},
    {FORMAT_TABLE, false, PROBLEM("not-cached"), ""},
    {FORMAT_TABLE, true, PROBLEM("not-cached"),
     "DOMAIN        ADDRESS                   STATUS\n"
     "=x            -                         not known\n"},
    {FORMAT_TABLE, true, PROBLEM("invalid-domain"), ""},
};

/* An entry of which the server sends `line`. */
static struct entry *add_entry(struct domains *domains)
{
    struct entry *entry = domains_add(domains, (struct slice){"=x", 2});

    entry->fields[ENTRY_TRACKING_ID] = xstrdup("+1");
    return entry;
}

LOOP_TEST(output_has_the_format, formats)
{
    struct options options = {.format = formats[_i].format, .dry_run = formats[_i].dry_run};
    struct domains domains = {0};
    struct entry *entry = add_entry(&domains);
    struct output output;
    struct line line;

    output_init(&output, &options, &domains);
    ck_assert_int_eq(line_read((struct slice){formats[_i].line, strlen(formats[_i].line)}, &line),
                     ERR_OK);
    output_add(&output, &line, entry, 7);
    ck_assert_str_eq(buf_str(&output.text), formats[_i].output);
    line_done(&line);
    output_done(&output);
    domains_done(&domains);
}

TEST(output_header_comes_once)
{
    static const enum format with_header[] = {FORMAT_CSV, FORMAT_TABLE};

    for (size_t i = 0; i < ARRAY_LEN(with_header); i++) {
        struct options options = {.format = with_header[i]};
        struct domains domains = {0};
        struct entry *entry = add_entry(&domains);
        struct output output;
        struct line line;
        size_t n_lines = 0;

        output_init(&output, &options, &domains);
        ck_assert_int_eq(line_read((struct slice){EMPTY, strlen(EMPTY)}, &line), ERR_OK);
        output_add(&output, &line, entry, 0);
        output_add(&output, &line, entry, 1);
        for (const char *c = buf_str(&output.text); *c; c++)
            n_lines += *c == '\n';
        ck_assert_uint_eq(n_lines, 3);
        line_done(&line);
        output_done(&output);
        domains_done(&domains);
    }
}

TEST(output_table_fits_a_narrow_terminal)
{
    struct options options = {.format = FORMAT_TABLE};
    struct domains domains = {0};
    struct entry *entry = add_entry(&domains);
    struct output output;
    struct line line;

    setenv("COLUMNS", "40", 1);
    output_init(&output, &options, &domains);
    ck_assert_int_eq(line_read((struct slice){EMPTY, strlen(EMPTY)}, &line), ERR_OK);
    output_add(&output, &line, entry, 0);
    ck_assert_str_eq(buf_str(&output.text), "DOMAIN        ADDRESS       STATUS\n"
                                            "b.com         -             no mailboxes\n");
    line_done(&line);
    output_done(&output);
    output_init(&output, &options, &domains);
    ck_assert_int_eq(line_read((struct slice){LONG, strlen(LONG)}, &line), ERR_OK);
    output_add(&output, &line, entry, 0);
    ck_assert_str_eq(buf_str(&output.text), "DOMAIN        ADDRESS             STATUS\n"
                                            "a.com         marketing@a.com     VALID\n"
                                            "a.com         international@a.com  VALID\n");
    line_done(&line);
    output_done(&output);
    domains_done(&domains);
}

TEST(output_table_is_as_wide_as_its_texts)
{
    static const char line_text[] =
        "{\"status\":200,\"domain\":\"a-name-of-22-characters\",\"emails\":["
        "{\"email\":\"info@a-name-of-22-characters.example\",\"status\":\"VALID\"}]}";
    struct options options = {.format = FORMAT_TABLE};
    struct domains domains = {0};
    struct entry *entry = domains_add(&domains, (struct slice){"a-name-of-22-characters", 23});
    struct output output;
    struct line line;

    output_init(&output, &options, &domains);
    ck_assert_int_eq(line_read((struct slice){line_text, strlen(line_text)}, &line), ERR_OK);
    output_add(&output, &line, entry, 0);
    ck_assert_str_eq(buf_str(&output.text),
                     "DOMAIN                   ADDRESS                               STATUS\n"
                     "a-name-of-22-characters  info@a-name-of-22-characters.example  VALID\n");
    line_done(&line);
    output_done(&output);
    domains_done(&domains);
}
