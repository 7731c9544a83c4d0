/* SPDX-License-Identifier: MIT */
/* head_memory.h - decides whether a request's head leaves enough of its connection's memory for the
 * response.
 *
 * libmicrohttpd has one block of memory per connection. It holds the head as received, a record for
 * each header and argument, what was read ahead, and last the head of the response. If that does
 * not fit, 0.9.75 closes the connection without a response, and the request may have cost a credit.
 * So a head that leaves too little is rejected first. The numbers are upper bounds for 0.9.75
 * and 1.0.1, from their source. A head that exceeds the block never gets here: libmicrohttpd
 * rejects it itself. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_HEAD_MEMORY_H
#define HTTP_PROTOCOL_HEAD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes per connection. libmicrohttpd zeroes all of them after every response, so a larger value
 * costs time on every hit and memory on every idle connection. RFC 9112, 3, recommends supporting
 * request lines of at least 8000 bytes. */
#define HEAD_MEMORY_BYTES ((size_t)16 << 10)

/* Returns whether a response fits beside a head of `size` bytes with that many headers and
 * arguments. */
bool head_memory_suffices(size_t size, size_t records);

/* As above, for a head that has only this raw target, NUL-terminated. */
bool head_memory_suffices_for_target(const char *target);

#endif
