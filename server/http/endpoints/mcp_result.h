/* SPDX-License-Identifier: MIT */
/* mcp_result.h - collects the results of a call of the tool find_company_emails, and writes its
 * response and its progress. Any thread, one at a time. */
#ifndef HTTP_ENDPOINTS_MCP_RESULT_H
#define HTTP_ENDPOINTS_MCP_RESULT_H

#include "base/buf.h"
#include "http/endpoints/mcp_reply.h"
#include "lookup/lists/bulk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- results ---- */

/* Zeroed = empty. */
struct mcp_result {
    struct bulk_result *entries; /* by index; owned. Their strings are those of the bulk */
    size_t n, total;             /* of them: known; in the list */
};

void mcp_result_init(struct mcp_result *result, size_t total);
void mcp_result_done(struct mcp_result *result);

/* Takes what a pull has returned. Without mcp_result_init(), releases it. */
void mcp_result_take(struct mcp_result *result, struct bulk_pull_call *pull);

/* Appends the response, when all results are known. If none of them is a success, it is an error,
 * whose text has the reasons. */
void mcp_result_write(const struct mcp_result *result, const struct bulk_progress *progress,
                      const struct mcp_caller *caller, struct buf *out);

/* ---- progress ---- */

struct mcp_progress {
    char *domain;       /* of the only question; NULL = there are several, or none */
    int64_t elapsed_ms; /* of the last notification; -1 = none */
};

void mcp_progress_init(struct mcp_progress *progress, const struct bulk_list *list);
void mcp_progress_done(struct mcp_progress *progress);

#define MCP_PROGRESS_MAX ((size_t)1 << 20) /* bytes; it has the token */

/* Appends the notification. Returns false if the time has not advanced: the number in it must grow
 * from one to the next. */
bool mcp_progress_write(struct mcp_progress *progress, const struct bulk_progress *bulk,
                        const char *token, struct buf *out);

#endif
