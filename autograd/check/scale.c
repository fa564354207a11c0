// SPDX-License-Identifier: MIT
/* scale.c: how large the numbers are that take part in a derivative. What comes out may be small
   because large things cancelled; its rounding is that of the large ones. */
#include "autograd/check/check_impl.h"

static double most_in(const wg_tensor *x) {
    double most = 0;
    for (int64_t k = 0, n = wg_numel(x); k < n; k++)
        most = fmax(most, fabs(wg_view_get(&x->view, k)));
    return most;
}

static uint32_t first_node(const wg__run *r) {
    uint32_t first = r->y->node;
    for (int k = 0; k < r->leaves; k++)
        if (r->x[k]->node < first) first = r->x[k]->node;
    return first;
}

/* ---- adjoints -------------------------------------------------------------------------------- */

static bool adjoints(const wg__trial *t, const wg__run *r, double *most) {
    const wg__tape *tape = wg__tape_now();
    uint32_t from = first_node(r), top = r->y->node;
    size_t bytes = (top - from + 1) * sizeof(wg_tensor *);
    wg_tensor **x = (wg_tensor **)(void *)wg__scratch((int64_t)(2 * bytes / sizeof(double)) + 1);
    wg_tensor *gy = x ? wg__seed_of(t, r, t->w) : NULL;
    if (!gy) return false;
    wg_tensor **gx = x + (top - from + 1);
    int n = 0;
    for (uint32_t k = from; k <= top; k++)
        if (wg_dtype_is_float(tape->out[k]->view.dtype)) x[n++] = tape->out[k];
    if (!wg_grad(r->y, x, n, gx, (wg_grad_options){ .seed = gy, .constant = true })) return false;
    for (int k = 0; k < n; k++) *most = fmax(*most, most_in(gx[k]));
    return true;
}

/* ---- tangents -------------------------------------------------------------------------------- */

static wg_tensor *push(uint32_t k, uint32_t from, wg_tensor *const tangent[]) {
    wg_tensor *dx[WG_MAX_INPUTS];
    wg_call c = wg__tape_call(k);
    bool any = false;
    for (int i = 0; i < c.inputs; i++) {
        uint32_t node = wg__source_of(c.in[i], k, wg__tape_now());
        dx[i] = node == WG__NO_NODE || node < from ? NULL : tangent[node - from];
        any = any || dx[i];
    }
    return any && c.op->jvp ? c.op->jvp(&c, dx) : NULL;
}

static bool tangents(const wg__run *r, double *const u[], double *most) {
    uint32_t from = first_node(r), top = r->y->node;
    size_t bytes = (top - from + 1) * sizeof(wg_tensor *);
    wg_tensor **tangent = (wg_tensor **)(void *)wg__scratch((int64_t)(bytes / sizeof(double)) + 1);
    if (!tangent) return false;
    for (int k = 0; k < r->leaves; k++) {
        const wg_tensor *x = r->x[k];
        const double *d = u[r->which[k]];
        uint32_t node = wg__node_of(x, wg__tape_now());
        if (!d || node == WG__NO_NODE || node > top) continue;
        tangent[node - from] = wg__lay_out(x->view.dtype, &x->view.shape, d, WG__DENSE, NULL);
    }
    for (uint32_t k = from; k <= top && !wg_error(); k++) {
        if (wg__tape_now()->op[k]) tangent[k - from] = push(k, from, tangent);
        if (tangent[k - from]) *most = fmax(*most, most_in(tangent[k - from]));
    }
    return !wg_error();
}

double wg__tape_floor(const wg__trial *t, const wg__run *r, double *const u[]) {
    double adjoint = 0, tangent = 0;
    if (!t->op->compose || !wg_is_tracked(r->y)) return 0;
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    bool done = scope && adjoints(t, r, &adjoint) && tangents(r, u, &tangent);
    wg_scope_close(scope);
    double part = wg__is_single(t) ? 1 : 1e-3;  // as in wg__floor
    return done ? part * (1 + adjoint) * (1 + tangent) : 0;
}

double wg__tape_tangent(const wg__trial *t, const wg__run *r, double *const u[]) {
    double most = 0;
    if (!t->op->compose || !wg_is_tracked(r->y)) return 0;
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    bool done = scope && tangents(r, u, &most);
    wg_scope_close(scope);
    return done ? most : INFINITY;
}

/* ---- values ---------------------------------------------------------------------------------- */

double wg__tape_largest(const wg__trial *t, const wg__run *r) {
    double most = 0;
    if (!t->op->compose || !wg_is_tracked(r->y)) return 0;
    for (uint32_t k = first_node(r); k <= r->y->node; k++) {
        const wg_tensor *x = wg__tape_now()->out[k];
        for (int64_t j = 0, n = wg_numel(x); j < n; j++) {
            double size = fabs(wg_view_get(&x->view, j));
            if (isfinite(size)) most = fmax(most, size);  // masks are infinite
        }
    }
    return most;
}
