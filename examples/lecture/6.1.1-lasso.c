// SPDX-License-Identifier: MIT
/* 6.1.1 L1: the pixels of real digits, and a target that depends on a few of them, so that it is
   known which weights should be zero. cost = mean (x.w - y)^2 / 2 + strength sum |w_j|, once by
   gradients (the slope of |w| being its sign) and once by proximal steps, which are the gradient of
   the first term followed by a soft threshold (Tibshirani 1996; Daubechies et al. 2004). */
#include <math.h>
#include <stdlib.h>

#include "lecture.h"

enum { SAMPLES = 300, TRUE = 8, DRAWS = 10, STRENGTHS = 20, SHOWN = 10, STEPS = 20000 };
typedef struct problem {
    wg_tensor *x, *y, *truth;  // (SAMPLES, P), (SAMPLES, 1), (P)
    wg_tensor *new_x, *new_y;  // the samples left over
    double rate, largest;      // 1 / curvature; the strength from which on all weights are 0
} problem;

static double sum(wg_tensor *x) { return wg_item(wg_sum(x)); }

/* ---- the data -------------------------------------------------------------------------------- */

static int64_t pixel[64], pixels;  // those that are used

/* (1797, P), samples shuffled: the pixels, 0 ... 16, whose deviation is above 1, standardised. Some
   others are the same in nearly all digits, so that nothing can be learned about them. */
static wg_tensor *design(void) {
    wg_csv_options f64 = { .dtype = WG_F64 };
    wg_tensor *all = wg_slice(wg_io_load_csv("examples/data/digits.csv", f64), 1, 0, 64, 1);
    wg_tensor *deviation = wg_std_axes(all, WG_AXES(0), false, 0);  // (64)
    for (int64_t j = pixels = 0; j < 64; j++)
        if (wg_at(deviation, &j) > 1) pixel[pixels++] = j;
    wg_tensor *kept = wg_from(WG_I64, WG_SHAPE(pixels), pixel);
    wg_tensor *x = wg_sub(all, wg_mean_axes(all, WG_AXES(0), false));
    x = wg_div(wg_index_select(x, 1, kept), wg_index_select(deviation, 0, kept));
    return wg_index_select(x, 0, wg_permutation(wg_dim(x, 0), &(wg_random){ .seed = 1 }));
}

/* A target of TRUE pixels with weights +-(1 ... 2), and noise of deviation 1. */
static problem draw(wg_tensor *x, uint64_t seed) {
    wg_random r = { .seed = seed };
    wg_tensor *size = wg_add(wg_rand(WG_F64, WG_SHAPE(pixels), &r), wg_num(1));
    wg_tensor *sign = wg_sign(wg_randn(WG_F64, WG_SHAPE(pixels), &r));
    wg_tensor *chosen = wg_lt(wg_permutation(pixels, &r), wg_full(WG_I64, WG_SCALAR, TRUE));
    problem p = { .truth = wg_mul(wg_mul(size, sign), wg_cast(chosen, WG_F64)) };
    wg_tensor *y = wg_matmul(x, wg_unsqueeze(p.truth, 1));  // (1797, 1)
    y = wg_add(y, wg_randn(WG_F64, wg_shape_of(y), &r));
    p.x = wg_slice(x, 0, 0, SAMPLES, 1), p.new_x = wg_slice(x, 0, SAMPLES, WG_END, 1);
    p.y = wg_slice(y, 0, 0, SAMPLES, 1), p.new_y = wg_slice(y, 0, SAMPLES, WG_END, 1);
    wg_tensor *xt = wg_transpose(p.x, 0, 1), *v = wg_ones(WG_F64, WG_SHAPE(pixels, 1));
    p.largest = wg_item(wg_max(wg_abs(wg_matmul(xt, p.y)))) / SAMPLES;
    for (int i = 0; i < 200; i++) v = wg_matmul(xt, wg_matmul(p.x, wg_div(v, wg_norm(v, 2))));
    p.rate = SAMPLES / wg_item(wg_norm(v, 2));  // the curvature, by power iteration
    return p;
}

