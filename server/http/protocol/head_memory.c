/* SPDX-License-Identifier: MIT */
/* head_memory.c - see head_memory.h. */
#include "http/protocol/head_memory.h"

#include <string.h>

#define RECORD_BYTES   64   /* of a header or argument, aligned */
#define READ_AHEAD     2048 /* bytes that may follow a head beyond the first half of the block */
#define RESPONSE_BYTES 1536 /* the largest head of a response: reply.h bounds its own headers */

/* The read buffer begins with half of the block and grows by less than READ_AHEAD at a time. What
 * follows the head in it, such as pipelined requests, stays until the response is sent. */
bool head_memory_suffices(size_t size, size_t records)
{
    size_t read = size + READ_AHEAD;

    if (read < HEAD_MEMORY_BYTES / 2)
        read = HEAD_MEMORY_BYTES / 2;
    return read + records * RECORD_BYTES + RESPONSE_BYTES <= HEAD_MEMORY_BYTES;
}

bool head_memory_suffices_for_target(const char *target)
{
    size_t size = strlen(target);
    const char *query = memchr(target, '?', size);
    size_t records = query != NULL;

    for (; query && (query = strchr(query, '&')); query++)
        records++;
    return head_memory_suffices(size, records);
}
