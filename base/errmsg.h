/* SPDX-License-Identifier: MIT */
/* errmsg.h - the message that explains an error to an operator or a client.
 *
 * One size for all messages, so that a function can pass its caller's buffer on. A longer message
 * is truncated; if its end matters, the format limits the parts from outside ("%.180s"). A value;
 * the caller owns it. Any thread. */
#ifndef BASE_ERRMSG_H
#define BASE_ERRMSG_H

#define ERRMSG_MAX 512

struct errmsg {
    char text[ERRMSG_MAX];
};

/* Replaces the message. No argument may point into it. */
void errmsg_set(struct errmsg *errmsg, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "`prefix`: " in front of the message. */
void errmsg_prefix(struct errmsg *errmsg, const char *prefix);

#endif
