// SPDX-License-Identifier: MIT
/* 2 Forward propagation, continued: what comes out of a network is a continuous function of its
   inputs and of its weights, as a composition of continuous functions. On a straight line between
   two inputs, or two sets of weights, a jump is searched for by bisection: perceptrons have one,
   between numbers next to each other, and sigmoids have none. */
#include <math.h>

#include "digits.h"

enum { SEED = 1, LAYERS = 3, PAIRS = 40, HALVINGS = 36, LIMIT = 20, WIDTH = 30 };
typedef wg_tensor *activation(wg_tensor *);

/* ---- a line from one network and input to others --------------------------------------------- */

typedef struct line {
    wg_tensor *x[2], *w[LAYERS][2], *b[LAYERS][2];
} line;

static wg_tensor *between(wg_tensor *const end[2], wg_tensor *t) {
    return wg_add(end[0], wg_mul(wg_sub(end[1], end[0]), t));
}

static wg_tensor *output(const line *p, wg_tensor *t, activation *sigma) {
    wg_tensor *a = between(p->x, t);  // (1, PIXELS)
    for (int l = 0; l < LAYERS; l++)
        a = CODE(sigma(wg_linear(a, between(p->w[l], t), between(p->b[l], t))));
    return a;  // (1, CLASSES)
}

static wg_tensor *length(wg_tensor *x) { return wg_norm(x, 2); }

static double change(const line *p, double t, double u, activation *sigma) {
    wg_tensor *before = output(p, wg_num(t), sigma), *after = output(p, wg_num(u), sigma);
    return CODE(wg_item(length(wg_sub(after, before))));
}

/* The limit of change / (u - t), in forward mode. */
static double speed(const line *p, double t) {
    wg_tensor *at = wg_variable(wg_full(WG_F64, WG_SCALAR, t)), *one = wg_ones(WG_F64, WG_SCALAR);
    return wg_item(length(CODE(wg_jvp(output(p, at, wg_sigmoid), &at, 1, &one))));
}

/* From one digit to another through one network; or, for one digit, to another network. */
static line random_line(wg_tensor *digits, bool weights, wg_random *random) {
    line p;
    for (int e = 0; e < 2; e++) {
        int64_t i = wg_random_below(random, wg_dim(digits, 0));
        p.x[e] = wg_slice(digits, 0, i, i + 1, 1);
        for (int l = 0; l < LAYERS; l++) {
            int64_t in = l == 0 ? PIXELS : WIDTH, out = l == LAYERS - 1 ? CLASSES : WIDTH;
            p.w[l][e] = wg_randn(WG_F64, WG_SHAPE(out, in), random);
            p.b[l][e] = wg_randn(WG_F64, WG_SHAPE(out), random);
        }
    }
    for (int l = 0; l < LAYERS && !weights; l++) p.w[l][1] = p.w[l][0], p.b[l][1] = p.b[l][0];
    if (weights) p.x[1] = p.x[0];
    return p;
}

/* ---- jumps ----------------------------------------------------------------------------------- */

/* |W| <= trace((W'W)^p)^(1 / 2p), which comes as close as the p-th root of the rank is to 1. */
static double norm_bound(wg_tensor *w) {
    wg_tensor *g = wg_matmul(w, wg_transpose(w, 0, 1));
    double power = 1, logarithm = 0;
    for (int i = 0; i < 8; i++, power *= 2) {
        double trace = wg_item(wg_trace(g));
        logarithm += log(trace) / power;
        g = wg_div(g, wg_num(trace));
        g = wg_matmul(g, g);
    }
    return exp((logarithm + log(wg_item(wg_trace(g))) / power) / 2);
}

/* No input moves the output by more than so many times its own length: the norms, and 1/4, which no
   sigmoid is steeper than. */
static double lipschitz(const line *p) {
    double most = 1;
    for (int l = 0; l < LAYERS; l++) most *= norm_bound(p->w[l][0]) / 4;
    return most;
}

typedef struct jumps {
    int lines;                                 // of PAIRS: at whose ends perceptrons differ
    double part[HALVINGS];                     // how much of the line is left
    double step[HALVINGS], sigmoid[HALVINGS];  // least change of perceptrons, largest of sigmoids
    double bound[HALVINGS];                    // by the norms, the largest
    double above, limit;  // largest change / bound, and largest relative gap of change to speed
} jumps;

