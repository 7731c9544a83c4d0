/* SPDX-License-Identifier: MIT */
/* progress_pace.c - see progress_pace.h. */
#include "http/endpoints/progress_pace.h"

#include "http/endpoints/result_reply.h"

#define PROGRESS_MS 1000 /* between two reports, at least */

void progress_pace_written(struct progress_pace *pace, int64_t now_ms)
{
    *pace = (struct progress_pace){.written_ms = now_ms};
}

void progress_pace_changed(struct progress_pace *pace)
{
    pace->has_news = true;
}

bool progress_pace_is_due(const struct progress_pace *pace, int64_t now_ms)
{
    return pace->has_news && now_ms - pace->written_ms >= PROGRESS_MS;
}

int64_t progress_pace_next_ms(const struct progress_pace *pace)
{
    return pace->written_ms + (pace->has_news ? PROGRESS_MS : PROGRESS_EVERY_MS);
}
