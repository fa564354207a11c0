// SPDX-License-Identifier: MIT
/* Handwritten digits, 8 x 8 pixels, by a network with one hidden layer. Gradient descent ends in
   some minimum near a random start, and some generalise better than others: so there are five
   starts, each stopped when it no longer improves on the validation set, which also says which of
   them to take. The test set decides nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wengert.h>

#include "show.h"

enum { STARTS = 5, EPOCHS = 100, PATIENCE = 20 };

static wg_tensor *net(wg_nn *m, wg_tensor *x) {      // x (B, 64)
    x = wg_relu(wg_nn_linear(m, "hidden", x, 256));  // (B, 256)
    x = wg_nn_dropout(m, "drop", x, 0.3);            // only while training
    return wg_nn_linear(m, "out", x, 10);            // (B, 10) logits
}

static wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *loss = wg_cross_entropy(net(m, x), y);  // mean over the batch
    return wg_add(loss, wg_nn_l2(m, NULL, 1e-4));      // weights, not biases
}

/* The same images, half of the time moved by a pixel to a side, up or down: a larger training set
   for nothing. What leaves at one margin comes in at the other, and margins are mostly blank. */
static wg_tensor *moved(wg_tensor *x, wg_random *random) {  // x (B, 64)
    static const int64_t by[] = { 1, -1, 8, -8 };
    int64_t i = wg_random_below(random, 8);
    if (i >= 4) return x;
    wg_tensor *part[] = { wg_slice(x, 1, by[i], WG_END, 1), wg_slice(x, 1, 0, by[i], 1) };
    return wg_cat(part, 2, 1);
}

/* One pass over the training set; the mean cost of its batches. */
static double epoch(wg_nn *m, wg_optim *adam, wg_data *train, uint64_t seed) {
    double sum = 0;
    int steps = 0;
    wg_random random = { .seed = seed };
    wg_batch b = { .size = 32, .seed = seed };
    while (wg_data_next(train, &b)) {  // b.x (32, 64), b.y (32)
        wg_scope *step = wg_scope_open();
        wg_tensor *loss = cost(m, moved(b.x, &random), b.y);
        wg_optim_minimize(adam, loss);
        sum += wg_item(loss), steps++;
        wg_scope_close(step);
    }
    return sum / steps;
}

static void progress(uint64_t start, int epoch, double loss, double accuracy) {
    bool terminal = isatty(STDOUT_FILENO);
    if (!terminal && epoch % 10 != 0) return;
    printf("%sstart %d  epoch %3d  loss %.4f  validation %.2f %%%s", terminal ? "\r" : "",
           (int)start, epoch, loss, 100 * accuracy, terminal ? "" : "\n");
    fflush(stdout);
}

typedef struct run {
    wg_nn *model;  // with the best weights of all epochs
    int epoch;     // where they were found
    double validation, test;
} run;

/* From a random start until PATIENCE epochs brought no better accuracy on the validation set. */
static run fit(wg_data *train, wg_data *validation, uint64_t seed) {
    wg_nn *m = wg_nn_new(seed);
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 3e-3 });
    run best = { .model = wg_nn_new(seed) };
    for (int e = 1; e <= EPOCHS && e - best.epoch <= PATIENCE && !wg_error(); e++) {
        double loss = epoch(m, adam, train, seed * EPOCHS + (uint64_t)e);
        double accuracy = wg_nn_accuracy(m, net, validation);
        progress(seed, e, loss, accuracy);
        if (!(accuracy > best.validation)) continue;
        best.validation = accuracy, best.epoch = e;
        wg_nn_copy(best.model, m);
    }
    wg_optim_free(adam);
    wg_nn_free(m);
    return best;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const run r[], int n) {
    double test[STARTS];
    for (int i = 0; i < n; i++) test[i] = r[i].test;
    qsort(test, (size_t)n, sizeof *test, ascending);
    return test[n / 2];
}

static void show_results(wg_nn *m, wg_data *test) {
    static const char *const name[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };
    printf("\nConfusion on the test set (row: is, column: taken for)\n");
    show_confusion(wg_nn_confusion(m, net, test, 10), name);
    wg_batch b = { .size = wg_data_size(test), .in_order = true };
    wg_data_next(test, &b);
    gallery g = { b.x, b.y, wg_nn_predict(m, net, b.x), name, .side = 8, .lines = 8, .across = 5 };
    show_first(&g, true);
    show_first(&g, false);
}

int main(int argc, char *argv[]) {
    const char *path = argc > 1 ? argv[1] : "examples/data/digits.csv";
    wg_data *part[3] = { 0 };  // training, validation, test
    wg_data *all = wg_data_csv(path, (wg_data_options){ .scale = 1.0 / 16 });
    if (!all) {
        printf("No digits in %s: run from the top of the sources, or give the path.\n", path);
        return 1;
    }
    wg_data_split(all, (double[]){ 0.6, 0.2, 0.2 }, 3, 7, part);

    run r[STARTS];
    const run *best = r;
    double began = now();
    for (int i = 0; i < STARTS; i++) {
        r[i] = fit(part[0], part[1], (uint64_t)i + 1);
        if (r[i].validation > best->validation) best = &r[i];
    }
    double seconds = now() - began;

    printf("\nstart  epoch  validation     test\n");
    for (int i = 0; i < STARTS; i++) {
        r[i].test = wg_nn_accuracy(r[i].model, net, part[2]);
        printf("%5d  %5d     %5.2f %%  %5.2f %%%s\n", i + 1, r[i].epoch, 100 * r[i].validation,
               100 * r[i].test, &r[i] == best ? "  <- taken" : "");
    }
    double middle = median(r, STARTS);
    printf("median test accuracy of %d starts: %.2f %%\n", STARTS, 100 * middle);
    printf("test accuracy of the one taken: %.2f %%\n", 100 * best->test);
    printf("%.1f seconds of training\n", seconds);
    show_results(best->model, part[2]);

    for (int i = 0; i < STARTS; i++) wg_nn_free(r[i].model);
    for (int i = 0; i < 3; i++) wg_data_free(part[i]);
    wg_data_free(all);
    return !wg_error() && middle >= 0.97 ? 0 : 1;
}
