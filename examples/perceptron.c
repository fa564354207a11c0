// SPDX-License-Identifier: MIT
/* The perceptron, y = 1 if w.x > threshold, else 0 (McCulloch and Pitts 1943): what it learns
   (Rosenblatt 1958), what it cannot learn (Minsky and Papert 1969), how a network of them computes
   that all the same, and why such a network cannot be tuned: a small change of a weight does
   nothing or, now and then, changes everything. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

/* One perceptron for each column of w: x (B, in), w (in, units), threshold (units) -> (B, units) of
   0 and 1. */
static wg_tensor *perceptron(wg_tensor *x, wg_tensor *w, wg_tensor *threshold) {
    return wg_step(wg_sub(wg_matmul(x, w), threshold));
}

/* ---- one perceptron for each gate ------------------------------------------------------------ */

enum { AND, OR, NAND, XOR, GATES, PASSES = 1000 };
static const double inputs[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
static const double outputs[4][GATES] = {
    { 0, 0, 1, 0 }, { 0, 1, 1, 1 }, { 0, 1, 1, 1 }, { 1, 1, 0, 0 }
};

/* The perceptron rule, row after row: a weight moves by error times input, a threshold by minus the
   error. fewest[g] is the least number of rows that gate g ever had wrong. */
static void learn(wg_tensor *x, wg_tensor *target, wg_tensor *w, wg_tensor *threshold,
                  double fewest[]) {
    for (int g = 0; g < GATES; g++) fewest[g] = 4;
    for (int64_t step = 0; step < 4 * PASSES; step++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *wrong = wg_abs(wg_sub(target, perceptron(x, w, threshold)));  // (4, GATES)
        wg_tensor *count = wg_sum_axes(wrong, WG_AXES(0), false);                // (GATES)
        for (int64_t g = 0; g < GATES; g++) fewest[g] = fmin(fewest[g], wg_at(count, &g));

        wg_tensor *row = wg_slice(x, 0, step % 4, step % 4 + 1, 1);  // (1, 2)
        wg_tensor *error =
            wg_sub(wg_select(target, 0, step % 4), perceptron(row, w, threshold));  // (1, GATES)
        wg_copy(w, wg_add(w, wg_matmul(wg_transpose(row, 0, 1), error)));
        wg_copy(threshold, wg_sub(threshold, wg_select(error, 0, 0)));
        wg_scope_close(scope);
    }
}

static void show_gates(wg_tensor *y, wg_tensor *w, wg_tensor *threshold) {
    static const char *const name[] = { "AND", "OR", "NAND" };
    printf("x1 x2   AND  OR NAND XOR    after %d passes; ! marks a mistake\n", PASSES);
    for (int64_t i = 0; i < 4; i++) {
        printf("%2g %2g  ", inputs[i][0], inputs[i][1]);
        for (int64_t g = 0; g < GATES; g++) {
            double value = wg_at(y, (int64_t[]){ i, g });
            printf("%3g%c", value, value == outputs[i][g] ? ' ' : '!');
        }
        printf("\n");
    }
    for (int64_t g = 0; g < XOR; g++)
        printf("%-4s is 1 if %g x1 + %g x2 > %g\n", name[g], wg_at(w, (int64_t[]){ 0, g }),
               wg_at(w, (int64_t[]){ 1, g }), wg_at(threshold, &g));
}

static bool one_layer_learns_all_but_xor(wg_tensor *x, wg_tensor *target) {
    wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(2, GATES));
    wg_tensor *threshold = wg_zeros(WG_F64, WG_SHAPE(GATES));
    double fewest[GATES];
    learn(x, target, w, threshold, fewest);
    wg_tensor *y = perceptron(x, w, threshold);  // (4, GATES)
    show_gates(y, w, threshold);
    printf("XOR had never fewer than %g of 4 wrong\n\n", fewest[XOR]);
    return fewest[XOR] >= 1 && wg_equal(wg_slice(y, 1, 0, XOR, 1), wg_slice(target, 1, 0, XOR, 1));
}

