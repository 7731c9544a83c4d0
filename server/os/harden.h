/* SPDX-License-Identifier: MIT */
/* harden.h - what the process gives up before it does anything else, whatever the configuration
 * says. The walls that take a configuration are sandbox.h's. */
#ifndef OS_HARDEN_H
#define OS_HARDEN_H

/* No core file may hold the key, no variable may send it elsewhere, nothing that is started gains
 * rights; a standard stream that is closed leads to /dev/null. Main thread, before anything else is
 * opened and libraries read the environment. Nothing fails. */
void harden(void);

#endif
