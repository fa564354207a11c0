// SPDX-License-Identifier: MIT
/* physics.c: a network that solves a differential equation (Raissi et al. 2019). Nobody tells it
   the answer: its loss is how far it is from u'' = -u, with u(0) = 0 and u'(0) = 1. So derivatives
   of the network by its input stand in the loss, and are differentiated once more to train it. The
   answer is known all the same, u = sin t, and the program fails if the network does not find
   it. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

static const double END = 6.28318530717958647692;
enum { POINTS = 48, STEPS = 6000 };

static wg_tensor *u(wg_nn *m, wg_tensor *t) {  // t (N, 1) -> (N, 1)
    t = wg_tanh(wg_nn_linear(m, "a", wg_mul(t, wg_num(0.5)), 24));
    t = wg_tanh(wg_nn_linear(m, "b", t, 24));
    return wg_nn_linear(m, "c", t, 1);
}

// Each point's own derivatives: y at one point depends on no other.
static wg_tensor *cost(wg_nn *m, wg_tensor *t, wg_tensor *start) {  // (N, 1), (1, 1)
    t = wg_variable(t), start = wg_variable(start);
    wg_tensor *y = u(m, t), *y0 = u(m, start);
    wg_tensor *d2 = wg_derivative(wg_derivative(y, t), t);  // (N, 1)
    wg_tensor *d0 = wg_derivative(y0, start);               // (1, 1)
    wg_tensor *inside = wg_mean(wg_square(wg_add(d2, y)));
    wg_tensor *initial = wg_add(wg_square(y0), wg_square(wg_sub(d0, wg_num(1))));
    return wg_add(inside, wg_sum(initial));
}

static double largest_error(wg_nn *m) {
    wg_tensor *t = wg_unsqueeze(wg_linspace(WG_F64, 0, END, 1001), 1);  // (1001, 1)
    return wg_item(wg_max(wg_abs(wg_sub(u(m, t), wg_sin(t)))));
}

static void train(wg_nn *m) {
    wg_tensor *t = wg_unsqueeze(wg_linspace(WG_F64, 0, END, POINTS), 1);  // (POINTS, 1)
    wg_tensor *start = wg_zeros(WG_F64, WG_SHAPE(1, 1));
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 0.01 });
    for (int i = 0; i <= STEPS; i++) {
        wg_scope *step = wg_scope_open();
        wg_tensor *loss = cost(m, t, start);
        wg_optim_set_rate(adam, 0.01 * pow(0.01, (double)i / STEPS));
        wg_optim_minimize(adam, loss);
        if (i % 1000 == 0)
            printf("step %4d  loss %.2e  largest error %.2e\n", i, wg_item(loss), largest_error(m));
        wg_scope_close(step);
    }
    wg_optim_free(adam);
}

int main(void) {
    wg_nn *m = wg_nn_new(1);
    train(m);
    double error = largest_error(m);
    bool found = error < 1e-3;
    printf("u'' = -u, u(0) = 0, u'(0) = 1: %s sin t to %.1e on [0, 2 pi]\n",
           found ? "the network is" : "FAILED: the network is not", error);
    wg_nn_free(m);
    return !found || wg_error() != WG_OK;
}
