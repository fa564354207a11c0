// SPDX-License-Identifier: MIT
/* 3 Cost function, continued: the cost as a surface over weight space, R^N, seen on two planes
   through the point where training ended: one in random directions, each unit's weights moving by
   as much as they are long, and one in the two principal directions of training (both Li et al.
   2018). */
#include <math.h>

#include "weights.h"

enum { SEED = 1, STEPS = 150, SIDE = 31, LEVELS = 8 };
static const double LOWEST = -0.9;  // of the lines of equal height, log10

/* ---- directions ------------------------------------------------------------------------------ */

/* Normal, each unit's weights as long as the model's; biases stay. */
static wg_tensor *random_direction(const problem *p, wg_random *random) {
    wg_tensor *part[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) {
        wg_tensor *w = wg_stop(wg_nn_param_at(p->m, NULL, i)), *d = wg_zeros_like(w);
        if (wg_rank(w) == 2) {
            d = wg_randn(WG_F64, wg_shape_of(w), random);
            d = wg_mul(d, wg_div(wg_norm_axes(w, 2, WG_AXES(1), true),
                                 wg_norm_axes(d, 2, WG_AXES(1), true)));
        }
        part[i] = wg_flatten(d, 0);
    }
    return wg_cat(part, PARAMETERS, 0);
}

/* The two directions in which the rows of d (T, N) reach farthest, of length 1 and at right angles,
   by the power method; the second is sought where the first has been taken out. Returns the share
   of all squared lengths that is in their plane. */
static double principal(wg_tensor *d, wg_tensor *direction[2]) {
    double all = wg_item(wg_sum(wg_square(d))), left = 0;
    for (int k = 0; k < 2; k++) {
        wg_tensor *v = wg_select(d, 0, 0);  // (N)
        for (int i = 0; i < 50; i++) {
            v = CODE(wg_matmul(wg_matmul(d, v), d));
            v = wg_div(v, wg_norm(v, 2));
        }
        direction[k] = v;
        d = wg_sub(d, wg_outer(wg_matmul(d, v), v));
        left = wg_item(wg_sum(wg_square(d)));
    }
    return 1 - left / all;
}

/* ---- planes ---------------------------------------------------------------------------------- */

typedef struct plane {
    wg_tensor *direction[2];  // u and v, (N)
    double min[2], max[2];
    double log_cost[SIDE * SIDE], least;  // rows along v; the least cost on it
} plane;

static void measure(problem *p, wg_tensor *origin, plane *s) {
    s->least = INFINITY;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            wg_scope *scope = wg_scope_open();
            wg_tensor *u = wg_num(s->min[0] + (s->max[0] - s->min[0]) * j / (SIDE - 1));
            wg_tensor *v = wg_num(s->min[1] + (s->max[1] - s->min[1]) * i / (SIDE - 1));
            wg_tensor *move = CODE(wg_add(wg_mul(s->direction[0], u), wg_mul(s->direction[1], v)));
            double c = cost_at(p, wg_add(origin, move));
            s->log_cost[i * SIDE + j] = log10(c);
            s->least = fmin(s->least, c);
            wg_scope_close(scope);
        }
}

typedef struct path {
    double at[2][STEPS + 1];  // u and v
    int n;
} path;

/* The points that it passes, (T, N). */
static wg_tensor *train(problem *p, path *t) {
    wg_tensor *points = wg_zeros(WG_F64, WG_SHAPE(STEPS + 1, wg_nn_count(p->m, NULL)));
    wg_optim *o = wg_optim_lbfgs(p->m, (wg_lbfgs_options){ .iterations = 1 });
    do wg_copy(wg_select(points, 0, t->n++), here(p));
    while (t->n <= STEPS && wg_optim_minimize_by(o, objective, p, NULL));
    wg_optim_free(o);
    return wg_slice(points, 0, 0, t->n, 1);
}

