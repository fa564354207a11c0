// SPDX-License-Identifier: MIT
/* numeric.c: derivatives that no rule has touched. First the complex step: for a function that is
   real on the real axis Im f(x + i h u) / h is its derivative along u with an error of h^2, and h
   may be 1e-100, since nothing is subtracted (Squire and Trapp 1998). Where there is nothing
   complex to evaluate, a five-point difference whose step is chosen by how well it agrees with half
   that step. */
#include "autograd/check/check_impl.h"

static double complex *complex_scratch(int64_t count) {
    return (double complex *)(void *)wg__scratch(2 * count);
}

// Input i at the point.
static double complex *input_at(const wg__trial *t, const wg__point *p, int i) {
    int64_t n = wg__size(t, i);
    const double *along = p->along ? p->along[i] : NULL, *step = p->step ? p->step[i] : NULL;
    double complex *z = complex_scratch(n);
    for (int64_t k = 0; z && k < n; k++) {
        double complex d = (along ? p->shift * along[k] : 0) + I * (step ? WG__STEP * step[k] : 0);
        z[k] = p->value[i][k] + (p->bent ? d + d * d / 2 : d);
    }
    return z;
}

const double complex *wg__reference(const wg__trial *t, const wg__point *p) {
    wg_zview in[WG_MAX_INPUTS], out = { .shape = t->y_shape };
    for (int i = 0; i < t->sample->inputs; i++) {
        in[i] = (wg_zview){ input_at(t, p, i), t->sample->in[i].shape };
        if (!in[i].data) return NULL;
    }
    out.data = complex_scratch(wg__numel(&t->y_shape));
    if (!out.data) return NULL;
    wg_call call = { t->op, t->sample->inputs, t->plain, NULL, t->sample->attr };
    if (t->op->reference(&call, in, &out)) return out.data;
    wg_fail(WG_ERROR_STATE, "%s: the reference gave up", t->op->name);
    return NULL;
}

double *wg__complex_step(const wg__trial *t, const wg__point *p) {
    int64_t n = wg__numel(&t->y_shape);
    const double complex *z = wg__reference(t, p);
    double *slope = z ? wg__scratch(n) : NULL;
    for (int64_t k = 0; slope && k < n; k++) slope[k] = cimag(z[k]) / WG__STEP;
    return slope;
}

/* The five-point rule is of fourth order, so the estimate with e is off by about 16/15 of its
   distance to the estimate with e/2; what rounding adds is eps |f| / e. Of all steps the one with
   the least sum is taken, and the sum given as the error. Steps are powers of two, so x + e u is
   nearly exact. */
wg__slope wg__slope_at_zero(wg__curve *f, void *user) {
    wg__slope best = { 0, INFINITY };
    double e = 1.0 / 64, before = NAN;
    double far[2] = { f(user, 2 * e), f(user, -2 * e) };  // at 2e and -2e
    for (int k = 0; k < 9; k++, e /= 2) {
        double near[2] = { f(user, e), f(user, -e) };
        double slope = (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * e);
        double size = fmax(fabs(near[0]), fabs(near[1]));
        double error = fabs(slope - before) + 4 * 2.3e-16 * size / e;
        if (error < best.error) best = (wg__slope){ slope, error };
        before = slope;
        far[0] = near[0], far[1] = near[1];
    }
    return best;
}
