// SPDX-License-Identifier: MIT
/* 4 Backpropagation, first half: gradient descent on a surface that can be drawn whole, since the
   model has two weights. Whether a rate is too large does not depend on luck: near a minimum the
   largest one that converges is 2 / lambda, lambda the largest eigenvalue of the Hessian there
   (LeCun et al. 1998), and 2 (1 + mu) / lambda with momentum mu (Polyak 1964). */
#include <math.h>

#include "lecture.h"

enum { STEPS = 400, GRID = 31, RATES = 19 };
static const double from[2] = { 0.3, 2 }, side = 3.5;  // of the drawing, half of it

typedef struct problem {
    wg_nn *m;
    wg_tensor *w, *x, *y;  // (2), (B), (B)
} problem;

/* C(w) = mean of (w1 tanh(w0 x) - y)^2: one hidden unit, one weight into it and one out of it. */
static wg_tensor *cost(void *user) {
    problem *p = user;
    wg_tensor *hidden = wg_tanh(wg_mul(wg_select(p->w, 0, 0), p->x));  // (B)
    return wg_nn_mse_loss(wg_mul(wg_select(p->w, 0, 1), hidden), p->y);
}

static double cost_at(problem *p, const double at[2]) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    wg_write(p->w, at, 2);
    double c = wg_item(cost(p));
    wg_scope_close(scope);
    return c;
}

/* Digits 8 (-1) and 9 (1): x tells how much more ink is right of the middle than left, about 0. */
static bool load(problem *p) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F64 });
    wg_tensor *order = wg_argsort(wg_select(all, 1, 64), 0, true);  // 9s first, then 8s
    wg_tensor *label = wg_index_select(wg_select(all, 1, 64), 0, order);
    int64_t n = (int64_t)wg_item(wg_sum(wg_step(wg_sub(label, wg_num(7.5)))));
    wg_tensor *rows = wg_index_select(all, 0, wg_slice(order, 0, 0, n, 1));          // (n, 65)
    wg_tensor *ink = wg_reshape(wg_slice(rows, 1, 0, 64, 1), WG_SHAPE(n, 8, 8));     // 0 ... 16
    wg_tensor *half = wg_sum_axes(wg_slice(ink, 2, 4, 8, 1), WG_AXES(1, 2), false);  // (n)
    wg_tensor *x = wg_sub(wg_mul(half, wg_num(2)), wg_sum_axes(ink, WG_AXES(1, 2), false));
    p->x = wg_div(wg_sub(x, wg_mean(x)), wg_std(x, 0));
    p->y = wg_sub(wg_mul(wg_sub(wg_slice(label, 0, 0, n, 1), wg_num(8)), wg_num(2)), wg_num(1));
    p->m = wg_nn_new(1);
    p->w = wg_nn_param(p->m, "w", WG_F64, WG_SHAPE(2), (wg_init){ 0 });
    return !wg_error();
}

/* ---- paths ----------------------------------------------------------------------------------- */

typedef struct path {
    const char *name;
    int n;  // points, the start among them
    double at[2][STEPS], cost[STEPS];
} path;

static double far(const double a[2], const double b[2]) { return hypot(a[0] - b[0], a[1] - b[1]); }

/* At most STEPS - 1 steps; it has diverged, and ends, when it is 100 away from its start. */
static path descend(problem *p, const char *name, wg_optim_spec spec, const double start[2]) {
    path d = { .name = name };
    wg_write(p->w, start, 2);
    wg_optim *o = wg_optim_make(p->m, spec);
    double w[2] = { start[0], start[1] };
    while (d.n < STEPS && far(w, start) < 100 && !wg_error()) {
        d.at[0][d.n] = w[0], d.at[1][d.n] = w[1];
        CODE(wg_optim_minimize_by(o, cost, p, &d.cost[d.n++]));  // w -= rate grad C(w)
        wg_read_f64(p->w, w, 2);
    }
    wg_optim_free(o);
    return d;
}

static wg_optim_spec sgd(double rate, double momentum) {
    return wg_sgd((wg_sgd_options){ .rate = rate, .momentum = momentum });
}

/* The minimum, by L-BFGS, the eigenvalues of the Hessian there, and v, the first's direction. */
typedef struct valley {
    double at[2], cost, lambda[2], v[2];
} valley;

