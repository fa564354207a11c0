// SPDX-License-Identifier: MIT
/* reverse.c: what holds of reverse mode without knowing the derivative: f32 follows f64, the fused
   backward follows the rule, the gradient is linear in the cotangent and exactly zero where that
   is. */
#include "autograd/check/check_impl.h"

/* ---- f32 ------------------------------------------------------------------------------------- */

typedef struct twin {
    wg__run run;
    const double *y, *dy, *gx[WG_MAX_INPUTS];
} twin;

static bool make_twin(const wg__trial *t, wg_dtype dtype, twin *w) {
    wg_tensor *gx[WG_MAX_INPUTS];
    if (!wg__run_make(t, &(wg__setting){ .dtype = dtype, .tracked = t->floats }, &w->run))
        return false;
    w->y = wg__numbers(w->run.y);
    if (!t->differentiable || t->sample->exact) return w->y != NULL;
    w->dy = wg__numbers(wg__run_jvp(t, &w->run, t->u));
    if (!w->dy || !wg__run_grad(&w->run, wg__seed_of(t, &w->run, t->w), false, gx)) return false;
    for (int k = 0; k < w->run.leaves; k++) w->gx[k] = wg__numbers(gx[k]);
    return !wg_error();
}

/* All numbers of an f32 trial are exactly f32, so that both twins compute with the same ones and
   differ by the rounding of f32 alone: 8 + 2 sqrt(K) units for sums of K terms (t->rel), relative
   to the largest number that takes part, since terms may cancel. */
void wg__check_twin(wg__trial *t) {
    twin single = { .y = NULL }, precise = { .y = NULL };
    if (!make_twin(t, WG_F32, &single) || !make_twin(t, WG_F64, &precise)) return;
    int64_t n = wg__numel(&t->y_shape);
    bool real = wg_dtype_is_float(t->y_dtype);
    double part = fmax(t->largest, wg__tape_largest(t, &precise.run));
    double rel = real ? t->rel * (1 + part) : 0;
    double largest = 0;
    for (int64_t k = 0; k < n && !t->op->map; k++)
        if (isfinite(precise.y[k])) largest = fmax(largest, fabs(precise.y[k]));
    t->shape = &t->y_shape, t->input = -1;
    wg__hold_all(t, single.y, precise.y, n, rel, 1 + largest);
    if (!precise.dy) return;
    wg__hold_all(t, single.dy, precise.dy, n, rel, 1 + wg__most(precise.dy, n));
    for (int k = 0; k < single.run.leaves; k++) {
        int64_t m = wg_numel(single.run.x[k]);
        wg__about_input(t, single.run.which[k]);
        wg__hold_all(t, single.gx[k], precise.gx[k], m, rel, 2 + wg__most(precise.gx[k], m));
    }
}

/* ---- the fused backward ---------------------------------------------------------------------- */

static void hold_gradients(wg__trial *t, const wg__run *r, wg_tensor *const got[],
                           wg_tensor *const want[]) {
    for (int k = 0; k < r->leaves; k++) {
        int64_t n = wg_numel(r->x[k]);
        const double *a = wg__numbers(got[k]), *b = wg__numbers(want[k]);
        wg__about_input(t, r->which[k]);
        if (a && b) wg__hold_all(t, a, b, n, t->rel, wg__floor(t, wg__most(b, n)));
    }
}

/* wg_grad when nobody differentiates the gradient, and wg_backward of sum(w y): both take the fused
   way where there is one. The bound is that of first derivatives; the formulas may associate
   differently. */
void wg__check_fused(wg__trial *t) {
    wg__run r;
    wg_tensor *rule[WG_MAX_INPUTS], *fused[WG_MAX_INPUTS], *gathered[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &r)) return;
    wg_tensor *gy = wg__seed_of(t, &r, t->w);
    if (!wg__run_grad(&r, gy, false, rule) || !wg__run_grad(&r, gy, true, fused)) return;
    hold_gradients(t, &r, fused, rule);
    if (!wg_backward(wg_sum(wg_mul(gy, r.y)))) return;
    for (int k = 0; k < r.leaves; k++) {
        gathered[k] = wg_gradient(r.x[k]);
        wg__hold_that(t, gathered[k] != NULL, "wg_backward leaves a leaf without gradient");
        if (!gathered[k]) return;
    }
    hold_gradients(t, &r, gathered, fused);
}

/* ---- linear in the cotangent ----------------------------------------------------------------- */

static double *scaled(const double *x, int64_t n, double factor) {
    double *y = wg__scratch(n);
    for (int64_t k = 0; y && k < n; k++) y[k] = factor * x[k];
    return y;
}

/* Twice the cotangent is, bit by bit, twice the gradient: powers of two pass through every rounding
   but that of subnormal numbers, whose last places are a few of the smallest there is. What many
   records made may have been subnormal on the way and then have grown: of what is that small,
   nothing is known. */
