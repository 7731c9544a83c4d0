/* SPDX-License-Identifier: MIT */
/* mcp_tools.c - see mcp_tools.h. The schemas use only keywords that mean the same in all drafts of
 * JSON Schema from 7 on: clients differ in which one they assume. A test compares them with
 * responses. */
#include "http/endpoints/mcp_tools.h"

#include "base/mem.h"
#include "http/protocol/list_parser.h"
#include "http/protocol/unknown_name.h"

#include <string.h>

const char mcp_instructions[] =
    "emailsd finds the shared mailboxes of companies by their domains. "
    "Send many domains in one call, up to the maximum of its schema, and one call at a time. "
    "A domain that is not known yet costs at most one credit and takes about a minute. "
    "Known results are free, and nothing is paid for twice. "
    "Entries that are 'still-processing' continue in the background: "
    "repeat the same call to join them at no cost.";

/* ---- descriptions ---- */

#define INTEGER "{\"type\":\"integer\"}"
#define STRING  "{\"type\":\"string\"}"

#define FIND_HEAD                                                                                  \
    "{\"name\":\"" MCP_TOOL_FIND "\",\"title\":\"Find company mailboxes\",\"description\":"        \
    "\"Finds the shared mailboxes (such as info@ or sales@) of companies by their domains. Known " \
    "results are free; any other domain costs at most one credit and takes about a minute. A "     \
    "call waits for at most 50 seconds. Repeat a call to get entries that were still-processing; " \
    "that costs nothing. A result whose entries are all still-processing is marked as an error: "  \
    "repeat that call, too. With max_credits 0, a call returns known results only.\","

/* Around the number of domains that a call may have. */
#define FIND_INPUT_BEGIN                                                                           \
    "\"inputSchema\":{\"type\":\"object\",\"properties\":{\"domains\":{\"type\":\"array\","        \
    "\"items\":" STRING ",\"minItems\":1,\"maxItems\":"

#define FIND_INPUT_END                                                                             \
    ",\"description\":\"Domains of companies, such as milvali.com; also URLs and e-mail "          \
    "addresses.\"},\"max_credits\":{\"type\":\"integer\",\"minimum\":0,\"description\":\"Maximum " \
    "credits that this call may spend; by default the number of domains. 0 spends nothing.\"}},"   \
    "\"required\":[\"domains\"],\"additionalProperties\":false},"

#define PROBLEM_SCHEMA                                                                             \
    "{\"type\":\"object\",\"description\":\"Why there is no result; in its place.\","              \
    "\"properties\":{\"code\":" STRING ",\"title\":" STRING ",\"status\":" INTEGER                 \
    ",\"detail\":" STRING ",\"retryable\":{\"type\":\"boolean\"}},"                                \
    "\"required\":[\"code\",\"detail\",\"retryable\"]}"

#define EMAILS_SCHEMA                                                                              \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"email\":" STRING         \
    ",\"status\":{\"type\":[\"string\",\"null\"]}},\"required\":[\"email\"]}}"

#define ENTRY_SCHEMA                                                                               \
    "{\"type\":\"object\",\"properties\":{\"index\":" INTEGER ",\"input\":" STRING                 \
    ",\"status\":{\"type\":\"integer\",\"description\":\"200 if there is a result, which may "     \
    "have no mailbox.\"},\"outcome\":{\"type\":\"string\",\"enum\":[\"hit\",\"stale\","            \
    "\"looked-up\",\"joined\",\"duplicate\",\"rejected\",\"failed\"]},\"charged\":{\"type\":"      \
    "\"string\",\"enum\":[\"no\",\"yes\",\"maybe\"]},\"domain\":" STRING                           \
    ",\"company_name\":{\"type\":[\"string\",\"null\"]},\"emails\":" EMAILS_SCHEMA                 \
    ",\"count\":" INTEGER ",\"fetched_at\":" STRING ",\"expires_at\":" STRING                      \
    ",\"problem\":" PROBLEM_SCHEMA "},\"required\":[\"index\",\"input\",\"status\",\"outcome\","   \
    "\"charged\"]}"

#define FIND_OUTPUT                                                                                \
    "\"outputSchema\":{\"type\":\"object\",\"properties\":{\"id\":" STRING                         \
    ",\"state\":{\"type\":\"string\",\"enum\":[\"running\",\"ended\",\"cancelled\"]},"             \
    "\"total\":" INTEGER ",\"unique\":" INTEGER ",\"ok\":" INTEGER ",\"failed\":" INTEGER          \
    ",\"charged\":{\"type\":\"object\",\"description\":\"Credits that were spent, and that may "   \
    "have been.\",\"properties\":{\"yes\":" INTEGER ",\"maybe\":" INTEGER                          \
    "},\"required\":[\"yes\",\"maybe\"]},\"started_at\":" STRING ",\"ended_at\":" STRING           \
    ",\"results\":{\"type\":\"array\",\"description\":\"One entry for each domain, in the same "   \
    "order.\",\"items\":" ENTRY_SCHEMA "}},\"required\":[\"id\",\"state\",\"total\",\"unique\","   \
    "\"ok\",\"failed\",\"charged\",\"started_at\",\"results\"]},"

