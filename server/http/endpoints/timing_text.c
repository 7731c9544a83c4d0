/* SPDX-License-Identifier: MIT */
/* timing_text.c - see timing_text.h. */
#include "http/endpoints/timing_text.h"

#include "base/clock.h"

#include "base/mem.h"

#include <stddef.h>
#include <stdio.h>

static const struct {
    enum task_phase phase; /* a lookup has reached it */
    const char *word, *member;
    size_t offset;
} parts[] = {
    {TASK_IDLE, "queue", "queue_ms", offsetof(struct lookup_timing, queue_ms)},
    {TASK_SUBMITTING, "submit", "submit_ms", offsetof(struct lookup_timing, submit_ms)},
    {TASK_PROCESSING, "upstream", "upstream_ms", offsetof(struct lookup_timing, upstream_ms)},
    {TASK_FETCHING, "read", "read_ms", offsetof(struct lookup_timing, read_ms)},
};

static long long value(const struct lookup_timing *timing, size_t i)
{
    return *(const int64_t *)(const void *)((const char *)timing + parts[i].offset);
}

void timing_write_header(const struct lookup_timing *timing, char text[static SERVER_TIMING_TEXT])
{
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        len += (size_t)snprintf(text + len, SERVER_TIMING_TEXT - len, "%s%s;dur=%lld",
                                i ? ", " : "", parts[i].word, value(timing, i));
}

/* A phase can repeat: what a lookup that is queued again has spent in later ones counts too. */
void timing_write_json(const struct lookup_timing *timing, enum task_phase phase, struct buf *out)
{
    const char *before = "{";

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (phase < parts[i].phase && !value(timing, i))
            continue;
        buf_addf(out, "%s\"%s\":%lld", before, parts[i].member, value(timing, i));
        before = ",";
    }
    buf_add_str(out, "}");
}

void timing_write_progress(int64_t elapsed_ms, int64_t expected_ms, struct buf *out)
{
    buf_addf(out, ",\"elapsed_s\":%lld.%lld,\"expected_s\":%lld", (long long)(elapsed_ms / 1000),
             (long long)(elapsed_ms % 1000 / 100), (long long)clock_ceil_s(expected_ms));
}

const char *timing_phase_word(enum task_phase phase)
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