static void hold_twice(wg__trial *t, const double *twice, const double *once, int64_t n) {
    bool single = wg__is_single(t);
    double normal = single ? 0x1p-126 : 0x1p-1022, smallest = single ? 0x1p-149 : 0x1p-1074;
    double small = t->op->compose ? normal * (single ? 0x1p46 : 0x1p122) : 2 * normal;
    for (int64_t k = 0; k < n; k++) {
        double bound = 4 * smallest + (t->op->compose ? 4 * fabs(once[k]) : 0);
        wg__hold(t, k, twice[k], 2 * once[k], fabs(once[k]) < small ? bound : 0);
    }
}

static void hold_doubling(wg__trial *t, bool constant) {
    wg__run r;
    wg_tensor *once[WG_MAX_INPUTS], *twice[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &r)) return;
    const double *w2 = scaled(t->w, wg_numel(r.y), 2);
    if (!w2 || !wg__run_grad(&r, wg__seed_of(t, &r, t->w), constant, once) ||
        !wg__run_grad(&r, wg__seed_of(t, &r, w2), constant, twice))
        return;
    for (int k = 0; k < r.leaves; k++) {
        const double *a = wg__numbers(once[k]), *b = wg__numbers(twice[k]);
        wg__about_input(t, r.which[k]);
        if (a && b) hold_twice(t, b, a, wg_numel(r.x[k]));
    }
}

static void hold_zero(wg__trial *t, double *const value[], bool constant) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    wg__setting s = { t->dtype, t->layout, t->floats, value };
    if (!wg__run_make(t, &s, &r)) {  // it may refuse numbers that no sample promised
        if (value) wg_error_clear();
        return;
    }
    wg_tensor *zero = wg_zeros(wg_dtype_of(r.y), wg_shape_of(r.y));
    if (!wg__run_grad(&r, zero, constant, gx)) return;
    for (int k = 0; k < r.leaves; k++) {
        const double *g = wg__numbers(gx[k]);
        const double *none = g ? wg__scratch(wg_numel(gx[k])) : NULL;
        wg__about_input(t, r.which[k]);
        if (none) wg__hold_all(t, g, none, wg_numel(gx[k]), 0, 0);
    }
}

// All floats c: poles, zeros and ties of most formulas are at 0, 1 and -1.
static void check_zero_at(wg__trial *t, double c) {
    double *value[WG_MAX_INPUTS];
    for (int i = 0; i < t->sample->inputs; i++) {
        value[i] = t->value[i];
        if (!wg__bit(t->floats, i)) continue;
        value[i] = wg__scratch(wg__size(t, i));
        for (int64_t k = 0; value[i] && k < wg__size(t, i); k++) value[i][k] = c;
        if (!value[i]) return;
    }
    hold_zero(t, value, false);
    hold_zero(t, value, true);
}

void wg__check_doubling(wg__trial *t) {
    hold_doubling(t, false);
    hold_doubling(t, true);
}

// The gradient for the sum of two cotangents is the sum of the gradients.
void wg__check_sum(wg__trial *t) {
    wg__run r;
    wg_tensor *g1[WG_MAX_INPUTS], *g2[WG_MAX_INPUTS], *both[WG_MAX_INPUTS];
    // f32 has no digits to spare for what rules cancel; it follows f64, which is held here.
    if (wg__is_single(t) || !wg__run_usual(t, &r)) return;
    int64_t m = wg_numel(r.y);
    double *w2 = wg__scratch(m), *sum = wg__scratch(m);
    if (!w2 || !sum) return;
    for (int64_t k = 0; k < m; k++) w2[k] = k % 2 ? -0.75 : 1.25, sum[k] = t->w[k] + w2[k];
    if (!wg__run_grad(&r, wg__seed_of(t, &r, t->w), false, g1) ||
        !wg__run_grad(&r, wg__seed_of(t, &r, w2), false, g2) ||
        !wg__run_grad(&r, wg__seed_of(t, &r, sum), false, both))
        return;
    double floor = wg__tape_floor(t, &r, t->u);
    if (!(floor < WG__TOO_LARGE)) {
        t->report->inconclusive++;
        return;
    }
    for (int k = 0; k < r.leaves; k++) {
        int64_t n = wg_numel(r.x[k]);
        const double *a = wg__numbers(g1[k]), *b = wg__numbers(g2[k]), *c = wg__numbers(both[k]);
        for (int64_t j = 0; a && b && c && j < n; j++)
            wg__hold(t, j, c[j], a[j] + b[j],
                     t->rel * (fabs(a[j]) + fabs(b[j]) + wg__floor(t, wg__most(c, n)) + floor));
    }
}

void wg__check_zero(wg__trial *t) {
    hold_zero(t, NULL, false);
    hold_zero(t, NULL, true);
}

/* A zero cotangent gives exactly zero, also where the derivative is infinite or no number: an
   untaken branch must not poison what it is added to. */
void wg__check_cotangent(wg__trial *t) {
    if (!t->sample->exact) wg__check_doubling(t);
    if (!t->sample->exact) wg__check_sum(t);
    wg__check_zero(t);
    for (int c = -1; c <= 1 && !wg_error(); c++) check_zero_at(t, c);
}
