// SPDX-License-Identifier: MIT
/* order.h: what the oracles of higher orders share: programs as trials in f64, kinks that excuse,
   and several ways to one derivative, which must meet. */
#ifndef WG_FUZZ_ORDER_H
#define WG_FUZZ_ORDER_H

#include "fuzz/oracle/oracle.h"

/* Makes the program a trial in f64, whatever it asks for. False, without an error, where there is
   nothing to differentiate: no variable, nothing that depends on one, f32 on the way, an infinite
   result. */
bool wg__order_begin(wg__program_trial *a, const wg__vm_program *p);
/* Holds the program to `check`. What fails is excused where one of the steps by itself, as a
   program of its own, fails `smooth`, or leaves it undecided, at the very values that reach it, and
   does not fail it next to them: it stands on a kink or a pole, where each mode may choose another
   derivative. */
void wg__order_hold(wg__program_trial *a, const char *name, wg__oracle *check, wg__oracle *smooth);
/* Both, in a scope. */
void wg__order_ask(const wg__vm_program *p, const char *name, wg__oracle *check,
                   wg__oracle *smooth);

/* What a trial's program is to try, beyond its seed: a number of 16 bits, from the input. */
unsigned wg__order_bits(const wg__trial *t);

/* ---- for the oracles ------------------------------------------------------------------------- */

/* x + (x - x0)^2 / 2, x0 being x's value: moves neither value nor first derivative, but gives what
   is linear a second one. */
wg_tensor *wg__order_bend(wg_tensor *x);
/* Leaves and, in r->y, <w, y>; leaves and y bent or not. False after reporting. */
bool wg__order_make(wg__trial *t, bool bent, wg__run *r);
/* d[i] as tensors, for each leaf of the run. */
bool wg__order_along(const wg__run *r, double *const d[], wg_tensor *v[]);
/* The derivative of the number s along v by one mode, recorded; NULL is zero, as is s. */
wg_tensor *wg__order_slope(const wg__run *r, wg_tensor *s, wg_tensor *const v[], bool reverse);
/* How large the numbers are on the tape behind s, whose leaves move along d. */
double wg__order_size(const wg__trial *t, const wg__run *r, wg_tensor *s, double *const d[]);
/* Third and further directions. */
bool wg__order_draw(const wg__trial *t, uint64_t which, double *d[]);

/* Several ways to one number. */
enum { WG__ORDER_WAYS = 16 };
typedef struct wg__several {
    int count;
    const char *name[WG__ORDER_WAYS];
    double value[WG__ORDER_WAYS];
    double size;  // of the terms that were added up
} wg__several;
void wg__several_add(wg__several *w, const char *name, wg_tensor *s);
/* Sum of <g[k], v[k]>, with the size of the terms. */
void wg__several_add_pairing(wg__several *w, const char *name, const wg__run *r,
                             wg_tensor *const g[], double *const d[]);
/* Whether all are within the trial's bound of the first, as far as `size` tells. */
bool wg__several_meet(const wg__several *w, const wg__trial *t);
/* Holds them to it; numbers beyond all bounds decide nothing. */
void wg__several_hold(const wg__several *w, wg__trial *t);

void wg__order_second(wg__trial *t);  // nest.c
void wg__order_third(wg__trial *t);

#endif
