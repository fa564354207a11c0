// SPDX-License-Identifier: MIT
/* body.h: a program as a function that a checkpoint runs, and runs again: with numbers drawn on the
   way in and out, and with ways to misbehave the second time. */
#ifndef WG_FUZZ_BODY_H
#define WG_FUZZ_BODY_H

#include "fuzz/oracle/engine.h"

/* What goes wrong when the function runs only for a gradient. */
typedef enum wg__spoil {
    WG__SPOIL_NOTHING,
    WG__SPOIL_ERROR,     // an error of its own
    WG__SPOIL_NULL,      // NULL, and no error with it
    WG__SPOIL_VALUES,    // other values
    WG__SPOIL_SHAPE,     // another shape
    WG__SPOIL_CONSTANT,  // what does not depend on anything
    WG__SPOIL_DRAWS,     // one draw fewer
    WG__SPOILS
} wg__spoil;

typedef struct wg__body {
    const wg__vm_program *p;
    int depth;   // of checkpoints, one in the other; 0: none
    bool draws;  // random numbers are drawn in each
    int drawn;   // into which leaf on the way in
    wg_random random;
    wg__spoil spoil;
    int calls;              // of the program
    void (*between)(void);  // called wherever it begins and ends; may be NULL
} wg__body;

/* Leaves in; out come the tracked outputs, flattened, one after the other. NULL after an error. */
wg_tensor *wg__body_run(wg__body *b, wg_tensor *const leaf[]);
/* The leaves, in the program's layouts and dtype; r->x are the variables. */
bool wg__body_leaves(const wg__vm_program *p, wg__vm_run *r);

#endif
