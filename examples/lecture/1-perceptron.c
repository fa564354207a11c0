// SPDX-License-Identifier: MIT
/* 1 Perceptron: what one perceptron computes, what it learns, and what it never will. The rule is
   Rosenblatt's (1958), the bound on its mistakes Novikoff's (1962); where no plane separates the
   classes it goes round for ever, and its weights stay bounded (Minsky and Papert 1969). */
#include <math.h>

#include "lecture.h"

enum { EPOCHS = 60 };
typedef struct history {
    int epochs;               // until the first without a mistake, that one included, or EPOCHS
    double mistakes[EPOCHS];  // in each
    double total, longest;    // mistakes; and the largest norm that w had after an epoch
    int period;               // epochs after which w was what it had been; 0: never
} history;

/* ---- the perceptron -------------------------------------------------------------------------- */

/* x (B, n) with one more input, always 1, whose weight is minus the threshold. */
static wg_tensor *with_one(wg_tensor *x) {
    return wg_cat((wg_tensor *[]){ x, wg_ones(WG_F64, WG_SHAPE(wg_dim(x, 0), 1)) }, 2, 1);
}

/* y = 1 if w.x > 0, else 0. */
static wg_tensor *perceptron(wg_tensor *x, wg_tensor *w) { return CODE(wg_step(wg_matmul(x, w))); }

/* One pass over x (B, n) with target (B): after each row, w moves by error times input. */
static double learn_once(wg_tensor *x, wg_tensor *target, wg_tensor *w) {
    double mistakes = 0;
    for (int64_t i = 0; i < wg_dim(x, 0) && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *row = wg_select(x, 0, i);                                     // (n)
        wg_tensor *error = wg_sub(wg_select(target, 0, i), perceptron(row, w));  // -1, 0 or 1
        wg_copy(w, CODE(wg_add(w, wg_mul(error, row))));
        mistakes += fabs(wg_item(error));
        wg_scope_close(scope);
    }
    return mistakes;
}

static history learn(wg_tensor *x, wg_tensor *target, wg_tensor *w) {
    history h = { 0 };
    wg_tensor *before[EPOCHS];
    for (double mistakes = 1; mistakes > 0 && h.epochs < EPOCHS && !wg_error(); h.epochs++) {
        before[h.epochs] = wg_add(w, wg_num(0));
        mistakes = h.mistakes[h.epochs] = learn_once(x, target, w);
        h.total += mistakes;
        h.longest = fmax(h.longest, wg_item(wg_norm(w, 2)));
        for (int e = h.epochs; mistakes > 0 && h.period == 0 && e >= 0; e--)
            if (wg_equal(w, before[e])) h.period = h.epochs + 1 - e;
    }
    return h;
}

/* ---- gates ----------------------------------------------------------------------------------- */

enum { AND, OR, NAND, XOR, GATES };
static const char *const gate[GATES] = { "AND", "OR", "NAND", "XOR" };
static const double inputs[4][2] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 } };
static const double outputs[GATES][4] = {
    { 0, 0, 0, 1 }, { 0, 1, 1, 1 }, { 1, 1, 1, 0 }, { 0, 1, 1, 0 }
};

static void learn_gates(history h[GATES]) {
    wg_tensor *x = with_one(wg_from(WG_F64, WG_SHAPE(4, 2), inputs));  // (4, 3)
    table("gate | epochs | mistakes | y = 1 if | for 00 | 01 | 10 | 11");
    for (int g = 0; g < GATES; g++) {
        wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(3));
        h[g] = learn(x, wg_from(WG_F64, WG_SHAPE(4), outputs[g]), w);
        double v[3] = { NAN, NAN, NAN }, y[4] = { 0 };
        wg_read_f64(w, v, 3);
        wg_read_f64(perceptron(x, w), y, 4);
        row("%s | %d | %g | %g x1 %+g x2 > %g | %g | %g | %g | %g", gate[g], h[g].epochs,
            h[g].total, v[0], v[1], 0 - v[2], y[0], y[1], y[2], y[3]);
    }
    for (int g = 0; g < XOR; g++)
        must(h[g].mistakes[h[g].epochs - 1] == 0, "%s is learned after %g mistakes", gate[g],
             h[g].total);
    double fewest = 4;
    for (int e = 0; e < h[XOR].epochs; e++) fewest = fmin(fewest, h[XOR].mistakes[e]);
    must(h[XOR].epochs == EPOCHS && fewest >= 1,
         "XOR is not: never fewer than %g mistakes in %d "
         "epochs",
         fewest, h[XOR].epochs);
    must(h[XOR].period > 0,
         "XOR: its weights are what they were %d epoch%s before, and are never longer than %.3g",
         h[XOR].period, h[XOR].period == 1 ? "" : "s", h[XOR].longest);
}

/* ---- digits ---------------------------------------------------------------------------------- */

