// SPDX-License-Identifier: MIT
/* 4 Backpropagation: what it computes is the chain rule, to the last bits. Written out, the chain
   rule has a product for every path from a weight to the cost; backpropagation shares them
   (Linnainmaa 1970; Rumelhart, Hinton and Williams 1986). Differences come close, not there. */
#include <math.h>

#include "lecture.h"

enum { LAYERS = 4, WIDEST = 64, STEPS = 27 };
static const int64_t units[LAYERS + 1] = { 64, 6, 5, 4, 10 };

typedef struct problem {
    wg_nn *m;
    wg_tensor *x, *y;  // (1, 64), (1, 10): a digit and its class, one-hot
} problem;

/* C = the sum over (a^L - y)^2, with a^l = sigmoid(W^l a^(l-1) + b^l). */
static wg_tensor *cost(problem *p) {
    wg_tensor *a = p->x;
    for (int l = 1; l <= LAYERS; l++)
        a = wg_sigmoid(wg_nn_linear(wg_nn_sub(p->m, "%d", l), "layer", a, units[l]));
    return wg_sum(wg_square(wg_sub(a, p->y)));
}

static void load(problem *p) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F64 });
    wg_tensor *rows = wg_slice(all, 0, 0, 1, 1);  // (1, 65)
    p->x = wg_mul(wg_slice(rows, 1, 0, 64, 1), wg_num(1.0 / 16));
    p->y = wg_one_hot(wg_cast(wg_select(rows, 1, 64), WG_I64), 10, WG_F64);
    p->m = wg_nn_new(1);
}

/* ---- the chain rule, written out in C, with none of the library ------------------------------ */

typedef struct layer {
    double w[WIDEST][WIDEST], b[WIDEST], a[WIDEST];  // a of the layer before times w is this one's
} layer;
static layer net[LAYERS + 1];
static double target[10], terms;

static void read_net(problem *p) {
    wg_read_f64(p->x, net[0].a, units[0]);
    wg_read_f64(p->y, target, 10);
    for (int l = 1; l <= LAYERS; l++) {
        double w[WIDEST * WIDEST];
        wg_read_f64(wg_nn_param_at(p->m, NULL, 2 * l - 2), w, units[l] * units[l - 1]);
        wg_read_f64(wg_nn_param_at(p->m, NULL, 2 * l - 1), net[l].b, units[l]);
        for (int64_t j = 0; j < units[l]; j++) {
            double z = net[l].b[j];
            for (int64_t k = 0; k < units[l - 1]; k++)
                z += (net[l].w[j][k] = w[j * units[l - 1] + k]) * net[l - 1].a[k];
            net[l].a[j] = 1 / (1 + exp(-z));
        }
    }
}

/* dC / da_j of layer l: over all paths from there to the cost, a product of slopes along each. */
static double slope(int l, int64_t j) {
    if (l == LAYERS) return terms++, 2 * (net[l].a[j] - target[j]);
    double sum = 0;
    for (int64_t i = 0; i < units[l + 1]; i++)
        sum += slope(l + 1, i) * net[l + 1].a[i] * (1 - net[l + 1].a[i]) * net[l + 1].w[i][j];
    return sum;
}

/* The larger one; NaN if either is. */
static double worse(double a, double b) { return isnan(a) || a >= b ? a : b; }

/* The largest gap to what backpropagation gave, as a part of the largest gradient. */
static double compare_symbols(problem *p, double *largest) {
    double gap = 0, g[WIDEST * WIDEST];
    read_net(p);
    for (int l = 1; l <= LAYERS; l++) {
        int64_t inputs = units[l - 1];
        wg_read_f64(wg_gradient(wg_nn_param_at(p->m, NULL, 2 * l - 2)), g, units[l] * inputs);
        for (int64_t i = 0; i < units[l] * inputs; i++) {
            int64_t j = i / inputs, k = i % inputs;
            double a = net[l].a[j], s = slope(l, j) * a * (1 - a) * net[l - 1].a[k];
            gap = worse(gap, fabs(g[i] - s));
            *largest = fmax(*largest, fabs(s));
        }
    }
    number("weights and biases", (double)wg_nn_count(p->m, NULL), "");
    number("paths from a weight to the cost, in all", terms, "");
    gap /= *largest;
    must(gap <= 1e-14,  // sums of up to 200 products, each rounded at 1e-16
         "the chain rule written out differs by %.1g of the largest gradient", gap);
    return gap;
}

