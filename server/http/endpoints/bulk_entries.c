/* SPDX-License-Identifier: MIT */
/* bulk_entries.c - see bulk_entries.h. */
#include "http/endpoints/bulk_entries.h"

#include "base/mem.h"
#include "http/core/app.h"

#include <stdio.h>
#include <string.h>

struct bulk_list *bulk_entries_new(const struct request *request, const struct bulk_query *query)
{
    struct bulk_list *list = xcalloc(1, sizeof *list);

    snprintf(list->account, sizeof list->account, "%s", query->common.account.name);
    list->quota = query->common.account.quota;
    list->weight = query->common.account.weight;
    list->directives = query->common.cache;
    if (query->common.never_spends) {
        list->not_cached = query->common.never_spends->err;
        list->not_cached_detail = query->common.never_spends->detail;
    }
    list->limits = request_limits(request)->freshness;
    list->asked_wall_ms = request_clock(request)->wall_ms;
    list->max_credits = query->max_credits;
    list->is_async = query->common.async;
    return list;
}

static char *copy_text(struct arena *arena, struct slice text)
{
    char *copy = arena_alloc(arena, text.len + 1);

    if (text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

void bulk_entries_add(struct bulk_list *list, const struct request *request,
                      const struct list_entry *parsed)
{
    struct errmsg why = {""};
    struct bulk_entry entry = {.input = copy_text(&list->arena, parsed->input), .err = parsed->err};

    if (parsed->tracking_id.data)
        entry.tracking_id = copy_text(&list->arena, parsed->tracking_id);
    if (entry.err)
        why = parsed->why;
    else
        entry.err = emails_question_new(request, parsed->fields, &entry.question, &why);
    if (entry.err && *why.text)
        entry.detail = arena_strdup(&list->arena, why.text);
    bulk_list_add(list, &entry);
}
