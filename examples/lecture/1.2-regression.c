// SPDX-License-Identifier: MIT
/* 1.2 Discreteness problem, continued: what networks of affine units learn. Linear regression has
   the lowest cost that any affine map can have, and is solved at once; training comes down to it
   from above and stops there, unless there is something between the layers. */
#include <math.h>

#include "digits.h"

enum { WIDTH = 32, STEPS = 400, RUNS = 5, SEED = 1 };
typedef wg_tensor *activation(wg_tensor *);
static wg_tensor *none(wg_tensor *x) { return x; }

static wg_tensor *net(wg_nn *m, wg_tensor *x, int layers, activation *a) {
    wg_linear_options o = { .b = { .kind = WG_INIT_NORMAL, .b = 0.1 } };
    for (int l = 1; l < layers; l++)
        x = a(wg_nn_linear_with(wg_nn_sub(m, "layer%d", l), "unit", x, WIDTH, o));  // (B, WIDTH)
    return wg_nn_linear_with(m, "out", x, CLASSES, o);                              // (B, CLASSES)
}

typedef struct run {
    const char *name;
    int layers;
    activation *a;
    double cost[STEPS + 1], accuracy;  // before each step
    int steps;
    wg_nn *model;
    wg_tensor *x, *y;
} run;

static wg_tensor *cost(void *user) {
    run *r = user;
    return CODE(wg_nn_mse_loss(net(r->model, r->x, r->layers, r->a), r->y));
}

static double accuracy(wg_tensor *z, wg_tensor *y) {
    wg_tensor *hit = wg_eq(wg_argmax(z, 1, false), wg_argmax(y, 1, false));
    return wg_item(wg_mean(wg_cast(hit, WG_F64)));
}

static void learn(run *r, uint64_t seed) {
    r->model = wg_nn_new(seed);
    wg_optim *o = wg_optim_lbfgs(r->model, (wg_lbfgs_options){ .iterations = 1, .history = 20 });
    for (r->steps = 0; r->steps <= STEPS; r->steps++)
        if (!wg_optim_minimize_by(o, cost, r, &r->cost[r->steps])) break;
    r->accuracy = accuracy(net(r->model, r->x, r->layers, r->a), r->y);
    wg_optim_free(o), wg_nn_free(r->model);
}

/* The lowest cost that any affine map has, from the normal equations (Gauss 1809). */
static double regression(wg_tensor *x, wg_tensor *y, double *right) {
    wg_tensor *one = wg_ones(WG_F64, WG_SHAPE(wg_dim(x, 0), 1));
    wg_tensor *a = wg_cat((wg_tensor *[]){ x, one }, 2, 1);  // (B, pixels + 1)
    wg_tensor *t = wg_transpose(a, 0, 1);
    wg_tensor *w = CODE(wg_solve(wg_matmul(t, a), wg_matmul(t, y)));  // (pixels + 1, CLASSES)
    wg_tensor *z = wg_matmul(a, w);
    *right = accuracy(z, y);
    return wg_item(wg_nn_mse_loss(z, y));
}

static void draw(const run r[], double best) {
    double flat[STEPS + 1], step[STEPS + 1];
    for (int i = 0; i <= STEPS; i++) flat[i] = best, step[i] = i + 1;
    wg_chart *c = wg_chart_new((wg_chart_options){ .width = 760, .height = 440 });
    wg_chart_panel(c, (wg_panel_options){ .title = "Training on the digits",
                                          .x = "step of L-BFGS",
                                          .y = "mean squared error",
                                          .log_x = true,
                                          .log_y = true });
    wg_xy line = { .mark = WG_MARK_DASHES, .n = STEPS + 1, .x = step, .y = flat, .colour = 8 };
    wg_chart_xy(c, "linear regression", line);
    for (int i = 0; i < RUNS; i++)
        wg_chart_xy(
            c, r[i].name,
            (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = r[i].steps, .x = step, .y = r[i].cost });
    picture(c, "training",
            "The training cost of affine networks of any depth stays above that of linear "
            "regression and comes to it. With a ReLU between the layers it goes below.");
}

/* Seeds 1 to 6 end at most 0.82 % above regression, and with ReLU at 0.11 to 0.14 of it. Below it
   no affine network can be, but by rounding. */
static void train(wg_tensor *x, wg_tensor *y) {
    run r[RUNS] = { { .name = "1 affine layer", .layers = 1, .a = none },
                    { .name = "2 affine layers", .layers = 2, .a = none },
                    { .name = "4 affine layers", .layers = 4, .a = none },
                    { .name = "8 affine layers", .layers = 8, .a = none },
                    { .name = "2 layers with ReLU", .layers = 2, .a = wg_relu } };
    double right, best = regression(x, y, &right), lowest = INFINITY, last = 0;
    table("| mean squared error | above regression | digits right");
    row("linear regression | %.6f | | %.1f %%", best, 100 * right);
    for (int i = 0; i < RUNS; i++) {
        r[i].x = x, r[i].y = y;
        learn(&r[i], SEED);
        double end = r[i].cost[r[i].steps - 1];
        row("%s | %.6f | %+.3f %% | %.1f %%", r[i].name, end, 100 * (end / best - 1),
            100 * r[i].accuracy);
        for (int s = 0; s < r[i].steps && i < RUNS - 1; s++) lowest = fmin(lowest, r[i].cost[s]);
        if (i < RUNS - 1) last = fmax(last, end);
    }
    must(lowest >= best * (1 - 1e-9),
         "no affine network is below linear regression at any step: the lowest is %.2f %% above",
         100 * (lowest / best - 1));
    must(last < best * 1.02, "and all come to it: within %.2f %%", 100 * (last / best - 1));
    must(r[RUNS - 1].cost[r[RUNS - 1].steps - 1] < best / 2,
         "with ReLU in between the cost is %.2g of regression's",
         r[RUNS - 1].cost[r[RUNS - 1].steps - 1] / best);
    draw(r, best);
}

/* Digits as x (1797, pixels) in 0..1, without the pixels that are blank in all of them, and y
   (1797, CLASSES), 1 for the class and 0 for the others. */
static void load(wg_tensor **x, wg_tensor **y) {
    wg_tensor *label, *ink = load_digits(&label);
    wg_tensor *varies = wg_sign(wg_var_axes(ink, WG_AXES(0), false, 0));  // (64) 0 or 1
    int64_t pixels = (int64_t)wg_item(wg_sum(varies));
    wg_tensor *keep = wg_slice(wg_argsort(varies, 0, true), 0, 0, pixels, 1);
    *x = wg_index_select(ink, 1, keep);
    *y = wg_one_hot(label, CLASSES, WG_F64);
}

int main(void) {
    begin_section(
        "A network of affine units learns what one learns",
        "Having a network would not have any benefits over a single perceptron as we can "
        "instead use a single perceptron representing the overall affine behaviour of our "
        "network.");
    wg_tensor *x, *y;
    load(&x, &y);
    train(x, y);
    return end_section();
}
