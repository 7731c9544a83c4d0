/* SPDX-License-Identifier: MIT */
/* operator_session.h - an operator's session in the PostgreSQL server of the tests, with the schema
 * of the test. An error of a statement fails the test. */
#ifndef UNIT_OPERATOR_SESSION_H
#define UNIT_OPERATOR_SESSION_H

#include <libpq-fe.h>
#include <stdint.h>

/* The caller calls PQfinish(). */
PGconn *operator_session(void);

/* Runs a statement and returns its first value as an integer; 0 if it has none. */
int64_t operator_run(PGconn *conn, const char *sql);

/* Runs a statement in a session of its own. */
int64_t operator_run_once(const char *sql);

/* Ends the sessions of all stores. */
void operator_terminate_stores(void);

#endif
