// SPDX-License-Identifier: MIT
/* 1.3 Activation function, continued: one hidden layer comes as close to a continuous function as
   one likes, everywhere on a compact set, if it is wide enough (Cybenko 1989, Hornik 1991). First
   layers are random here and only the outer weights are fitted, by least squares: the best network
   of a width is at least as good. */
#include "one_layer.h"

enum { KINDS = 3, WIDTHS = 8, FIRST_WIDTH = 2, SEEDS = 5 };       // 2, 4, ... 256 units
enum { FINE = 2001, FINE_2 = 101, COARSE = 801, COARSE_2 = 45 };  // points along an axis

/* ---- what to approximate, on [-1, 1]^d ------------------------------------------------------- */

typedef struct target {
    const char *name;
    int d;
    wg_tensor *(*f)(wg_tensor *x);  // (N, d) -> (N)
} target;

static wg_tensor *coordinate(wg_tensor *x, int k) { return wg_select(x, 1, k); }

static wg_tensor *wave(wg_tensor *x) {
    return wg_add(wg_sin(scaled(coordinate(x, 0), 2 * PI)), wg_abs(coordinate(x, 0)));
}

static wg_tensor *saddle(wg_tensor *x) {
    wg_tensor *a = coordinate(x, 0), *b = coordinate(x, 1);
    return wg_add(wg_mul(wg_sin(scaled(a, PI)), wg_cos(scaled(b, PI))),
                  scaled(wg_abs(wg_add(a, b)), 0.5));
}

/* n points, or n by n. */
static wg_tensor *grid(int d, int64_t n) {
    wg_tensor *line = wg_linspace(WG_F64, -1, 1, n), *axis[2];
    if (d == 1) return wg_unsqueeze(line, 1);
    wg_meshgrid((wg_tensor *[]){ line, line }, 2, axis);
    return wg_reshape(wg_stack(axis, 2, 2), WG_SHAPE(n * n, 2));
}

/* ---- networks of one hidden layer ------------------------------------------------------------ */

static const kind kinds[KINDS] = { { "sigmoid", wg_sigmoid, 0.25 },
                                   { "tanh", wg_tanh, 0.125 },
                                   { "ReLU", wg_relu, 0 } };

static wg_tensor *fitted(layer l, const target *t, wg_tensor *x) {
    wg_tensor *coarse = grid(t->d, t->d == 1 ? COARSE : COARSE_2);
    wg_tensor *c = least_squares(hidden(l, coarse), t->f(coarse), wg_num(1));  // (width + 1)
    return CODE(wg_matmul(hidden(l, x), c));                                   // (N)
}

static wg_tensor *fine(int d) { return grid(d, d == 1 ? FINE : FINE_2); }

static double sup_error(const kind *k, const target *t, int64_t width, uint64_t seed) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *x = fine(t->d);
    wg_tensor *y = fitted(random_layer(k, t->d, width, seed), t, x);
    double error = CODE(wg_item(wg_max(wg_abs(wg_sub(y, t->f(x))))));
    wg_scope_close(scope);
    return error;
}

/* ---- error against width --------------------------------------------------------------------- */

static double median(double a[SEEDS]) {
    for (int i = 0; i < SEEDS; i++)
        for (int j = i; j > 0 && a[j] < a[j - 1]; j--) {
            double t = a[j];
            a[j] = a[j - 1], a[j - 1] = t;
        }
    return a[SEEDS / 2];
}

typedef struct errors {
    double width[WIDTHS], sup[KINDS][WIDTHS];
} errors;

static errors measure(const target *t) {
    errors e;
    for (int i = 0; i < WIDTHS; i++)
        for (int k = 0; k < KINDS; k++) {
            double seed[SEEDS];
            for (int s = 0; s < SEEDS; s++)
                seed[s] = sup_error(&kinds[k], t, FIRST_WIDTH << i, 1 + (uint64_t)s);
            e.sup[k][i] = median(seed);
            e.width[i] = FIRST_WIDTH << i;
        }
    return e;
}

/* In six runs of other seeds the error falls to between 1/9 and 1/90. */
static void check(const target *t, const errors *e) {
    enum { FROM = 3, TO = WIDTHS - 1 };
    table("width | sigmoid | tanh | ReLU");
    for (int i = 0; i < WIDTHS; i++)
        row("%g | %.2g | %.2g | %.2g", e->width[i], e->sup[0][i], e->sup[1][i], e->sup[2][i]);
    for (int k = 0; k < KINDS; k++)
        must(e->sup[k][TO] < e->sup[k][FROM] / 4,
             "%s, %s: from %g to %g units the largest error falls from %.2g to %.2g", t->name,
             kinds[k].name, e->width[FROM], e->width[TO], e->sup[k][FROM], e->sup[k][TO]);
}

static void draw_errors(const target t[2], const errors e[2]) {
    wg_chart *c = wg_chart_new((wg_chart_options){ .columns = 2, .width = 860, .height = 400 });
    for (int i = 0; i < 2; i++) {
        wg_chart_panel(c, (wg_panel_options){ .title = t[i].name,
                                              .x = "units in the hidden layer",
                                              .y = "largest error on the set",
                                              .log_x = true,
                                              .log_y = true,
                                              .y_min = 1e-3,
                                              .y_max = 10 });
        for (int k = 0; k < KINDS; k++)
            wg_chart_xy(
                c, kinds[k].name,
                (wg_xy){ WG_MARK_LINE_POINTS, WIDTHS, e[i].width, e[i].sup[k], .colour = 0 });
    }
    picture(c, "width",
            "The largest error of networks with one hidden layer, medians of five random first "
            "layers.");
}

int main(void) {
    begin_section("Universal approximation",
                  "Neural networks with L hidden layers are dense in C(K, R) for L >= 1: we can "
                  "arbitrarily approximate any continuous function on a compact domain.");
    target t[2] = { { "sin(2 pi x) + |x|", 1, wave },
                    { "sin(pi x) cos(pi y) + |x + y| / 2", 2, saddle } };
    errors e[2];
    for (int i = 0; i < 2; i++) {
        e[i] = measure(&t[i]);
        check(&t[i], &e[i]);
    }
    draw_errors(t, e);
    say("That is what these weights reach, found without training the first layer. The theorem "
        "says "
        "that such weights exist, not how many units they take: two inputs take more than one. Nor "
        "does it say that training finds them.");
    return end_section();
}
