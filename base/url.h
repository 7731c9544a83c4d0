/* SPDX-License-Identifier: MIT */
/* url.h - parses URLs with libcurl's own parser, so that the URL checked is the URL requested. Any
 * thread. */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* An http(s) URL in parts. Strings are heap memory, freed by url_done(). */
struct url {
    char *scheme; /* "http" or "https" */
    char *host;   /* as written, percent-decoded by libcurl; brackets kept on IPv6 */
    char *path;   /* at least "/" */
    bool has_user_info;
    bool has_query;
    bool has_fragment;
};

/* Parses a URL. Returns ERR_SYNTAX unless it is a complete http or https URL with "//" and a host.
 * Control bytes, spaces and NULs are errors, and so are more than 2048 bytes. */
enum err url_parse(const char *text, size_t len, struct url *ret_url);
/* Frees the strings and zeroes the struct. */
void url_done(struct url *url);

/* Returns `text` with its percent-encoded bytes (RFC 3986, 2.1) decoded; incomplete ones stay.
 * Heap, NUL-terminated, owned by the caller; any bytes. NULL if a NUL is encoded. */
char *url_decode(const char *text, size_t len);

/* Returns whether the host is 127.0.0.0/8, ::1 or localhost. */
bool url_is_loopback(const struct url *url);

#endif
