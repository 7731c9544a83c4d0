/* SPDX-License-Identifier: MIT */
/* fuzz_cli_domains.c - fuzzes what `emails` takes for domains: a table if the first byte is "t",
 * else lines of text. A table that is written again has the same entries. */
#include "base/buf.h"
#include "base/csv_write.h"
#include "base/mem.h"
#include "client/emails/domains.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void write_table(const struct domains *domains, struct buf *out)
{
    buf_add_str(out, "domain");
    for (size_t field = 0; field < ENTRY_FIELDS; field++)
        buf_addf(out, ",%s", entry_field_names[field]);
    buf_add_str(out, "\n");
    for (size_t i = 0; i < domains->n; i++) {
        csv_add_cell(out, domains->entries[i].input);
        for (size_t field = 0; field < ENTRY_FIELDS; field++) {
            const char *text = domains->entries[i].fields[field];
            buf_add_str(out, ",");
            csv_add_cell(out, text ? text : "");
        }
        buf_add_str(out, "\n");
    }
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_again(const struct domains *domains)
{
    struct buf autobuf table = BUF_INIT((size_t)1 << 20);
    struct domains again = {0};
    struct errmsg why = {""};

    write_table(domains, &table);
    FUZZ_WANT(domains_read_csv(&again, buf_str(&table), &why) == ERR_OK);
    FUZZ_WANT(again.n == domains->n);
    for (size_t i = 0; i < domains->n; i++) {
        FUZZ_WANT(is_same(again.entries[i].input, domains->entries[i].input));
        for (size_t field = 0; field < ENTRY_FIELDS; field++)
            FUZZ_WANT(is_same(again.entries[i].fields[field], domains->entries[i].fields[field]));
    }
    domains_done(&again);
}

static void check_table(const char *text)
{
    struct domains domains = {0};
    struct errmsg why = {""};
    enum err err = domains_read_csv(&domains, text, &why);

    FUZZ_WANT(err == ERR_OK || (err == ERR_SYNTAX && strncmp(why.text, "line ", 5) == 0));
    FUZZ_WANT(domains.n <= strlen(text));
    if (!err)
        check_again(&domains);
    domains_done(&domains);
}

static void check_text(const char *text)
{
    struct domains domains = {0};

    domains_read_text(&domains, text);
    for (size_t i = 0; i < domains.n; i++) {
        const char *input = domains.entries[i].input;
        FUZZ_WANT(*input && *input != '#' && !strchr(input, '\n') && strstr(text, input));
        FUZZ_WANT(!strchr(" \t\r", *input) && !strchr(" \t\r", input[strlen(input) - 1]));
    }
    check_again(&domains);
    domains_done(&domains);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = input_text(data, size);

    if (*text == 't')
        check_table(text + 1);
    else
        check_text(text);
    return 0;
}
