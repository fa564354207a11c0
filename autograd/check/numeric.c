// SPDX-License-Identifier: MIT
/* numeric.c: derivatives that no rule has touched. First the complex step: for a function that is
   real on the real axis Im f(x + i h u) / h is its derivative along u with an error of h^2, and h
   may be 2^-340, since nothing is subtracted (Squire and Trapp 1998). Where there is nothing
   complex to evaluate, differences, extrapolated, and believed only if four agree. */
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

/* ---- differences ----------------------------------------------------------------------------- */

enum { LEVELS = 10 };
static const double FACTOR = 1.6;

typedef struct sample {
    double quotient, size;  // (f(h) - f(-h)) / 2h, and the size of the terms of f
} sample;

static sample central(wg__curve *f, void *user, double h) {
    double size[2] = { 0, 0 };
    double right = f(user, h, &size[0]), left = f(user, -h, &size[1]);
    return (sample){ (right - left) / (2 * h), fmax(size[0], size[1]) };
}

/* Ridders 1982: central differences for steps h, h/1.6, h/1.6^2, ..., extrapolated to step 0 by
   Neville's scheme. Of all entries the one is taken that agrees best with its two neighbours. Steps
   at which f is not defined begin the scheme anew. */
static wg__slope ridders(wg__curve *f, void *user, double h) {
    wg__slope best = { .error = INFINITY };
    double before[LEVELS], now[LEVELS];
    for (int level = 0, filled = 0; level < LEVELS; level++, h /= FACTOR) {
        sample s = central(f, user, h);
        if (!isfinite(s.quotient)) {
            filled = 0;
            continue;
        }
        double rounding = 4 * 2.3e-16 * s.size / h;
        now[0] = s.quotient;
        double power = FACTOR * FACTOR;
        for (int k = 1; k <= filled; k++, power *= FACTOR * FACTOR) {
            now[k] = (power * now[k - 1] - before[k - 1]) / (power - 1);
            double off = fmax(fabs(now[k] - now[k - 1]), fabs(now[k] - before[k - 1]));
            if (off + rounding < best.error) best = (wg__slope){ now[k], off + rounding, s.size };
        }
        filled++;
        for (int k = 0; k < filled; k++) before[k] = now[k];
    }
    return best;
}

static bool within(double got, wg__slope s, double slack) {
    double bound = WG__ERRORS * s.error + WG__NEAR * fabs(got) + slack;
    return fabs(got - s.value) <= bound && s.error < INFINITY;
}

// Whether the estimate is good enough to tell anything: to this share of it, or to 1e-9 of f.
static bool is_sharp(wg__slope s, double slack, double share) {
    return WG__ERRORS * s.error <= share * fabs(s.value) + slack + 1e-9 * s.size;
}

/* One estimate of its own error lies where f oscillates within the first step: once or so in three
   hundred random programs. So `got` is wrong only if all of four runs, from steps that are decades
   apart, say so, the best of them is confirmed by another, and it is sharp. A sharp run that agrees
   is enough, since the two have nothing in common. */
wg__verdict wg__consensus(wg__curve *f, void *user, double got, double slack,
                          wg__slope slope[WG__RUNS], int *best) {
    static const double first[WG__RUNS] = { 5e-2, 6e-3, 7e-4, 8e-5 };
    bool inside = false, confirmed = false;
    *best = 0;
    for (int k = 0; k < WG__RUNS; k++) {
        slope[k] = ridders(f, user, first[k]);
        if (slope[k].error < slope[*best].error) *best = k;
        bool agrees = within(got, slope[k], slack);
        if (agrees && is_sharp(slope[k], slack, 1e-6)) return WG__AGREES;
        inside = inside || agrees;
    }
    const wg__slope b = slope[*best];
    if (within(got, b, slack) && is_sharp(b, slack, 1e-3)) return WG__AGREES;
    for (int k = 0; k < WG__RUNS; k++)
        confirmed = confirmed || (k != *best &&
                                  fabs(slope[k].value - b.value) <= 4 * (slope[k].error + b.error));
    return !inside && confirmed && is_sharp(b, slack, 1e-3) ? WG__DIFFERS : WG__UNDECIDED;
}

// 2 D(e/2) - D(e) for D the quotient with a step of either sign: of second order.
static double one_sided(wg__curve *f, void *user, double e) {
    double size, here = f(user, 0, &size);
    double wide = (f(user, e, &size) - here) / e, narrow = (f(user, e / 2, &size) - here) / (e / 2);
    return 2 * narrow - wide;
}

/* With a step of 2^-16 either slope is off by step^2 / 12 of the third derivative and 2^-50 |f| /
   step, each about 1e-10 where f is tame. 1e-4 leaves a million times that for what is steep or
   curved, and still sees any kink between whose slopes there is more. It excuses no wrong gradient:
   at a smooth point the two agree, whatever the gradient says. */
bool wg__has_kink(wg__curve *f, void *user) {
    static const double step = 0x1p-16;
    double left = one_sided(f, user, -step), right = one_sided(f, user, step);
    return !(fabs(left - right) <= 1e-4 * (1 + fabs(left) + fabs(right)));
}
