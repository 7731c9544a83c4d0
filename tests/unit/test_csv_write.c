/* SPDX-License-Identifier: MIT */
/* test_csv_write.c - tests that cells are quoted as far as needed, are read as they were written,
 * and do not become formulas of a spreadsheet. */
#include "base/csv_write.h"

#include "tests/support/suite.h"
#include "tests/unit/list_fixture.h"

static const struct {
    const char *text, *cell, *foreign_cell;
} cells[] = {
    {"", "", ""},
    {"milvali.com", "milvali.com", "milvali.com"},
    {" a b ", " a b ", " a b "},
    {"a,b", "\"a,b\"", "\"a,b\""},
    {"\"", "\"\"\"\"", "\"\"\"\""},
    {"a\"\"b\"", "\"a\"\"\"\"b\"\"\"", "\"a\"\"\"\"b\"\"\""},
    {"a\nb", "\"a\nb\"", "\"a\nb\""},
    {"a\rb", "\"a\rb\"", "\"a\rb\""},
    {"=1+1", "=1+1", "'=1+1"},
    {"=HYPERLINK(\"x\",1)", "\"=HYPERLINK(\"\"x\"\",1)\"", "\"'=HYPERLINK(\"\"x\"\",1)\""},
    {"+1", "+1", "'+1"},
    {"-1", "-1", "'-1"},
    {"@x", "@x", "'@x"},
    {"\tx", "\tx", "'\tx"},
    {"\r=x", "\"\r=x\"", "\"'\r=x\""},
    {"'=x", "'=x", "'=x"},
    {"x=1", "x=1", "x=1"},
};

LOOP_TEST(csv_cell_is_quoted_and_never_a_formula, cells)
{
    struct buf out autobuf = BUF_INIT(256);

    csv_add_cell(&out, cells[_i].text);
    ck_assert_str_eq(buf_str(&out), cells[_i].cell);
    buf_clear(&out);
    csv_add_foreign_cell(&out, cells[_i].text);
    ck_assert_str_eq(buf_str(&out), cells[_i].foreign_cell);
}

LOOP_TEST(csv_row_from_outside_has_no_formula, cells)
{
    struct buf row autobuf = BUF_INIT(512), out autobuf = BUF_INIT(512),
                   want autobuf = BUF_INIT(512);

    for (int i = 0; i < 2; i++) {
        buf_addf(&row, "%s%s", i ? "," : "", cells[_i].cell);
        buf_addf(&want, "%s%s", i ? "," : "", cells[_i].foreign_cell);
    }
    csv_add_foreign_row(&out, (struct slice){buf_str(&row), row.len});
    ck_assert_str_eq(buf_str(&out), buf_str(&want));
}

TEST(csv_foreign_cell_without_a_text_is_empty)
{
    struct buf out autobuf = BUF_INIT(256);

    csv_add_foreign_cell(&out, NULL);
    ck_assert_str_eq(buf_str(&out), "");
}

LOOP_TEST(csv_cell_is_read_as_it_was_written, cells)
{
    struct buf out autobuf = BUF_INIT(256), text autobuf = BUF_INIT(256);

    buf_add_str(&out, "company_name,domain\r\n");
    csv_add_cell(&out, cells[_i].text);
    buf_add_str(&out, ",x.com\r\n");
    buf_addf(&text, *cells[_i].text ? "x.com|company_name=%s\nend\n" : "x.com%s\nend\n",
             cells[_i].text);
    list_check(LIST_CSV, out.data, text.data);
}
