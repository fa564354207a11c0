// SPDX-License-Identifier: MIT
/* engine.h: what the oracles of the engine share. They do not ask whether a rule is right, which
   the checker does, but whether rules are put together rightly: a scene is a program that has run,
   with one loss over its outputs, and what was asked of it is kept as plain numbers, which no later
   sweep can reach. */
#ifndef WG_FUZZ_ENGINE_H
#define WG_FUZZ_ENGINE_H

#include "fuzz/vm/vm.h"

typedef struct wg__scene {
    const wg__vm_program *p;
    const char *oracle;
    wg_random random;  // of weights, places and whatever else the oracle chooses
    wg__vm_run run;
    wg_tensor *loss;  // sum <w, y>, w not 0; NULL where no output is tracked
} wg__scene;

/* Runs one oracle in a scope of its own; an error that is left over fails. */
typedef void wg__scene_check(wg__scene *s);
void wg__scene_open(const wg__vm_program *p, const char *oracle, wg__scene_check *check);

/* Runs the program, usually or so, and makes the loss. False where there is nothing to ask: no
   variable, no output that is tracked. */
bool wg__scene_run(wg__scene *s, const wg__vm_setting *how);
/* One loss of what stands in the registers; other weights each time. */
wg_tensor *wg__scene_loss(wg__scene *s);
/* +-0.5 ... +-1.5, or +-1 ... +-3 for whole programs: dense, of y's shape and dtype. */
wg_tensor *wg__scene_weight(wg__scene *s, const wg_tensor *y);
double *wg__scene_weights(wg__scene *s, int64_t n);
int wg__scene_below(wg__scene *s, int n);
static inline const wg_shape *wg__scene_shape(const wg__scene *s, int variable) {
    return &s->run.x[variable]->view.shape;
}

/* What one sweep gave, a list of numbers for each variable; NULL for none. */
typedef struct wg__gradients {
    const double *of[WG__VM_LEAVES];
} wg__gradients;
/* By wg_grad. False, without a pending error, where an operation on the way has no derivative; any
   other error is left to fail. */
bool wg__scene_grad(wg__scene *s, wg_tensor *y, wg_grad_options o, wg__gradients *g);
/* By wg_backward, which adds to what the leaves hold. */
bool wg__scene_backward(wg__scene *s, wg_tensor *loss);
bool wg__scene_gathered(wg__scene *s, wg__gradients *g);
void wg__scene_clear(wg__scene *s);

/* Fails with "variable 2 (leaf 3), element [1,2] of [2,3]: WHAT: 3 instead of 4". */
void wg__scene_hold(wg__scene *s, bool truth, const char *what);
void wg__scene_equal(wg__scene *s, int variable, const double *got, const double *want,
                     const char *what);
void wg__scene_equal_all(wg__scene *s, const wg__gradients *got, const wg__gradients *want,
                         const char *what);
void wg__scene_apart(wg__scene *s, int variable, int64_t element, double got, double want,
                     double bound, const char *what);

/* The same number: NaN is NaN, but +0 is not -0. */
static inline bool wg__same_number(double a, double b) {
    return (a == b && signbit(a) == signbit(b)) || (isnan(a) && isnan(b));
}
static inline bool wg__same_numbers(const double *a, const double *b, int64_t n) {
    for (int64_t k = 0; k < n; k++)
        if (!wg__same_number(a[k], b[k])) return false;
    return true;
}
/* A sum or product of small whole numbers, or of 2^-16 of such, is computed without rounding. */
static inline bool wg__is_whole(double x) {
    return fabs(x) < 0x1p24 && floor(x * 0x1p16) == x * 0x1p16;
}

/* ---- two ways to the same numbers: twins.c --------------------------------------------------- */

/* Lists that should be equal but for rounding. `floor` is what a bound counts in besides the number
   itself. */
enum { WG__PARTS = 2 * WG__VM_LEAVES + 8 };
typedef struct wg__part {
    const char *what;
    int64_t n;
    const double *got, *want;
    double floor;
} wg__part;
typedef struct wg__sides {
    int parts;
    wg__part part[WG__PARTS];
} wg__sides;
/* Fills in both sides for these values of the leaves (NULL: the program's); false where there is
   nothing to compare. Must do the same each time but for the values. */
typedef bool wg__ways(wg__scene *s, double *const value[], wg__sides *o);
/* Compares them. What differs is looked at again with the leaves a few units in the last place
   away: where the numbers scatter as much as they are apart, they tell nothing. */
void wg__scene_twins(wg__scene *s, wg__ways *ways);
bool wg__sides_add(wg__sides *o, const char *what, const wg_tensor *got, const wg_tensor *want);

/* Whether a gradient can pass from any output to register `reg`, as far as flags and dtypes
   tell. */
void wg__program_reaches(const wg__vm_program *p, const wg__vm_run *r, bool reached[]);

#endif
