// SPDX-License-Identifier: MIT
/* 1.1 Network of perceptrons, continued: why nobody can tune one. Networks are random, and so are
   their inputs; one weight moves by a little, and it is counted what comes out differently. */
#include <math.h>

#include "lecture.h"

enum { LAYERS = 10, UNITS = 20, NETS = 400, INPUTS = 500, SHIFTS = 6 };
static const double shift[SHIFTS] = { 0.003, 0.01, 0.03, 0.1, 0.3, 1 };
typedef wg_tensor *activation(wg_tensor *);

/* From x (B, UNITS), what layer `from` takes, on: w (LAYERS, UNITS, UNITS), thresholds 0. */
static wg_tensor *deep(wg_tensor *x, wg_tensor *w, int from, int to, activation *a) {
    for (int l = from; l < to; l++) x = a(wg_matmul(x, wg_select(w, 0, l)));
    return x;
}

typedef struct effect {
    double cases[SHIFTS];   // of NETS * INPUTS, in which any output of the perceptrons flips
    double flips[SHIFTS];   // outputs that flip in all of them
    double change[SHIFTS];  // of a sigmoid's output, in the mean
    double flipped[LAYERS], moved[LAYERS];  // units of each layer, after one unit of the first
} effect;

static wg_tensor *gap(wg_tensor *a, wg_tensor *b) { return wg_abs(wg_sub(a, b)); }

/* One weight of the first layer moves. */
static void move_weight(wg_tensor *x, wg_tensor *few, wg_tensor *w, effect *e) {
    wg_tensor *step = deep(x, w, 0, LAYERS, wg_step);
    wg_tensor *sigmoid = deep(few, w, 0, LAYERS, wg_sigmoid);
    for (int i = 0; i < SHIFTS; i++) {
        wg_tensor *change = wg_zeros_like(w);  // (LAYERS, UNITS, UNITS)
        wg_fill(wg_slice(wg_flatten(change, 0), 0, 0, 1, 1), shift[i]);
        wg_tensor *moved = wg_add(w, change);
        wg_tensor *flips = CODE(gap(deep(x, moved, 0, LAYERS, wg_step), step));
        wg_tensor *drift = CODE(gap(deep(few, moved, 0, LAYERS, wg_sigmoid), sigmoid));
        e->cases[i] += wg_item(wg_sum(wg_amax(flips, WG_AXES(1), false)));
        e->flips[i] += wg_item(wg_sum(flips));
        e->change[i] += wg_item(wg_mean(drift)) / NETS;
    }
}

/* One unit of the first layer flips; or moves by 0.01, with sigmoids, whose gaps count as so many
   hundredths. */
static void move_unit(wg_tensor *x, wg_tensor *w, effect *e) {
    wg_tensor *unit = wg_one_hot(wg_zeros(WG_I64, WG_SHAPE(1)), UNITS, WG_F64);  // (1, UNITS)
    wg_tensor *step = deep(x, w, 0, 1, wg_step), *sigmoid = deep(x, w, 0, 1, wg_sigmoid);
    wg_tensor *flipped = gap(step, unit), *moved = wg_add(sigmoid, wg_mul(unit, wg_num(0.01)));
    for (int l = 0; l < LAYERS; l++) {
        e->flipped[l] += UNITS * wg_item(wg_mean(gap(flipped, step))) / NETS;
        e->moved[l] += UNITS * wg_item(wg_mean(gap(moved, sigmoid))) / NETS / 0.01;
        int next = l + 1 < LAYERS ? l + 2 : l + 1;
        step = deep(step, w, l + 1, next, wg_step);
        flipped = deep(flipped, w, l + 1, next, wg_step);
        sigmoid = deep(sigmoid, w, l + 1, next, wg_sigmoid);
        moved = deep(moved, w, l + 1, next, wg_sigmoid);
    }
}

