/* SPDX-License-Identifier: MIT */
/* screen.h - text on a terminal: how wide it is, and what it may contain.
 *
 * Texts come from the server and from files. Control characters in them could move the cursor or
 * change the terminal's state, so they become '?'. Main thread only. */
#ifndef CLIENT_EMAILS_SCREEN_H
#define CLIENT_EMAILS_SCREEN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Returns the length of the character at `text`, in UTF-8, if it must not reach a terminal as it
 * is: a control character (C0, DEL, C1), one that ends a line, or one that reorders it; else 0. */
size_t screen_unsafe(const char *text);

/* Appends `text` without control characters and invalid bytes, as far as it fits into `max`
 * columns; returns the columns. */
size_t screen_add(struct buf *out, const char *text, size_t max);

/* Returns the columns that `text` takes when screen_add() has cleaned it. */
size_t screen_width(const char *text);

/* Returns the width of the terminal at `fd`: what it reports, else $COLUMNS, else 80. */
size_t screen_columns(int fd);

/* Returns whether `fd` is a terminal that can redraw a line: $TERM is set and not "dumb". */
bool screen_can_redraw(int fd);

/* Returns whether colours are wanted there: the same, and $NO_COLOR is not set. */
bool screen_has_colours(int fd);

#endif
