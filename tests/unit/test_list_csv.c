/* SPDX-License-Identifier: MIT */
/* test_list_csv.c - tests lists in CSV: the first row, quotes, line ends, and rows that do not fit
 * it. */
#include "base/buf.h"
#include "http/protocol/list_parser.h"

#include "tests/support/suite.h"
#include "tests/unit/list_fixture.h"
#include <string.h>

static const struct {
    const char *body, *text;
} lists[] = {
    {"", "end\n"},
    {"\r\n\n", "end\n"},
    {"domain", "end\n"},
    {"domain\n", "end\n"},
    {"domain\nmilvali.com\n", "milvali.com\nend\n"},
    {"\xEF\xBB\xBF"
     "DOMAIN\r\nmilvali.com\r\nx.com",
     "milvali.com\nx.com\nend\n"},
    {"x,\"tracking_id\", Company_Name ,domain,country,City,state\r\n"
     "1,2,3,4.com,5,6,7\r\n",
     "4.com|company_name=3|city=6|state=7|country=5|tracking_id=2\nend\n"},
    {"domain,company_name\n\"x.com\",\"X, \"\"Y\"\" Inc.\"\n",
     "x.com|company_name=X, \"Y\" Inc.\nend\n"},
    {"company_name,domain\n\"X\r\nY\n\",x.com\n\"\"\"\",y.com",
     "x.com|company_name=X\r\nY\n\ny.com|company_name=\"\nend\n"},
    {"domain,city\nx.com,\ny.com,\" \t\"\nz.com,\"\"\nw.com\nv.com,,,\n",
     "x.com\ny.com\nz.com\nw.com\nv.com\nend\n"},
    {"domain\n\n \t\r\nx.com\n\r\n", "x.com\nend\n"},
    {"domain,domain_name,e-mail\nx.com,y.com,z@z.com\n", "x.com\nend\n"},
    {"domain,,\nx.com,1,2\n", "x.com\nend\n"},
    {"domain\n x.com \n", " x.com \nend\n"},
    {"domain\nx.com\r", "x.com\nend\n"},
    {"domain\n\"x.com\"\r", "x.com\nend\n"},
    {"domain,x\n#x.com,1\n", "#x.com\nend\n"}, /* CSV has no comments */
    {"domain,x\na\rb,1\n", "a\rb\nend\n"},
    /* entries that are rejected */
    {"x,domain,tracking_id\n1,,7\n,,\nx\n",
     "|tracking_id=7|!missing-domain: the entry has no domain\n"
     "|!missing-domain: the entry has no domain\n|!missing-domain: the entry has no domain\nend\n"},
    {"domain,company_name\nx.com,X, Inc.\ny.com,Y\n",
     "x.com|company_name=X|!invalid-body: more cells than the first row has names; is a comma not "
     "in quotes?\ny.com|company_name=Y\nend\n"},
    /* lists that are rejected */
    {"milvali.com\nx.com\n",
     "line 1: no column 'domain'; the first row names the columns, with commas between\n"},
    {"\n\ndomain;city\nx.com;y\n",
     "line 3: no column 'domain'; the first row names the columns, with commas between\n"},
    {"\"domain,city\"\n",
     "line 1: no column 'domain'; the first row names the columns, with commas between\n"},
    {"city,domain,City\n", "line 1: two columns of one name\n"},
    {"domain,\"\n\",Domain\n", "line 2: two columns of one name\n"},
    {"domain\nx.com\n\"y.com\n", "x.com\nline 3: a quote is not closed\n"},
    {"domain\n\"", "line 2: a quote is not closed\n"},
    {"domain\n\"\"\"", "line 2: a quote is not closed\n"},
    {"domain,x\n\"a\nb\nc\",\"\n", "line 4: a quote is not closed\n"},
    {"domain\n\"x\"y\n", "line 2: text after a closing quote\n"},
    {"domain\n\"x\" \n", "line 2: text after a closing quote\n"},
    {"domain\n\"x\"\ry\n", "line 2: text after a closing quote\n"},
    {"domain\nx\"y\n", "line 2: a quote inside a cell that has none around it\n"},
    {"domain,x\ny, \"z\"\n", "line 2: a quote inside a cell that has none around it\n"},
    {"do\"main\n", "line 1: a quote inside a cell that has none around it\n"},
};

LOOP_TEST(list_csv_is_read_by_the_names_of_its_first_row, lists)
{
    list_check(LIST_CSV, lists[_i].body, lists[_i].text);
}

TEST(list_csv_quote_without_an_end_is_found_in_time)
{
    struct buf body autobuf = BUF_INIT((size_t)1 << 20);

    buf_add_str(&body, "domain\nx.com\n\"y.com\n");
    while (body.len < 200000)
        buf_add_str(&body, "z.com\r\n");
    list_check(LIST_CSV, body.data,
               "x.com\nline 3: a row longer than 65536 bytes; is a quote not closed?\n");
}

/* An export may have long texts in columns that do not count. */
TEST(list_csv_long_cell_in_an_ignored_column_is_skipped)
{
    struct buf body autobuf = BUF_INIT((size_t)1 << 20);

    buf_add_str(&body, "notes,domain\n");
    for (int row = 0; row < 2; row++) {
        buf_add_str(&body, "\"");
        for (int i = 0; i < 30000; i++)
            buf_add_str(&body, i % 100 ? "x" : "\"\"");
        buf_addf(&body, "\",x%d.com\n", row);
    }
    list_check(LIST_CSV, body.data, "x0.com\nx1.com\nend\n");
}
