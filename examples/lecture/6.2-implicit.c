// SPDX-License-Identifier: MIT
/* 6.2 Implicit regularization: more samples, and dropout (Srivastava et al. 2014), on Fashion-MNIST
   (Xiao, Rasul and Vollgraf 2017). All networks make the same number of steps of the same size:
   what differs is how many samples they draw them from, or how many units are dropped. */
#include <math.h>
#include <stdio.h>

#include "lecture.h"

#define FOLDER "/usr/share/datasets/fashion-mnist"
enum { STEPS = 1200, BATCH = 50, SEEDS = 4, SIZES = 10, RATES = 5, FEW = 1000, GOOD = 2 };

/* A network with one hidden layer, and what it learns from. */
typedef struct plan {
    int64_t units, samples;
    double dropout;
} plan;
static plan now;

static wg_tensor *net(wg_nn *m, wg_tensor *x) {            // x (B, 784)
    x = wg_relu(wg_nn_linear(m, "hidden", x, now.units));  // (B, units)
    x = CODE(wg_nn_dropout(m, "drop", x, now.dropout));
    return wg_nn_linear(m, "out", x, 10);  // (B, 10)
}

static wg_data *load(const char *name) {
    char images[200], labels[200];
    snprintf(images, sizeof images, FOLDER "/%s-images-idx3-ubyte.gz", name);
    snprintf(labels, sizeof labels, FOLDER "/%s-labels-idx1-ubyte.gz", name);
    return wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255 });
}

static void train(wg_nn *m, wg_data *set, uint64_t seed) {
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ 0 });
    wg_batch b = { .size = BATCH, .seed = seed };
    for (int i = 0; i < STEPS && !wg_error(); i++) {
        while (!wg_data_next(set, &b) && !wg_error())
            b = (wg_batch){ .size = BATCH, .seed = b.seed + 1000 };
        wg_scope *scope = wg_scope_open();
        wg_optim_set_rate(adam, 1e-3 * (1 + cos(M_PI * i / STEPS)));
        wg_optim_minimize(adam, wg_cross_entropy(net(m, b.x), b.y));
        wg_scope_close(scope);
    }
    wg_optim_free(adam);
}

/* ---- what comes out -------------------------------------------------------------------------- */

typedef struct outcome {
    double train, test, loss;  // % right; the mean loss in the test
    double low, high;          // of `test`, over the seeds
} outcome;

static void learn(wg_data *all, wg_data *test, uint64_t seed, outcome *mean) {
    wg_data *part, *some;
    wg_data_split(all, (double[]){ (double)now.samples / (double)wg_data_size(all) }, 1, seed,
                  &part);
    wg_nn *m = wg_nn_new(seed);
    train(m, part, seed);
    some = wg_data_first(part, 10000);  // enough to count the training's right answers
    wg_scope *scope = wg_scope_open();
    wg_tensor *y, *out = wg_nn_outputs(m, net, test, &y);  // (10000, 10), (10000)
    double right = 100 * wg_metric_accuracy(out, y);
    mean->train += 100 * wg_nn_accuracy(m, net, some) / SEEDS;
    mean->test += right / SEEDS;
    mean->loss += wg_item(wg_cross_entropy(out, y)) / SEEDS;
    mean->low = fmin(mean->low, right);
    mean->high = fmax(mean->high, right);
    wg_scope_close(scope);
    wg_data_free(some), wg_data_free(part);
    wg_nn_free(m);
}

static outcome mean_of(wg_data *all, wg_data *test, plan p) {
    outcome mean = { .low = 100 };
    now = p;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) learn(all, test, seed, &mean);
    return mean;
}

static double size[SIZES], rate[RATES];
static outcome by_size[SIZES], by_rate[RATES];

static void grow(wg_data *all, wg_data *test) {
    table("training samples | right in training, % | in test, % | from | to | loss in test");
    for (int i = 0; i < SIZES; i++) {
        size[i] = i < SIZES - 1 ? 100 << i : (double)wg_data_size(all);
        outcome o = by_size[i] =
            mean_of(all, test, (plan){ .units = 64, .samples = (int64_t)size[i] });
        row("%g | %.2f | %.2f | %.2f | %.2f | %.3f", size[i], o.train, o.test, o.low, o.high,
            o.loss);
    }
}

