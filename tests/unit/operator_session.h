/* SPDX-License-Identifier: MIT */
/* operator_session.h - an operator's session in the PostgreSQL server of the tests, with the schema
 * of the test. An error of a statement fails the test. */
#ifndef UNIT_OPERATOR_SESSION_H
#define UNIT_OPERATOR_SESSION_H

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

/* The caller calls PQfinish(). */
PGconn *operator_session(void);

/* Runs a statement and returns its first value as an integer; 0 if it has none. */
int64_t operator_run(PGconn *conn, const char *sql);

/* Begins a transaction, and runs a statement of the driver as the owner `store` would. Asserts that
 * it has changed something. Its locks stay until the caller ends the transaction. */
void operator_hold(PGconn *conn, const char *statement, const char *const *values, size_t n);

/* Runs a statement in a session of its own. */
int64_t operator_run_once(const char *sql);

/* Ends the sessions of all stores. */
void operator_terminate_stores(void);

#endif
