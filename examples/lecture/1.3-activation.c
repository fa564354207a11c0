// SPDX-License-Identifier: MIT
/* 1.3 Activation function: sigmoid, ReLU and tanh, and their derivatives, which the library finds,
   held against the formulas and against differences. With one of them between two layers XOR is a
   network of two units, exactly. */
#include <math.h>

#include "lecture.h"

enum { KINDS = 3, POINTS = 241 };

typedef struct kind {
    const char *name, *formula, *slope;
    wg_tensor *(*f)(wg_tensor *x);
    double (*derivative)(double x);
    double y[POINTS], dy[POINTS];  // the library's
    double gap, difference;        // of the derivative to its formula, and to differences of f
    double steepest;
} kind;

static double sigmoid_slope(double x) { return 1 / ((1 + exp(-x)) * (1 + exp(x))); }
static double relu_slope(double x) { return x > 0; }
static double tanh_slope(double x) { return 1 / (cosh(x) * cosh(x)); }

static double largest_gap(const double a[], const double b[], bool skip_middle) {
    double gap = 0;
    for (int i = 0; i < POINTS; i++)
        if (!skip_middle || i != POINTS / 2) gap = fmax(gap, fabs(a[i] - b[i]));
    return gap;
}

/* On x (POINTS), whose middle is 0, where ReLU has its kink. */
static void measure(kind *k, wg_tensor *x) {
    double at[POINTS] = { 0 }, formula[POINTS], difference[POINTS] = { 0 };
    wg_tensor *z = wg_variable(x), *y = k->f(z), *h = wg_num(1e-5);
    wg_tensor *dy = CODE(wg_derivative(y, z));
    wg_tensor *rise = CODE(wg_sub(k->f(wg_add(x, h)), k->f(wg_sub(x, h))));
    wg_read_f64(x, at, POINTS);
    wg_read_f64(y, k->y, POINTS);
    wg_read_f64(dy, k->dy, POINTS);
    wg_read_f64(wg_div(rise, wg_num(2e-5)), difference, POINTS);
    for (int i = 0; i < POINTS; i++) {
        formula[i] = k->derivative(at[i]);
        k->steepest = fmax(k->steepest, k->dy[i]);
    }
    k->gap = largest_gap(k->dy, formula, false);
    k->difference = largest_gap(k->dy, difference, true);
}

/* Rounding leaves some 1e-16 of the formulas. Differences of h = 1e-5 err by h^2 / 6 times the
   third derivative, and by the rounding of f, at most 6, over h. */
static void differentiate(kind k[KINDS], wg_tensor *x) {
    for (int i = 0; i < KINDS; i++) measure(&k[i], x);
    table("activation | y | dy/dx | largest dy/dx | at -6 | at 6");
    for (int i = 0; i < KINDS; i++)
        row("%s | %s | %s | %g | %.2g | %.2g", k[i].name, k[i].formula, k[i].slope, k[i].steepest,
            k[i].dy[0], k[i].dy[POINTS - 1]);
    for (int i = 0; i < KINDS; i++)
        must(k[i].gap < 1e-14 && k[i].difference < 1e-9,
             "%s: the derivative is off its formula by %.0e, and off differences by %.0e",
             k[i].name, k[i].gap, k[i].difference);
    say("ReLU has no derivative at 0 itself; what the library takes there is %g. The others are "
        "flat far from 0, and sigmoid is never steeper than %g: ten of them in a row pass back at "
        "most %.1e of what came, but for the weights.",
        k[1].dy[POINTS / 2], k[0].steepest, pow(k[0].steepest, 10));
}

/* x1 xor x2 = ReLU(x1 + x2) - 2 ReLU(x1 + x2 - 1). */
static void compute_xor(void) {
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(4, 2), (double[]){ 0, 0, 0, 1, 1, 0, 1, 1 });
    wg_tensor *w1 = wg_ones(WG_F64, WG_SHAPE(2, 2));
    wg_tensor *b1 = wg_from(WG_F64, WG_SHAPE(2), (double[]){ 0, -1 });
    wg_tensor *w2 = wg_from(WG_F64, WG_SHAPE(1, 2), (double[]){ 1, -2 });
    wg_tensor *y = CODE(wg_linear(wg_relu(wg_linear(x, w1, b1)), w2, NULL));  // (4, 1)
    double v[4] = { NAN, NAN, NAN, NAN };
    wg_read_f64(y, v, 4);
    must(v[0] == 0 && v[1] == 1 && v[2] == 1 && v[3] == 0,
         "two units of ReLU, and a sum of them: 00 gives %g, 01 %g, 10 %g, 11 %g", v[0], v[1], v[2],
         v[3]);
    must(v[0] + v[3] != v[1] + v[2],
         "no affine function does that: f(00) + f(11) would be f(01) + f(10), and is %g, not %g",
         v[0] + v[3], v[1] + v[2]);
}

static void draw(const kind k[KINDS], wg_tensor *x) {
    double at[POINTS] = { 0 };
    wg_read_f64(x, at, POINTS);
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .width = 800, .height = 360 });
    for (int slopes = 0; slopes <= 1; slopes++) {
        wg_chart_panel(c, (wg_panel_options){ .title = slopes ? "Their derivatives" : "Activations",
                                              .x = "x",
                                              .y = slopes ? "dy/dx" : "y",
                                              .y_min = slopes ? -0.1 : -1.5,
                                              .y_max = slopes ? 1.1 : 3 });
        for (int i = 0; i < KINDS; i++)
            wg_chart_xy(c, k[i].name,
                        (wg_xy){ .mark = WG_MARK_LINE_POINTS,
                                 .n = POINTS,
                                 .x = at,
                                 .y = slopes ? k[i].dy : k[i].y });
    }
    picture(c, "activations",
            "Sigmoid, ReLU (which goes on above y = 3) and tanh, and their derivatives as the "
            "library finds them.");
}

int main(void) {
    begin_section("Activation function",
                  "We need to break free of the linear behaviour. We do this by introducing "
                  "non-linearity to our perceptrons: y = sigma(w.x + b).");
    static kind k[KINDS] = {
        { "sigmoid", "1 / (1 + e^-x)", "y (1 - y)", .f = wg_sigmoid, .derivative = sigmoid_slope },
        { "ReLU", "max(0, x)", "1 if x > 0, else 0", .f = wg_relu, .derivative = relu_slope },
        { "tanh", "tanh x", "1 - y^2", .f = wg_tanh, .derivative = tanh_slope }
    };
    wg_tensor *x = wg_linspace(WG_F64, -6, 6, POINTS);
    compute_xor();
    differentiate(k, x);
    draw(k, x);
    return end_section();
}
