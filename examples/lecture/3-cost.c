// SPDX-License-Identifier: MIT
/* 3 Cost function: a loss J says how wrong one sample is, the cost C is the mean of all, whatever
   the loss. A loss is least where the output is right, and need not be a distance. */
#include <math.h>
#include <stdlib.h>

#include "digits.h"

enum { SEED = 1, LOSSES = 5, POINTS = 200, STEPS = 25 };

/* ---- losses and their mean ------------------------------------------------------------------- */

typedef wg_tensor *loss(wg_tensor *y, wg_tensor *target);
typedef struct measure {
    const char *name;
    loss *f;
    bool classes;  // the target is the class, not 0 and 1 for each output
} measure;
static const measure measures[LOSSES] = { { "squared error", wg_nn_mse_loss, false },
                                          { "absolute error", wg_nn_l1_loss, false },
                                          { "Huber's", wg_nn_huber_loss, false },
                                          { "binary cross-entropy", wg_nn_bce_with_logits, false },
                                          { "cross-entropy", wg_nn_cross_entropy, true } };

static wg_tensor *net(wg_nn *m, wg_tensor *x) {        // x (B, 64)
    x = wg_sigmoid(wg_nn_linear(m, "hidden", x, 16));  // (B, 16)
    return wg_nn_linear(m, "out", x, 10);              // (B, 10)
}

typedef struct problem {
    wg_nn *m;
    wg_tensor *x, *label, *one_hot;  // (DIGITS, 64), (DIGITS) i64, (DIGITS, 10)
} problem;

static wg_tensor *row_of(wg_tensor *x, int64_t i) { return wg_slice(x, 0, i, i + 1, 1); }

/* C, and J of each sample by itself. */
static double cost(const problem *p, const measure *k, double J[DIGITS]) {
    wg_tensor *target = k->classes ? p->label : p->one_hot;
    for (int64_t i = 0; i < DIGITS; i++) {
        wg_scope *scope = wg_scope_open();
        J[i] = CODE(wg_item(k->f(net(p->m, row_of(p->x, i)), row_of(target, i))));
        wg_scope_close(scope);
    }
    return CODE(wg_item(k->f(net(p->m, p->x), target)));
}

static double mean(const double J[DIGITS]) {
    double sum = 0;
    for (int i = 0; i < DIGITS; i++) sum += J[i];
    return sum / DIGITS;
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void average(const problem *p) {
    double worst = 0;
    table("loss | least J | largest J | mean of J | C");
    for (int k = 0; k < LOSSES; k++) {
        double J[DIGITS], c = cost(p, &measures[k], J), m = mean(J);
        worst = fmax(worst, fabs(m - c) / c);
        qsort(J, DIGITS, sizeof *J, descending);
        row("%s | %.4f | %.4f | %.6f | %.6f", measures[k].name, J[DIGITS - 1], J[0], m, c);
    }
    /* Rounding of sums of 1797 terms, in two orders: seeds 1 to 6 give at most 3e-15. */
    must(worst < 1e-13, "the cost is the mean of the losses, to %.0e of it", worst);
}

/* ---- what training does to them -------------------------------------------------------------- */

static wg_tensor *objective(void *user) {
    const problem *p = user;
    return wg_nn_cross_entropy(net(p->m, p->x), p->label);
}

static void minimise(problem *p) {
    wg_optim *o = wg_optim_lbfgs(p->m, (wg_lbfgs_options){ .iterations = STEPS });
    wg_optim_minimize_by(o, objective, p, NULL);
    wg_optim_free(o);
}

/* Seeds 1 to 6: from 2.4 to 2.5 down to 0.04 to 0.08. */
static void train(problem *p) {
    double at[POINTS], curve[2][POINTS], flat[2][POINTS], J[DIGITS], c[2];
    for (int after = 0; after < 2; after++) {
        if (after) minimise(p);
        c[after] = cost(p, &measures[LOSSES - 1], J);
        qsort(J, DIGITS, sizeof *J, descending);
        for (int i = 0; i < POINTS; i++) {
            at[i] = 100.0 * i / POINTS;
            curve[after][i] = J[i * DIGITS / POINTS];
            flat[after][i] = c[after];
        }
    }
    double top = 0;
    for (int i = 0; i < DIGITS / 10; i++) top += J[i];
    must(c[1] < c[0] / 5, "%d steps of training lower the cost from %.3f to %.3f", STEPS, c[0],
         c[1]);
    number("of that, the worst tenth of the digits has", 100 * top / (c[1] * DIGITS), "%");
    wg_chart *h = wg_chart_new((wg_chart_options){ .width = 720, .height = 400 });
    wg_chart_panel(h, (wg_panel_options){ .title = "Cross-entropy of a network for digits",
                                          .x = "digits, the worst first, in %",
                                          .y = "loss J, in nats",
                                          .log_y = true });
    for (int after = 0; after < 2; after++) {
        wg_xy each = { WG_MARK_LINE_POINTS, POINTS, at, curve[after], .colour = after + 1 };
        wg_xy line = { WG_MARK_DASHES, POINTS, at, flat[after], .colour = after + 1 };
        wg_chart_xy(h, after ? "J after training" : "J before training", each);
        wg_chart_xy(h, after ? "C, their mean, after" : "C, their mean, before", line);
    }
    picture(h, "losses", "The losses of single digits, sorted, and the cost, which is their mean.");
}

/* A distance is symmetric and knows no detour that is shorter; losses are not and do. */
static void compare_with_distance(void) {
    wg_tensor *a[3];
    for (int i = 0; i < 3; i++) a[i] = wg_full(WG_F64, WG_SHAPE(1), i);
    double straight = wg_item(wg_nn_mse_loss(a[0], a[2]));
    double detour = wg_item(wg_nn_mse_loss(a[0], a[1])) + wg_item(wg_nn_mse_loss(a[1], a[2]));
    wg_tensor *sure = wg_full(WG_F64, WG_SHAPE(1), 0.9),
              *unsure = wg_full(WG_F64, WG_SHAPE(1), 0.5);
    double there = wg_item(wg_nn_bce_loss(sure, unsure)),
           back = wg_item(wg_nn_bce_loss(unsure, sure));
    must(straight > detour && fabs(there - back) > 0.1,
         "losses are no distances: of 0 from 2 the square is %g, by way of 1 it is %g; of 0.9 for "
         "0.5 the cross-entropy is %.3f, the other way round %.3f",
         straight, detour, there, back);
}

int main(void) {
    begin_section("Cost function",
                  "For an individual training example x, we call that metric the loss function J. "
                  "Then the cost is the average of loss over all training examples, C.");
    problem p = { .m = wg_nn_new(SEED) };
    p.x = load_digits(&p.label);
    p.one_hot = wg_one_hot(p.label, CLASSES, WG_F64);
    average(&p);
    compare_with_distance();
    train(&p);
    wg_nn_free(p.m);
    return end_section();
}