static effect measure(void) {
    wg_random random = { .seed = 1 };
    effect e = { 0 };
    for (int i = 0; i < NETS && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *x = wg_step(wg_randn(WG_F64, WG_SHAPE(INPUTS, UNITS), &random));  // 0 or 1
        wg_tensor *few = wg_slice(x, 0, 0, INPUTS / 10, 1);  // enough for a mean without rare cases
        wg_tensor *w = wg_randn(WG_F64, WG_SHAPE(LAYERS, UNITS, UNITS), &random);
        move_weight(x, few, w, &e);
        move_unit(few, w, &e);
        wg_scope_close(scope);
    }
    return e;
}

static void draw(const effect *e, const double at_once[]) {
    double layer[LAYERS];
    for (int l = 0; l < LAYERS; l++) layer[l] = l + 1;
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 400, .width = 800 });
    wg_chart_panel(c, (wg_panel_options){ .title = "One weight moves",
                                          .x = "by how much",
                                          .y = "mean change of an output",
                                          .log_x = true,
                                          .log_y = true,
                                          .y_max = 1,
                                          .y_min = 1e-7 });
    wg_chart_xy(c, "perceptrons, when any output changes",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = SHIFTS, .x = shift, .y = at_once });
    wg_chart_xy(c, "sigmoids, always",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = SHIFTS, .x = shift, .y = e->change });
    wg_chart_panel(c, (wg_panel_options){ .title = "One unit of layer 1 changes",
                                          .x = "layer",
                                          .y = "change of the layer / of the unit",
                                          .log_y = true,
                                          .y_min = 0.01,
                                          .y_max = 10 });
    wg_chart_xy(c, "perceptrons: units that flip",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = LAYERS, .x = layer, .y = e->flipped });
    wg_chart_xy(c, "sigmoids: sum of the changes",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = LAYERS, .x = layer, .y = e->moved });
    picture(c, "cascade",
            "However little a weight moves: in a network of perceptrons, outputs change by 1 and "
            "several at once, or not at all. What comes out of sigmoids changes in proportion.");
}

/* Seeds 1 to 5 give 3.7 to 4.6 outputs at once, a slope within 0.004 of 1, and 2.8 and 0.06 in the
   last layer. A change that did not spread would flip one output. */
static void tune(void) {
    effect e = measure();
    double at_once[SHIFTS], fewest = UNITS;
    say("%d random networks of %d layers of %d units, %d inputs each; the first weight of the "
        "first "
        "layer moves.",
        NETS, LAYERS, UNITS, INPUTS);
    table("moved by | cases of 10,000 where perceptrons flip | of 20, at once | sigmoids: mean "
          "change | change / move");
    for (int i = 0; i < SHIFTS; i++) {
        double many = e.flips[i] / e.cases[i];
        at_once[i] = many / UNITS;
        fewest = fmin(fewest, many);
        row("%g | %.2f | %.1f | %.3g | %.3g", shift[i], e.cases[i] / (NETS * INPUTS / 10000), many,
            e.change[i], e.change[i] / shift[i]);
    }
    double slope = log(e.change[SHIFTS - 1] / e.change[0]) / log(shift[SHIFTS - 1] / shift[0]);
    must(fewest > 2,
         "perceptrons: however small the move, at least %.1f outputs flip at once when "
         "any does",
         fewest);
    must(fabs(slope - 1) < 0.02, "sigmoids: the change goes with the move to the power %.4f",
         slope);
    must(e.flipped[LAYERS - 1] > 2, "one perceptron that flips flips %.1f in layer %d",
         e.flipped[LAYERS - 1], LAYERS);
    must(e.moved[LAYERS - 1] < 0.2,
         "one sigmoid that moves moves those of layer %d by %.3f of that", LAYERS,
         e.moved[LAYERS - 1]);
    say("A smaller move flips outputs in fewer cases, in proportion: the mean over all inputs is "
        "as "
        "smooth as that of sigmoids. No single output is, and for a single input there is nothing "
        "that tells which way to tune.");
    draw(&e, at_once);
}

int main(void) {
    begin_section("The butterfly effect",
                  "Any tuning might lead to an uncontrollable \"butterfly effect\" that would "
                  "cascade throughout the network and give rise to unwanted outcomes.");
    tune();
    return end_section();
}