/* The pixels of two digits, ink or none, (B, 65), and 1 for the second digit (B). */
static wg_tensor *two_digits(int64_t first, int64_t second, wg_tensor **target) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F64 });
    wg_tensor *label = wg_select(all, 1, 64);  // (1797)
    wg_tensor *ours =
        wg_logical_or(wg_eq(label, wg_num((double)first)), wg_eq(label, wg_num((double)second)));
    int64_t n = (int64_t)wg_item(wg_sum(wg_cast(ours, WG_F64)));
    wg_tensor *index = wg_argsort(wg_cast(ours, WG_F64), 0, true);  // ours first, in their order
    wg_tensor *rows = wg_index_select(all, 0, wg_slice(index, 0, 0, n, 1));  // (n, 65)
    *target = wg_step(wg_sub(wg_select(rows, 1, 64), wg_num((double)first)));
    return with_one(wg_step(wg_sub(wg_slice(rows, 1, 0, 64, 1), wg_num(7.5))));
}

/* The widest margin, from below: z (B, n) are the rows, those of class 0 turned round, and w is
   drawn to the shortest vector in their convex hull (Gilbert 1966). */
static double margin(wg_tensor *x, wg_tensor *target) {
    wg_tensor *sign = wg_unsqueeze(wg_sub(wg_mul(target, wg_num(2)), wg_num(1)), 1);  // (B, 1)
    wg_tensor *z = wg_mul(x, sign), *w = wg_mean_axes(z, WG_AXES(0), false);
    for (int i = 0; i < 20000 && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        int64_t worst = (int64_t)wg_item(wg_argmin(wg_matmul(z, w), 0, false));
        wg_tensor *step = wg_sub(wg_select(z, 0, worst), w);
        double t = -wg_item(wg_dot(w, step)) / wg_item(wg_dot(step, step));
        wg_copy(w, wg_add(w, wg_mul(step, wg_num(fmin(fmax(t, 0), 1)))));
        wg_scope_close(scope);
    }
    return wg_item(wg_min(wg_matmul(z, w))) / wg_item(wg_norm(w, 2));
}

static history learn_digits(void) {
    wg_tensor *target, *x = two_digits(8, 9, &target);  // (354, 65)
    wg_tensor *w = wg_zeros(WG_F64, WG_SHAPE(65));
    history h = learn(x, target, w);
    double radius = wg_item(wg_max(wg_norm_axes(x, 2, WG_AXES(1), false)));
    double width = margin(x, target), bound = radius * radius / (width * width);
    number("digits 8 and 9, each of 64 pixels of ink or none", (double)wg_dim(x, 0), "");
    number("epochs until none is wrong", h.epochs, "");
    number("mistakes on the way", h.total, "");
    number("margin: of the nearest to the plane", width, "");
    must(h.mistakes[h.epochs - 1] == 0, "the mistakes fall from %g to %g an epoch", h.mistakes[0],
         h.mistakes[h.epochs - 1]);
    must(h.total <= bound, "%g mistakes in all, and Novikoff's bound (R / margin)^2 is %.0f",
         h.total, bound);
    wg_tensor *ink = wg_reshape(wg_slice(w, 0, 0, 64, 1), WG_SHAPE(8, 8));
    wg_tensor *largest = wg_mul(wg_max(wg_abs(ink)), wg_num(2));
    image(wg_add(wg_div(ink, largest), wg_num(0.5)), "weights",
          "The weights that it learned: ink on a bright pixel speaks for a 9, on a dark one for an "
          "8.");
    return h;
}

static void draw(const history h[GATES], const history *digits) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .height = 380 });
    wg_chart_panel(c, (wg_panel_options){
                          .title = "Digits 8 and 9", .x = "epoch", .y = "mistakes in the epoch" });
    wg_chart_xy(c, "mistakes of 354",
                (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = digits->epochs, .y = digits->mistakes });
    wg_chart_panel(c, (wg_panel_options){ .title = "Gates",
                                          .x = "epoch",
                                          .y = "mistakes in the epoch",
                                          .x_max = 20,
                                          .y_max = 5 });
    for (int g = 0; g < GATES; g++)
        wg_chart_xy(c, gate[g],
                    (wg_xy){ .mark = WG_MARK_LINE_POINTS, .n = h[g].epochs, .y = h[g].mistakes });
    picture(c, "mistakes",
            "Mistakes of the perceptron's rule, epoch by epoch, until there is none. "
            "XOR has no such epoch.");
}

int main(void) {
    begin_section("The perceptron",
                  "Perceptron is a simple binary decision maker with binary "
                  "inputs: y is 1 if the sum of w_i x_i is above a threshold, and 0 if not.");
    history h[GATES];
    learn_gates(h);
    history digits = learn_digits();
    draw(h, &digits);
    return end_section();
}
