// SPDX-License-Identifier: MIT
/* mlp_step.c: a training step of a 784-512-256-10 network, ReLU, batch 128, plain SGD, against its
   own matrix products: the same eight products on the same shapes, timed in turn with the step.
   What the step takes beyond them is what the library costs. */
#include "bench.h"

enum { BATCH = 128, LAYERS = 3 };
static const int64_t width[LAYERS + 1] = { 784, 512, 256, 10 };

typedef struct job {
    wg_nn *m;
    wg_optim *sgd;
    wg_tensor *x, *y;  // (B, 784), (B)
    wg_tensor *w[LAYERS], *h[LAYERS],
        *g[LAYERS];  // weights (in, out) here, inputs (B, in), gradients (B, out)
} job;

static wg_tensor *net(wg_nn *m, wg_tensor *x) {
    x = wg_relu(wg_nn_linear(m, "a", x, width[1]));
    x = wg_relu(wg_nn_linear(m, "b", x, width[2]));
    return wg_nn_linear(m, "c", x, width[3]);
}

static void step(void *user) {
    job *j = user;
    wg_scope *scope = wg_scope_open();
    wg_optim_minimize(j->sgd, wg_cross_entropy(net(j->m, j->x), j->y));
    wg_scope_close(scope);
}

static void forward(void *user) {
    job *j = user;
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    wg_cross_entropy(net(j->m, j->x), j->y);
    wg_scope_close(scope);
}

// y = h w, dw = h^T g, dh = g w^T; the first layer's input needs no gradient.
static void products(void *user) {
    job *j = user;
    wg_scope *scope = wg_scope_open();
    for (int l = 0; l < LAYERS; l++) {
        wg_matmul(j->h[l], j->w[l]);
        wg_matmul(wg_transpose(j->h[l], 0, 1), j->g[l]);
        if (l > 0) wg_matmul(j->g[l], wg_transpose(j->w[l], 0, 1));
    }
    wg_scope_close(scope);
}

static void make(job *j) {
    wg_random r = { .seed = 1 };
    j->m = wg_nn_new(1);
    j->sgd = wg_optim_sgd(j->m, (wg_sgd_options){ .rate = 0.01 });
    j->x = wg_randn(WG_F32, WG_SHAPE(BATCH, width[0]), &r);
    int64_t label[BATCH];
    for (int i = 0; i < BATCH; i++) label[i] = wg_random_below(&r, 10);
    j->y = wg_from(WG_I64, WG_SHAPE(BATCH), label);
    for (int l = 0; l < LAYERS; l++) {
        j->w[l] = wg_randn(WG_F32, WG_SHAPE(width[l], width[l + 1]), &r);
        j->h[l] = wg_randn(WG_F32, WG_SHAPE(BATCH, width[l]), &r);
        j->g[l] = wg_randn(WG_F32, WG_SHAPE(BATCH, width[l + 1]), &r);
    }
}

int main(void) {
    job j = { 0 };
    make(&j);
    for (int i = 0; i < 3; i++) step(&j);
    double before = peak_mib();  // the reference products below need memory of their own
    size_t blocks = wg_memory_now().peak;
    bench_time t[3];
    bench_in_turn((bench_body *[]){ step, products, forward }, (void *[]){ &j, &j, &j }, 3, 3, t);
    printf("784-512-256-10, batch %d, SGD, one thread, ms (10th percentile, median)\n", BATCH);
    printf("training step      %8.3f %8.3f\n", t[0].p10 * 1e3, t[0].median * 1e3);
    printf("  its products     %8.3f %8.3f\n", t[1].p10 * 1e3, t[1].median * 1e3);
    printf("  share outside    %7.1f%% %7.1f%%\n", 100 * (1 - t[1].p10 / t[0].p10),
           100 * (1 - t[1].median / t[0].median));
    printf("forward alone      %8.3f %8.3f\n", t[2].p10 * 1e3, t[2].median * 1e3);
    printf("peak memory        %8.1f MiB resident, %.1f MiB in blocks\n", before,
           (double)blocks / (1 << 20));
    wg_optim_free(j.sgd), wg_nn_free(j.m);
    return bench_done();
}