/* ---- differences ----------------------------------------------------------------------------- */

static double forward(problem *p) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    double c = wg_item(cost(p));
    wg_scope_close(scope);
    return c;
}

/* The largest gap between a gradient and (C(w + h) - C(w - h)) / 2h, or the one-sided quotient;
   two passes for every weight, one by one. */
static double difference(problem *p, double h, bool central) {
    double gap = 0, here = forward(p);
    for (int i = 0; i < wg_nn_params(p->m, NULL); i++) {
        wg_tensor *w = wg_nn_param_at(p->m, NULL, i);
        int64_t n = wg_numel(w);
        double v[WIDEST * WIDEST], g[WIDEST * WIDEST];
        wg_read_f64(w, v, n);
        wg_read_f64(wg_gradient(w), g, n);
        for (int64_t k = 0; k < n; k++) {
            double old = v[k], up, down = here;
            v[k] = old + h, wg_write(w, v, n), up = forward(p);
            if (central) v[k] = old - h, wg_write(w, v, n), down = forward(p);
            v[k] = old, wg_write(w, v, n);
            gap = worse(gap, fabs((up - down) / (central ? 2 * h : h) - g[k]));
        }
    }
    return gap;
}

static void try_differences(problem *p, double h[], double one[], double two[], double largest) {
    double best[2] = { INFINITY, INFINITY };
    for (int i = 0; i < STEPS; i++) {
        h[i] = pow(10, -0.5 * i);
        one[i] = difference(p, h[i], false) / largest;
        two[i] = difference(p, h[i], true) / largest;
        best[0] = fmin(best[0], one[i]), best[1] = fmin(best[1], two[i]);
    }
    double tenth = two[4] / two[6];  // 0.01 against 0.001
    must(fabs(tenth - 100) < 5 && best[1] < 1e-8,
         "two-sided differences come closer by %.0f times as h shrinks tenfold, up to %.1g; "
         "one-sided ones up to %.1g: then rounding takes over",
         tenth, best[1], best[0]);
}

static void draw(const double h[], const double one[], const double two[], double gap) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .height = 420 });
    wg_panel_options o = { .x = "step h of a weight", .log_x = true };
    o.y = "largest gap, of the largest gradient", o.log_y = true;
    wg_chart_panel(c, o);
    wg_chart_xy(c, "(C(w + h) - C(w)) / h", (wg_xy){ .n = STEPS, .x = h, .y = one });
    wg_chart_xy(c, "(C(w + h) - C(w - h)) / 2h", (wg_xy){ .n = STEPS, .x = h, .y = two });
    double ends[] = { h[STEPS - 1], h[0] }, gaps[] = { gap, gap };
    wg_chart_xy(c, "the chain rule by hand", (wg_xy){ .n = 2, .x = ends, .y = gaps });
    picture(c, "gaps", "How far other ways to the gradient are from backpropagation.");
}

int main(void) {
    begin_section("Backpropagation",
                  "A small change in this weight will affect all the activations in the next "
                  "layers. Since all our functions are made up of compositions, derivative at a "
                  "certain node is dependent on the ones that come after it.");
    problem p;
    load(&p);
    CODE(wg_backward(cost(&p)));
    double largest = 0, gap = compare_symbols(&p, &largest);
    double h[STEPS], one[STEPS], two[STEPS];
    try_differences(&p, h, one, two, largest);
    draw(h, one, two, gap);
    wg_nn_free(p.m);
    return end_section();
}
