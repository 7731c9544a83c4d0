/* SPDX-License-Identifier: MIT */
/* precondition.c - see precondition.h. */
#include "model/precondition.h"

#include <string.h>

bool precondition_is_given(const struct precondition *precondition)
{
    return precondition->has_tags || precondition->has_time;
}

static bool has_tag(const struct precondition *precondition, const struct result_body *body)
{
    for (size_t i = 0; i < precondition->n_tags; i++)
        if (strcmp(precondition->tags[i], body->etag) == 0)
            return true;
    return false;
}

static bool has_tag_of(const struct precondition *precondition, const struct result *result,
                       enum result_format format)
{
    for (int i = 0; i < RESULT_FORMATS; i++)
        if ((format == RESULT_FORMATS || format == (enum result_format)i) &&
            has_tag(precondition, &result->bodies[i]))
            return true;
    return false;
}

/* HTTP dates have seconds. */
bool precondition_holds(const struct precondition *precondition, const struct result *result,
                        enum result_format format)
{
    if (!result || result->err)
        return !precondition->has_tags;
    if (precondition->has_tags)
        return precondition->any || has_tag_of(precondition, result, format);
    return !precondition->has_time ||
           result->fetched_ms / 1000 <= precondition->unmodified_since_ms / 1000;
}
