/* SPDX-License-Identifier: MIT */
/* csv_write.h - appends cells of CSV (RFC 4180). The caller writes the commas and the line ends.
 * Pure; any thread. */
#ifndef BASE_CSV_WRITE_H
#define BASE_CSV_WRITE_H

#include "base/buf.h"
#include "base/slice.h"

/* Appends a cell: in quotes if it contains a comma, a quote or a line break; quotes are doubled.
 * The caller calls buf_check() once at the end. */
void csv_add_cell(struct buf *out, const char *text);

/* The same for text from outside; NULL is an empty cell. Spreadsheets execute a cell that
 * begins with one of `= + - @`, TAB or CR as a formula, so such a cell gets a `'` in front. */
void csv_add_foreign_cell(struct buf *out, const char *text);

/* Appends a row that csv_add_cell() has written, without its line end, as if each cell had been
 * written by csv_add_foreign_cell(). */
void csv_add_foreign_row(struct buf *out, struct slice row);

#endif
