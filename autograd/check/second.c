// SPDX-License-Identifier: MIT
/* second.c: second derivatives, by forward over reverse, reverse over reverse and reverse over
   forward. They take different paths through the rules and must agree, with each other and with the
   derivative along u of J v by the complex step, which takes none.

   Once for the operation f itself, and once for h(f(g(x))), g and h slightly bent. There the
   tangents and cotangents that reach f's rules depend on x too, as they do in any program, so that
   a rule which loses its dependence on them is found out, even that of a linear operation. */
#include "autograd/check/check_impl.h"

typedef struct second {
    wg__trial *t;
    bool bent;
    double forward_reverse, reverse_reverse, reverse_forward;  // <w, D^2 F [u, v]>
    double scale;
} second;

/* ---- the function ---------------------------------------------------------------------------- */

// g(x) = x + (x - x0)^2 / 2, which does not move x0 = value, and h(y) = y + y^2 / 2.
static wg_tensor *bend_in(const wg__trial *t, const wg__run *r, int k) {
    int i = r->which[k];
    const wg_shape *shape = &t->sample->in[i].shape;
    wg_tensor *x0 = wg__lay_out(t->dtype, shape, t->value[i], WG__DENSE, NULL);
    wg_tensor *d = wg_square(wg_sub(r->x[k], x0));
    return wg_add(r->x[k], wg_mul(wg_num(0.5), d));
}
static wg_tensor *bend_out(wg_tensor *y) { return wg_add(y, wg_mul(wg_num(0.5), wg_square(y))); }

// All float inputs tracked, at `value`.
static bool make(const second *s, double *const value[], wg__run *r) {
    const wg__trial *t = s->t;
    wg__setting set = { .dtype = t->dtype, .tracked = t->floats, .value = value };
    if (!wg__run_inputs(t, &set, r)) return false;
    for (int k = 0; k < r->leaves && s->bent; k++) r->in[r->which[k]] = bend_in(t, r, k);
    if (wg_error()) return false;
    r->y = wg_apply(t->op, r->in, t->sample->inputs, t->sample->attr);
    if (s->bent) r->y = bend_out(r->y);
    return r->y != NULL;
}

/* ---- three ways ------------------------------------------------------------------------------ */

// sum of a b, recorded.
static wg_tensor *inner(wg_tensor *a, wg_tensor *b) { return wg_sum(wg_mul(a, b)); }

/* What is not tracked does not depend on the leaves, and the engine does not differentiate it:
   NULL, zero, where a rule's result no longer knows x, as that of a linear operation. */
static bool gradient(wg_tensor *y, const wg__run *r, wg_tensor *hx[]) {
    for (int k = 0; k < r->leaves; k++) hx[k] = NULL;
    if (wg_error()) return false;
    return !wg_is_tracked(y) || wg_grad(y, r->x, r->leaves, hx, (wg_grad_options){ .seed = NULL });
}

static wg_tensor *tangent_of(const wg__trial *t, const wg__run *r, wg_tensor *gx) {
    wg__run of_gradient = *r;
    of_gradient.y = gx;
    return wg_is_tracked(gx) ? wg__run_jvp(t, &of_gradient, t->v) : NULL;
}

// Adds <g[k], d[k]> over the leaves to *value, and the size of it to the scale.
static bool add_pairing(second *s, const wg__run *r, wg_tensor *const g[], double *const d[],
                        double *value) {
    for (int k = 0; k < r->leaves; k++) {
        int64_t n = wg_numel(r->x[k]);
        const double *a = g[k] ? wg__numbers(g[k]) : wg__scratch(n);
        if (!a) return false;
        *value += wg__dot(a, d[r->which[k]], n);
        s->scale += wg__dot_abs(a, d[r->which[k]], n) + wg__floor(s->t, wg__most(a, n));
    }
    return true;
}

