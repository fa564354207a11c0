// SPDX-License-Identifier: MIT
/* The adding problem of Hochreiter and Schmidhuber (1997): many random numbers, two of which are
   marked, one in each half; the answer is their sum. Between a mark and the answer lie up to 150
   steps of noise, which a memory has to ignore. Who knows nothing says 1 each time and is off by
   1/6 in the mean square; this must come out a hundred times better, on sequences never seen.

   Long sequences alone teach slowly, as at first nothing arrives from the far end. So they begin
   short, and grow whenever the network has understood. */
#include <stdio.h>
#include <unistd.h>
#include <wengert.h>

#include "show.h"

enum { SHORT = 15, LONG = 150, BATCH = 32, UNITS = 32, MOST = 4000, EVERY = 50, TEST = 500 };
static const double baseline = 1.0 / 6;  // the variance of a sum of two, each 1/12

/* x (n, steps, 2): a number on [0, 1), and 1 where it counts; y (n, 1): their sum. */
static void draw(int64_t n, int64_t steps, wg_random *random, wg_tensor *xy[2]) {
    wg_tensor *value = wg_rand(WG_F32, WG_SHAPE(n, steps), random), *mark[2];
    for (int half = 0; half < 2; half++) {
        wg_tensor *at = wg_rand(WG_F32, WG_SHAPE(n), random);
        at = wg_floor(wg_mul(at, wg_num((double)(steps / 2))));
        at = wg_cast(wg_add(at, wg_num((double)(half * (steps / 2)))), WG_I64);
        mark[half] = wg_one_hot(at, steps, WG_F32);  // (n, steps)
    }
    wg_tensor *marked = wg_add(mark[0], mark[1]);
    xy[0] = wg_stack((wg_tensor *[]){ value, marked }, 2, 2);
    xy[1] = wg_sum_axes(wg_mul(value, marked), WG_AXES(1), true);
}

static wg_tensor *net(wg_nn *m, wg_tensor *x) {  // x (B, T, 2)
    wg_recurrent_state last = { 0 };
    wg_recurrent_options o = { .state = &last, .forget_bias = 1 };
    wg_nn_lstm_with(m, "lstm", x, UNITS, o);
    return wg_nn_linear(m, "sum", last.h, 1);  // (B, 1), of h after the last step
}

/* The mean square of what is off, on fresh sequences. */
static double test(wg_nn *m, int64_t steps, uint64_t seed) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *xy[2];
    wg_recording(false);  // until the scope closes
    draw(TEST, steps, &(wg_random){ .seed = seed }, xy);
    double off = wg_item(wg_nn_mse_loss(net(m, xy[0]), xy[1]));
    wg_scope_close(scope);
    return off;
}

static void learn(wg_nn *m, wg_optim *adam, int64_t steps, wg_random *random) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *xy[2];
    draw(BATCH, steps, random, xy);
    wg_optim_minimize(adam, wg_nn_mse_loss(net(m, xy[0]), xy[1]));
    wg_scope_close(scope);
}

/* Longer and longer sequences, until the longest are done 300 times better than by saying 1. */
static void fit(wg_nn *m, wg_optim *adam) {
    const char *end = isatty(STDOUT_FILENO) ? "\r" : "\n";
    wg_random random = { .seed = 2 };
    int64_t steps = SHORT;
    for (int i = 1; i <= MOST && !wg_error(); i++) {
        learn(m, adam, steps, &random);
        if (i % EVERY) continue;
        double off = test(m, steps, 5);
        printf("batch %4d  sequences of %3d  off by %.5f%s", i, (int)steps, off, end);
        fflush(stdout);
        if (steps == LONG && off < baseline / 300) break;
        if (off < baseline / 100) steps = steps * 3 / 2 < LONG ? steps * 3 / 2 : LONG;
    }
}

static void show_some(wg_nn *m) {
    wg_tensor *xy[2];
    wg_recording(false);
    draw(5, LONG, &(wg_random){ .seed = 99 }, xy);
    wg_tensor *answer = net(m, xy[0]);
    printf("\n    sum  answer\n");
    for (int64_t i = 0; i < 5; i++) {
        int64_t at[] = { i, 0 };
        printf("%7.3f %7.3f\n", wg_at(xy[1], at), wg_at(answer, at));
    }
    wg_recording(true);
}

int main(void) {
    wg_nn *m = wg_nn_new(1);
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 1e-2 });
    wg_optim_clip_norm(adam, 1);
    double began = now();
    fit(m, adam);
    printf("\n%.1f seconds of training\n", now() - began);
    double off = test(m, LONG, 6);
    printf("%d new sequences of %d: off by %.5f in the mean square, saying 1 each time by %.5f\n",
           TEST, LONG, off, baseline);
    printf("%.0f times better\n", baseline / off);
    show_some(m);
    wg_optim_free(adam);
    wg_nn_free(m);
    return !wg_error() && off < baseline / 100 ? 0 : 1;
}
