// SPDX-License-Identifier: MIT
/* 4 Backpropagation: how large a step may be. That is no matter of luck: near a minimum the largest
   rate that converges is 2 / lambda, lambda the largest eigenvalue of the Hessian there (LeCun et
   al. 1998), and 2 (1 + mu) / lambda with momentum mu (Polyak 1964). */
#include "valley.h"

enum { RATES = 19, MOMENTA = 3, SHOWN = 100 };
static const double momentum[MOMENTA] = { 0, 0.5, 0.9 };
static double rate[RATES];  // in units of 1 / lambda

/* How far from the minimum a path is that starts 1e-6 away from it, in its steepest direction. */
static void leave(problem *p, wg_optim_spec spec, const valley *l, double distance[SHOWN + 1]) {
    path d =
        descend(p, "", spec, (double[]){ l->at[0] + 1e-6 * l->v[0], l->at[1] + 1e-6 * l->v[1] });
    for (int i = 0; i <= SHOWN; i++)
        distance[i] = i < d.n ? far((double[]){ d.at[0][i], d.at[1][i] }, l->at) : distance[i - 1];
}

/* The larger one; NaN if either is. */
static double worse(double a, double b) { return isnan(a) || a >= b ? a : b; }

static void check_rates(problem *p, const valley *l, double factor[RATES]) {
    double gap = 0, distance[SHOWN + 1];
    for (int i = 0; i < RATES; i++) {
        rate[i] = 0.05 + 0.14 * i;
        leave(p, sgd(rate[i] / l->lambda[0], 0), l, distance);
        factor[i] = distance[1] / distance[0];
        gap = worse(gap, fabs(factor[i] - fabs(1 - rate[i])));
    }
    must(gap < 1e-3,  // the next term of the expansion is about 1e-6, the distance
         "near the minimum a step multiplies the distance by |1 - rate lambda|, within %.1g", gap);
}

/* Just below the largest stable rate and just above it, without momentum and with it. */
static void check_limits(problem *p, const valley *l, wg_chart *c) {
    static double at[MOMENTA][2][SHOWN + 1];
    double most[MOMENTA];
    wg_panel_options o = { .x = "step", .y = "distance from the minimum", .log_y = true };
    wg_chart_panel(c, o);
    table("momentum mu | 2 (1 + mu) / lambda | distance after 100 steps of 0.97 of it | of 1.03");
    for (int i = 0; i < MOMENTA; i++) {
        most[i] = 2 * (1 + momentum[i]) / l->lambda[0];
        for (int k = 0; k < 2; k++)
            leave(p, sgd((k ? 1.03 : 0.97) * most[i], momentum[i]), l, at[i][k]);
        row("%g | %.4g | %.2g times | %.2g times", momentum[i], most[i],
            at[i][0][SHOWN] / at[i][0][0], at[i][1][SHOWN] / at[i][1][0]);
        for (int k = 0; k < 2; k++) {
            char name[60];
            snprintf(name, sizeof name, "momentum %g, %s", momentum[i], k ? "1.03" : "0.97");
            wg_chart_xy(c, name, (wg_xy){ .n = SHOWN + 1, .y = at[i][k] });
        }
    }
    for (int i = 0; i < MOMENTA; i++)  // 0.94^100 = 0.002 and 1.06^100 = 340, unless it saturates
        must(at[i][0][SHOWN] < 0.1 * at[i][0][0] && at[i][1][SHOWN] > 10 * at[i][1][0],
             "with momentum %g rates up to %.4g are stable", momentum[i], most[i]);
}

int main(void) {
    begin_section(
        "The rate of descent",
        "The gradient descent we can express more compactly as w_(t+1) = w_t - eta grad C.");
    problem p;
    if (!load(&p)) return end_section();
    valley l = find_minimum(&p);
    number("lambda, the largest curvature at the minimum", l.lambda[0], "");
    number("2 / lambda", 2 / l.lambda[0], "");
    double factor[RATES], expected[RATES];
    check_rates(&p, &l, factor);
    for (int i = 0; i < RATES; i++) expected[i] = fabs(1 - rate[i]);
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .width = 860, .height = 420 });
    wg_panel_options o = { .x = "rate times lambda", .y = "distance after a step, of that before" };
    wg_chart_panel(c, o);
    wg_chart_xy(c, "|1 - rate lambda|", (wg_xy){ .n = RATES, .x = rate, .y = expected });
    wg_chart_xy(c, "measured",
                (wg_xy){ .mark = WG_MARK_POINTS, .n = RATES, .x = rate, .y = factor });
    check_limits(&p, &l, c);
    picture(c, "rates",
            "Left: what one step does to the distance from the minimum; below 1 a rate is stable. "
            "Right: paths just below and just above the largest stable rate.");
    wg_nn_free(p.m);
    return end_section();
}
