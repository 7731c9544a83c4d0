/* SPDX-License-Identifier: MIT */
/* task_phase.h - the progress of a paid lookup. Plain values. */
#ifndef MODEL_TASK_PHASE_H
#define MODEL_TASK_PHASE_H

enum task_phase {
    TASK_IDLE,
    TASK_QUEUED,     /* waits for a submit; nothing is paid */
    TASK_SUBMITTING, /* a submit is in flight, or its outcome is unknown */
    TASK_PROCESSING,
    TASK_FETCHING, /* the batch is finished, and its results are being read */
    TASK_ENDED,
};

#endif
