// SPDX-License-Identifier: MIT
/* third.c: third derivatives, <w, D^3 f [u, v, z]>, by reverse over reverse over reverse, with
   forward mode in the last place and in the first, and by differences of the second derivative. As
   everywhere, ways that share no rule must meet. */
#include "autograd/check/check_impl.h"

typedef struct third {
    wg__trial *t;
    double *z[WG_MAX_INPUTS];
    double scale;
} third;

// sum over the leaves of <g[k], d[k]>, recorded.
static wg_tensor *along(const wg__run *r, wg_tensor *const g[], double *const d[]) {
    wg_tensor *sum = NULL;
    for (int k = 0; k < r->leaves; k++) {
        const wg_view *x = &r->x[k]->view;
        wg_tensor *direction = wg__lay_out(x->dtype, &x->shape, d[r->which[k]], WG__DENSE, NULL);
        sum = wg_add_maybe(sum, wg_sum(wg_mul(g[k], direction)));
    }
    return wg_error() ? NULL : sum;
}

// The derivative of the number s along d: zeros where s no longer depends on x.
static wg_tensor *slope(const wg__run *r, wg_tensor *s, double *const d[]) {
    wg_tensor *g[WG_MAX_INPUTS];
    if (!s || !wg_grad(s, r->x, r->leaves, g, (wg_grad_options){ .seed = NULL })) return NULL;
    return along(r, g, d);
}

static wg_tensor *slope_forward(const wg__trial *t, const wg__run *r, wg_tensor *s,
                                double *const d[]) {
    wg__run of_slope = *r;
    of_slope.y = s;
    return s ? wg__run_jvp(t, &of_slope, d) : NULL;
}

static wg_tensor *first_reverse(const wg__trial *t, const wg__run *r) {
    wg_tensor *g[WG_MAX_INPUTS];
    return wg__run_grad(r, wg__seed_of(t, r, t->w), false, g) ? along(r, g, t->u) : NULL;
}

static wg_tensor *first_forward(const wg__trial *t, const wg__run *r) {
    return wg_sum(wg_mul(wg__run_jvp(t, r, t->u), wg__seed_of(t, r, t->w)));
}

// <w, D^2 f(x + s z) [u, v]>
static double second_at(void *user, double s, double *size) {
    const third *h = user;
    const wg__trial *t = h->t;
    double *value[WG_MAX_INPUTS], result = NAN;
    wg__run r;
    wg__setting set = { .dtype = t->dtype, .tracked = t->floats, .value = value };
    wg_scope *scope = wg_scope_open();
    if (scope && wg__move(t, h->z, s, value) && wg__run_make(t, &set, &r)) {
        wg_tensor *d = slope(&r, first_reverse(t, &r), t->v);
        if (d) result = wg_item(d), *size = fabs(result);
    }
    wg_scope_close(scope);
    return result;
}

static bool draw_third(third *h) {
    wg_random r = { .seed = 3 };
    for (int i = 0; i < h->t->sample->inputs; i++)
        if (wg__bit(h->t->floats, i)) h->z[i] = wg__draw_direction(h->t, wg__size(h->t, i), &r);
    return !wg_error();
}

void wg__check_third(wg__trial *t) {
    third h = { .t = t };
    wg__run r;
    if (!draw_third(&h) || !wg__run_usual(t, &r)) return;
    wg_tensor *rr = slope(&r, first_reverse(t, &r), t->v);
    wg_tensor *rrr = slope(&r, rr, h.z), *frr = slope_forward(t, &r, rr, h.z);
    wg_tensor *fr = slope_forward(t, &r, first_forward(t, &r), t->v), *rff = slope(&r, fr, h.z);
    wg_tensor *swapped = slope(&r, slope(&r, first_reverse(t, &r), h.z), t->v);
    if (wg_error()) return;
    double want = wg_item(rrr), floor = wg__tape_floor(t, &r, t->u);
    h.scale = fabs(want) + fabs(wg_item(rr)) + 1e-3 + floor;
    wg__hold(t, -1, wg_item(frr), want, t->rel * h.scale);
    wg__hold(t, -1, wg_item(rff), want, t->rel * h.scale);
    wg__hold(t, -1, wg_item(swapped), want, t->rel * h.scale);
    wg__hold_slope(t, want, second_at, &h, t->rel * h.scale);
}
