/* SPDX-License-Identifier: MIT */
/* head_layout.c - see head_layout.h. */
#include "http/protocol/head_layout.h"

#include <string.h>

#define SEPARATOR 1 /* a blank or a colon, overwritten with NUL */
#define LINE_END  2 /* CR LF, overwritten with NULs */

/* Debian's patches do not touch its parser. */
bool head_layout_is_known(const char *version)
{
    return strcmp(version, "0.9.75") == 0;
}

void head_layout_begin(struct head_layout *layout, const char *method, const char *target,
                       const char *target_end, const char *version)
{
    layout->has_gaps = target != method + strlen(method) + SEPARATOR || !target_end ||
                       version != target_end + SEPARATOR;
    layout->next = version + strlen(version) + LINE_END;
}

/* Returns whether only the colon and blanks are between name and value. Otherwise a folded line,
 * appended in place, can extend up to its value. */
static bool are_neighbours(struct slice name, struct slice value)
{
    const char *p = name.data + name.len;

    if (value.data < p + SEPARATOR || *p)
        return false;
    for (p += SEPARATOR; p < value.data; p++)
        if (*p != ' ' && *p != '\t')
            return false;
    return true;
}

void head_layout_header(struct head_layout *layout, struct slice name, struct slice value)
{
    if (name.data != layout->next || !are_neighbours(name, value))
        layout->has_gaps = true;
    layout->next = value.data + value.len + LINE_END;
}

/* Comparing positions is not enough: after a value that was cut at a NUL, an odd byte and two LFs
 * are as long as two line ends. */
bool head_layout_is_whole(const struct head_layout *layout, const char *method, size_t size)
{
    static const char ends[2 * LINE_END];

    return !layout->has_gaps && layout->next + LINE_END == method + size &&
           memcmp(layout->next - LINE_END, ends, sizeof ends) == 0;
}
