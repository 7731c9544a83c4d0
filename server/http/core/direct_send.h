/* SPDX-License-Identifier: MIT */
/* direct_send.h - sends bytes on a connection past libmicrohttpd.
 *
 * For the two things that libmicrohttpd cannot send: a response to a head that leaves no memory for
 * it, and an interim response. Only for a connection whose request has no response yet, so that
 * libmicrohttpd is sending nothing. Worker thread of the connection. */
#ifndef HTTP_CORE_DIRECT_SEND_H
#define HTTP_CORE_DIRECT_SEND_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* Does not block. Returns false unless the system took all bytes: the client has left, or has not
 * read earlier responses. */
bool direct_send(struct MHD_Connection *connection, const char *data, size_t len);

#endif
