// SPDX-License-Identifier: MIT
/* 3 Cost function, continued: no minimum is the only one, and the surface is not convex. Put
   the hidden units of a network in another order, and it computes the same from another point of
   R^N; on the way there the cost is higher. */
#include <math.h>

#include "weights.h"

enum { SEED = 1, STEPS = 150, POINTS = 61 };

static double length(wg_tensor *d) { return wg_item(wg_norm(d, 2)); }

/* The same network with its hidden units in the opposite order: another point. */
static wg_tensor *reordered(const problem *p) {
    wg_tensor *part[PARAMETERS];
    for (int i = 0; i < PARAMETERS; i++) {
        wg_tensor *w = wg_stop(wg_nn_param_at(p->m, NULL, i));  // hidden/w, hidden/b, out/w, out/b
        part[i] = wg_flatten(i < 2 ? wg_flip(w, 0) : i == 2 ? wg_flip(w, 1) : w, 0);
    }
    return wg_cat(part, PARAMETERS, 0);
}

/* ---- the way from one to the other ----------------------------------------------------------- */

/* Along the straight line; the end points are the network before and after. */
static double walk(problem *p, wg_tensor *from, wg_tensor *to) {
    double at[POINTS], c[POINTS], highest = 0;
    for (int i = 0; i < POINTS; i++) {
        wg_scope *scope = wg_scope_open();
        at[i] = (double)i / (POINTS - 1);
        c[i] = cost_at(p, CODE(wg_lerp(from, to, wg_num(at[i]))));
        highest = fmax(highest, c[i]);
        wg_scope_close(scope);
    }
    wg_chart *chart = wg_chart_new((wg_chart_options){ .width = 640, .height = 360 });
    wg_chart_panel(chart, (wg_panel_options){ .title = "Between two points of the same cost",
                                              .x = "share of the way",
                                              .y = "cost, in nats",
                                              .no_key = true,
                                              .y_max = 1.1 * highest });
    wg_chart_xy(chart, "cost", (wg_xy){ WG_MARK_LINE_POINTS, POINTS, at, c, .colour = 1 });
    picture(
        chart, "barrier",
        "The cost on the straight line from a network to the same network with its hidden units "
        "in another order.");
    return highest;
}

/* Seeds 1 to 6: 40 to 46 away, and a cost of 0.12 that rises to 0.8 to 1.3. */
static void compare(problem *p) {
    wg_tensor *lowest = here(p), *twin = reordered(p);
    double c = cost_at(p, lowest), copy = cost_at(p, twin), highest = walk(p, lowest, twin);
    must(fabs(copy - c) < 1e-12 * c && length(wg_sub(twin, lowest)) > 1,
         "with its hidden units in the opposite order the network stands %.3g away in R^%d, and "
         "costs the same: %.10f and %.10f",
         length(wg_sub(twin, lowest)), (int)wg_numel(lowest), c, copy);
    must(highest > 2 * c,
         "on the straight line between them the cost rises to %.3g: the surface is not convex",
         highest);
    say("So there is never one global minimum: with %d hidden units there are %d! = %.2g that are "
        "as "
        "low, and training finds one that suits its start.",
        HIDDEN, HIDDEN, tgamma(HIDDEN + 1));
}

int main(void) {
    begin_section("Not one minimum",
                  "Our aim is to find the global minimum of this surface in R^N.");
    problem p = make_problem(SEED);
    wg_optim *o = wg_optim_lbfgs(p.m, (wg_lbfgs_options){ .iterations = STEPS });
    wg_optim_minimize_by(o, objective, &p, NULL);
    wg_optim_free(o);
    compare(&p);
    wg_nn_free(p.m);
    return end_section();
}
