/* SPDX-License-Identifier: MIT */
/* state_dir.h - finds the state directory, which has the default store and the spool: the folder
 * that systemd provides ($STATE_DIRECTORY), else the user's own by the XDG Base Directory
 * Specification ($XDG_STATE_HOME/emailsd, else ~/.local/state/emailsd). Startup, main thread. */
#ifndef OS_STATE_DIR_H
#define OS_STATE_DIR_H

/* Returns a URL such as "sqlite:/var/lib/emailsd/emailsd.db"; heap, owned by the caller. NULL if
 * none of the variables is set to an absolute path. */
char *state_dir_store_url(void);

/* Returns the path of a file in the state directory; otherwise as above. */
char *state_dir_file(const char *name);

/* The remedies to report in that case: for the store, for another file. */
#define STATE_DIR_MISSING   "set a URL, or one of " STATE_DIR_VARIABLES
#define STATE_DIR_UNKNOWN   "set one of " STATE_DIR_VARIABLES
#define STATE_DIR_VARIABLES "STATE_DIRECTORY, XDG_STATE_HOME and HOME"

#endif
