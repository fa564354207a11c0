// SPDX-License-Identifier: MIT
/* rows.c: the loops of rows.h. Without leave to reorder sums a compiler adds one element at a time,
   so the reductions keep LANES partial results side by side. The file includes itself for each
   type. */
#ifndef REAL

#include <math.h>

#include "tensor/kernels/lines.h"
#include "tensor/kernels/rows.h"

enum { LANES = 16 };

#define REAL float
#define EXP expf
#define NAMED(name) name##_f32
#include "tensor/kernels/rows.c"
#define REAL double
#define EXP exp
#define NAMED(name) name##_f64
#include "tensor/kernels/rows.c"

#define LOOPS(type)                                                                                \
    {                                                                                              \
        max_##type, sum_##type, dot_##type, sum_exp_##type, exp_##type, shift_##type,              \
            scale_##type, add_##type, weigh_##type                                                 \
    }
const wg__rows wg__row_loops[WG_F64 + 1] = { LOOPS(f32), LOOPS(f64) };

#else

static double NAMED(max)(int64_t n, const void *line) {
    const REAL *x = line;
    REAL lane[LANES];
    int64_t k = 0;
    for (int l = 0; l < LANES; l++) lane[l] = -(REAL)INFINITY;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] = x[k + l] > lane[l] ? x[k + l] : lane[l];
    for (int l = 0; k + l < n; l++) lane[l] = x[k + l] > lane[l] ? x[k + l] : lane[l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            lane[l] = lane[l + half] > lane[l] ? lane[l + half] : lane[l];
    return (double)lane[0];
}

static REAL NAMED(sum_strip)(int64_t n, const REAL *x) {
    REAL lane[LANES] = { 0 };
    int64_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (int l = 0; l < LANES; l++) lane[l] += x[k + l];
    for (int l = 0; k + l < n; l++) lane[l] += x[k + l];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

static double NAMED(sum)(int64_t n, const void *line) {
    const REAL *x = line;
    double total = 0;
    for (; n > WG__STRIP; n -= WG__STRIP, x += WG__STRIP)
        total += (double)NAMED(sum_strip)(WG__STRIP, x);
    return total + (double)NAMED(sum_strip)(n, x);
}

static double NAMED(dot)(int64_t n, const void *left, const void *right) {
    const REAL *a = left, *b = right;
    REAL room[WG__STRIP];
    double total = 0;
    for (int64_t done = 0, part; done < n; done += part) {
        part = n - done < WG__STRIP ? n - done : WG__STRIP;
        for (int64_t k = 0; k < part; k++) {
            REAL product = a[done + k] * b[done + k];
            room[k] = a[done + k] == 0 ? 0 : product;
        }
        total += (double)NAMED(sum_strip)(part, room);
    }
    return total;
}

static REAL NAMED(exp_strip)(int64_t n, REAL *y, const REAL *x, REAL shift) {
    for (int64_t k = 0; k < n; k++) y[k] = EXP(x[k] - shift);
    return NAMED(sum_strip)(n, y);
}

static double NAMED(sum_exp)(int64_t n, const void *line, double shift) {
    const REAL *x = line;
    REAL room[WG__STRIP];
    double total = 0;
    for (; n > WG__STRIP; n -= WG__STRIP, x += WG__STRIP)
        total += (double)NAMED(exp_strip)(WG__STRIP, room, x, (REAL)shift);
    return total + (double)NAMED(exp_strip)(n, room, x, (REAL)shift);
}

static double NAMED(exp)(int64_t n, void *to, const void *line, double shift) {
    const REAL *x = line;
    REAL *y = to;
    double total = 0;
    for (; n > WG__STRIP; n -= WG__STRIP, x += WG__STRIP, y += WG__STRIP)
        total += (double)NAMED(exp_strip)(WG__STRIP, y, x, (REAL)shift);
    return total + (double)NAMED(exp_strip)(n, y, x, (REAL)shift);
}

static void NAMED(shift)(int64_t n, void *to, const void *line, const double by[2]) {
    const REAL *x = line, first = (REAL)by[0], second = (REAL)by[1];
    REAL *y = to;
    for (int64_t k = 0; k < n; k++) y[k] = (x[k] - first) - second;
}

static void NAMED(scale)(int64_t n, void *line, double a, double b) {
    REAL *y = line, factor = (REAL)a, term = (REAL)b;
    for (int64_t k = 0; k < n; k++) y[k] = factor * y[k] + term;
}

static void NAMED(add)(int64_t n, void *to, const void *line, double a) {
    const REAL *x = line, factor = (REAL)a;
    REAL *y = to;
    for (int64_t k = 0; k < n; k++) y[k] += factor * x[k];
}

static void NAMED(weigh)(int64_t n, void *to, const void *weights, const void *gradient, double a) {
    const REAL *y = weights, *g = gradient, middle = (REAL)a;
    REAL *z = to;
    for (int64_t k = 0; k < n; k++) {
        REAL off = g[k] - middle, product = off * y[k];
        z[k] = off == 0 ? 0 : product;
    }
}

#undef REAL
#undef EXP
#undef NAMED
#endif
