/* SPDX-License-Identifier: MIT */
/* openmart_sanitize.h - makes Openmart's text safe to parse and to display. Pure functions; any
 * thread. */
#ifndef CLIENT_OPENMART_OPENMART_SANITIZE_H
#define CLIENT_OPENMART_OPENMART_SANITIZE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Appends JSON text with each damaged part replaced by U+FFFD, one for one: bytes that are not
 * UTF-8, and inside strings raw control bytes, \u0000 and unpaired surrogates. The grammar is not
 * changed. Returns ERR_TOO_BIG if `out` is too small. */
enum err openmart_repair(const char *text, size_t len, struct buf *out);

#define OPENMART_DETAIL_MAX  200 /* bytes */
#define OPENMART_DETAIL_TEXT (OPENMART_DETAIL_MAX + 1)

/* Copies the start of `text`, at most OPENMART_DETAIL_MAX bytes, as one line of valid UTF-8: bytes
 * that are not UTF-8 become '?', control characters become spaces, and every occurrence of `key`
 * becomes "***". `ret_detail` holds OPENMART_DETAIL_TEXT bytes. */
void openmart_clean(const char *text, const char *key, char *ret_detail);

#endif
