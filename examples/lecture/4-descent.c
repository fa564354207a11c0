// SPDX-License-Identifier: MIT
/* 4 Backpropagation: gradient descent on a surface that can be drawn whole, since the model has two
   weights. Where a path ends depends on its start; whether and how soon on the rate, and on what is
   made of the gradient: momentum (Polyak 1964), Adam (Kingma and Ba 2015). */
#include "valley.h"

enum { GRID = 37, DRAWN = 100, STARTS = 10 };
static const double side = 3.5;  // of the drawing, half of it

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
    must(fabs(mirrored - l->cost) < 1e-15 && d[MIRROR].at[0][STEPS - 1] < 0 &&
             d[MIRROR].at[1][STEPS - 1] < 0,
         "there are two minima, w and -w, of cost %.4g both; another start goes to the other",
         mirrored);
}

/* From a grid of starts: how often a path ends in the valley of the nearer minimum. */
static void start_everywhere(problem *p, const valley *l) {
    int near = 0, all = STARTS * STARTS;
    for (int i = 0; i < all; i++) {
        double start[2] = { side * (2.0 * (i % STARTS) / (STARTS - 1) - 1),
                            side * (2.0 * (i / STARTS) / (STARTS - 1) - 1) };
        path d = descend(p, "", sgd(0.05 * 2 / l->lambda[0], 0), start);
        bool positive = start[0] * l->at[0] + start[1] * l->at[1] > 0;
        near += (d.at[0][d.n - 1] > 0) == positive;
    }
    must(near > all / 2 && near < all,
         "of %d starts %d end in the valley of the nearer minimum: mostly it is the one nearby",
         all, near);
}

/* ---- the pictures ---------------------------------------------------------------------------- */

static void draw_paths(wg_chart *c, problem *p, const char *title, const path d[], int n) {
    static double z[GRID * GRID];
    static const double level[] = { 0.58, 0.62, 0.68, 0.75, 0.87, 1.2, 2, 4, 8 };
    for (int i = 0; i < GRID * GRID; i++)
        z[i] = cost_at(p, (double[]){ side * (2.0 * (i % GRID) / (GRID - 1) - 1),
                                      side * (2.0 * (i / GRID) / (GRID - 1) - 1) });
    wg_grid g = { GRID, GRID, -side, side, -side, side, .z = z };
    wg_panel_options o = { .title = title, .x = "w0, into the unit", .y = "w1, out of it" };
    o.x_min = o.y_min = -side, o.x_max = o.y_max = side;
    wg_chart_panel(c, o);
    wg_chart_contour(c, NULL, g, sizeof level / sizeof *level, level);
    for (int i = 0; i < n; i++) {
        wg_xy line = { .mark = WG_MARK_LINE_POINTS, .n = d[i].n < DRAWN ? d[i].n : DRAWN };
        line.x = d[i].at[0], line.y = d[i].at[1];
        wg_chart_xy(c, d[i].name, line);
    }
}

static void draw(problem *p, const path d[PATHS]) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .width = 820, .height = 440, .columns = 2 });
    draw_paths(c, p, "Rates", d, MOMENTUM);
    draw_paths(c, p, "Momentum, Adam, another start", d + MOMENTUM, PATHS - MOMENTUM);
    picture(c, "paths",
            "Contours of the cost, and the first steps of paths on them: at 1.5 of 2 / lambda it "
            "leaves the picture and does not come back.");
    c = wg_chart_new((wg_chart_options){ .height = 440 });
    wg_panel_options o = { .x = "step", .y = "cost", .y_min = 0.5, .y_max = 1, .x_max = 60 };
    wg_chart_panel(c, o);
    for (int i = 0; i < PATHS; i++) {
        wg_xy line = { .mark = WG_MARK_LINE_POINTS, .n = d[i].n < 60 ? d[i].n : 60 };
        line.y = d[i].cost;
        wg_chart_xy(c, d[i].name, line);
    }
    picture(c, "costs", "The cost along these paths; the axis ends at 1, and begins at 0.5.");
}

int main(void) {
    begin_section("Gradient descent",
                  "Move in the opposite direction of the gradient as that is the direction of "
                  "steepest descent. This process would land us at a local minimum nearby.");
    problem p;
    static path d[PATHS];
    if (!load(&p)) return end_section();
    look_around(&p);
    valley l = find_minimum(&p);
    number("cost at the minimum", l.cost, "");
    number("lambda, the largest curvature there", l.lambda[0], "");
    number("the smallest", l.lambda[1], "");
    compare(&p, &l, d);
    start_everywhere(&p, &l);
    draw(&p, d);
    wg_nn_free(p.m);
    return end_section();
}
