/* SPDX-License-Identifier: MIT */
/* progress.c - see progress.h. */
#include "http/endpoints/progress.h"

#include "base/json.h"

static const char *phase_word(enum task_phase phase)
{
    switch (phase) {
    case TASK_IDLE:
    case TASK_QUEUED:
        return "queued";
    case TASK_SUBMITTING:
        return "submitting";
    case TASK_PROCESSING:
        return "processing";
    case TASK_FETCHING:
    case TASK_ENDED:
        return "fetching";
    }
    return "queued";
}

void progress_write(const struct progress *progress, struct buf *out)
{
    buf_add_str(out, "{\"id\":");
    json_add_text(out, progress->id);
    buf_add_str(out, ",\"domain\":");
    json_add_text(out, progress->domain);
    buf_addf(out, ",\"phase\":\"%s\",\"elapsed_s\":%lld.%lld,\"expected_s\":%lld}\n",
             phase_word(progress->phase), (long long)(progress->elapsed_ms / 1000),
             (long long)(progress->elapsed_ms % 1000 / 100),
             (long long)((progress->expected_ms + 999) / 1000));
}
