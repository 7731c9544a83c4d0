/* SPDX-License-Identifier: MIT */
/* slice.h - a borrowed range of bytes with a length. A plain value; the owner keeps the bytes
 * alive. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stddef.h>

/* `data` NULL = absent. */
struct slice {
    const char *data;
    size_t len;
};

#endif
