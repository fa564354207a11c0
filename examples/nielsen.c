// SPDX-License-Identifier: MIT
/* The networks with which Nielsen's book begins (Neural Networks and Deep Learning, 2015), on
   Fashion-MNIST in place of MNIST, with his numbers: sigmoids, batches of 10 out of 50,000 images,
   all weights and biases from N(0, 1), plain gradient descent; and what he reports of each
   comparison. Then the same once more with a fifth of his rates. */
#include <math.h>
#include <stdio.h>
#include <wengert.h>

#include "show.h"

enum { TRAIN = 50000, BATCH = 10, EPOCHS = 10, LAST = 3, SEEDS = 3 };
typedef struct setting {
    const char *name;
    int64_t hidden;
    bool quadratic;
    double rate, lambda;
    double book;  // % right that he reports, of MNIST
} setting;
enum { QUADRATIC, SMALL, SMALL_L2, LARGE, LARGE_L2, SETTINGS };
static const setting settings[SETTINGS] = {
    { "30 quadratic", 30, true, 3, 0, 95.42 },
    { "30 cross-entropy", 30, false, 0.5, 0, 95.49 },
    { "30 cross-entropy, L2", 30, false, 0.5, 5, 96.49 },
    { "100 cross-entropy", 100, false, 0.5, 0, 96.82 },
    { "100 cross-entropy, L2", 100, false, 0.5, 5, 97.92 },
};
static const setting *now_is;

/* ---- his network ----------------------------------------------------------------------------- */

static wg_tensor *net(wg_nn *m, wg_tensor *x) {  // x (B, 784)
    wg_init normal = { .kind = WG_INIT_NORMAL, .b = 1 };
    wg_linear_options o = { .w = normal, .b = normal };
    x = wg_sigmoid(wg_nn_linear_with(m, "hidden", x, now_is->hidden, o));  // (B, hidden)
    return wg_nn_linear_with(m, "out", x, 10, o);  // (B, 10), sigmoids follow
}

/* Both costs are sums over the ten outputs, and means over the batch. */
static wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *z = net(m, x), *target = wg_one_hot(y, 10, WG_F32);  // (B, 10)
    wg_loss_options o = { .reduction = WG_BATCHMEAN };
    if (!now_is->quadratic) return wg_nn_bce_with_logits_with(z, target, o);
    return wg_mul(wg_nn_mse_loss_with(wg_sigmoid(z), target, o), wg_num(0.5));
}

/* lambda / 2n times the sum of all w^2 in the cost is, for gradient descent,
   w -= rate lambda / n w. Biases do not decay. */
static wg_optim *descent(wg_nn *m, double rate) {
    wg_sgd_options none = { .rate = rate }, decay = none;
    decay.weight_decay = now_is->lambda / TRAIN;
    wg_optim *o = wg_optim_sgd(m, decay);
    wg_optim_group(o, "*/b", wg_sgd(none));
    return o;
}

/* ---- runs ------------------------------------------------------------------------------------ */

typedef struct outcome {
    double curve[EPOCHS];  // % right in the test after each epoch, mean over the seeds
    double last[SEEDS];    // mean of the LAST epochs
    double train, swing;   // % right in training at the end; mean change from epoch to epoch
} outcome;
typedef struct sets {
    wg_data *train, *some, *test;
} sets;

static void learn(sets d, double rate, int seed, outcome *out) {
    wg_nn *m = wg_nn_new((uint64_t)seed + 1);
    wg_optim *o = descent(m, rate);
    double before = 0;
    for (int e = 0; e < EPOCHS && !wg_error(); e++) {
        wg_batch b = { .size = BATCH, .seed = (uint64_t)(1000 * seed + e) };
        while (wg_data_next(d.train, &b)) {  // b.x (10, 784), b.y (10)
            wg_scope *step = wg_scope_open();
            wg_optim_minimize(o, cost(m, b.x, b.y));
            wg_scope_close(step);
        }
        double right = 100 * wg_nn_accuracy(m, net, d.test);
        out->curve[e] += right / SEEDS;
        if (e >= EPOCHS - LAST) out->last[seed] += right / LAST;
        if (e >= EPOCHS - LAST) out->swing += fabs(right - before) / LAST / SEEDS;
        before = right;
    }
    out->train += 100 * wg_nn_accuracy(m, net, d.some) / SEEDS;
    wg_optim_free(o);
    wg_nn_free(m);
}

static double mean_of(const double x[SEEDS]) {
    double sum = 0;
    for (int i = 0; i < SEEDS; i++) sum += x[i];
    return sum / SEEDS;
}

static void run_all(sets d, double share, outcome out[SETTINGS]) {
    printf("\nrates: %g of his\n%-24s %6s %8s %8s %9s %7s %7s\n", share, "right, %", "rate",
           "epoch 1", "test", "training", "swing", "MNIST");
    for (int i = 0; i < SETTINGS; i++) {
        now_is = &settings[i];
        for (int seed = 0; seed < SEEDS; seed++) learn(d, share * now_is->rate, seed, &out[i]);
        printf("%-24s %6g %8.2f %8.2f %9.2f %7.2f %7.2f\n", now_is->name, share * now_is->rate,
               out[i].curve[0], mean_of(out[i].last), out[i].train, out[i].swing, now_is->book);
        fflush(stdout);
    }
}

/* ---- what he reports, and what is seen ------------------------------------------------------- */

typedef struct comparison {
    const char *name;
    int better, than;
} comparison;
enum { COMPARISONS = 4 };
static const comparison comparisons[COMPARISONS] = {
    { "cross-entropy over quadratic, 30", SMALL, QUADRATIC },
    { "100 units over 30", LARGE, SMALL },
    { "L2 over none, 30", SMALL_L2, SMALL },
    { "L2 over none, 100", LARGE_L2, LARGE },
};

