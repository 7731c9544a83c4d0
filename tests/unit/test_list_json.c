/* SPDX-License-Identifier: MIT */
/* test_list_json.c - tests lists in JSON and NDJSON: their structure, and the members of an
 * entry. */
#include "base/mem.h"
#include "http/protocol/list_parser.h"

#include "tests/support/suite.h"
#include "tests/unit/list_fixture.h"
#include <stdio.h>
#include <string.h>

#define TRACKING_200                                                                               \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"  \
    "234567890123456789"

/* Entries are the same in both types. */
static const struct {
    const char *entry, *text;
} entries[] = {
    {"\"milvali.com\"", "milvali.com"},
    {"\"\"", ""},
    {"\" b\\u00fccher.de\\n\"", " b\u00fccher.de\n"},
    {"\"a]b,}\\\"\"", "a]b,}\""},
    {"{\"domain\":\"milvali.com\"}", "milvali.com"},
    {"{ \"tracking_id\" : \"7\\t\", \"domain\" : \"x.com\", \"country\":\"US\",\"state\":\"CA\","
     "\"city\":\"\",\"company_name\":\"X, Inc.\" }",
     "x.com|company_name=X, Inc.|city=|state=CA|country=US|tracking_id=7\t"},
    {"{\"domain\":\"x.com\",\"city\":null,\"tracking_id\":null}", "x.com"},
    {"{\"tracking_id\":\"1\"}", "|tracking_id=1|!missing-domain: the entry has no domain"},
    {"{\"domain\":null}", "|!missing-domain: the entry has no domain"},
    {"{}", "|!missing-domain: the entry has no domain"},
    {"{\"citty\":\"x\",\"domain\":\"x.com\",\"tracking_id\":\"1\"}",
     "x.com|tracking_id=1|!unknown-parameter: unknown member 'citty'; did you mean 'city'?"},
    {"{\"domain\":\"x.com\",\"Company_Name\":\"x\"}",
     "x.com|!unknown-parameter: unknown member 'Company_Name'; did you mean 'company_name'?"},
    {"{\"domain\":\"x.com\",\"notify_url\":\"https://x.com/\"}",
     "x.com|!unknown-parameter: unknown member 'notify_url'"},
    {"{\"domain\":\"x.com\",\"\\u00e9\":1}",
     "x.com|!unknown-parameter: the entry contains an invalid member name"},
    {"{\"domain\":\"x.com\",\"\":1}",
     "x.com|!unknown-parameter: the entry contains an invalid member name"},
    {"{\"domain\":\"x.com\",\"domain\":\"y.com\"}",
     "x.com|!duplicate-parameter: domain occurs twice"},
    {"{\"domain\":\"x.com\",\"city\":null,\"city\":null,\"z\":1}",
     "x.com|!duplicate-parameter: city occurs twice"},
    {"{\"domain\":17}", "|!invalid-parameter: domain must be a string"},
    {"{\"domain\":\"x.com\",\"tracking_id\":17}",
     "x.com|!invalid-parameter: tracking_id must be a string"},
    {"{\"domain\":\"x.com\",\"city\":[\"x\"]}", "x.com|!invalid-parameter: city must be a string"},
    {"{\"domain\":\"x.com\",\"tracking_id\":\"" TRACKING_200 "\"}",
     "x.com|tracking_id=" TRACKING_200},
    {"{\"domain\":\"x.com\",\"tracking_id\":\"" TRACKING_200 "x\"}",
     "x.com|!invalid-parameter: tracking_id is longer than 200 bytes"},
    {"17", "|!invalid-body: an entry must be a string or an object"},
    {"null", "|!invalid-body: an entry must be a string or an object"},
    {"true", "|!invalid-body: an entry must be a string or an object"},
    {"[\"x.com\",[]]", "|!invalid-body: an entry must be a string or an object"},
};