static valley find_minimum(problem *p) {
    valley l = { 0 };
    wg_write(p->w, from, 2);
    wg_optim *o = wg_optim_lbfgs(
        p->m, (wg_lbfgs_options){ .iterations = 200, .gradient = 1e-13, .change = 1e-16 });
    wg_optim_minimize_by(o, cost, p, NULL);
    wg_optim_free(o);
    wg_read_f64(p->w, l.at, 2);
    double h[4] = { 0 };
    wg_tensor *c = cost(p);
    wg_read_f64(CODE(wg_hessian(c, p->w)), h, 4);
    l.cost = wg_item(c);
    double middle = (h[0] + h[3]) / 2, half = hypot((h[0] - h[3]) / 2, h[1]);
    l.lambda[0] = middle + half, l.lambda[1] = middle - half;
    double length = hypot(h[1], l.lambda[0] - h[0]);
    l.v[0] = h[1] / length, l.v[1] = (l.lambda[0] - h[0]) / length;
    return l;
}

/* How much farther from the minimum it is after n steps that start 1e-6 away from it, along v. */
static double growth(problem *p, wg_optim_spec spec, const valley *l, int n) {
    path d =
        descend(p, "", spec, (double[]){ l->at[0] + 1e-6 * l->v[0], l->at[1] + 1e-6 * l->v[1] });
    int last = n < d.n ? n : d.n - 1;
    return far((double[]){ d.at[0][last], d.at[1][last] }, l->at) / 1e-6;
}

/* ---- what is claimed ------------------------------------------------------------------------- */

/* Of 360 short steps from the start, one a degree, which one goes down most. */
static void look_around(problem *p) {
    double g[2] = { 0 }, best = INFINITY, steepest = 0;
    wg_write(p->w, from, 2);
    wg_read_f64(CODE(wg_derivative(cost(p), p->w)), g, 2);
    for (int degree = 0; degree < 360; degree++) {
        double a = degree * acos(-1) / 180;
        double c = cost_at(p, (double[]){ from[0] + 1e-6 * cos(a), from[1] + 1e-6 * sin(a) });
        if (c < best) best = c, steepest = a;
    }
    double off = acos(-(cos(steepest) * g[0] + sin(steepest) * g[1]) / hypot(g[0], g[1]));
    must(off * 180 / acos(-1) < 0.6,  // half a degree is what 360 directions can tell
         "of 360 directions the steepest down is %.2f degrees off minus the gradient",
         off * 180 / acos(-1));
}

/* Rates of 0.05 / lambda, 0.19 / lambda, ...: by how much a step shrinks the distance. */
static void check_rates(problem *p, const valley *l, double factor[RATES], double rate[RATES]) {
    double gap = 0, momentum[] = { 0, 0.5, 0.9 }, end[3][2], most[3];
    for (int i = 0; i < RATES; i++) {
        rate[i] = 0.05 + 0.14 * i;
        factor[i] = sqrt(growth(p, sgd(rate[i] / l->lambda[0], 0), l, 2));
        gap = fmax(gap, fabs(factor[i] - fabs(1 - rate[i])));
    }
    must(gap < 1e-3,  // the next term of the expansion is about 1e-6, the distance
         "near it a step multiplies the distance by |1 - rate lambda|, within %.1g", gap);
    table("momentum mu | 2 (1 + mu) / lambda | distance after 100 steps of 0.97 of it | of 1.03");
    for (int i = 0; i < 3; i++) {
        most[i] = 2 * (1 + momentum[i]) / l->lambda[0];
        end[i][0] = growth(p, sgd(0.97 * most[i], momentum[i]), l, 100);
        end[i][1] = growth(p, sgd(1.03 * most[i], momentum[i]), l, 100);
        row("%g | %.4g | %.2g times | %.2g times", momentum[i], most[i], end[i][0], end[i][1]);
    }
    for (int i = 0; i < 3; i++)  // 0.94^100 = 0.002 and 1.06^100 = 340, unless it saturates
        must(end[i][0] < 0.1 && end[i][1] > 10, "with momentum %g rates up to %.4g are stable",
             momentum[i], most[i]);
}

enum { SLOW, FAST, LARGE, MOMENTUM, ADAM, MIRROR, PATHS };

