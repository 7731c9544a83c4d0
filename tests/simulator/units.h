/* SPDX-License-Identifier: MIT */
/* units.h - numbers as people write them on a command line. Pure functions; ERR_SYNTAX for anything
 * that is not wholly such a number, and for what does not fit. */
#ifndef SIMULATOR_UNITS_H
#define SIMULATOR_UNITS_H

#include "base/err.h"

#include <stdint.h>

/* "26s", "250ms", "2m", "1h", "0". */
enum err units_duration(const char *text, int64_t *ret_ms);

/* "10000". */
enum err units_count(const char *text, int64_t *ret_count);

/* "0.3" is 300; at most three decimals. */
enum err units_thousandths(const char *text, int64_t *ret_thousandths);

#endif
