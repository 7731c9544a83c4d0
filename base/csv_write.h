/* SPDX-License-Identifier: MIT */
/* csv_write.h - appends cells of CSV (RFC 4180). The caller writes the commas and the line ends.
 * Pure; any thread. */
#ifndef BASE_CSV_WRITE_H
#define BASE_CSV_WRITE_H

#include "base/buf.h"

/* Appends a cell: in quotes if it contains a comma, a quote or a line break; quotes are doubled.
 * The caller calls buf_check() once at the end. */
void csv_add_cell(struct buf *out, const char *text);

/* The same for text that a caller chose; NULL is an empty cell. Spreadsheets execute a cell that
 * begins with one of `= + - @`, TAB or CR as a formula, so such a cell gets a `'` in front. */
void csv_add_foreign_cell(struct buf *out, const char *text);

#endif
