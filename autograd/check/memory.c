// SPDX-License-Identifier: MIT
/* memory.c: where the numbers stand must not matter, and what the record says is read afterwards
   must be all that is read. */
#include <string.h>

#include "autograd/check/check_impl.h"

/* ---- layouts --------------------------------------------------------------------------------- */

typedef struct outcome {
    const double *y, *dy, *rule[WG_MAX_INPUTS], *fused[WG_MAX_INPUTS];
} outcome;

static bool all_numbers(wg_tensor *const x[], int n, const double *values[]) {
    for (int k = 0; k < n; k++)
        if (!(values[k] = wg__numbers(x[k]))) return false;
    return true;
}

static bool observe(const wg__trial *t, const wg__run *r, outcome *o) {
    wg_tensor *gx[WG_MAX_INPUTS];
    *o = (outcome){ .y = wg__numbers(r->y) };
    if (!t->differentiable || t->sample->exact) return o->y != NULL;
    o->dy = wg__numbers(wg__run_jvp(t, r, t->u));
    wg_tensor *gy = o->dy ? wg__seed_of(t, r, t->w) : NULL;
    if (!gy || !wg__run_grad(r, gy, false, gx) || !all_numbers(gx, r->leaves, o->rule))
        return false;
    return wg__run_grad(r, gy, true, gx) && all_numbers(gx, r->leaves, o->fused);
}

// Infinities, which a sample that lists its values may have, are no measure.
static double largest_of(const double *x, int64_t n) {
    double largest = 0;
    for (int64_t k = 0; k < n; k++)
        if (isfinite(x[k])) largest = fmax(largest, fabs(x[k]));
    return largest;
}

static void hold_slopes(wg__trial *t, const double *got, const double *want, int64_t n) {
    wg__hold_all(t, got, want, n, t->rel, wg__floor(t, largest_of(want, n)));
}

// Views and whole numbers bit by bit; sums may run in another order, and vector loops round
// differently.
static void hold_outcome(wg__trial *t, const wg__run *r, const outcome *got, const outcome *want) {
    int64_t n = wg_numel(r->y);
    bool moved = r->y->storage == r->in[0]->storage;
    bool exact = moved || !wg_dtype_is_float(t->y_dtype);
    double rel = exact ? 0 : t->value_rel * (1 + t->largest);
    wg__hold_all(t, got->y, want->y, n, rel, 1 + largest_of(want->y, n));
    if (!want->dy) return;
    hold_slopes(t, got->dy, want->dy, n);
    for (int k = 0; k < r->leaves; k++) {
        hold_slopes(t, got->rule[k], want->rule[k], wg_numel(r->x[k]));
        hold_slopes(t, got->fused[k], want->fused[k], wg_numel(r->x[k]));
    }
}

// The blocks behind the inputs, gaps and all, as bytes.
static bool copy_blocks(const wg__trial *t, const wg__run *r, void *copy[]) {
    for (int i = 0; i < t->sample->inputs; i++) {
        size_t bytes = (size_t)wg_numel(r->base[i]) * wg_dtype_size(wg_dtype_of(r->base[i]));
        copy[i] = wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
        if (!copy[i]) return false;
        memcpy(copy[i], r->base[i]->view.data, bytes);
    }
    return true;
}

static void hold_blocks(wg__trial *t, const wg__run *r, void *const copy[]) {
    bool same = true;
    for (int i = 0; i < t->sample->inputs; i++) {
        size_t bytes = (size_t)wg_numel(r->base[i]) * wg_dtype_size(wg_dtype_of(r->base[i]));
        same = same && memcmp(copy[i], r->base[i]->view.data, bytes) == 0;
    }
    wg__hold_that(t, same, "an input, or the memory around it, was written to");
}

// As numbers must be for an axis to have stride 0: constant along it.
static double *constant_along(const double *x, const wg_shape *shape, wg__layout layout) {
    int axis = wg__zero_axis(layout, shape);
    double *value = wg__scratch(wg__numel(shape));
    wg_view v = { .shape = *shape };
    wg__contiguous_strides(&v);
    if (axis >= 0) v.stride[axis] = 0;
    for (int64_t k = 0; value && k < wg__numel(shape); k++) value[k] = x[wg__offset(&v, k)];
    return value;
}

bool wg__fit_to(wg__trial *t, wg__layout layout) {
    if (layout < WG__FIRST_ZERO) return true;
    for (int i = 0; i < t->sample->inputs; i++) {
        const wg_shape *shape = &t->sample->in[i].shape;
        t->value[i] = constant_along(t->value[i], shape, layout);
        if (t->u[i]) t->u[i] = constant_along(t->u[i], shape, layout);
        if (t->v[i]) t->v[i] = constant_along(t->v[i], shape, layout);
    }
    return !wg_error();
}

bool wg__fit_w(wg__trial *t, wg__layout layout) {
    if (layout >= WG__FIRST_ZERO) t->w = constant_along(t->w, &t->y_shape, layout);
    return !wg_error();
}

