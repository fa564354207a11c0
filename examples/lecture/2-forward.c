// SPDX-License-Identifier: MIT
/* 2 Forward propagation: the recurrence with the lecture's indices, in three nested loops, and in
   matrices as the lecture writes them, against the library's layers, for every unit of a network
   and every digit. */
#include <math.h>

#include "digits.h"

enum { LAYERS = 4, WIDEST = 64 };
enum { SEED = 1 };
static const int64_t n[LAYERS + 1] = { 64, 30, 30, 20,
                                       10 };  // two of a size, to tell w_jk from w_kj

/* The library's layer l of x (DIGITS, n[l - 1]), whose rows are samples. */
static wg_tensor *layer(wg_nn *m, int l, wg_tensor *x) {
    wg_linear_options o = { .b = { .kind = WG_INIT_NORMAL, .b = 1 } };
    wg_nn *here = wg_nn_sub(m, "layer%d", l);
    return CODE(wg_sigmoid(wg_nn_linear_with(here, "unit", x, n[l], o)));  // (DIGITS, n[l])
}

/* a_j = sigma(sum over k of w_jk a_k + b_j), for every sample; with `swapped` w_kj in place of
   w_jk, where there are as many j as k. */
static wg_tensor *by_hand(wg_nn *m, int l, wg_tensor *before, bool swapped) {
    static double a[DIGITS * WIDEST];
    const double *x = wg_values(before, WG_F64);
    const double *w = wg_values(wg_nn_param_at(m, "*/w", l - 1), WG_F64);
    const double *b = wg_values(wg_nn_param_at(m, "*/b", l - 1), WG_F64);
    int64_t along_j = swapped ? 1 : n[l - 1], along_k = swapped ? n[l - 1] : 1;
    if (!x || !w || !b) return NULL;
    for (int64_t i = 0; i < DIGITS; i++)
        for (int64_t j = 0; j < n[l]; j++) {
            double z = b[j];
            for (int64_t k = 0; k < n[l - 1]; k++)
                z += w[j * along_j + k * along_k] * x[i * n[l - 1] + k];
            a[i * n[l] + j] = 1 / (1 + exp(-z));
        }
    return wg_from(WG_F64, WG_SHAPE(DIGITS, n[l]), a);
}

/* A = sigma(W A + b) as the lecture writes it: samples are columns, `before` (n[l - 1], DIGITS). */
static wg_tensor *by_matrices(wg_nn *m, int l, wg_tensor *before) {
    wg_tensor *w = wg_nn_param_at(m, "*/w", l - 1);                   // (n[l], n[l - 1])
    wg_tensor *b = wg_unsqueeze(wg_nn_param_at(m, "*/b", l - 1), 1);  // (n[l], 1)
    return CODE(wg_sigmoid(wg_add(wg_matmul(w, before), b)));         // (n[l], DIGITS)
}

static double gap(wg_tensor *a, wg_tensor *b) { return wg_item(wg_max(wg_abs(wg_sub(a, b)))); }

static void compare(wg_nn *m, wg_tensor *x) {
    wg_tensor *a = x, *hand = x, *matrix = wg_transpose(x, 0, 1);
    double worst = 0;
    table("layer | n_l | weights (j, k) | loops | matrices");
    for (int l = 1; l <= LAYERS; l++) {
        char shape[40];
        a = layer(m, l, a);
        hand = by_hand(m, l, hand, false);
        matrix = by_matrices(m, l, matrix);
        double loops = gap(a, hand), matrices = gap(a, wg_transpose(matrix, 0, 1));
        wg_shape_text(wg_shape_of(wg_nn_param_at(m, "*/w", l - 1)), shape, sizeof shape);
        row("%d | %d | %s | %.1e | %.1e", l, (int)n[l], shape, loops, matrices);
        worst = fmax(worst, fmax(loops, matrices));
    }
    /* Rounding, 1.1e-16 for each of 64 terms; seeds 1 to 6 give at most 5e-16, and 0.3 to 0.61
       for the check below. */
    must(worst < 1e-14, "all three ways agree, to %.1e, in every unit and for every digit", worst);
}

int main(void) {
    begin_section("Forward propagation",
                  "w_jk is the weight from the k-th neuron in layer l - 1 to the j-th neuron in "
                  "layer l; a_j = sigma(sum over k of w_jk a_k + b_j); A = sigma(W A + b).");
    wg_tensor *x = wg_contiguous(load_digits(NULL));
    wg_nn *m = wg_nn_new(SEED);
    compare(m, x);
    wg_tensor *before = layer(m, 1, x), *a = layer(m, 2, before);
    double swapped = gap(a, by_hand(m, 2, before, true));
    must(swapped > 0.05, "with w_kj in place of w_jk layer 2 would be off by %.2g", swapped);
    say("The library keeps W as the lecture does, a row for each unit, and samples as rows: what "
        "it "
        "computes is the transpose, A' = sigma(A' W' + b').");
    wg_nn_free(m);
    return end_section();
}
