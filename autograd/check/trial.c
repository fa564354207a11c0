// SPDX-License-Identifier: MIT
/* trial.c: what a trial computes with: the numbers of its inputs, by mode, the directions in which
   they move, and what the result looks like. */
#include <math.h>

#include "autograd/check/check_impl.h"

/* ---- directions ------------------------------------------------------------------------------ */

// +-0.5 to +-1.5: no number so small that an error would hide behind it; or whole, +-1 to +-3.
static double signed_number(const wg__trial *t, wg_random *r) {
    double size =
        t->mode == WG__WHOLE ? (double)(1 + wg_random_below(r, 3)) : 0.5 + wg_random_uniform(r);
    return wg_random_u64(r) & 1 ? size : -size;
}

double *wg__draw_direction(const wg__trial *t, int64_t n, wg_random *r) {
    double *d = wg__scratch(n);
    for (int64_t k = 0; d && k < n; k++) {
        d[k] = signed_number(t, r);
        if (t->dtype == WG_F32) d[k] = (float)d[k];
    }
    return d;
}

/* ---- values ---------------------------------------------------------------------------------- */

static const double specials[] = { 0,     -0.0,   1,        -1,        0x1p-1074, -0x1p-1030,
                                   1e-40, 1e300,  -1e300,   1e30,      -1e19,     INFINITY,
                                   NAN,   -1e-20, 16777217, -INFINITY, 88.75,     -745.2 };

static void make_special(double *value, int64_t n, wg_random *r) {
    for (int64_t k = 0; k < n; k++)
        if (wg_random_u64(r) & 1)
            value[k] = specials[wg_random_below(r, (int64_t)(sizeof specials / sizeof *specials))];
}

// Multiples of a power of two on low..high, whole ones where there is room for four; f32 has no
// digits for products of larger ones.
static void make_whole(const wg__slot *slot, wg_dtype dtype, double *value, int64_t n,
                       wg_random *r) {
    bool anywhere = dtype == WG_F64 && slot->low == WG__LOW && slot->high == WG__HIGH;
    double low = anywhere ? -8 : slot->low, high = anywhere ? 8 : slot->high, step = 1;
    while ((high - low) / step < 4 && step > 0x1p-10) step /= 2;
    int64_t first = (int64_t)ceil(low / step), last = (int64_t)floor(high / step);
    if (last < first) return;
    for (int64_t k = 0; k < n; k++)
        value[k] = step * (double)(first + wg_random_below(r, last - first + 1));
}

/* General position keeps to the middle of its cells, so that much of the range is never drawn. A
   random case moves all numbers on by the same part of a cell; they stay as distinct as they
   are. */
static void shift(const wg__slot *slot, double *value, int64_t n, double part) {
    double range = slot->high - slot->low;
    for (int64_t k = 0; k < n && range > 0; k++)
        value[k] = slot->low + fmod(value[k] - slot->low + part * range / 64, range);
}

// What must keep its form is only rounded, to a grid on which products are exact for a while.
static void make_short(double *value, int64_t n) {
    for (int64_t k = 0; k < n; k++) value[k] = nearbyint(value[k] * 0x1p10) * 0x1p-10;
}

static void shape_values(const wg__trial *t, int i, double part, wg_random *r) {
    int64_t n = wg__size(t, i);
    const wg__slot *slot = &t->sample->in[i];
    bool formed = slot->form != WG__ANY;  // a symmetric matrix stays one
    if (t->mode == WG__GENERAL && !formed) shift(slot, t->value[i], n, part);
    if (t->mode == WG__SPECIAL) make_special(t->value[i], n, r);
    if (t->mode == WG__WHOLE && !formed) make_whole(slot, t->dtype, t->value[i], n, r);
    if (t->mode == WG__WHOLE && formed) make_short(t->value[i], n);
    for (int64_t k = 0; k < n && t->dtype == WG_F32; k++) t->value[i][k] = (float)t->value[i][k];
}

// Those of an f32 trial are f32 numbers, so that its f64 twin has the same.
bool wg__draw(wg__trial *t, wg_random *r) {
    for (int i = 0; i < t->sample->inputs; i++)
        if (!(t->value[i] = wg__scratch(wg__size(t, i)))) return false;
    if (!wg__sample_draw(t->sample, r, t->value)) return false;
    double part = t->mode ? wg_random_uniform(r) : 0;
    for (int i = 0; i < t->sample->inputs; i++)
        if (t->sample->in[i].kind == WG__FLOAT) shape_values(t, i, part, r);
    return wg__draw_directions(t, r);
}

bool wg__draw_directions(wg__trial *t, wg_random *r) {
    t->floats = 0, t->largest = 0;
    for (int i = 0; i < t->sample->inputs; i++) {
        if (t->sample->in[i].kind != WG__FLOAT) continue;
        int64_t n = wg__size(t, i);
        t->floats |= 1ull << i;
        t->largest = fmax(t->largest, wg__most(t->value[i], n));
        t->u[i] = wg__draw_direction(t, n, r);
        t->v[i] = wg__draw_direction(t, n, r);
    }
    t->moving = t->floats;
    return !wg_error();
}

/* ---- the result ------------------------------------------------------------------------------ */

// Needs the result's dtype: a cast to f32 is no more exact than f32, whatever it comes from.
void wg__set_bounds(wg__trial *t) {
    int64_t terms = 1;
    for (int i = 0; i < t->sample->inputs; i++)
        terms = wg__size(t, i) > terms ? wg__size(t, i) : terms;
    bool single = wg__is_single(t);
    t->rel = single ? (8 + 2 * sqrt((double)terms)) * 0x1p-24 : 1e-9;
    t->value_rel = single ? t->rel : 1e-12;
    t->exactly = t->mode == WG__WHOLE && !single;
    unsigned none = WG_OP_ZERO_GRADIENT | WG_OP_NO_GRADIENT;
    t->differentiable = t->floats && wg_dtype_is_float(t->y_dtype) && !(t->op->flags & none);
}

// Without forward and map the result must be a view.
static bool can_compute(wg__trial *t, const wg__run *r) {
    wg_call call = { t->op, t->sample->inputs, r->in, NULL, t->sample->attr };
    wg_spec spec = { .alias = false };
    if (t->op->map || t->op->forward || t->op->compose || call.inputs < t->op->inputs) return true;
    if (!t->op->infer(&call, &spec)) {
        if (!wg__pending()) wg__fail_text(t, "infer refuses the sample without a reason");
        return false;
    }
    if (!spec.alias) wg__fail_text(t, "the record has no forward, and the result is no view");
    return spec.alias;
}

// An f32 that is not taken is no failure.
bool wg__try(wg__trial *t, wg__run *plain, wg_random *r) {
    if (!wg__run_inputs(t, &(wg__setting){ .dtype = t->dtype }, plain)) return false;
    if (!can_compute(t, plain)) return false;
    plain->y = wg_apply(t->op, plain->in, t->sample->inputs, t->sample->attr);
    if (t->dtype == WG_F32 && wg_error() == WG_ERROR_DTYPE) wg_error_clear();
    if (!plain->y) return false;
    t->plain = plain->in;
    t->y_dtype = wg_dtype_of(plain->y);
    t->y_shape = wg_shape_of(plain->y);
    t->w = wg__draw_direction(t, wg_numel(plain->y), r);
    wg__set_bounds(t);
    return t->w != NULL;
}
