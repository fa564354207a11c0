// SPDX-License-Identifier: MIT
/* steps.h: a program's run in forward mode, and one of its steps in it. */
#ifndef WG_FUZZ_STEPS_H
#define WG_FUZZ_STEPS_H

#include <complex.h>

#include "fuzz/oracle/oracle.h"

typedef struct wg__pass {
    const wg__vm_program *p;
    wg__vm_run r;
    int count;  // of registers
    double *y[WG__VM_REGISTERS];
    double *dy[WG__VM_REGISTERS];                            // NULL: stands still
    double complex *z[WG__VM_REGISTERS];                     // y + i h dy
    double most[WG__VM_REGISTERS], dmost[WG__VM_REGISTERS];  // |y|, |dy|; infinite if one is NaN
} wg__pass;

typedef struct wg__look {  // at one step
    const wg__pass *a;
    const wg__vm_step *s;
    int reg;  // its register
    wg_tensor *in[WG__VM_OPERANDS];
    int64_t n;
    double *want, *slope;   // by the reference
    double most_in, moves;  // largest |input|, and |tangent| of an input
    bool single, real;
} wg__look;

/* Whether there is anything to compare: tangents that leave room for the complex step, whose
   products underflow for the tiniest. steps.c */
bool wg__look_at(wg__look *l, const wg__pass *a, int k);
/* The step's reference at these inputs, none of which it changes; regular.c */
bool wg__look_reference(const wg__look *l, const double complex *const z[], double complex *out);
/* Whether the reference has a derivative at the step's inputs, along its tangents; is continuous
   there; and has one in every direction. */
bool wg__look_is_regular(const wg__look *l);
bool wg__look_is_continuous(const wg__look *l);
bool wg__step_is_regular(const wg__pass *a, int k);

/* The largest |x|; infinite if one is NaN. */
static inline double wg__most_of(const double *x, int64_t n) {
    double most = 0;
    for (int64_t k = 0; k < n; k++) most = isnan(x[k]) ? INFINITY : fmax(most, fabs(x[k]));
    return most;
}

#endif