/* ---- the two ways ---------------------------------------------------------------------------- */

static wg_tensor *half_mse(wg_nn *m, const problem *p) {
    wg_linear_options o = { .w.kind = WG_INIT_ZEROS, .no_bias = true };
    return wg_mul(wg_nn_mse_loss(wg_nn_linear_with(m, "sum", p->x, 1, o), p->y), wg_num(0.5));
}

static wg_tensor *weights(wg_nn *m) { return wg_squeeze(wg_stop(wg_nn_find(m, "sum/w")), 0); }

/* d half_mse / dw, by its formula: x'(x w - y) / B. */
static wg_tensor *slope(const problem *p, wg_tensor *w) {
    wg_tensor *r = wg_sub(wg_matmul(p->x, wg_unsqueeze(w, 1)), p->y);
    return wg_squeeze(wg_div(wg_matmul(wg_transpose(p->x, 0, 1), r), wg_num(SAMPLES)), 1);  // (P)
}

/* How far w is from the minimum, by the conditions for one (Karush, Kuhn and Tucker): the slope g
   of the first term is -strength sign(w) where w is not 0, and |g| <= strength where it is. */
static double kkt(const problem *p, wg_tensor *w, double strength) {
    wg_tensor *g = slope(p, w);
    wg_tensor *at_zero = wg_relu(wg_sub(wg_abs(g), wg_num(strength)));
    wg_tensor *elsewhere = wg_abs(wg_add(g, wg_mul(wg_sign(w), wg_num(strength))));
    return wg_item(wg_max(wg_where(wg_eq(w, wg_num(0)), at_zero, elsewhere)));
}

static void proximal(wg_nn *m, const problem *p, double strength) {
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = p->rate });
    CODE(wg_optim_proximal(o, "sum/w", (wg_proximal){ .l1 = strength }));
    double gap = INFINITY;
    for (int step = 0; gap > 1e-10 && step < STEPS && !wg_error(); step++) {
        wg_scope *scope = wg_scope_open();
        CODE(wg_optim_minimize(o, half_mse(m, p)));
        if (step % 50 == 0) gap = kkt(p, weights(m), strength);
        wg_scope_close(scope);
    }
    wg_optim_free(o);
}

static void subgradient(wg_nn *m, const problem *p, double strength) {
    wg_optim *o = wg_optim_sgd(m, (wg_sgd_options){ .rate = p->rate });
    for (int step = 0; step < STEPS / 10 && !wg_error(); step++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *loss = half_mse(m, p);
        CODE(wg_optim_minimize(o, wg_add(loss, wg_nn_l1(m, "sum/w", strength))));
        wg_scope_close(scope);
    }
    wg_optim_free(o);
}

/* ---- what comes out -------------------------------------------------------------------------- */

typedef struct outcome {
    double kept, precision, recall, error, gap;
} outcome;

static outcome look(const problem *p, wg_tensor *w, double strength) {
    wg_tensor *kept = wg_ne(w, wg_num(0)),
              *right = wg_logical_and(kept, wg_ne(p->truth, wg_num(0)));
    wg_tensor *y = wg_matmul(p->new_x, wg_unsqueeze(w, 1));
    return (outcome){ .kept = sum(kept),
                      .precision = sum(kept) > 0 ? sum(right) / sum(kept) : 1,
                      .recall = sum(right) / TRUE,
                      .error = wg_item(wg_nn_mse_loss(y, p->new_y)),
                      .gap = kkt(p, w, strength) };
}

static double share[STRENGTHS];  // strengths, as a share of the largest
static outcome mean[STRENGTHS], by_slope;
static double path[64][STRENGTHS], shown[3][64];  // of the first draw

