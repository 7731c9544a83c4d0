/* SPDX-License-Identifier: MIT */
/* slice.h - bytes by length, which belong to somebody else. Plain values. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stddef.h>

/* `data` NULL = absent. */
struct slice {
    const char *data;
    size_t len;
};

#endif
