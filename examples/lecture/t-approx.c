// SPDX-License-Identifier: MIT
/* 1.3 Activation function, continued: one hidden layer comes as close to a continuous function as
   one likes, everywhere on a compact set, if it is wide enough, with any activation but a
   polynomial (Leshno et al. 1993). First layers are random and only the outer weights are fitted,
   by least squares: the best network of a width is at least as good. */
#include <math.h>
#include <stdlib.h>

#include "lecture.h"

static const double PI = 3.14159265358979323846;

enum { WIDTHS = 8, SEEDS = 5, KINDS = 4, FINE = 2001, FINE_2 = 101, COARSE = 801, COARSE_2 = 45 };

/* ---- what to approximate, on [-1, 1]^d ------------------------------------------------------- */

typedef struct target {
    const char *name;
    int d;
    wg_tensor *(*f)(wg_tensor *x);  // (N, d) -> (N)
    double best;                    // no cubic comes closer
} target;

static wg_tensor *coordinate(wg_tensor *x, int k) { return wg_select(x, 1, k); }
static wg_tensor *scaled(wg_tensor *x, double a) { return wg_mul(x, wg_num(a)); }

static wg_tensor *wave(wg_tensor *x) {
    return wg_add(wg_sin(scaled(coordinate(x, 0), 2 * PI)), wg_abs(coordinate(x, 0)));
}

static wg_tensor *saddle(wg_tensor *x) {
    wg_tensor *a = coordinate(x, 0), *b = coordinate(x, 1);
    return wg_add(wg_mul(wg_sin(scaled(a, PI)), wg_cos(scaled(b, PI))),
                  scaled(wg_abs(wg_add(a, b)), 0.5));
}

/* n points, or n by n. */
static wg_tensor *grid(int d, int64_t n) {
    wg_tensor *line = wg_linspace(WG_F64, -1, 1, n), *axis[2];
    if (d == 1) return wg_unsqueeze(line, 1);
    wg_meshgrid((wg_tensor *[]){ line, line }, 2, axis);
    return wg_reshape(wg_stack(axis, 2, 2), WG_SHAPE(n * n, 2));
}

/* ---- networks of one hidden layer ------------------------------------------------------------ */

typedef struct kind {
    const char *name;
    wg_tensor *(*activation)(wg_tensor *);
    double steep;  // how the first weights grow with the width; 0: they do not
} kind;
static wg_tensor *cube(wg_tensor *x) { return wg_mul(x, wg_square(x)); }
static const kind kinds[KINDS] = {
    { "sigmoid", wg_sigmoid, 1 }, { "tanh", wg_tanh, 0.5 }, { "ReLU", wg_relu, 0 }, { "z^3", cube, 0 }
};

typedef struct layer {
    wg_tensor *w, *b;  // (width, d), (width)
    wg_tensor *(*activation)(wg_tensor *);
} layer;

/* Units that look in random directions, each with its kink or step at a random place. */
static layer random_layer(const kind *k, int d, int64_t width, uint64_t seed) {
    wg_random random = { .seed = seed };
    wg_tensor *w = wg_randn(WG_F64, WG_SHAPE(width, d), &random);
    w = wg_div(w, wg_norm_axes(w, 2, WG_AXES(1), true));
    w = scaled(w, 1 + k->steep * pow((double)width, 1.0 / d) / 4);
    wg_tensor *place = wg_sub(scaled(wg_rand(WG_F64, WG_SHAPE(width, d), &random), 2), wg_num(1));
    return (layer){ w, wg_neg(wg_sum_axes(wg_mul(w, place), WG_AXES(1), false)), k->activation };
}

/* (N, width + 1): what the hidden layer gives, and 1. */
static wg_tensor *hidden(layer l, wg_tensor *x) {
    wg_tensor *a = CODE(l.activation(wg_linear(x, l.w, l.b)));
    return wg_cat((wg_tensor *[]){ a, wg_ones(WG_F64, WG_SHAPE(wg_dim(x, 0), 1)) }, 2, 1);
}

/* c with least sum of weight (a c - y)^2, and hardly any ridge. */
static wg_tensor *least_squares(wg_tensor *a, wg_tensor *y, wg_tensor *weight) {
    wg_tensor *t = wg_mul(wg_transpose(a, 0, 1), weight), *gram = wg_matmul(t, a);
    double ridge = 1e-11 * wg_item(wg_trace(gram));
    gram = wg_add(gram, scaled(wg_eye(WG_F64, wg_dim(a, 1)), ridge));
    return wg_solve(gram, wg_matmul(t, y));
}

static wg_tensor *fitted(layer l, const target *t, wg_tensor *x) {
    wg_tensor *coarse = grid(t->d, t->d == 1 ? COARSE : COARSE_2);
    wg_tensor *c = least_squares(hidden(l, coarse), t->f(coarse), wg_num(1));  // (width + 1)
    return CODE(wg_matmul(hidden(l, x), c));                                   // (N)
}

static wg_tensor *fine(int d) { return grid(d, d == 1 ? FINE : FINE_2); }

static double sup_error(const kind *k, const target *t, int64_t width, uint64_t seed) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *x = fine(t->d);
    wg_tensor *y = fitted(random_layer(k, t->d, width, seed), t, x);
    double error = CODE(wg_item(wg_max(wg_abs(wg_sub(y, t->f(x))))));
    wg_scope_close(scope);
    return error;
}

/* ---- and of cubics --------------------------------------------------------------------------- */

/* (N, 4) or (N, 10): all products of up to three coordinates. */
static wg_tensor *monomials(wg_tensor *x) {
    wg_tensor *m[16];
    int n = 0;
    for (int i = 0; i <= 3; i++)
        for (int j = 0; j <= (wg_dim(x, 1) == 1 ? 0 : 3 - i); j++)
            m[n++] = wg_mul(wg_pow(coordinate(x, 0), wg_num(i)), wg_pow(coordinate(x, -1), wg_num(j)));
    return wg_stack(m, n, 1);
}

/* No cubic has a smaller largest error than this: a weighted mean square with weights that sum to 1
   is below the largest square, so its least value over all cubics is, too. The weights gather where
   the error is largest (Lawson 1961). */
static double best_cubic(const target *t) {
    double bound = 0;
    wg_tensor *x = fine(t->d), *y = t->f(x), *a = monomials(x);
    wg_tensor *weight = wg_full(WG_F64, WG_SHAPE(wg_dim(x, 0)), 1 / (double)wg_dim(x, 0));
    for (int i = 0; i < 100 && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *error = wg_abs(wg_sub(wg_matmul(a, least_squares(a, y, weight)), y));
        bound = fmax(bound, sqrt(wg_item(wg_sum(wg_mul(weight, wg_square(error))))));
        wg_tensor *next = wg_mul(weight, error);
        wg_copy(weight, wg_div(next, wg_sum(next)));
        wg_scope_close(scope);
    }
    return bound;
}
int main(void) {
    begin_section("approx", "claim");
    target t[2] = { { "1-D", 1, wave, 0 }, { "2-D", 2, saddle, 0 } };
    for (int i = 0; i < 2; i++) {
        printf("%s best %g\n", t[i].name, best_cubic(&t[i]));
        for (int k = 0; k < 2; k++) {
            printf("%s\n", kinds[k].name);
            for (int w=4; w <= 8; w++) {
                printf("%4d", 1 << w);
                for (int s = 1; s <= 5; s++) printf(" %9.2g", sup_error(&kinds[k], &t[i], 1 << w, s));
                printf("\n");
            }
        }
    }
    must(true, "x");
    return end_section();
}
