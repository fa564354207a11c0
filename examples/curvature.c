// SPDX-License-Identifier: MIT
/* curvature.c: how sharp is the minimum that training found? The largest eigenvalue of the Hessian
   says how large a learning rate may be, 2 over it, before gradient descent runs away. The Hessian
   of N weights has N^2 numbers; its product with a vector costs about as much as two gradients
   (Pearlmutter 1994), and power iteration needs nothing else.

   Known answers, checked: for least squares the Hessian is x'x / N, and descent turns at 2 over its
   eigenvalue exactly; for a network, products with the Hessian are those of the matrix in full. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

enum { HIDDEN = 4, ITERATIONS = 2000, SAMPLES = 400 };

typedef struct task {
    wg_tensor *x;  // (N, 64) f64
    wg_tensor *y;  // (N) i64
    wg_data *set;  // owns both
} task;
typedef wg_tensor *cost(const task *t, wg_tensor *const w[]);  // -> ()

static double norm(wg_tensor *x) { return sqrt(wg_item(wg_sum(wg_square(x)))); }

// One linear unit for how round a digit is: the mean of (x w - y)^2 / 2.
static wg_tensor *least_squares(const task *t, wg_tensor *const w[]) {
    wg_tensor *gap = wg_sub(wg_matmul(t->x, w[0]), wg_cast(t->y, WG_F64));
    return wg_mul(wg_mean(wg_square(gap)), wg_num(0.5));
}

// All weights of 64 - HIDDEN - 10 in one vector, so that its Hessian is one matrix.
static wg_tensor *network(const task *t, wg_tensor *const w[]) {
    wg_tensor *w1 = wg_reshape(wg_slice(w[0], 0, 0, 64 * HIDDEN, 1), WG_SHAPE(64, HIDDEN));
    wg_tensor *w2 = wg_reshape(wg_slice(w[0], 0, 64 * HIDDEN, WG_END, 1), WG_SHAPE(HIDDEN, 10));
    return wg_cross_entropy(wg_matmul(wg_tanh(wg_matmul(t->x, w1)), w2), t->y);
}

/* ---- power iteration ------------------------------------------------------------------------- */

// The largest eigenvalue by size of the Hessian of f at w; its sign comes with it.
static double sharpness(cost *f, const task *t, wg_tensor *w) {
    wg_random random = { .seed = 1 };
    wg_tensor *v = wg_keep(wg_randn(WG_F64, wg_shape_of(w), &random));
    double value = 0, before = NAN;
    for (int i = 0; i < ITERATIONS && !(fabs(value - before) <= 1e-13 * fabs(value)); i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *at = wg_variable(w), *hv;
        wg_hvp(f(t, &at), &at, 1, &v, &hv);
        before = value;
        value = wg_item(wg_sum(wg_mul(v, hv))) / wg_item(wg_sum(wg_square(v)));
        v = wg_keep(wg_stop(wg_div(hv, wg_num(norm(hv)))));
        wg_scope_close(scope);
    }
    return value;
}

// The same of a matrix (n, n).
static double largest_eigenvalue(wg_tensor *h) {
    wg_tensor *v = wg_ones(WG_F64, WG_SHAPE(wg_dim(h, 0)));
    double value = 0, before = NAN;
    for (int i = 0; i < ITERATIONS && !(fabs(value - before) <= 1e-13 * fabs(value)); i++) {
        wg_tensor *hv = wg_matmul(h, v);
        before = value;
        value = wg_item(wg_sum(wg_mul(v, hv))) / wg_item(wg_sum(wg_square(v)));
        v = wg_div(hv, wg_num(norm(hv)));
    }
    return value;
}

/* ---- what is known --------------------------------------------------------------------------- */

static bool check(const char *what, double gap, double most) {
    printf("%-66s %.1e%s\n", what, gap, gap <= most ? "" : "  FAILED");
    return gap <= most;
}

// Gradient descent from w; where it ends.
static wg_tensor *descend(cost *f, const task *t, wg_tensor *w, double rate, int steps) {
    for (int i = 0; i < steps; i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *at = wg_variable(w);
        wg_tensor *g = wg_derivative(f(t, &at), at);
        w = wg_keep(wg_stop(wg_sub(at, wg_mul(g, wg_num(rate)))));
        wg_scope_close(scope);
    }
    return w;
}

static bool check_least_squares(const task *t) {
    wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(64));
    wg_tensor *gram = wg_div(wg_matmul(wg_transpose(t->x, 0, 1), t->x), wg_num(SAMPLES));
    double known = largest_eigenvalue(gram), found = sharpness(least_squares, t, w);
    printf("least squares: largest eigenvalue %.6f, so rates up to %.6f\n", found, 2 / found);
    bool ok = check("  from that of x'x / N, relatively", fabs(found - known) / known, 1e-9);
    double start = wg_item(least_squares(t, &w));
    wg_tensor *below = descend(least_squares, t, w, 1.99 / found, 500);
    wg_tensor *above = descend(least_squares, t, w, 2.01 / found, 500);
    double falls = wg_item(least_squares(t, &below)), grows = wg_item(least_squares(t, &above));
    printf("  cost %.3f; after 500 steps at 1.99 over it %.3f, at 2.01 over it %.0f\n", start,
           falls, grows);
    return ok && falls < start && grows > start;
}

static bool check_network(const task *t) {
    wg_random random = { .seed = 2 };
    wg_shape shape = WG_SHAPE(64 * HIDDEN + HIDDEN * 10);
    wg_tensor *w = wg_mul(wg_randn(WG_F64, shape, &random), wg_num(0.2));
    double before = sharpness(network, t, w);
    w = descend(network, t, w, 0.5, 300);
    wg_tensor *at = wg_variable(w), *v = wg_randn(WG_F64, shape, &random), *hv;
    wg_tensor *loss = network(t, &at), *h = wg_stop(wg_hessian(loss, at));  // (296, 296)
    wg_hvp(loss, &at, 1, &v, &hv);
    double after = sharpness(network, t, w), known = largest_eigenvalue(h);
    printf("network of %lld weights: largest eigenvalue %.4f at the start, %.4f after training\n",
           (long long)wg_numel(w), before, after);
    double gap = norm(wg_sub(wg_matmul(h, v), hv)) / norm(hv);
    double skew = norm(wg_sub(h, wg_transpose(h, 0, 1))) / norm(h);
    bool ok = check("  products with it from products with the matrix in full", gap, 1e-11);
    ok = check("  the matrix from its transpose", skew, 1e-11) && ok;
    return check("  its eigenvalue from that of the matrix", fabs(after / known - 1), 1e-6) && ok;
}

static bool load(task *t) {
    t->set = wg_data_csv("examples/data/digits.csv",
                         (wg_data_options){ .scale = 1.0 / 16, .dtype = WG_F64 });
    wg_batch b = { .size = SAMPLES, .in_order = true };
    if (!t->set || !wg_data_next(t->set, &b)) return false;
    t->x = b.x, t->y = b.y;
    return true;
}

int main(void) {
    task t = { 0 };
    if (!load(&t)) return 1;
    bool ok = check_least_squares(&t);
    ok = check_network(&t) && ok;
    printf("%s\n", ok ? "every answer is the known one" : "FAILED");
    wg_data_free(t.set);
    return !ok || wg_error() != WG_OK;
}
