// SPDX-License-Identifier: MIT
/* valley.h: what the sections on gradient descent share: the cost of a model of two weights on real
   data, a surface that can be drawn whole and has two valleys; its minimum; and paths on it. */
#ifndef WG_EXAMPLES_VALLEY_H
#define WG_EXAMPLES_VALLEY_H

#include <math.h>

#include "lecture.h"

enum { STEPS = 400 };
static const double from[2] = { 0.3, 2 };

typedef struct problem {
    wg_nn *m;
    wg_tensor *w, *x, *y;  // (2), (B), (B)
} problem;

/* C(w) = mean of (w1 tanh(w0 x) - y)^2: one hidden unit, one weight into it and one out of it. */
static inline wg_tensor *cost(void *user) {
    problem *p = user;
    wg_tensor *hidden = wg_tanh(wg_mul(wg_select(p->w, 0, 0), p->x));  // (B)
    return wg_nn_mse_loss(wg_mul(wg_select(p->w, 0, 1), hidden), p->y);
}

static inline double cost_at(problem *p, const double at[2]) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    wg_write(p->w, at, 2);
    double c = wg_item(cost(p));
    wg_scope_close(scope);
    return c;
}

/* Digits 8 (-1) and 9 (1): x tells how much more ink is right of the middle than left, about 0. */
static inline bool load(problem *p) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F64 });
    wg_tensor *order = wg_argsort(wg_select(all, 1, 64), 0, true);  // 9s first, then 8s
    wg_tensor *label = wg_index_select(wg_select(all, 1, 64), 0, order);
    int64_t n = (int64_t)wg_item(wg_sum(wg_step(wg_sub(label, wg_num(7.5)))));
    wg_tensor *rows = wg_index_select(all, 0, wg_slice(order, 0, 0, n, 1));          // (n, 65)
    wg_tensor *ink = wg_reshape(wg_slice(rows, 1, 0, 64, 1), WG_SHAPE(n, 8, 8));     // 0 ... 16
    wg_tensor *half = wg_sum_axes(wg_slice(ink, 2, 4, 8, 1), WG_AXES(1, 2), false);  // (n)
    wg_tensor *x = wg_sub(wg_mul(half, wg_num(2)), wg_sum_axes(ink, WG_AXES(1, 2), false));
    p->x = wg_div(wg_sub(x, wg_mean(x)), wg_std(x, 0));
    p->y = wg_sub(wg_mul(wg_sub(wg_slice(label, 0, 0, n, 1), wg_num(8)), wg_num(2)), wg_num(1));
    p->m = wg_nn_new(1);
    p->w = wg_nn_param(p->m, "w", WG_F64, WG_SHAPE(2), (wg_init){ 0 });
    return !wg_error();
}

typedef struct path {
    const char *name;
    int n;  // points, the start among them
    double at[2][STEPS], cost[STEPS];
} path;

static inline double far(const double a[2], const double b[2]) {
    return hypot(a[0] - b[0], a[1] - b[1]);
}

/* At most STEPS - 1 steps; it has diverged, and ends, when it is 100 away from its start. */
static inline path descend(problem *p, const char *name, wg_optim_spec spec,
                           const double start[2]) {
    path d = { .name = name };
    wg_write(p->w, start, 2);
    wg_optim *o = wg_optim_make(p->m, spec);
    double w[2] = { start[0], start[1] };
    while (d.n < STEPS && far(w, start) < 100 && !wg_error()) {
        d.at[0][d.n] = w[0], d.at[1][d.n] = w[1];
        CODE(wg_optim_minimize_by(o, cost, p, &d.cost[d.n++]));  // w -= rate grad C(w)
        wg_read_f64(p->w, w, 2);
    }
    wg_optim_free(o);
    return d;
}

static inline wg_optim_spec sgd(double rate, double momentum) {
    return wg_sgd((wg_sgd_options){ .rate = rate, .momentum = momentum });
}

/* The minimum, by L-BFGS, the eigenvalues of the Hessian there, and v, the first's direction. */
typedef struct valley {
    double at[2], cost, lambda[2], v[2];
} valley;

static inline valley find_minimum(problem *p) {
    valley l = { 0 };
    wg_write(p->w, from, 2);
    wg_optim *o = wg_optim_lbfgs(
        p->m, (wg_lbfgs_options){ .iterations = 200, .gradient = 1e-13, .change = 1e-16 });
    wg_optim_minimize_by(o, cost, p, NULL);
    wg_optim_free(o);
    wg_read_f64(p->w, l.at, 2);
    double h[4] = { 0 };
    wg_tensor *c = cost(p);
    wg_read_f64(CODE(wg_hessian(c, p->w)), h, 4);
    l.cost = wg_item(c);
    double middle = (h[0] + h[3]) / 2, half = hypot((h[0] - h[3]) / 2, h[1]);
    l.lambda[0] = middle + half, l.lambda[1] = middle - half;
    double length = hypot(h[1], l.lambda[0] - h[0]);
    l.v[0] = h[1] / length, l.v[1] = (l.lambda[0] - h[0]) / length;
    return l;
}

#endif
