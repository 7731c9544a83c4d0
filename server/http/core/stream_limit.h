/* SPDX-License-Identifier: MIT */
/* stream_limit.h - limits the open streams: of all clients together, and of one of them.
 *
 * A stream may last for minutes, so a client that opens many of them would keep all others from
 * having one. One client key may have half of the streams, and at least one. Requests without a key
 * have the common limit only: behind a proxy, all of them have the same address. Any thread. */
#ifndef HTTP_CORE_STREAM_LIMIT_H
#define HTTP_CORE_STREAM_LIMIT_H

#include <stddef.h>

struct stream_limit;

enum stream_verdict { STREAM_ADMITTED, STREAM_LIMIT_REACHED, STREAM_CLIENT_LIMIT_REACHED };

struct stream_limit *stream_limit_new(void);
void stream_limit_free(struct stream_limit *limit); /* NULL is a no-op */

/* Counts one more stream of the client with that name ("" = it has no key), if all together have
 * fewer than `max` and this one fewer than its share. */
enum stream_verdict stream_limit_acquire(struct stream_limit *limit, size_t max,
                                         const char *client);

/* Counts the end of a stream that was admitted, with the same name. */
void stream_limit_release(struct stream_limit *limit, const char *client);

#endif