static bool over_reverse(second *s, const wg__run *r) {
    const wg__trial *t = s->t;
    wg_tensor *gx[WG_MAX_INPUTS], *tangent[WG_MAX_INPUTS], *hx[WG_MAX_INPUTS];
    wg_tensor *along_u = NULL;
    if (!wg__run_grad(r, wg__seed_of(t, r, t->w), false, gx)) return false;
    for (int k = 0; k < r->leaves; k++) {
        const wg_shape shape = wg_shape_of(r->x[k]);
        tangent[k] = tangent_of(t, r, gx[k]);
        wg_tensor *u = wg__lay_out(t->dtype, &shape, t->u[r->which[k]], WG__DENSE, NULL);
        along_u = wg_add_maybe(along_u, inner(gx[k], u));
        if (wg_error()) return false;
    }
    if (!add_pairing(s, r, tangent, t->u, &s->forward_reverse)) return false;
    return gradient(along_u, r, hx) && add_pairing(s, r, hx, t->v, &s->reverse_reverse);
}

static bool over_forward(second *s, const wg__run *r) {
    const wg__trial *t = s->t;
    wg_tensor *hx[WG_MAX_INPUTS];
    wg_tensor *dy = wg__run_jvp(t, r, t->u);
    wg_tensor *along_w = inner(dy, wg__seed_of(t, r, t->w));
    return gradient(along_w, r, hx) && add_pairing(s, r, hx, t->v, &s->reverse_forward);
}

/* ---- without rules --------------------------------------------------------------------------- */

// <w, J(x + e u) v> by the complex step of the reference.
static double by_reference(void *user, double e, double *size) {
    const second *s = user;
    const wg__trial *t = s->t;
    wg_scope *scope = wg_scope_open();
    wg__point p = { t->value, .along = t->u, .step = t->v, .shift = e, .bent = s->bent };
    const double complex *z = wg__reference(t, &p);
    double sum = 0;
    *size = 0;
    for (int64_t k = 0; z && k < wg__numel(&t->y_shape); k++) {
        double term = t->w[k] * cimag(s->bent ? z[k] + z[k] * z[k] / 2 : z[k]) / WG__STEP;
        sum += term, *size += fabs(term);
    }
    wg_scope_close(scope);
    return z ? sum : NAN;
}

// The same by the rule, which first.c has proven by then.
static double by_rule(void *user, double e, double *size) {
    const second *s = user;
    const wg__trial *t = s->t;
    double *value[WG_MAX_INPUTS];
    wg__run r;
    wg_scope *scope = wg_scope_open();
    bool ok = wg__move(t, t->u, e, value) && make(s, value, &r);
    const double *dy = ok ? wg__numbers(wg__run_jvp(t, &r, t->v)) : NULL;
    double result = dy ? wg__dot(t->w, dy, wg_numel(r.y)) : NAN;
    if (dy) *size = wg__dot_abs(t->w, dy, wg_numel(r.y));
    wg_scope_close(scope);
    return result;
}

static void hold_difference(second *s) {
    wg__trial *t = s->t;
    double slack = t->rel * s->scale;
    wg__hold_slope(t, s->reverse_reverse, t->op->reference ? by_reference : by_rule, s, slack);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

// A linear operation has no second derivative, and its rules must not make one up: exact zeros.
static void hold_zero(const second *s) {
    wg__hold(s->t, -1, s->forward_reverse, 0, 0);
    wg__hold(s->t, -1, s->reverse_reverse, 0, 0);
    wg__hold(s->t, -1, s->reverse_forward, 0, 0);
}

static void check(wg__trial *t, bool bent) {
    wg__run r;
    second s = { .t = t, .bent = bent };
    if (!make(&s, t->value, &r) || !over_reverse(&s, &r) || !over_forward(&s, &r)) return;
    if (!bent && t->op->flags & WG_OP_LINEAR) {
        hold_zero(&s);
        return;
    }
    wg__hold(t, -1, s.forward_reverse, s.reverse_reverse, t->rel * s.scale);
    wg__hold(t, -1, s.reverse_forward, s.reverse_reverse, t->rel * s.scale);
    if (t->y_dtype == WG_F64) hold_difference(&s);
}

void wg__check_second(wg__trial *t) {
    check(t, false);
    if (!wg_error()) check(t, true);
}
