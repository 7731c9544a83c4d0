/* SPDX-License-Identifier: MIT */
/* copy.h - copies the content of a store into another one, of any driver.
 *
 * Copied is what the next owner needs: the journal, the accounts, the settings, the proposals of
 * the operator, and all results. Not copied are records of what other processes have deleted or
 * refunded: they are for the memory of a running owner. Main thread of a command. */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "store/store.h"
#include "store/tables.h"

#include <stdint.h>

struct store_copied {
    int64_t rows[STORE_TABLES];
    int64_t credits; /* the sum of all accounts */
};

/* Copies `from` to `to`, which must be empty, or missing where it can be created. Owns both
 * meanwhile, and lets no other process write. All rows are one transaction in `to`. Before it is
 * committed, both stores are read again and each row is compared. Rows are streamed: the memory
 * that it needs does not depend on their number.
 *
 * On failure, `why` names the store, and `to` has no rows, unless `why` says otherwise. Returns
 * ERR_NO_ENTRY if there is no `from`, ERR_STORE_REFUSED if `to` is not empty or does not survive
 * this process, ERR_INTERNAL if `to` rejects a row or returns another one, and the errors of
 * store_open(). */
enum err store_copy_all(const struct store_options *from, const struct store_options *to,
                        struct store_copied *ret_copied, struct errmsg *why);

#endif
