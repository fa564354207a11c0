// SPDX-License-Identifier: MIT
/* oracle.h: what the oracles over programs share.

   A program is an operation that nobody has registered: its inputs are the leaves, its value the
   outputs, flattened and joined. As a trial (check_impl.h) it goes through the oracles that single
   operations go through, with the same bounds and the same second look at what seems to fail. */
#ifndef WG_FUZZ_ORACLE_H
#define WG_FUZZ_ORACLE_H

#include "fuzz/vm/vm.h"

enum { WG__PROGRAM_RESULT = 2048 };  // elements of all outputs together

/* Large: lives on the heap or in static memory, not on small stacks. `t` points into the rest, so
   none of it may be moved. */
typedef struct wg__program_trial {
    wg__trial t;
    const wg__vm_program *p;
    struct wg__program_trial *self;  // the attribute of the operation
    wg_op op;
    wg__sample sample;
    wg__layout layout[WG_MAX_INPUTS];
    wg_check_report report;
    wg__tally tally;
    wg__run inputs;  // dense and untracked
    double w[WG__PROGRAM_RESULT];
    bool plain;   // without spans
    bool counts;  // the next run counts coverage
} wg__program_trial;

/* The program at its own values, with directions and a cotangent by its seed. False where there is
   nothing to differentiate or a step fails, as in f32 some may; no error is left then. */
bool wg__program_trial_make(wg__program_trial *a, const wg__vm_program *p, bool plain);
/* The same without a run of its own: the result's shape and the cotangent are there after the
   first; and without t.v. */
bool wg__program_trial_begin(wg__program_trial *a, const wg__vm_program *p, bool plain);
/* Signed numbers as wg__draw_direction gives them, exact in f32, by the trial's seed and mode */
void wg__fuzz_directions(const wg__trial *t, double *d, int64_t n, uint64_t stream);
/* wg__consult, and wg__fuzz_fail if that found something and the program is regular. */
void wg__program_consult(wg__program_trial *a, const char *name, wg__oracle *check);

/* Whether every step has a derivative at its values, as far as its reference tells: a square root
   of 0 has none, and what the two modes make of it may differ. steps.c */
bool wg__program_is_regular(const wg__vm_program *p);

/* Whether an operation is made of sums and products, so that whole numbers give exactly what the
   reference says, in value and in both modes: found out by trying, once. exact.c */
bool wg__op_is_exact(const wg_op *op);

#endif