typedef struct effect {
    double mean, error;  // of the seeds' differences: their mean, and its standard error
} effect;

static effect difference(comparison c, const outcome out[SETTINGS]) {
    double d[SEEDS], sum = 0;
    for (int i = 0; i < SEEDS; i++) d[i] = out[c.better].last[i] - out[c.than].last[i];
    effect e = { .mean = mean_of(d) };
    for (int i = 0; i < SEEDS; i++) sum += (d[i] - e.mean) * (d[i] - e.mean);
    e.error = sqrt(sum / (SEEDS - 1) / SEEDS);
    return e;
}

static const char *verdict(effect e) {
    return e.mean > 2 * e.error ? "seen" : e.mean < -2 * e.error ? "reversed" : "noise";
}

static void compare(outcome out[2][SETTINGS], effect seen[COMPARISONS][2]) {
    printf("\n%-34s %7s %26s %26s\n", "differences, %", "MNIST", "his rates", "a fifth of them");
    for (int k = 0; k < COMPARISONS; k++) {
        comparison c = comparisons[k];
        printf("%-34s %7.2f", c.name, settings[c.better].book - settings[c.than].book);
        for (int r = 0; r < 2; r++) {
            effect e = seen[k][r] = difference(c, out[r]);
            printf("   %6.2f +- %.2f %9s", e.mean, e.error, verdict(e));
        }
        printf("\n");
    }
}

static void draw(outcome out[2][SETTINGS]) {
    double epoch[EPOCHS];
    for (int e = 0; e < EPOCHS; e++) epoch[e] = e + 1;
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .width = 900, .height = 480 });
    for (int r = 0; r < 2; r++) {
        wg_chart_panel(c, (wg_panel_options){ .title = r ? "a fifth of his rates" : "his rates",
                                              .x = "epoch",
                                              .y = "right in the test, % (from 76)",
                                              .y_min = 76,
                                              .y_max = 86 });
        for (int i = 0; i < SETTINGS; i++)
            wg_chart_xy(
                c, settings[i].name,
                (wg_xy){
                    .mark = WG_MARK_LINE_POINTS, .n = EPOCHS, .x = epoch, .y = out[r][i].curve });
    }
    bool drawn = false;
    if (wg_chart_save(c, "build/nielsen.svg", &drawn))
        printf("\nbuild/nielsen.%s: the accuracy after each epoch\n", drawn ? "svg" : "gp");
    wg_chart_free(c);
}

static wg_data *load(const char *folder, const char *name) {
    char images[500], labels[500];
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, name);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, name);
    return wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255 });
}

/* The mean of |x|^2: what a step changes a unit's sum by, for one error and one rate. */
static double length(wg_data *d) {
    wg_batch b = { .size = 10000, .in_order = true };
    wg_data_next(d, &b);
    return wg_item(wg_mean(wg_sum_axes(wg_square(b.x), WG_AXES(1), false)));
}

/* Why his numbers do not carry over as they are. */
static void explain(sets d, outcome out[2][SETTINGS], double over_quadratic) {
    const double mnist = 784 * (0.1307 * 0.1307 + 0.3081 * 0.3081);  // from its mean and deviation
    double swing[2] = { 0 };
    for (int i = 0; i < SETTINGS; i++)
        for (int r = 0; r < 2; r++) swing[r] += out[r][i].swing / SETTINGS;
    printf(
        "\nHis rates are for MNIST, whose pictures are mostly dark: a step changes a unit's\n"
        "sum by rate times error times |x|^2, which is %.0f there and %.0f here. The test swings\n"
        "by %.2f %% from epoch to epoch, which hides what more units and L2 do; with a fifth\n"
        "of the rates by %.2f %%.\n",
        mnist, length(d.test), swing[0], swing[1]);
    if (over_quadratic < 0)
        printf(
            "The slope of the quadratic cost is that of cross-entropy times a (1 - a) <= 1/4. "
            "With\n"
            "6 times its rate its steps are shorter where an output is wrong and sure, as many "
            "are\n"
            "at first, and up to 1.5 times as long where it is undecided, which may be why it is\n"
            "ahead after %d epochs with a fifth of the rates.\n",
            EPOCHS);
    for (int r = 0; r < 2; r++)
        printf("After %d epochs 100 units have %.1f %% right in training, %.1f %% in the test%s.\n",
               EPOCHS, out[r][LARGE].train, mean_of(out[r][LARGE].last), r ? ", with a fifth" : "");
}

int main(int argc, char *argv[]) {
    const char *folder = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
    sets d = { .test = load(folder, "t10k") };
    wg_data *all = load(folder, "train");
    if (!all || !d.test) {
        printf("No Fashion-MNIST in %s: apt install dataset-fashion-mnist in Debian, or give the "
               "folder of its four .gz files.\n",
               folder);
        wg_data_free(all), wg_data_free(d.test);
        return 1;
    }
    d.train = wg_data_first(all, TRAIN), d.some = wg_data_first(all, 10000);

    static outcome out[2][SETTINGS];
    effect seen[COMPARISONS][2];
    run_all(d, 1, out[0]);
    run_all(d, 0.2, out[1]);
    compare(out, seen);
    explain(d, out, seen[0][1].mean);
    draw(out);
    wg_data_free(d.train), wg_data_free(d.some), wg_data_free(d.test), wg_data_free(all);
    /* At his rates noise hides what the size and L2 do, at a fifth it does not. */
    bool hold = seen[0][0].mean > 0;
    for (int k = 1; k < COMPARISONS; k++) hold = hold && seen[k][1].mean > 0;
    return hold && !wg_error() ? 0 : 1;
}
