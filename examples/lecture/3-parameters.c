// SPDX-License-Identifier: MIT
/* 3 Cost function, continued: the cost is a function of N numbers, all weights and biases; the
   formula for N against what models hold. */
#include <stdio.h>

#include "lecture.h"

enum { LAYERS = 5, NETS = 4 };
static const int64_t size[NETS][LAYERS + 1] = {
    { 64, 10 }, { 64, 32, 10 }, { 784, 512, 256, 10 }, { 64, 100, 100, 100, 100, 10 }
};

static void count(void) {
    bool right = true;
    table("layers | weights | biases | sum of n_l (n_(l-1) + 1) | N");
    for (int i = 0; i < NETS; i++) {
        wg_nn *m = wg_nn_new(1);
        wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(1, size[i][0]));
        int64_t formula = 0;
        char text[80];
        int end = snprintf(text, sizeof text, "%d", (int)size[i][0]);
        for (int l = 1; l <= LAYERS && size[i][l] > 0; l++) {
            x = wg_nn_linear(wg_nn_sub(m, "layer%d", l), "unit", wg_sigmoid(x), size[i][l]);
            formula += CODE(size[i][l] * (size[i][l - 1] + 1));
            end += snprintf(text + end, sizeof text - (size_t)end, "-%d", (int)size[i][l]);
        }
        int64_t n = CODE(wg_nn_count(m, NULL));
        row("%s | %d | %d | %d | %d", text, (int)wg_nn_count(m, "*/w"), (int)wg_nn_count(m, "*/b"),
            (int)formula, (int)n);
        right = right && n == formula;
        wg_nn_free(m);
    }
    must(right, "the formula counts all that a model holds");
}

int main(void) {
    begin_section("Where the cost lives",
                  "C: R^N -> R where N is the number of all weights and biases, "
                  "N = |W| + |b| = sum of n_l (n_(l-1) + 1).");
    count();
    return end_section();
}
