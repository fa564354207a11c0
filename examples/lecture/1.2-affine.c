// SPDX-License-Identifier: MIT
/* 1.2 Discreteness problem: a threshold is a bias with its sign turned. Without the jump a unit is
   affine, and a network of affine units is one affine map, however deep it is. */
#include "digits.h"

enum { SEED = 1 };

/* ---- threshold and bias ---------------------------------------------------------------------- */

enum { INPUTS = 12, CASES = 1 << INPUTS, UNITS = 256 };

/* Whole weights and thresholds, so that sums are exact and often hit the threshold itself. */
static void compare_bias(wg_random *random) {
    wg_tensor *number = wg_unsqueeze(wg_arange(WG_F64, 0, CASES, 1), 1);  // (CASES, 1)
    wg_tensor *place = wg_exp2(wg_arange(WG_F64, 0, INPUTS, 1));          // (INPUTS)
    wg_tensor *x = wg_fmod(wg_floor(wg_div(number, place)), wg_num(2));   // (CASES, INPUTS) bits
    wg_tensor *w = wg_round(wg_mul(wg_randn(WG_F64, WG_SHAPE(UNITS, INPUTS), random), wg_num(3)));
    wg_tensor *threshold = wg_round(wg_mul(wg_randn(WG_F64, WG_SHAPE(UNITS), random), wg_num(5)));
    wg_tensor *sum = wg_matmul(x, wg_transpose(w, 0, 1));  // (CASES, UNITS)
    wg_tensor *perceptron = CODE(wg_cast(wg_gt(sum, threshold), WG_F64));
    wg_tensor *biased = CODE(wg_step(wg_linear(x, w, wg_neg(threshold))));
    double ties = wg_item(wg_sum(wg_cast(wg_eq(sum, threshold), WG_F64)));
    must(wg_equal(perceptron, biased) && ties > 0,
         "%d random units on all %d inputs of %d bits: w.x > threshold and w.x + b > 0 with "
         "b = -threshold are the same, also in the %.0f cases where w.x is the threshold itself",
         UNITS, CASES, INPUTS, ties);
    say("So the bias does not yet make a unit continuous: leaving out the step does, and that is "
        "another function, w.x + b.");
}

/* ---- a network of affine units is one -------------------------------------------------------- */

enum { DEEP = 10, WIDE = 100 };
typedef wg_tensor *activation(wg_tensor *);
static wg_tensor *none(wg_tensor *x) { return x; }

static wg_tensor *net(wg_nn *m, wg_tensor *x, int layers, int64_t width, activation *a) {
    wg_linear_options o = { .b = { .kind = WG_INIT_NORMAL, .b = 0.1 } };
    for (int l = 1; l < layers; l++)
        x = a(wg_nn_linear_with(wg_nn_sub(m, "layer%d", l), "unit", x, width, o));  // (B, width)
    return wg_nn_linear_with(m, "out", x, CLASSES, o);                              // (B, CLASSES)
}

static double largest(wg_tensor *x) { return wg_item(wg_max(wg_abs(x))); }

/* f(x + y) - f(x) - f(y) + f(0), which is 0 for an affine f, relative to the largest value. */
static double bend(wg_nn *m, wg_tensor *x, activation *a) {
    wg_tensor *y = wg_flip(x, 0);
    wg_tensor *fx = net(m, x, DEEP, WIDE, a), *fy = net(m, y, DEEP, WIDE, a);
    wg_tensor *both = net(m, wg_add(x, y), DEEP, WIDE, a);
    wg_tensor *f0 = net(m, wg_zeros_like(x), DEEP, WIDE, a);
    return largest(wg_add(wg_sub(wg_sub(both, fx), fy), f0)) / largest(fx);
}

/* All layers' weights and biases in one: W = W_L ... W_1. */
static void collapse(wg_tensor *x, uint64_t seed) {
    wg_nn *m = wg_nn_new(seed);
    wg_tensor *y = net(m, x, DEEP, WIDE, none);                  // (B, CLASSES)
    wg_tensor *w = wg_eye(WG_F64, wg_dim(x, 1));                 // (units, pixels)
    wg_tensor *b = wg_zeros(WG_F64, WG_SHAPE(1, wg_dim(x, 1)));  // (1, units)
    for (int l = 0; l < DEEP; l++) {
        wg_tensor *wl = wg_nn_param_at(m, "*/w", l), *bl = wg_nn_param_at(m, "*/b", l);
        w = CODE(wg_matmul(wl, w));
        b = CODE(wg_linear(b, wl, bl));
    }
    double gap = largest(wg_sub(wg_linear(x, w, wg_flatten(b, 0)), y)) / largest(y);
    double flat = bend(m, x, none), bent = bend(m, x, wg_tanh);
    /* Rounding, 1.1e-16 for each of some hundred terms in each layer: seeds 1 to 6 give at most
       2e-15 and 4e-15, and with tanh 0.33 to 0.77. */
    must(gap < 1e-12, "%d affine layers, and one affine map: they differ by %.1e of the largest",
         DEEP, gap);
    must(flat < 1e-12, "f(x + y) - f(x) - f(y) + f(0), which is 0 for an affine f: %.1e", flat);
    must(bent > 0.01, "with tanh after each layer: %.2g, no affine map does that", bent);
    wg_nn_free(m);
}

int main(void) {
    begin_section(
        "Discreteness problem",
        "b = -threshold. If we make a network out of affine functions, we would get an "
        "affine function in the end as composition of affine functions are still affine.");
    compare_bias(&(wg_random){ .seed = SEED });
    collapse(load_digits(NULL), SEED);
    return end_section();
}