// The same numbers, tangents and cotangents too, in dense tensors and in `layout`.
static void check_layout(wg__trial *t, wg__layout layout) {
    wg__run dense, other;
    outcome want, got;
    void *blocks[WG_MAX_INPUTS];
    if (!wg__fit_to(t, layout) || !wg__fit_w(t, layout)) return;
    wg__setting s = { .dtype = t->dtype, .tracked = t->floats };
    if (!wg__run_make(t, &s, &dense) || !observe(t, &dense, &want)) return;
    t->layout = s.layout = layout;
    if (!wg__run_inputs(t, &s, &other) || !copy_blocks(t, &other, blocks)) return;
    other.y = wg_apply(t->op, other.in, t->sample->inputs, t->sample->attr);
    if (!other.y || !observe(t, &other, &got)) return;
    hold_outcome(t, &other, &got, &want);
    hold_blocks(t, &other, blocks);
}

void wg__check_layouts(wg__trial *t) {
    // Equal rows would make a matrix singular that the sample promises to be regular.
    int layouts = t->sample->formed ? WG__FIRST_ZERO : WG__LAYOUTS;
    for (int layout = WG__TRANSPOSED; layout < layouts && !wg_error(); layout++) {
        wg_scope *scope = wg_scope_open();
        wg__trial fitted = *t;
        fitted.layout = WG__DENSE;
        if (scope) check_layout(&fitted, (wg__layout)layout);
        if (wg_error()) t->layout = fitted.layout;  // for the message
        wg_scope_close(scope);
    }
}

/* ---- saves ----------------------------------------------------------------------------------- */

static bool declared(const wg__trial *t, const wg__run *r, const wg_tensor *x) {
    uint32_t saves = t->op->saves;
    if (saves == 0) return true;
    if ((saves & WG_SAVES_OUT) && x->storage == r->y->storage) return true;
    for (int i = 0; i < t->sample->inputs && i < 30; i++)
        if ((saves & WG_SAVES_IN(i)) && x->storage == r->in[i]->storage) return true;
    return false;
}

// Overwrites x with what no value can be, without marking it as changed.
static void poison(wg_tensor *x) {
    for (int64_t k = 0, n = wg_numel(x); k < n; k++) {
        char *element = wg__at(&x->view, wg__offset(&x->view, k));
        if (x->view.dtype == WG_BOOL)
            *element = (char)!*element;
        else
            memset(element, 0xff, wg__size_of(x->view.dtype));  // NaN, or -1
    }
}

static void hold_same(wg__trial *t, const wg__run *r, wg_tensor *const got[],
                      const double *const want[]) {
    for (int k = 0; k < r->leaves; k++) {
        const double *g = wg__numbers(got[k]);
        wg__about_input(t, r->which[k]);
        if (g) wg__hold_all(t, g, want[k], wg_numel(r->x[k]), 0, 0);
    }
}

static wg_tensor *value_of(const wg__run *r, int which) { return which < 0 ? r->y : r->in[which]; }

// With a value poisoned that the record does not name, the gradient must not change by a bit.
static void check_poisoned(wg__trial *t, int which, bool constant) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    const double *want[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &r) || declared(t, &r, value_of(&r, which))) return;
    wg_tensor *gy = wg__seed_of(t, &r, t->w);
    if (!wg__run_grad(&r, gy, constant, gx) || !all_numbers(gx, r.leaves, want)) return;
    poison(value_of(&r, which));
    if (wg__run_grad(&r, gy, constant, gx)) hold_same(t, &r, gx, want);
}

// After wg_fill on a value the gradient must be refused if the value is read, and unchanged if not.
static void check_filled(wg__trial *t, int which) {
    wg__run r;
    wg_tensor *gx[WG_MAX_INPUTS];
    const double *want[WG_MAX_INPUTS];
    if (!wg__run_usual(t, &r)) return;
    wg_tensor *x = value_of(&r, which), *gy = wg__seed_of(t, &r, t->w);
    if (wg_numel(x) == 0 || wg__has_overlap(&x->view)) return;
    if (!wg__run_grad(&r, gy, false, gx) || !all_numbers(gx, r.leaves, want)) return;
    if (!wg_fill(x, 0)) return;
    bool given = wg__run_grad(&r, gy, false, gx);
    if (declared(t, &r, x)) {
        wg__hold_that(t, !given && wg_error() == WG_ERROR_STATE,
                      "a saved value was overwritten and the gradient is given all the same");
        wg_error_clear();
    } else if (given) {
        hold_same(t, &r, gx, want);
    }
}

void wg__check_saves(wg__trial *t) {
    if (t->op->compose) return;  // its pieces save, and are checked themselves
    const char *name = t->oracle;
    char text[80];
    for (int i = -1; i < t->sample->inputs && !wg_error(); i++) {
        int used = snprintf(text, sizeof text, "%s (", name);
        size_t rest = sizeof text - (size_t)used;
        snprintf(text + used, rest,
                 i < 0 ? "the result): gradient" : "the value of input %d): gradient", i);
        t->oracle = text;
        check_poisoned(t, i, false);
        check_poisoned(t, i, true);
        check_filled(t, i);
    }
    t->oracle = name;
}
