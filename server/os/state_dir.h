/* SPDX-License-Identifier: MIT */
/* state_dir.h - where the store stands when nobody says: in the folder that systemd gives
 * ($STATE_DIRECTORY), else in the user's own by the XDG Base Directory Specification
 * ($XDG_STATE_HOME/emailsd, else ~/.local/state/emailsd). Start-up, main thread. */
#ifndef OS_STATE_DIR_H
#define OS_STATE_DIR_H

/* "sqlite:/var/lib/emailsd/emailsd.db"; heap, the caller's. NULL when none of the variables is set
 * to an absolute path. */
char *state_dir_store_url(void);

/* What to say to the operator then. */
#define STATE_DIR_MISSING "set a URL, or one of STATE_DIRECTORY, XDG_STATE_HOME and HOME"

#endif
