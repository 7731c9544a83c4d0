/* SPDX-License-Identifier: MIT */
/* spool_fixture.h - the file of a spool for one test, in a folder of its own. */
#ifndef UNIT_SPOOL_FIXTURE_H
#define UNIT_SPOOL_FIXTURE_H

#include "store/spool_line.h"

#include <stddef.h>
#include <sys/types.h>

#define SPOOL_NOW_MS INT64_C(1795432804123)
#define SPOOL_STORE  "postgres/emailsd"

void spool_fixture_setup(void);
void spool_fixture_teardown(void);

/* Returns the path of the file, which does not exist yet; nor does its folder. Static. */
const char *spool_path(void);

/* Returns the line of a batch with the id "id-BATCH". */
struct spool_line spool_line_of(int64_t batch);

/* Returns the size of the file. */
off_t spool_size(void);

/* Reads the file as the next process would: returns how often it has the line of that batch. */
size_t spool_holds(int64_t batch);

/* Writes `len` bytes at that place of the file. */
void spool_write_at(off_t at, const void *bytes, size_t len);

/* Fills the file, which exists, with damaged lines. Then spool_fail_writes(true) makes each write
 * of a line behind them fail with EFBIG. */
void spool_fill(void);
void spool_fail_writes(bool fail);

#endif
