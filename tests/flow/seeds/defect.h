/* SPDX-License-Identifier: MIT */
/* defect.h - faults of the test's own driver that the oracle must find. They prove that it can. */
#ifndef SEEDS_DEFECT_H
#define SEEDS_DEFECT_H

enum defect {
    DEFECT_NONE,
    DEFECT_REORDERED,     /* calls of the journal are executed in another order */
    DEFECT_LOST_IS_DONE,  /* a write that was not executed returns ERR_OK */
    DEFECT_NOT_STOPPED,   /* after a failed write of the journal, later ones are executed */
    DEFECT_NEVER_RETURNS, /* a write is executed, and never returns */
    DEFECT_LOST_RESULT,   /* a read does not find what is stored */
    DEFECT_LOST_REFUND,   /* "not created" is not written, and returns ERR_OK */
    DEFECT_OLD_RESULT,    /* a deletion returns ERR_OK, and deletes nothing */
    DEFECT_CREATED_TWICE, /* the upstream creates the tasks of a submit twice */
    DEFECT_RETURNS_TWICE, /* a caller receives its result twice */
    DEFECTS
};

extern enum defect seeds_defect;

#endif
