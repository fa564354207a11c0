// SPDX-License-Identifier: MIT
/* newton.c: Newton's method, w -= H^-1 g, with the exact Hessian of whatever cost it is given.
   Three answers are known beforehand and checked, on the handwritten digits: the cost of ridge
   regression is a quadratic, so one step ends in the solution of its normal equations; the Hessian
   of logistic regression has a formula; and near the minimum the gradient's norm is squared at each
   step. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

static const double RIDGE = 1e-3;
enum { MOST_STEPS = 12 };

typedef struct task {
    wg_tensor *x;  // (N, 65) f64: pixels, and a one for the bias
    wg_tensor *y;  // (N) f64: 1 for an eight, else 0
} task;
typedef wg_tensor *cost(const task *t, wg_tensor *w);  // w (65) -> ()

static wg_tensor *penalised(wg_tensor *loss, wg_tensor *w) {
    return wg_add(loss, wg_mul(wg_sum(wg_square(w)), wg_num(RIDGE / 2)));
}
static wg_tensor *least_squares(const task *t, wg_tensor *w) {
    wg_tensor *gap = wg_sub(wg_matmul(t->x, w), t->y);  // (N)
    return penalised(wg_mul(wg_mean(wg_square(gap)), wg_num(0.5)), w);
}
static wg_tensor *logistic(const task *t, wg_tensor *w) {
    return penalised(wg_nn_bce_with_logits(wg_matmul(t->x, w), t->y), w);
}

static double norm(wg_tensor *x) { return sqrt(wg_item(wg_sum(wg_square(x)))); }

// The next w, and the norm of the gradient at this one.
static wg_tensor *newton_step(cost *f, const task *t, wg_tensor *w, double *slope) {
    w = wg_variable(w);
    wg_tensor *loss = f(t, w);
    wg_tensor *g = wg_derivative(loss, w), *h = wg_hessian(loss, w);  // (65), (65, 65)
    *slope = norm(g);
    return wg_stop(wg_sub(w, wg_solve(h, g)));
}

/* ---- what is known --------------------------------------------------------------------------- */

// x' diag(weight) x / N + RIDGE: (65, 65).
static wg_tensor *gram(const task *t, wg_tensor *weight) {
    wg_tensor *x = wg_mul(t->x, wg_unsqueeze(weight, 1));
    wg_tensor *g = wg_div(wg_matmul(wg_transpose(t->x, 0, 1), x), wg_num((double)wg_dim(t->x, 0)));
    return wg_add(g, wg_mul(wg_eye(WG_F64, wg_dim(t->x, 1)), wg_num(RIDGE)));
}

static bool check(const char *what, double gap, double most) {
    printf("%-58s %.1e%s\n", what, gap, gap <= most ? "" : "  FAILED");
    return gap <= most;
}

static bool check_quadratic(const task *t, wg_tensor *start) {
    wg_tensor *n = wg_num((double)wg_dim(t->x, 0)), *ones = wg_ones(WG_F64, wg_shape_of(t->y));
    wg_tensor *known =
        wg_solve(gram(t, ones), wg_div(wg_matmul(wg_transpose(t->x, 0, 1), t->y), n));
    double slope;
    wg_tensor *w = newton_step(least_squares, t, start, &slope);
    return check("ridge regression: one step from the normal equations",
                 norm(wg_sub(w, known)) / norm(known), 1e-9);
}

static bool check_hessian(const task *t, wg_tensor *at) {
    wg_tensor *w = wg_variable(at), *p = wg_sigmoid(wg_matmul(t->x, at));  // (N)
    wg_tensor *known = gram(t, wg_mul(p, wg_sub(wg_num(1), p)));
    wg_tensor *h = wg_hessian(logistic(t, w), w);
    return check("logistic regression: the Hessian from x' diag(p (1 - p)) x",
                 norm(wg_sub(h, known)) / norm(known), 1e-12);
}

/* ---- the method ------------------------------------------------------------------------------ */

static bool minimise(const task *t, wg_tensor *start) {
    wg_tensor *w = start;
    double slope[MOST_STEPS + 1] = { 0 };
    int steps = 0;
    for (; steps <= MOST_STEPS; steps++) {
        wg_tensor *next = newton_step(logistic, t, w, &slope[steps]);
        printf("  step %2d  cost %.12f  |gradient| %.1e\n", steps, wg_item(logistic(t, w)),
               slope[steps]);
        if (!(slope[steps] > 1e-12)) break;
        w = next;
    }
    wg_tensor *right = wg_eq(wg_gt(wg_matmul(t->x, w), wg_num(0)), wg_gt(t->y, wg_num(0.5)));
    printf("  %.2f %% of the digits told right\n", 100 * wg_item(wg_mean(wg_cast(right, WG_F64))));
    return check("logistic regression: the gradient at the end", slope[steps], 1e-12);
}

static bool load(task *t) {
    wg_data *set = wg_data_csv("examples/data/digits.csv",
                               (wg_data_options){ .scale = 1.0 / 16, .dtype = WG_F64 });
    wg_batch b = { .size = wg_data_size(set), .in_order = true };
    if (!set || !wg_data_next(set, &b)) return false;
    wg_tensor *one = wg_ones(WG_F64, WG_SHAPE(b.size, 1));
    t->x = wg_cat((wg_tensor *[]){ b.x, one }, 2, 1);
    t->y = wg_cast(wg_eq(b.y, wg_num(8)), WG_F64);
    wg_data_free(set);
    return t->x && t->y;
}

int main(void) {
    task t;
    if (!load(&t)) return 1;
    wg_tensor *start = wg_zeros(WG_F64, WG_SHAPE(wg_dim(t.x, 1)));
    bool ok = check_quadratic(&t, start);
    ok = check_hessian(&t, wg_full(WG_F64, wg_shape_of(start), 0.1)) && ok;
    ok = minimise(&t, start) && ok;
    printf("%s\n", ok ? "every answer is the known one" : "FAILED");
    return !ok || wg_error() != WG_OK;
}
