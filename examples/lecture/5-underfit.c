// SPDX-License-Identifier: MIT
/* 5 Training and test: underfit, optimum and overfit (Figure 5), from no hidden unit to many. The
   training error only falls; the test error falls and rises; and beyond the width that fits every
   sample it stays: the second descent (Belkin et al. 2019) shows in the test cost alone. */
#include <stdlib.h>

#include "boots.h"

enum { SAMPLES = 200, DRAWS = 15, WIDTHS = 13, GRID = 60, FACE = 3 };
static const double width[WIDTHS] = { 0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128 };

/* Over draws of the training set, each with a start of its own: median, lower, upper quartile. */
typedef struct spread {
    double middle[WIDTHS], low[WIDTHS], high[WIDTHS];
} spread;

static int ascending(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void note(spread *s, int i, double v[DRAWS]) {
    qsort(v, DRAWS, sizeof *v, ascending);
    s->low[i] = v[DRAWS / 4], s->middle[i] = v[DRAWS / 2], s->high[i] = v[DRAWS - 1 - DRAWS / 4];
}

static void measure(boots all, spread *train, spread *test, spread *cost) {
    for (int i = 0; i < WIDTHS; i++) {
        double seen[DRAWS], unseen[DRAWS], c[DRAWS];
        for (int k = 0; k < DRAWS && !wg_error(); k++) {
            wg_scope *scope = wg_scope_open();
            boots mine = some_boots(all, (uint64_t)k, 0, SAMPLES);
            boots others = some_boots(all, (uint64_t)k, SAMPLES, WG_REST);
            learner l = learn_boots(mine, (int64_t)width[i], (uint64_t)k);
            seen[k] = share_wrong(&l, mine, NULL);
            unseen[k] = CODE(share_wrong(&l, others, &c[k]));
            wg_nn_free(l.m);
            wg_scope_close(scope);
        }
        note(train, i, seen), note(test, i, unseen), note(cost, i, c);
    }
}

static int check(boots all, const spread *train, const spread *test, const spread *cost) {
    table("hidden units | weights | training error | test error | its quartiles | test cost");
    int best = 0, peak = 0, last = WIDTHS - 1;
    for (int i = 0; i < WIDTHS; i++) {
        if (test->middle[i] < test->middle[best]) best = i;
        if (cost->middle[i] > cost->middle[peak]) peak = i;
        row("%g | %g | %.3f | %.3f | %.3f to %.3f | %.3g", width[i],
            width[i] > 0 ? 4 * width[i] + 1 : 3, train->middle[i], test->middle[i], test->low[i],
            test->high[i], cost->middle[i]);
    }
    number("samples to learn from", SAMPLES, "");
    number("samples to test on", (double)wg_dim(all.x, 0) - SAMPLES, "");
    /* Of five times fifteen draws the medians of the test error are 0.38 to 0.39 without hidden
       units, 0.12 to 0.13 at the best width, from 3 to 6, and 0.18 to 0.19 at the last. */
    must(train->middle[0] > 0.3 && test->middle[0] > 0.3,
         "underfit: without hidden units %.2f of the training set and %.2f of the test set are "
         "wrong",
         train->middle[0], test->middle[0]);
    must(best > 1 && width[best] <= 8 && test->middle[best] < test->middle[0] / 2,
         "optimum: with %g hidden units %.3f and %.3f", width[best], train->middle[best],
         test->middle[best]);
    must(train->middle[last] < 0.02 && test->middle[last] > 1.2 * test->middle[best],
         "overfit: with %g hidden units %.3f and %.3f", width[last], train->middle[last],
         test->middle[last]);
    must(cost->middle[peak] > 2 * cost->middle[last],  // 3.5 to 8 times
         "beyond: the test cost is highest at %g units, %.3g, and comes down to %.3g at %g, while "
         "the test error stays: the second descent",
         width[peak], cost->middle[peak], cost->middle[last], width[last]);
    say("Cost and error are not one: a net that fits its samples is certain of everything, and its "
        "test cost is higher than that of the underfit one, %.2g, though it errs less.",
        cost->middle[0]);
    return best;
}

/* ---- the pictures ---------------------------------------------------------------------------- */

/* What a net says of every place, and the samples it learned. */
static void draw_face(wg_chart *c, boots all, int64_t hidden, const char *title) {
    static double z[GRID * GRID];
    wg_scope *scope = wg_scope_open();
    boots mine = some_boots(all, 0, 0, SAMPLES);
    learner l = learn_boots(mine, hidden, 0);
    wg_tensor *axis = wg_linspace(WG_F64, -FACE, FACE, GRID);
    wg_tensor *x0 = wg_tile(axis, WG_SHAPE(GRID)), *x1 = wg_repeat_interleave(axis, GRID, 0);
    wg_tensor *places = wg_stack((wg_tensor *[]){ x0, x1 }, 2, 1);  // (GRID * GRID, 2)
    wg_read_f64(wg_sigmoid(odds(&l, places)), z, GRID * GRID);
    wg_panel_options o = { .title = title,
                           .x = "brightness, deviations",
                           .y = "change upside down, deviations" };
    o.x_min = o.y_min = -FACE, o.x_max = o.y_max = FACE;
    wg_chart_panel(c, o);
    wg_grid g = { GRID, GRID, -FACE, FACE, -FACE, FACE, z, 0, 1, true };
    wg_chart_heat(c, "chance of a boot", g);
    wg_chart_contour(c, NULL, g, 1, (double[]){ 0.5 });
    for (int class = 0; class < 2; class ++) {
        double at[2][SAMPLES], x[2 * SAMPLES], t[SAMPLES];
        int n = 0;
        wg_read_f64(mine.x, x, 2 * SAMPLES), wg_read_f64(mine.t, t, SAMPLES);
        for (int i = 0; i < SAMPLES; i++)
            if (t[i] == class) at[0][n] = x[2 * i], at[1][n++] = x[2 * i + 1];
        wg_chart_xy(c, class ? "boots" : "bags",
                    (wg_xy){ .mark = WG_MARK_POINTS, .n = n, .x = at[0], .y = at[1] });
    }
    wg_nn_free(l.m);
    wg_scope_close(scope);
}

static void draw_curve(wg_chart *c, const char *name, const spread *s, int colour) {
    static double place[WIDTHS];
    for (int i = 0; i < WIDTHS; i++) place[i] = i;
    wg_xy p = { .mark = WG_MARK_BAND, .n = WIDTHS, .x = place, .y = s->low, .y2 = s->high };
    p.colour = colour;
    wg_chart_xy(c, NULL, p);
    p.mark = WG_MARK_LINE_POINTS, p.y = s->middle, p.y2 = NULL;
    wg_chart_xy(c, name, p);
}

static void draw(boots all, int best, const spread *train, const spread *test, const spread *cost) {
    static const char *names[] = { "0",  "1",  "2",  "3",  "4",  "6",   "8",
                                   "12", "16", "24", "32", "64", "128", NULL };
    const char *const kind[] = { "Underfit", "Optimum", "Overfit" };
    const int shown[] = { 0, best, WIDTHS - 1 };
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 3, .width = 1200, .height = 420 });
    for (int i = 0; i < 3; i++) {
        char title[60];
        snprintf(title, sizeof title, "%s: %g hidden units", kind[i], width[shown[i]]);
        draw_face(c, all, (int64_t)width[shown[i]], title);
    }
    picture(c, "boundaries.png",
            "One training set, and what three nets make of it: colour is the chance of a boot, the "
            "line where it is a half.");
    c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 400 });
    wg_panel_options o = {
        .x = "hidden units", .x_names = names, .y = "share wrong", .y_max = 0.45
    };
    wg_chart_panel(c, o);
    draw_curve(c, "training", train, 1);
    draw_curve(c, "test", test, 2);
    o.y = "test cost, nats", o.y_max = 0, o.log_y = true;
    wg_chart_panel(c, o);
    draw_curve(c, "test", cost, 2);
    picture(c, "capacity",
            "Errors against capacity: medians of draws of the training set, and bands from the "
            "lower to the upper quartile.");
}

int main(void) {
    begin_section("Training and test",
                  "Underfit: This model is too simple. Overfit: it seems to be more concerned with "
                  "the specific noise of training data. Optimum: it would generalize well.");
    boots all = load_boots();
    spread train, test, cost;
    measure(all, &train, &test, &cost);
    if (!wg_error()) draw(all, check(all, &train, &test, &cost), &train, &test, &cost);
    return end_section();
}
