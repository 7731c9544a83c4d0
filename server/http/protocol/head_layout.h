/* SPDX-License-Identifier: MIT */
/* head_layout.h - whether every byte of a request's head is accounted for, seen from where
 * libmicrohttpd's strings lie in memory.
 *
 * libmicrohttpd 0.9.75 shows a tidier request than the one that came: a folded line is appended to
 * the name of its header, so that a folded Content-Length frames nothing; an empty name or a NUL at
 * the start of a line ends the head; text is cut at NUL; LF alone ends a line. Behind a proxy that
 * reads any of these otherwise, the rest of the bytes would be a second, hidden request. The bytes
 * themselves are no longer to be had when the handler is called, but they were parsed in place, in
 * one buffer, and only separators were overwritten, with NULs:
 *
 *     method 0 target 0 version 0 0 name 0 blanks value 0 0 name 0 blanks value 0 0 0 0
 *
 * From the method on that is as long as the head that MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE
 * tells. So each part must begin where the one before it ended, and the last must end with the
 * head. A line that was folded, or cut, or ended by LF alone leaves a part elsewhere.
 *
 * What this cannot see is what becomes the same NULs: NUL LF for CR LF, and at the end of the head
 * any four bytes of NULs, of LFs, and a colon at the start of the last line. The bytes before the
 * method are out of sight too: lines that begin with NUL are skipped there like empty ones.
 * SECURITY.md says so, and test_framing.py holds it to that.
 *
 * None of it is promised by the library's interface, so layout_is_known() says for which versions
 * it was read in the source and tried. Later ones are told to be strict themselves (worker.c),
 * which these are not capable of.
 *
 * Pointers are compared; no byte is read but those between a name and its value, which lie in the
 * same block of the connection, and those at the end of the head. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_HEAD_LAYOUT_H
#define HTTP_PROTOCOL_HEAD_LAYOUT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct layout {
    const char *next; /* where the next line has to begin */
    bool has_gaps;
};

/* Does the library of this version (MHD_get_version()) lay requests out like this? */
bool layout_is_known(const char *version);

/* The request line comes first. `target_end` is where the raw target ended, before it was decoded
 * in place; NULL is a gap. */
void layout_begin(struct layout *layout, const char *method, const char *target,
                  const char *target_end, const char *version);

/* Then each header, in the order in which they came. */
void layout_header(struct layout *layout, struct slice name, struct slice value);

/* Is that all of the `size` bytes that the head has from the method on? */
bool layout_is_whole(const struct layout *layout, const char *method, size_t size);

#endif
