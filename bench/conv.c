// SPDX-License-Identifier: MIT
/* conv.c: two convolutions of a small network, forward and both gradients as in a training step,
   against plain products of as many operations in the same shapes: C k^2 by windows, image by
   image, and without unfolding. What is lost between the two is what the windows cost. */
#include "bench.h"

typedef struct job {
    int64_t n, c, side, o, kernel, groups;
    wg_tensor *x, *w, *gy;        // (N, C, side, side), (O, C / groups, k, k), (N, O, out, out)
    wg_tensor *rows, *cols, *gs;  // (O, C k k), (N, C k k, out out), (N, O, out out)
} job;

static void make(job *j) {
    wg_random r = { .seed = 1 };
    int64_t out = j->side - j->kernel + 1, taps = j->c / j->groups * j->kernel * j->kernel;
    j->x = wg_variable(wg_randn(WG_F32, WG_SHAPE(j->n, j->c, j->side, j->side), &r));
    j->w =
        wg_variable(wg_randn(WG_F32, WG_SHAPE(j->o, j->c / j->groups, j->kernel, j->kernel), &r));
    j->gy = wg_randn(WG_F32, WG_SHAPE(j->n, j->o, out, out), &r);
    j->rows = wg_randn(WG_F32, WG_SHAPE(j->o, taps), &r);
    j->cols = wg_randn(WG_F32, WG_SHAPE(j->n, taps, out * out), &r);
    j->gs = wg_reshape(j->gy, WG_SHAPE(j->n, j->o, out * out));
}

static wg_tensor *convolution(const job *j) {
    return wg_conv2d(j->x, j->w, NULL, (wg_conv_options){ .groups = j->groups });
}

static void forward(void *user) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    convolution(user);
    wg_scope_close(scope);
}

static void step(void *user) {
    job *j = user;
    wg_tensor *g[2];
    wg_scope *scope = wg_scope_open();
    wg_tensor *y = convolution(j);
    wg_grad(y, (wg_tensor *[]){ j->x, j->w }, 2, g,
            (wg_grad_options){ .seed = j->gy, .constant = true });
    wg_scope_close(scope);
}

// y = w cols, gcols = w' gy, and for gw one of the same size, gy cols', whose sum costs nothing.
static void forward_product(void *user) {
    job *j = user;
    wg_scope *scope = wg_scope_open();
    wg_matmul(j->rows, j->cols);
    wg_scope_close(scope);
}

static void products(void *user) {
    job *j = user;
    wg_scope *scope = wg_scope_open();
    wg_matmul(j->rows, j->cols);
    wg_matmul(wg_transpose(j->rows, 0, 1), j->gs);
    wg_matmul(j->gs, wg_transpose(j->cols, 1, 2));
    wg_scope_close(scope);
}

static void report(const char *name, const job *j, bench_time t, double share) {
    double out = (double)((j->side - j->kernel + 1) * (j->side - j->kernel + 1));
    double each = (double)(j->n * j->o * j->c / j->groups * j->kernel * j->kernel);
    printf("  %-22s %10.0f %10.0f ns %8.1f GFLOP/s\n", name, t.p10 * 1e9, t.median * 1e9,
           2 * each * out * share / t.p10 * 1e-9);
}

int main(void) {
    static job jobs[] = { { 32, 1, 28, 16, 3, 1, NULL, NULL, NULL, NULL, NULL, NULL },
                          { 32, 16, 14, 32, 3, 1, NULL, NULL, NULL, NULL, NULL, NULL },
                          { 32, 32, 14, 32, 3, 32, NULL, NULL, NULL, NULL, NULL, NULL } };
    printf("convolutions, f32, one thread (10th percentile, median)\n");
    for (size_t k = 0; k < sizeof jobs / sizeof *jobs; k++) {
        job *j = &jobs[k];
        bench_time t[4];
        make(j);
        bench_in_turn((bench_body *[]){ step, products, forward, forward_product },
                      (void *[]){ j, j, j, j }, j->groups == 1 ? 4 : 3, 5, t);
        printf("(%d,%d,%d,%d) to %d channels, %dx%d, %d groups\n", (int)j->n, (int)j->c,
               (int)j->side, (int)j->side, (int)j->o, (int)j->kernel, (int)j->kernel,
               (int)j->groups);
        report("forward and backward", j, t[0], 3);
        if (j->groups == 1) report("  its products", j, t[1], 3);
        report("forward", j, t[2], 1);
        if (j->groups == 1) report("  its product", j, t[3], 1);
    }
    return bench_done();
}