LOOP_TEST(list_json_entry_is_a_string_or_an_object, entries)
{
    struct buf body autobuf = BUF_INIT(4096), text autobuf = BUF_INIT(4096);

    buf_addf(&body, "[%s,\n%s]", entries[_i].entry, entries[_i].entry);
    buf_addf(&text, "%s\n%s\nend\n", entries[_i].text, entries[_i].text);
    list_check(LIST_JSON, body.data, text.data);
    buf_clear(&body);
    buf_addf(&body, "%s\r\n\n%s", entries[_i].entry, entries[_i].entry);
    list_check(LIST_NDJSON, body.data, text.data);
}

static const struct {
    const char *body, *text;
} arrays[] = {
    {"[]", "end\n"},
    {"\xEF\xBB\xBF\r\n [ \n ] \t", "end\n"},
    {"[ \"x\" , \"y\" ]", "x\ny\nend\n"},
    {"[\"x\",{\n\"domain\":\n\"y\"}\n]", "x\ny\nend\n"},
    {"", "end\n"},
    {"\n\n", "end\n"},
    {"{\"domain\":\"x\"}", "line 1: not a JSON array\n"},
    {"\n\"x\"", "line 2: not a JSON array\n"},
    {"milvali.com\n", "line 1: not a JSON array\n"},
    {"[", "line 1: the JSON array is not closed\n"},
    {"[\"x\"", "x\nline 1: the JSON array is not closed\n"},
    {"[\"x\",\n", "x\nline 2: the JSON array is not closed\n"},
    {"[\"x\n", "line 1: not valid JSON, or nested too deeply\n"},
    {"[\"x\",]", "x\nline 1: not valid JSON, or nested too deeply\n"},
    {"[,\"x\"]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[\"x\"\n\"y\"]", "x\nline 2: no comma between two elements\n"},
    {"[\"x\"y]", "x\nline 1: no comma between two elements\n"},
    {"[\"x\"}", "x\nline 1: no comma between two elements\n"},
    {"[x]", "line 1: not valid JSON, or nested too deeply\n"},
    {"['x']", "line 1: not valid JSON, or nested too deeply\n"},
    {"[x\"y\"]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[{\"a\":1]}]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[{\"domain\":}]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[\"x\\u0000\"]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[01]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[\xEF\xBB\xBF\"x\"]", "line 1: not valid JSON, or nested too deeply\n"},
    {"[\"x\"]\n]", "x\nline 2: text after the end of the JSON array\n"},
    {"[][]", "line 1: text after the end of the JSON array\n"},
};

LOOP_TEST(list_json_is_one_array, arrays)
{
    list_check(LIST_JSON, arrays[_i].body, arrays[_i].text);
}

static const struct {
    const char *body, *text;
} lines[] = {
    {"", "end\n"},
    {"\n \r\n\t", "end\n"},
    {"\"x\"\n{\"domain\":\"y\"}\n", "x\ny\nend\n"},
    {"\"x\"\n\nx.com\n\"y\"",
     "x\n|!invalid-body: line 3: not valid JSON, or nested too deeply\ny\nend\n"},
    {"{\"domain\":\n\"x\"}\n",
     "|!invalid-body: line 1: not valid JSON, or nested too deeply\n"
     "|!invalid-body: line 2: not valid JSON, or nested too deeply\nend\n"},
    {"# x\n", "|!invalid-body: line 1: not valid JSON, or nested too deeply\nend\n"},
    {"\"x\",\n\"y\"", "|!invalid-body: line 1: not valid JSON, or nested too deeply\ny\nend\n"},
};

LOOP_TEST(list_ndjson_rejects_a_broken_line_alone, lines)
{
    list_check(LIST_NDJSON, lines[_i].body, lines[_i].text);
}

TEST(list_json_nested_too_deeply_is_rejected)
{
    char body[2 * 200 + 2];
    struct buf text autobuf = BUF_INIT(4096);

    for (size_t depth = 1; depth <= 200; depth++) {
        memset(body, '[', depth);
        memset(body + depth, ']', depth);
        body[2 * depth] = '\0';
        buf_clear(&text);
        if (depth > 65) /* one level is that of the list */
            buf_add_str(&text, "line 1: not valid JSON, or nested too deeply\n");
        else
            buf_addf(&text, "%send\n",
                     depth > 1 ? "|!invalid-body: an entry must be a string or an object\n" : "");
        list_check(LIST_JSON, body, text.data);
    }
}
