/* SPDX-License-Identifier: MIT */
/* harden.h - reduces the rights of the process before anything else, independent of the
 * configuration. Configurable restrictions are in sandbox.h. */
#ifndef OS_HARDEN_H
#define OS_HARDEN_H

/* Disables core files, so that none can contain the key; removes environment variables that could
 * redirect requests; sets no_new_privs; opens closed standard streams on /dev/null. Main thread,
 * before anything else is opened and before libraries read the environment. Failures are
 * ignored. */
void harden(void);

#endif