static void add(outcome *to, outcome o) {
    to->kept += o.kept / DRAWS, to->precision += o.precision / DRAWS;
    to->recall += o.recall / DRAWS, to->error += o.error / DRAWS;
    to->gap = fmax(to->gap, o.gap);
}

/* Along the strengths from the largest on, each from where the last one ended. */
static void follow(const problem *p, bool first) {
    wg_nn *m = wg_nn_new(1), *other = wg_nn_new(1);
    half_mse(m, p), half_mse(other, p);
    for (int i = 0; i < STRENGTHS; i++) {
        double strength = p->largest * (share[i] = i ? pow(0.75, i) : 1.0001);
        proximal(m, p, strength);
        wg_tensor *w = weights(m);
        add(&mean[i], look(p, w, strength));
        for (int64_t j = 0; first && j < pixels; j++) path[j][i] = wg_at(w, &j);
        if (i != SHOWN) continue;
        subgradient(other, p, strength);
        add(&by_slope, look(p, weights(other), strength));
        wg_tensor *list[3] = { p->truth, w, weights(other) };
        for (int k = 0; first && k < 3; k++)
            for (int64_t j = 0; j < pixels; j++) shown[k][pixel[j]] = wg_at(list[k], &j);
    }
    wg_nn_free(m), wg_nn_free(other);
}

/* With the sum as the lecture prints it, without | |, the minimum is where the slope is -strength
   everywhere: x'x w = x'y - B strength. Returns how many of these weights are zero. */
static double zeros_of_plain_sum(const problem *p, double strength) {
    wg_tensor *xt = wg_transpose(p->x, 0, 1);
    wg_tensor *b = wg_sub(wg_matmul(xt, p->y), wg_num(SAMPLES * strength));
    return (double)pixels - sum(wg_ne(wg_solve(wg_matmul(xt, p->x), b), wg_num(0)));
}

/* Of 6 times 10 other draws the precision at SHOWN was 0.64 ... 0.77, the recall always 1;
   chosen by chance it is TRUE / pixels, 0.17. */
static void check(double plain) {
    outcome least = mean[0], at = mean[SHOWN];
    double gap = 0;
    for (int i = 0; i < STRENGTHS; i++) {
        gap = fmax(gap, mean[i].gap);
        if (mean[i].error < least.error) least = mean[i];
    }
    must(mean[0].kept == 0,
         "from the largest slope of the first term on, all weights are exactly 0");
    must(at.kept < 0.4 * (double)pixels, "at %.3f of that strength %.1f of %d are exactly 0",
         share[SHOWN], (double)pixels - at.kept, (int)pixels);
    must(at.recall > 0.9 && at.precision > 0.5,
         "of the %d that should not be 0 %.0f %% are found, and of those found %.0f %% are right",
         TRUE, 100 * at.recall, 100 * at.precision);
    must(gap <= 1e-10, "the conditions of the minimum hold to %.0e at each strength, in each draw",
         gap);
    must(by_slope.kept > (double)pixels - 0.5 / DRAWS,
         "by the slope of |w| none is ever 0: each step leaps over it, and the gap stays at %.2f",
         by_slope.gap);
    must(least.precision < at.precision,
         "what predicts best, %.3f, keeps %.1f weights: the best strength for prediction is not "
         "the best to find out which count",
         least.error, least.kept);
    must(plain == 0, "the sum as printed, of W and not of |W|, makes %g weights 0", plain);
}

/* ---- the pictures ---------------------------------------------------------------------------- */