#define FIND_TAIL                                                                                  \
    "\"annotations\":{\"readOnlyHint\":false,\"destructiveHint\":false,\"idempotentHint\":true,"   \
    "\"openWorldHint\":true}}"

#define NULLABLE "{\"type\":[\"integer\",\"null\"]}"

static const char usage[] =
    "{\"name\":\"" MCP_TOOL_USAGE
    "\",\"title\":\"Credits and limits\",\"description\":\"Returns the "
    "lookups and credits that this client has spent today, and what remains of its quota.\","
    "\"inputSchema\":{\"type\":\"object\",\"additionalProperties\":false},"
    "\"outputSchema\":{\"type\":\"object\",\"properties\":{\"client\":" STRING
    ",\"lookups\":" INTEGER ",\"credits\":" INTEGER ",\"quota\":" NULLABLE
    ",\"remaining\":" NULLABLE ",\"resets_at\":" STRING ",\"requests_per_second\":" NULLABLE
    ",\"cached_only\":{\"type\":\"boolean\"}"
    "},\"required\":[\"client\",\"lookups\",\"credits\",\"quota\",\"remaining\",\"resets_at\","
    "\"requests_per_second\",\"cached_only\"]},\"annotations\":{\"readOnlyHint\":true}}";

void mcp_tools_write(size_t max_domains, struct buf *out)
{
    buf_add_str(out, "[" FIND_HEAD FIND_INPUT_BEGIN);
    buf_addf(out, "%zu", max_domains);
    buf_add_str(out, FIND_INPUT_END FIND_OUTPUT FIND_TAIL ",");
    buf_add_str(out, usage);
    buf_add_str(out, "]");
}

/* ---- arguments ---- */

/* Returns ERR_INVALID_PARAMETER for an argument that is not among the `n` names. */
static enum err check_names(const struct json *arguments, const char *const *names, size_t n,
                            struct errmsg *why)
{
    const struct known_names known = {
        .place = "the call", .kind = "argument", .names = names, .n = n};

    for (const struct json *m = json_first_member(arguments); m; m = json_next(m)) {
        const char *name = json_member_name(m);
        size_t i = 0;
        while (i < n && strcmp(names[i], name) != 0)
            i++;
        if (i < n)
            continue;
        unknown_name_explain(&known, (struct slice){name, strlen(name)}, why);
        return ERR_INVALID_PARAMETER;
    }
    return ERR_OK;
}

static enum err check_domains(const struct json *domains, size_t max, struct errmsg *why)
{
    size_t n = json_size(domains);

    if (n == 0 || n > max) {
        errmsg_set(why, "'domains' must be an array of 1 to %zu domains", max);
        return ERR_INVALID_PARAMETER;
    }
    for (const struct json *d = json_first(domains); d; d = json_next(d)) {
        const char *text = json_string(d);
        if (text && strlen(text) <= LIST_ENTRY_MAX)
            continue;
        errmsg_set(why, "each of 'domains' must be a string of at most %d bytes", LIST_ENTRY_MAX);
        return ERR_INVALID_PARAMETER;
    }
    return ERR_OK;
}

enum err mcp_read_find(const struct json *arguments, size_t max_domains,
                       struct mcp_find_arguments *ret, struct errmsg *why)
{
    static const char *const names[] = {"domains", "max_credits"};
    const struct json *domains = json_get(arguments, "domains");
    const struct json *limit = json_get(arguments, "max_credits");
    int64_t max_credits = (int64_t)json_size(domains);
    enum err err = check_names(arguments, names, ARRAY_LEN(names), why);

    if (!err)
        err = check_domains(domains, max_domains, why);
    if (err)
        return err;
    if (limit && (!json_integer(limit, &max_credits) || max_credits < 0)) {
        errmsg_set(why, "'max_credits' must be an integer from 0 on");
        return ERR_INVALID_PARAMETER;
    }
    *ret = (struct mcp_find_arguments){domains, max_credits};
    return ERR_OK;
}

enum err mcp_read_usage(const struct json *arguments, struct errmsg *why)
{
    return check_names(arguments, NULL, 0, why);
}
