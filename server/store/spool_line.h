/* SPDX-License-Identifier: MIT */
/* spool_line.h - the form of a batch id in the spool: a line of text of a fixed length, with a
 * checksum.
 *
 *   1 CHECKSUM NUMBER WALL_MS STORE BATCH_ID
 *
 * 1 is the version. The checksum, 16 hex digits, covers what follows it. The id is the last field,
 * because it may contain spaces. The line is filled up with spaces and ends with a line feed. A
 * line that is not exactly what spool_line_write() writes is not accepted. Pure functions; any
 * thread. */
#ifndef STORE_SPOOL_LINE_H
#define STORE_SPOOL_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_LINE  512 /* bytes of a line: a sector, which a disk writes as a whole */
#define SPOOL_ID    129 /* bytes of a batch id with its NUL, */
#define SPOOL_PLACE 128 /* and of the name of a store */

struct spool_line {
    int64_t batch;           /* its number in the store, > 0 */
    int64_t wall_ms;         /* when the id was read */
    char place[SPOOL_PLACE]; /* of the store, see store_place() */
    char batch_id[SPOOL_ID];
};

/* Returns false if the line would not be accepted: an id or a name that is empty, contains other
 * than printable ASCII or begins or ends with a space, a name with a space, a number below 1, or a
 * time below 0. `ret_bytes` is undefined then. */
bool spool_line_write(const struct spool_line *line, char ret_bytes[SPOOL_LINE]);

/* Returns false if the bytes are not a line. */
bool spool_line_read(const char bytes[SPOOL_LINE], struct spool_line *ret_line);

/* Returns whether the bytes contain no line: only spaces, line feeds and NULs. */
bool spool_line_is_blank(const char bytes[SPOOL_LINE]);

#endif
