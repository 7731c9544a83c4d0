/* SPDX-License-Identifier: MIT */
/* errmsg.c - see errmsg.h. */
#include "base/errmsg.h"

#include <stdarg.h>
#include <stdio.h>

void errmsg_set(struct errmsg *errmsg, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(errmsg->text, sizeof errmsg->text, format, args);
    va_end(args);
}

void errmsg_prefix(struct errmsg *errmsg, const char *prefix)
{
    struct errmsg rest = *errmsg;

    errmsg_set(errmsg, "%s: %s", prefix, rest.text);
}