/* Half of the line, and half of that, always one at whose ends perceptrons say different things. */
static void bisect(const line *p, jumps *j) {
    double low = 0, high = 1, most = lipschitz(p) * wg_item(length(wg_sub(p->x[1], p->x[0])));
    for (int i = 0; i < HALVINGS && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        double middle = (low + high) / 2, part = high - low;
        double smooth = change(p, low, high, wg_sigmoid);
        j->part[i] = part;
        j->step[i] = fmin(j->step[i], change(p, low, high, wg_step));
        j->sigmoid[i] = fmax(j->sigmoid[i], smooth);
        j->bound[i] = fmax(j->bound[i], most * part);
        j->above = fmax(j->above, smooth / (most * part));
        if (i == LIMIT) j->limit = fmax(j->limit, fabs(smooth / part / speed(p, middle) - 1));
        *(change(p, low, middle, wg_step) > 0 ? &high : &low) = middle;
        wg_scope_close(scope);
    }
}

static jumps search(wg_tensor *digits, bool weights) {
    wg_random random = { .seed = SEED, .stream = weights };
    jumps j = { 0 };
    for (int i = 0; i < HALVINGS; i++) j.step[i] = INFINITY;
    for (int i = 0; i < PAIRS && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        line p = random_line(digits, weights, &random);
        if (change(&p, 0, 1, wg_step) > 0) j.lines++, bisect(&p, &j);
        wg_scope_close(scope);
    }
    return j;
}

/* Seeds 1 to 6: sigmoids change by at most 6 times the part, the derivative is met to 4e-9, and the
   bound to 0.05. */
static void check(const jumps *j, const char *what) {
    int last = HALVINGS - 1;
    say("%s: %d of %d lines have ends where perceptrons differ.", what, j->lines, PAIRS);
    must(j->lines > 0 && j->step[last] >= 1,
         "perceptrons: their output changes by at least %g, on a line as short as %.0e",
         j->step[last], j->part[last]);
    must(j->sigmoid[last] < j->part[last] * 30, "sigmoids: on the same lines by at most %.1e",
         j->sigmoid[last]);
    must(j->limit < 1e-6,
         "in proportion: on the part %.0e the change is off the derivative's by %.0e of it at most",
         j->part[LIMIT], j->limit);
}

static void draw(const jumps j[2]) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .width = 860, .height = 400 });
    for (int i = 0; i < 2; i++) {
        wg_chart_panel(c, (wg_panel_options){ .title = i ? "All weights move" : "The input moves",
                                              .x = "how far, part of the line",
                                              .y = "change of the output, |a|",
                                              .log_x = true,
                                              .log_y = true });
        wg_xy step = { WG_MARK_LINE_POINTS, HALVINGS, j[i].part, j[i].step, .colour = 2 };
        wg_xy sigmoid = { WG_MARK_LINE_POINTS, HALVINGS, j[i].part, j[i].sigmoid, .colour = 1 };
        wg_xy bound = { WG_MARK_DASHES, HALVINGS, j[i].part, j[i].bound, .colour = 8 };
        wg_chart_xy(c, "perceptrons, the least", step);
        wg_chart_xy(c, "sigmoids, the most", sigmoid);
        if (i == 0) wg_chart_xy(c, "sigmoids, bound by the norms of W", bound);
    }
    picture(c, "jumps",
            "Lines that are halved again and again around a jump of perceptrons: what "
            "comes out of sigmoids changes in proportion to the move.");
}

int main(void) {
    begin_section("Forward propagation is continuous",
                  "The final output is a function of inputs, weights and bias. Note that since it "
                  "is composed of continuous functions, it is continuous.");
    wg_tensor *digits = load_digits(NULL);
    jumps j[2] = { search(digits, false), search(digits, true) };
    check(&j[0], "Inputs move from one digit to another");
    must(j[0].above <= 1, "and no more than the product of the layers' norms allows: %.2g of it",
         j[0].above);
    check(&j[1], "Weights move from one network to another");
    draw(j);
    return end_section();
}
