/* SPDX-License-Identifier: MIT */
/* failing_step.c - see failing_step.h. The dynamic linker prefers this sqlite3_step() to that of
 * the library, which calls it too. */
#include "tests/unit/failing_step.h"

#include <dlfcn.h>
#include <sqlite3.h>
#include <string.h>

static int countdown; /* 0 = no statement fails */
static int failure, n_checks;
static bool has_failed;
static int (*real)(sqlite3_stmt *);

/* Before there are threads. */
__attribute__((constructor)) static void find_real(void)
{
    *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
}

static bool is_counted(const char *sql)
{
    return strcmp(sql, "ROLLBACK") != 0;
}

int sqlite3_step(sqlite3_stmt *statement)
{
    const char *sql = sqlite3_sql(statement); /* NULL for one of the library's own */

    if (!sql)
        sql = "";
    if (strncmp(sql, "PRAGMA quick_check", strlen("PRAGMA quick_check")) == 0)
        n_checks++;
    if (countdown && is_counted(sql) && --countdown == 0) {
        has_failed = true;
        return failure;
    }
    return real(statement);
}

void failing_step_arm(int k, int rc)
{
    countdown = k;
    failure = rc;
    has_failed = false;
}

bool failing_step_heal(void)
{
    countdown = 0;
    return has_failed;
}

int failing_step_checks(void)
{
    return n_checks;
}
