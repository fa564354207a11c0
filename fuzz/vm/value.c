// SPDX-License-Identifier: MIT
/* value.c: the numbers of leaves, by mode and by table. In general position no two are equal and
   none is small; some tables give up just that, since equal numbers, zeros and ramps are where
   formulas go wrong. */
#include <math.h>

#include "fuzz/vm/vm_impl.h"

static double uniform(uint64_t *state) { return (double)(wg__vm_next(state) >> 11) * 0x1p-53; }

/* ---- modes ----------------------------------------------------------------------------------- */

// A multiple of 1/8 in 1/8 ... 2, moved by less than a third of that, of either sign.
static double general(uint64_t *state) {
    double size = 0.125 * (double)(1 + wg__vm_below(state, 16)) + 0.04 * (uniform(state) - 0.5);
    return wg__vm_next(state) & 1 ? size : -size;
}

// Small ones mostly, since their products stay small.
static double whole(uint64_t *state) {
    int64_t most = wg__vm_next(state) & 3 ? 3 : 8;
    return (double)(wg__vm_below(state, 2 * most + 1) - most);
}

static const double specials[] = { 0,     -0.0,   1,        -1,        0x1p-1074, -0x1p-1030,
                                   1e-40, 1e300,  -1e300,   1e30,      -1e19,     INFINITY,
                                   NAN,   -1e-20, 16777217, -INFINITY, 88.75,     -745.2 };

static double special(uint64_t *state) {
    if (wg__vm_next(state) & 1) return general(state);
    return specials[wg__vm_below(state, sizeof specials / sizeof *specials)];
}

static double by_mode(wg__mode mode, uint64_t *state) {
    return mode == WG__WHOLE ? whole(state) : mode == WG__SPECIAL ? special(state) : general(state);
}

/* ---- tables ---------------------------------------------------------------------------------- */

typedef struct numbers {
    wg__mode mode;
    int64_t n;
    double *value;
    uint64_t state;
} numbers;

static void as_mode_says(numbers *t) {
    for (int64_t k = 0; k < t->n; k++) t->value[k] = by_mode(t->mode, &t->state);
}
static void all_equal(numbers *t) {
    double one = by_mode(t->mode, &t->state);
    for (int64_t k = 0; k < t->n; k++) t->value[k] = one;
}
static void few_values(numbers *t) {
    double few[3];
    for (int k = 0; k < 3; k++) few[k] = by_mode(t->mode, &t->state);
    for (int64_t k = 0; k < t->n; k++) t->value[k] = few[wg__vm_below(&t->state, 3)];
}
static void ramp(numbers *t) {
    double step = t->mode == WG__WHOLE ? 1 : 0.125, from = -step * (double)(t->n / 2);
    if (wg__vm_next(&t->state) & 1) from = -from, step = -step;
    for (int64_t k = 0; k < t->n; k++) t->value[k] = from + step * (double)k;
}
static void zeros(numbers *t) {
    for (int64_t k = 0; k < t->n; k++) t->value[k] = 0;
}
static void one_hot(numbers *t) {
    zeros(t);
    if (t->n > 0) t->value[wg__vm_below(&t->state, t->n)] = 1;
}
static void some_zeros(numbers *t) {
    as_mode_says(t);
    for (int64_t k = 0; k < t->n; k++)
        if (wg__vm_next(&t->state) % 3 == 0) t->value[k] = 0;
}
static void of_all_sizes(numbers *t) {
    as_mode_says(t);
    for (int64_t k = 0; k < t->n && t->mode != WG__WHOLE; k++)
        t->value[k] *= exp2((double)(wg__vm_below(&t->state, 16) - 12));
}

static void (*const tables[])(numbers *) = { as_mode_says, few_values, ramp,         one_hot,
                                             some_zeros,   all_equal,  of_all_sizes, zeros };
enum { TABLES = sizeof tables / sizeof *tables };

/* ---- ranges ---------------------------------------------------------------------------------- */

// What lies outside is drawn anew: whole numbers, or the finest of their fractions with four steps.
static void bound(const wg__vm_drawn *how, numbers *t) {
    double low = how->low, range = how->high - how->low, step = 1;
    while (!how->integer && range / step < 4 && step > 0x1p-10) step /= 2;
    int64_t first = (int64_t)ceil(low / step), last = (int64_t)floor(how->high / step);
    for (int64_t k = 0; k < t->n; k++) {
        if (t->value[k] >= low && t->value[k] <= how->high) continue;
        if (how->mode == WG__SPECIAL && !isfinite(t->value[k])) continue;
        t->value[k] = low + range * (0.02 + 0.96 * uniform(&t->state));
        if (how->mode == WG__WHOLE && first <= last)
            t->value[k] = step * (double)(first + wg__vm_below(&t->state, last - first + 1));
    }
}

void wg__vm_draw(const wg__vm_drawn *how, uint64_t seed, int64_t n, double *value) {
    numbers t = { how->mode, n, value, seed };
    tables[how->table % TABLES](&t);
    if (how->bounded) bound(how, &t);
}

/* ---- layouts --------------------------------------------------------------------------------- */

void wg__vm_settle_layout(wg__layout layout, const wg_shape *shape, double *value) {
    int axis = wg__zero_axis(layout, shape);
    int64_t inner = 1, n = wg__numel(shape);
    if (axis < 0) return;
    for (int i = axis + 1; i < shape->rank; i++) inner *= shape->dim[i];
    for (int64_t k = 0; k < n; k++) value[k] = value[k - k / inner % shape->dim[axis] * inner];
}
