// SPDX-License-Identifier: MIT
/* 4 Backpropagation: what a gradient costs. All derivatives by all weights cost a few passes
   forward, however many weights there are (Baur and Strassen 1983; Griewank and Walther 2008 bound
   it by four to five); differences cost two passes for each weight. */
#include <math.h>
#include <time.h>

#include "lecture.h"

enum { NETS = 7, BATCH = 64 };
static const int64_t width[NETS] = { 12, 30, 70, 150, 280, 560, 960 };

typedef struct problem {
    wg_nn *m;
    wg_tensor *x, *y;  // (B, 64), (B, 10): digits and one-hot classes
    int64_t width;     // of both hidden layers
} problem;

static wg_tensor *cost(problem *p) {
    wg_tensor *a = wg_sigmoid(wg_nn_linear(p->m, "1", p->x, p->width));
    a = wg_sigmoid(wg_nn_linear(p->m, "2", a, p->width));
    return wg_sum(wg_square(wg_sub(wg_sigmoid(wg_nn_linear(p->m, "3", a, 10)), p->y)));
}

static problem load(int64_t width_of) {
    wg_tensor *all =
        wg_io_load_csv("examples/data/digits.csv", (wg_csv_options){ .dtype = WG_F32 });
    wg_tensor *rows = wg_slice(all, 0, 0, BATCH, 1);  // (B, 65)
    problem p = { .m = wg_nn_new(1), .width = width_of };
    p.x = wg_mul(wg_slice(rows, 1, 0, 64, 1), wg_num(1.0 / 16));
    p.y = wg_one_hot(wg_cast(wg_select(rows, 1, 64), WG_I64), 10, WG_F32);
    return p;
}

static void forward(problem *p) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    wg_item(cost(p));
    wg_scope_close(scope);
}

static void backward(problem *p) {
    wg_scope *scope = wg_scope_open();
    CODE(wg_backward(cost(p)));
    wg_scope_close(scope);
    for (int i = 0; i < wg_nn_params(p->m, NULL); i++)
        wg_clear_gradient(wg_nn_param_at(p->m, NULL, i));
}

/* Processor seconds that f takes: the fastest of 7 times, each of 3 ms at least. */
static double seconds(void (*f)(problem *p), problem *p) {
    double best = INFINITY;
    f(p);
    for (int i = 0; i < 7 && !wg_error(); i++) {
        clock_t start = clock(), now = start;
        int times = 0;
        for (; now - start < CLOCKS_PER_SEC / 300; now = clock(), times++) f(p);
        best = fmin(best, (double)(now - start) / CLOCKS_PER_SEC / times);
    }
    return best;
}

/* The larger one; NaN if either is. */
static double worse(double a, double b) { return isnan(a) || a >= b ? a : b; }

static void measure(double n[NETS], double ratio[NETS], double differences[NETS]) {
    double worst = 0, least = INFINITY;
    table("weights | forward, ms | with its gradient, ms | ratio | by differences");
    for (int i = 0; i < NETS; i++) {
        wg_scope *scope = wg_scope_open();
        problem p = load(width[i]);
        double once = seconds(forward, &p), both = seconds(backward, &p);
        n[i] = (double)wg_nn_count(p.m, NULL), ratio[i] = both / once, differences[i] = 2 * n[i];
        worst = worse(worst, ratio[i]), least = fmin(least, differences[i] / ratio[i]);
        row("%.0f | %.3f | %.3f | %.2f | %.0f", n[i], 1e3 * once, 1e3 * both, ratio[i], 2 * n[i]);
        wg_nn_free(p.m);
        wg_scope_close(scope);
    }
    /* Products of matrices: one forward, two backward, for all layers but the first. */
    must(worst < 20, "cost and gradient take at most %.1f times as long as the cost alone", worst);
    must(least > 50, "differences would take %.0f times as long as backpropagation, at least",
         least);
}

int main(void) {
    begin_section("The cost of a gradient",
                  "We can find this derivative in a backward fashion, starting from the last layer "
                  "and finding how they affect C, we can build towards the layer at hand.");
    double n[NETS], ratio[NETS], differences[NETS];
    measure(n, ratio, differences);
    wg_chart *c = wg_chart_new((wg_chart_options){ .height = 420 });
    wg_panel_options o = { .x = "weights and biases", .y = "time, in passes forward" };
    o.log_x = o.log_y = true;
    wg_chart_panel(c, o);
    wg_chart_xy(c, "by differences, 2N passes", (wg_xy){ .n = NETS, .x = n, .y = differences });
    wg_xy measured = { .mark = WG_MARK_LINE_POINTS, .n = NETS, .x = n, .y = ratio };
    wg_chart_xy(c, "cost and gradient by backpropagation", measured);
    picture(c, "passes",
            "Processor time of the cost and its gradient together, measured for backpropagation, "
            "counted for differences.");
    return end_section();
}