static void compare(problem *p, const valley *l, path d[PATHS]) {
    double most = 2 / l->lambda[0];
    d[SLOW] = descend(p, "0.1 of 2 / lambda", sgd(0.1 * most, 0), from);
    d[FAST] = descend(p, "0.9 of it", sgd(0.9 * most, 0), from);
    d[LARGE] = descend(p, "1.5 of it", sgd(1.5 * most, 0), from);
    d[MOMENTUM] = descend(p, "momentum 0.9", sgd(0.1 * most, 0.9), from);
    d[ADAM] = descend(p, "Adam", wg_adam((wg_adam_options){ .rate = 0.1 }), from);
    d[MIRROR] = descend(p, "another start", sgd(0.1 * most, 0), (double[]){ -1.1, 1 });
    table("path | steps | w0 | w1 | cost above the minimum's");
    for (int i = 0; i < PATHS; i++) {
        int end = d[i].n - 1;
        row("%s | %d | %.3g | %.3g | %.2g", d[i].name, end, d[i].at[0][end], d[i].at[1][end],
            d[i].cost[end] - l->cost);
    }
    double left[PATHS];
    for (int i = 0; i < PATHS; i++) left[i] = d[i].cost[d[i].n - 1] - l->cost;
    must(left[FAST] < left[SLOW] && left[MOMENTUM] < left[SLOW] && left[ADAM] < left[SLOW],
         "a larger rate, momentum and Adam are all lower after %d steps than the small rate",
         STEPS - 1);
    must(d[LARGE].n < STEPS, "at 1.5 of 2 / lambda it is 100 away after %d steps", d[LARGE].n);
    double mirrored = cost_at(p, (double[]){ -l->at[0], -l->at[1] });
    must(mirrored == l->cost && d[MIRROR].at[0][STEPS - 1] < 0 && d[MIRROR].at[1][STEPS - 1] < 0,
         "there are two minima, w and -w, of cost %.4g both; another start goes to the other",
         mirrored);
}

/* ---- the pictures ---------------------------------------------------------------------------- */

static void draw_paths(wg_chart *c, problem *p, const char *title, const path d[], int n) {
    static double z[GRID * GRID];
    static const double level[] = { 0.57, 0.6, 0.66, 0.75, 0.87, 1.2, 2, 4, 8 };
    for (int i = 0; i < GRID * GRID; i++)
        z[i] = cost_at(p, (double[]){ side * (2.0 * (i % GRID) / (GRID - 1) - 1),
                                      side * (2.0 * (i / GRID) / (GRID - 1) - 1) });
    wg_grid g = { GRID, GRID, -side, side, -side, side, .z = z };
    wg_panel_options o = { .title = title, .x = "w0, into the unit", .y = "w1, out of it" };
    o.x_min = o.y_min = -side, o.x_max = o.y_max = side;
    wg_chart_panel(c, o);
    wg_chart_contour(c, NULL, g, sizeof level / sizeof *level, level);
    for (int i = 0; i < n; i++) {
        wg_xy line = { WG_MARK_LINE_POINTS, d[i].n, d[i].at[0], d[i].at[1], NULL, 0 };
        wg_chart_xy(c, d[i].name, line);
    }
}

static void draw(problem *p, const path d[PATHS], const double factor[], const double rate[]) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 860 });
    draw_paths(c, p, "Rates", d, MOMENTUM);
    draw_paths(c, p, "Momentum, Adam, another start", d + MOMENTUM, PATHS - MOMENTUM);
    wg_chart_panel(c, (wg_panel_options){ .x = "step", .y = "cost", .y_min = 0.5, .y_max = 1 });
    for (int i = 0; i < PATHS; i++)
        wg_chart_xy(
            c, d[i].name,
            (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = 60 < d[i].n ? 60 : d[i].n, .y = d[i].cost });
    double expected[RATES];
    for (int i = 0; i < RATES; i++) expected[i] = fabs(1 - rate[i]);
    wg_chart_panel(c, (wg_panel_options){ .title = "Near the minimum",
                                          .x = "rate times lambda",
                                          .y = "distance after a step, of that before" });
    wg_chart_xy(c, "|1 - rate lambda|", (wg_xy){ .n = RATES, .x = rate, .y = expected });
    wg_chart_xy(c, "measured",
                (wg_xy){ .mark = WG_MARK_POINTS, .n = RATES, .x = rate, .y = factor });
    picture(c, "paths",
            "Contours of the cost, and paths on them: at 1.5 of 2 / lambda it leaves the picture "
            "and does not come back. Costs are drawn up to 1. Below a factor of 1 a rate is "
            "stable.");
}

int main(void) {
    begin_section("Gradient descent",
                  "Move in the opposite direction of the gradient as that is the direction of "
                  "steepest descent. This process would land us at a local minimum nearby.");
    problem p;
    if (!load(&p)) return end_section();
    look_around(&p);
    valley l = find_minimum(&p);
    number("cost at the minimum", l.cost, "");
    number("lambda, the largest curvature there", l.lambda[0], "");
    number("the smallest", l.lambda[1], "");
    static path d[PATHS];
    double factor[RATES], rate[RATES];
    check_rates(&p, &l, factor, rate);
    compare(&p, &l, d);
    draw(&p, d, factor, rate);
    say("It need not be the nearest minimum: a path ends in the one whose basin it is in, and a "
        "step that is too long jumps out of it.");
    wg_nn_free(p.m);
    return end_section();
}