/* XOR is NAND and OR at once. */
static bool two_layers_compute_xor(wg_tensor *x, wg_tensor *target) {
    wg_tensor *w = wg_from(WG_F64, WG_SHAPE(2, 2), (double[]){ -1, 1, -1, 1 });  // NAND, OR
    wg_tensor *threshold = wg_from(WG_F64, WG_SHAPE(2), (double[]){ -1.5, 0.5 });
    wg_tensor *both = wg_ones(WG_F64, WG_SHAPE(2, 1));                          // AND
    wg_tensor *y = perceptron(perceptron(x, w, threshold), both, wg_num(1.5));  // (4, 1)
    printf("AND(NAND(x), OR(x)), row by row:");
    for (int64_t i = 0; i < 4; i++) printf(" %g", wg_at(y, (int64_t[]){ i, 0 }));
    bool right = wg_equal(y, wg_slice(target, 1, XOR, GATES, 1));
    printf(right ? ", which is XOR\n\n" : ", which is not XOR\n\n");
    return right;
}

/* ---- the butterfly effect -------------------------------------------------------------------- */

enum { LAYERS = 10, UNITS = 20, NETS = 300, INPUTS = 1000, SHIFTS = 3 };
static const double shift[SHIFTS] = { 0.1, 0.01, 0.001 };

/* x (B, UNITS) through LAYERS layers w (LAYERS, UNITS, UNITS) with thresholds 0 -> (B, UNITS) */
static wg_tensor *deep(wg_tensor *x, wg_tensor *w, wg_tensor *(*activation)(wg_tensor *)) {
    for (int l = 0; l < LAYERS; l++) x = activation(wg_matmul(x, wg_select(w, 0, l)));
    return x;
}

typedef struct effect {
    double touched;  // cases, of NETS * INPUTS, in which any output of the perceptrons flipped
    double flipped;  // outputs that flipped in all of them
    double smooth;   // largest change of any output with sigmoids in place of steps
} effect;

/* A random network, random inputs, and the first weight of the first layer moved by each shift. */
static void measure(wg_random *random, effect e[]) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *x = wg_step(wg_randn(WG_F64, WG_SHAPE(INPUTS, UNITS), random));  // 0 or 1
    wg_tensor *few = wg_slice(x, 0, 0, INPUTS / 10, 1);  // enough for a largest change
    wg_tensor *w = wg_randn(WG_F64, WG_SHAPE(LAYERS, UNITS, UNITS), random);
    wg_tensor *step = deep(x, w, wg_step), *sigmoid = deep(few, w, wg_sigmoid);
    for (int i = 0; i < SHIFTS; i++) {
        wg_tensor *change = wg_zeros_like(w);  // (LAYERS, UNITS, UNITS)
        wg_fill(wg_slice(wg_flatten(change, 0), 0, 0, 1, 1), shift[i]);
        wg_tensor *moved = wg_add(w, change);
        wg_tensor *flips = wg_abs(wg_sub(deep(x, moved, wg_step), step));
        wg_tensor *drift = wg_abs(wg_sub(deep(few, moved, wg_sigmoid), sigmoid));
        e[i].touched += wg_item(wg_sum(wg_max_axes(flips, WG_AXES(1), false)));
        e[i].flipped += wg_item(wg_sum(flips));
        e[i].smooth = fmax(e[i].smooth, wg_item(wg_max(drift)));
    }
    wg_scope_close(scope);
}

/* However small the shift, outputs of perceptrons change by 1 and several at a time; it only
   happens less often. Outputs of sigmoids change by less than the shift. */
static bool small_shifts_have_large_effects(void) {
    wg_random random = { .seed = 1 };
    effect e[SHIFTS] = { 0 };
    for (int i = 0; i < NETS; i++) measure(&random, e);
    printf("%d random networks of %d layers of %d, %d inputs each, one weight of the first layer "
           "moved\n",
           NETS, LAYERS, UNITS, INPUTS);
    printf("moved by   perceptrons: any output flips   how many   sigmoids: largest change\n");
    bool holds = true;
    for (int i = 0; i < SHIFTS; i++) {
        double many = e[i].flipped / e[i].touched;
        printf("%8g   in %4.0f of %d cases        %4.1f of %d   %.6f\n", shift[i], e[i].touched,
               NETS * INPUTS, many, UNITS, e[i].smooth);
        // A change that did not spread would flip one output.
        holds = holds && many >= 2 && e[i].smooth > 0 && e[i].smooth < shift[i];
    }
    return holds;
}

int main(void) {
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(4, 2), inputs);
    wg_tensor *target = wg_from(WG_F64, WG_SHAPE(4, GATES), outputs);
    bool holds = one_layer_learns_all_but_xor(x, target);
    holds = two_layers_compute_xor(x, target) && holds;
    holds = small_shifts_have_large_effects() && holds;
    return holds && !wg_error() ? 0 : 1;
}