/* Around all of the path, and a little more. */
static void fit(plane *s, path *t, wg_tensor *d) {
    for (int k = 0; k < 2; k++) {
        wg_read_f64(wg_matmul(d, s->direction[k]), t->at[k], t->n);
        double low = 0, high = 0;
        for (int i = 0; i < t->n; i++) low = fmin(low, t->at[k][i]), high = fmax(high, t->at[k][i]);
        s->min[k] = low - 0.4 * (high - low), s->max[k] = high + 0.4 * (high - low);
    }
}

static void draw(const plane s[2], const path *t) {
    wg_chart *flat = wg_chart_new((wg_chart_options){ .columns = 2, .width = 860, .height = 460 });
    wg_chart *high = wg_chart_new((wg_chart_options){ .columns = 2, .width = 800, .height = 400 });
    for (int i = 0; i < 2; i++) {
        double u = 0, v = 0, level[LEVELS];
        wg_grid g = { .rows = SIDE,
                      .columns = SIDE,
                      .x_min = s[i].min[0],
                      .x_max = s[i].max[0],
                      .y_min = s[i].min[1],
                      .y_max = s[i].max[1],
                      .z = s[i].log_cost };
        wg_panel_options o = { .title =
                                   i ? "Principal directions of training" : "Random directions",
                               .x = i ? "u, distance" : "u, in lengths of the weights",
                               .y = i ? "v, distance" : "v, in lengths of the weights" };
        for (int k = 0; k < LEVELS; k++) level[k] = LOWEST + 0.2 * k;
        wg_chart_panel(flat, o);
        wg_chart_contour(flat, "log10 of the cost", g, LEVELS, level);
        wg_xy way = { WG_MARK_LINE_POINTS, t->n, t->at[0], t->at[1], .colour = 2 };
        wg_xy end = { WG_MARK_POINTS, 1, &u, &v, .colour = 5 };
        if (i == 1) wg_chart_xy(flat, "training", way);
        wg_chart_xy(flat, "where it ended", end);
        wg_chart_panel(high, (wg_panel_options){ .title = o.title, .x = "u", .y = "v" });
        wg_chart_surface(high, "log10 of the cost", g);
    }
    picture(
        flat, "contours",
        "The cost on two planes through weight space. From line to line it is 10^0.2 = 1.6 times "
        "as high, from 10^-0.9 = 0.13 nats on. The way of training is seen from above: it does "
        "not lie in the plane.");
    picture(high, "surface.png", "The same planes as surfaces.");
}

int main(void) {
    begin_section("The cost is a surface",
                  "We can think of the cost function as a surface over the domain of weights and "
                  "biases, C: R^N -> R.");
    problem p = make_problem(SEED);
    static path t;
    static plane s[2] = { { .min = { -1, -1 }, .max = { 1, 1 } } };
    wg_tensor *points = train(&p, &t);                          // (T, N)
    wg_tensor *lowest = here(&p), *d = wg_sub(points, lowest);  // (N), (T, N)
    double start = cost_at(&p, wg_select(points, 0, 0)), c = cost_at(&p, lowest);
    wg_random random = { .seed = SEED };
    for (int k = 0; k < 2; k++) s[0].direction[k] = random_direction(&p, &random);
    double share = principal(d, s[1].direction);
    fit(&s[1], &t, d);
    for (int i = 0; i < 2; i++) measure(&p, lowest, &s[i]);
    number("N, weights and biases", (double)wg_numel(lowest), "");
    /* Seeds 1 to 6: a twentieth of the cost is left, 85 to 87 % of the way is in the plane, and the
       least cost there is 0.02 to 0.2 % higher. Training ends close to a minimum, not in it. */
    must(c < start / 8, "%d steps of training lower it from %.3f to %.3f", t.n - 1, start, c);
    must(s[0].least >= c * (1 - 1e-9), "nothing on the random plane is lower: %.6f is the least",
         s[0].least);
    must(share > 0.5, "of the squared distances on its way %.0f %% are in the principal plane",
         100 * share);
    must(s[1].least >= c * 0.99, "where the least cost is %.6f", s[1].least);
    draw(s, &t);
    wg_nn_free(p.m);
    return end_section();
}
