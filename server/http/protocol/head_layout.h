/* SPDX-License-Identifier: MIT */
/* head_layout.h - checks that every byte of a request's head is accounted for, by where
 * libmicrohttpd's strings are in memory.
 *
 * libmicrohttpd 0.9.75 exposes a cleaner request than it received. It appends a folded line to the
 * name of its header, cuts text at NUL and accepts LF alone. An empty name or a NUL at the start of
 * a line ends the head. If a proxy reads one of these differently, the remaining bytes are a
 * second, hidden request. The head is parsed in place, and only separators are overwritten:
 *
 *     method 0 target 0 version 0 0 name 0 blanks value 0 0 name 0 blanks value 0 0 0 0
 *
 * Its length from the method on is MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE. So each part must begin
 * where the previous one ended, and the last must end with the head. SECURITY.md lists what this
 * cannot detect; test_framing.py tests that list. Pure functions; any thread. */
#ifndef HTTP_PROTOCOL_HEAD_LAYOUT_H
#define HTTP_PROTOCOL_HEAD_LAYOUT_H

#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct head_layout {
    const char *next; /* where the next line must begin */
    bool has_gaps;
};

/* Returns whether the library of this version (MHD_get_version()) has this layout. Its interface
 * does not promise it; the source of these versions was read and tested. Later versions run in
 * strict mode instead (mhd_daemon.c), which these do not implement. */
bool head_layout_is_known(const char *version);

/* Begins with the request line. `target_end` is where the raw target ended before it was decoded in
 * place; NULL counts as a gap. */
void head_layout_begin(struct head_layout *layout, const char *method, const char *target,
                       const char *target_end, const char *version);

/* Adds a header, in the order received. Reads the bytes between the name and its value, which are
 * in the same block of the connection. */
void head_layout_header(struct head_layout *layout, struct slice name, struct slice value);

/* Returns whether that is all of the `size` bytes that the head has from the method on. Reads the
 * bytes at the end of the head. Some inputs become the same NULs and are not detected: NUL LF
 * instead of CR LF; at the end of the head, any four bytes out of NULs, LFs and a colon at the
 * start of the last line; and lines before the method that begin with NUL, which are skipped like
 * empty ones. */
bool head_layout_is_whole(const struct head_layout *layout, const char *method, size_t size);

#endif
