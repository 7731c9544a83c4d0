/* SPDX-License-Identifier: MIT */
/* failing_step.h - replaces sqlite3_step(), so that one statement fails on command. To be
 * used while one thread uses SQLite. */
#ifndef UNIT_FAILING_STEP_H
#define UNIT_FAILING_STEP_H

#include <stdbool.h>

/* Makes the k-th statement from now (1 = the next) return `rc` without being run. A ROLLBACK is not
 * counted: its failure belongs to the tests of the disk. */
void failing_step_arm(int k, int rc);

/* Stops that. Returns whether a statement failed since failing_step_arm(). */
bool failing_step_heal(void);

/* Returns how many `PRAGMA quick_check` were run so far. */
int failing_step_checks(void);

#endif