static void draw_paths(void) {
    double precision[STRENGTHS], recall[STRENGTHS];
    for (int i = 0; i < STRENGTHS; i++)
        precision[i] = mean[i].precision, recall[i] = mean[i].recall;
    const char *x = "strength / largest";
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 380 });
    wg_chart_panel(
        c, (wg_panel_options){
               .title = "Weights of the first draw", .x = x, .y = "weight", .log_x = true });
    int labelled[2] = { 0 };
    for (int real = 0; real < 2; real++)  // those that should not be zero on top
        for (int64_t j = 0; j < pixels; j++) {
            if ((shown[0][pixel[j]] != 0) != real) continue;
            const char *label = real ? "truly not zero" : "truly zero";
            wg_chart_xy(c, labelled[real]++ ? NULL : label,
                        (wg_xy){ .mark = real ? WG_MARK_LINE : WG_MARK_DASHES,
                                 .n = STRENGTHS,
                                 .x = share,
                                 .y = path[j],
                                 .colour = real ? 1 : 7 });
        }
    wg_chart_panel(c, (wg_panel_options){ .title = "The pixels that are kept, mean of 10 draws",
                                          .x = x,
                                          .y = "share",
                                          .log_x = true,
                                          .y_max = 1.05 });
    wg_xy curve = { .mark = WG_MARK_LINE_POINTS, .n = STRENGTHS, .x = share, .y = precision };
    wg_chart_xy(c, "precision", curve);
    curve.y = recall;
    wg_chart_xy(c, "recall", curve);
    picture(c, "strengths",
            "Left: as the strength falls, weights leave zero, the right ones first. Right: how "
            "well those that are not zero name the pixels that the target depends on.");
}

static int larger(const void *a, const void *b) {
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x < y) - (x > y);
}

static void draw_weights(void) {
    double across[TRUE], down[TRUE];
    int n = 0;
    for (int j = 0; j < 64 && n < TRUE; j++)
        if (shown[0][j] != 0) across[n] = j % 8, down[n++] = j / 8;
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 380 });
    wg_chart_panel(
        c,
        (wg_panel_options){
            .x = "pixel across", .y = "pixel down", .y_min = 7.5, .y_max = -0.5, .equal = true });
    wg_grid grid = { .rows = 8, .columns = 8, .x_max = 7, .y_max = 7, .z = shown[1] };
    grid.z_min = -2, grid.z_max = 2, grid.diverging = true;
    wg_chart_heat(c, "weight, by proximal steps", grid);
    wg_chart_xy(c, "truly not zero",
                (wg_xy){ .mark = WG_MARK_POINTS, .n = n, .x = across, .y = down, .colour = 5 });
    wg_chart_panel(c, (wg_panel_options){ .x = "weights, by size", .y = "|w|", .log_y = true });
    for (int k = 2; k > 0; k--) {
        qsort(shown[k], 64, sizeof shown[k][0], larger);
        for (int64_t j = 0; j < pixels; j++) shown[k][j] = fabs(shown[k][j]);
        wg_chart_xy(c, k == 1 ? "proximal" : "slope of |w|",
                    (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = pixels, .y = shown[k] });
    }
    picture(c, "weights",
            "Weights of the first draw at one strength, and their sizes on a logarithmic axis, "
            "which does not show those that are exactly 0.");
}

int main(void) {
    begin_section("L1 regularization (LASSO)",
                  "In effect, L1 regularization tends to shrink the set of weights by converging "
                  "to a point in which most of the weights but some are zero.");
    wg_tensor *x = design();
    double plain = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        problem p = draw(x, seed);
        follow(&p, seed == 1);
        plain += zeros_of_plain_sum(&p, p.largest * share[SHOWN]);
    }
    say("%d of the 64 pixels of %d digits predict a number; %d of them really have a weight of "
        "+-(1 ... 2), the others 0, and there is noise of deviation 1. Means over %d draws. The "
        "printed norm lacks the absolute value, and a strength to multiply it with.",
        (int)pixels, SAMPLES, TRUE, DRAWS);
    table("strength / largest | not zero | precision | recall | squared error on new samples");
    for (int i = 0; i < STRENGTHS; i++)
        row("%.4f | %.1f | %.2f | %.2f | %.3f", share[i], mean[i].kept, mean[i].precision,
            mean[i].recall, mean[i].error);
    check(plain);
    draw_paths();
    draw_weights();
    return end_section();
}