static void drop(wg_data *all, wg_data *test) {
    table("dropout | right in training, % | in test, % | from | to | loss in test");
    for (int i = 0; i < RATES; i++) {
        rate[i] = 0.2 * i;
        outcome o = by_rate[i] = mean_of(all, test, (plan){ 256, FEW, rate[i] });
        row("%.1f | %.2f | %.2f | %.2f | %.2f | %.3f", rate[i], o.train, o.test, o.low, o.high,
            o.loss);
    }
}

/* ---- what is shown --------------------------------------------------------------------------- */

/* Of three sets of 4 or 5 seeds GOOD had 0.56 ... 0.70 % more right answers than no dropout, and a
   loss smaller by 0.10 ... 0.11; 16 times the samples were better by 1.3 % at least. */
static void check(void) {
    const outcome none = by_rate[0], good = by_rate[GOOD], few = by_size[0],
                  many = by_size[SIZES - 1];
    bool grows = true, forgets = true;
    for (int i = 4; i < SIZES; i++) grows = grows && by_size[i].test > by_size[i - 4].test;
    for (int i = 2; i < RATES; i++) forgets = forgets && by_rate[i].train < by_rate[i - 2].train;
    must(grows,
         "with 16 times as many samples the test is better, each time: from %.1f %% right with "
         "%g to %.1f %% with %g",
         few.test, size[0], many.test, size[SIZES - 1]);
    must(few.train - few.test > 20 && many.train - many.test < 5,
         "the gap between training and test falls from %.1f to %.1f %%: there is less to learn by "
         "heart",
         few.train - few.test, many.train - many.test);
    must(forgets, "with %g more dropout less of the training is right, from %.1f %% to %.1f %%",
         rate[2], none.train, by_rate[RATES - 1].train);
    must(good.test > none.test && good.loss < none.loss - 0.03,
         "with %g dropped the test is better: %.2f %% right, not %.2f %%, and loss %.3f, not %.3f",
         rate[GOOD], good.test, none.test, good.loss, none.loss);
    must(good.test < by_size[5].test,
         "worth less than more samples: %g of them without dropout are %.2f %% right", size[5],
         by_size[5].test);
}

static void draw_panel(wg_chart *c, const double x[], const outcome o[], int n,
                       wg_panel_options p) {
    double y[4][SIZES];
    for (int i = 0; i < n; i++)
        y[0][i] = o[i].train, y[1][i] = o[i].test, y[2][i] = o[i].low, y[3][i] = o[i].high;
    wg_chart_panel(c, p);
    wg_chart_xy(
        c, "test, lowest to highest",
        (wg_xy){ .mark = WG_MARK_BAND, .n = n, .x = x, .y = y[2], .y2 = y[3], .colour = 6 });
    wg_chart_xy(c, "training",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = n, .x = x, .y = y[0], .colour = 2 });
    wg_chart_xy(c, "test",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = n, .x = x, .y = y[1], .colour = 1 });
}

static void draw(void) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 400 });
    draw_panel(
        c, size, by_size, SIZES,
        (wg_panel_options){
            .x = "training samples", .y = "right, %", .log_x = true, .y_min = 65, .y_max = 100 });
    draw_panel(c, rate, by_rate, RATES,
               (wg_panel_options){
                   .x = "share of units dropped", .y = "right, %", .y_min = 75, .y_max = 100 });
    picture(c, "accuracy",
            "Right answers in training and in the test. The vertical axes do not begin at 0.");
}

int main(void) {
    begin_section("Implicit regularization",
                  "This is the set of methods that implicitly affect the generalization "
                  "performance of the overall network. Examples of implicit regularization methods "
                  "are increasing the training set size and dropout.");
    wg_data *all = load("train"), *test = load("t10k");
    if (must(all && test,
             "Fashion-MNIST is in " FOLDER ": Debian has it as dataset-fashion-mnist")) {
        say("Implicit is usually what training does by itself; the lecture means whatever leaves "
            "the cost as it is. Each network makes %d steps of %d samples; means over %d seeds. "
            "Dropout is tried with %d samples.",
            STEPS, BATCH, SEEDS, FEW);
        grow(all, test);
        drop(all, test);
        check();
        draw();
    }
    wg_data_free(all), wg_data_free(test);
    return end_section();
}
