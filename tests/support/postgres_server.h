/* SPDX-License-Identifier: MIT */
/* postgres_server.h - a PostgreSQL server of this program's own, for tests of the store.
 *
 * The server runs as an unprivileged user, in a temporary folder, with a socket there and no
 * network. It ends, and the folder is deleted, when the program ends, also if that is killed. */
#ifndef EMAILSD_TESTS_SUPPORT_POSTGRES_SERVER_H
#define EMAILSD_TESTS_SUPPORT_POSTGRES_SERVER_H

/* Starts the server unless it runs. Must run in the process that forks the tests: give it to
 * suite_before_tests(). Fails the test if there is no server, which is never a reason to skip. */
void postgres_server_start(void);

/* Returns the URL of its database, static. Any process. */
const char *postgres_server_url(void);

/* Returns the id of its main process. SIGQUIT ends it as a crash would; see postgres(1). */
int postgres_server_pid(void);

#endif
