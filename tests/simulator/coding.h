/* SPDX-License-Identifier: MIT */
/* coding.h - content codings of replies (RFC 9110, 8.4.1); the only user of zlib.
 *
 * "deflate" is the zlib format (RFC 1950); many servers send the raw deflate stream (RFC 1951)
 * under that name, and so does CODING_DEFLATE_RAW. Pure functions. */
#ifndef SIMULATOR_CODING_H
#define SIMULATOR_CODING_H

#include "tests/simulator/api.h"

/* Codes the body and sets Content-Encoding. `accept` is the request's Accept-Encoding, or NULL;
 * only CODING_ACCEPTED heeds it, without weights. An empty body stays as it is. */
void coding_apply(enum sent_coding coding, const char *accept, struct reply *reply);

#endif
