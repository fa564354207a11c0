// SPDX-License-Identifier: MIT
/* layer_norm.c: layer and RMS normalisation of (B T, C) in f32, with weight and bias, against the
   same formula spelled out in operations. GB/s count x read and y written once; with backward
   also x and gy read, gx written. */
#include "bench.h"

typedef struct sizes {
    int64_t rows, width;
} sizes;
typedef struct work {
    wg_tensor *x, *w, *b, *gy;
} work;

static wg_tensor *spelled_out(const work *k) {
    wg_tensor *off = wg_sub(k->x, wg_mean_axes(k->x, WG_AXES(-1), true));
    wg_tensor *var = wg_mean_axes(wg_square(off), WG_AXES(-1), true);
    wg_tensor *h = wg_mul(off, wg_rsqrt(wg_add(var, wg_num(1e-5))));
    return wg_add(wg_mul(h, k->w), k->b);
}
static wg_tensor *layer(const work *k) { return wg_layer_norm(k->x, 1, k->w, k->b, 1e-5); }
static wg_tensor *rms(const work *k) { return wg_rms_norm(k->x, 1, k->w, 1e-5); }

static void value(wg_tensor *(*f)(const work *), const work *k) {
    wg_scope *scope = wg_scope_open();
    wg_recording(false);
    f(k);
    wg_scope_close(scope);
}
static void gradient(wg_tensor *(*f)(const work *), const work *k) {
    wg_scope *scope = wg_scope_open();
    wg_tensor *x[] = { k->x, k->w, k->b }, *gx[3];
    wg_grad(f(k), x, f == rms ? 2 : 3, gx, (wg_grad_options){ .seed = k->gy, .constant = true });
    wg_scope_close(scope);
}

#define BODY(f)                                                                                    \
    static void value_##f(void *k) { value(f, k); }                                                \
    static void gradient_##f(void *k) { gradient(f, k); }
BODY(spelled_out)
BODY(layer)
BODY(rms)

int main(void) {
    static const sizes table[] = { { 2048, 128 }, { 1024, 768 }, { 256, 4096 } };
    static const char *const name[] = { "spelled out", "layer_norm", "rms_norm" };
    bench_body *body[] = { value_spelled_out,    value_layer,    value_rms,
                           gradient_spelled_out, gradient_layer, gradient_rms };
    printf("f32, GB/s (median)\n%-12s %12s %10s %22s\n", "", "(rows, C)", "value",
           "value + gradient");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        wg_random r = { .seed = 1 };
        wg_shape shape = WG_SHAPE(table[i].rows, table[i].width);
        work k = { wg_variable(wg_randn(WG_F32, shape, &r)),
                   wg_variable(wg_ones(WG_F32, WG_SHAPE(table[i].width))),
                   wg_variable(wg_zeros(WG_F32, WG_SHAPE(table[i].width))),
                   wg_randn(WG_F32, shape, &r) };
        void *user[] = { &k, &k, &k, &k, &k, &k };
        bench_time t[6];
        bench_in_turn(body, user, 6, 1, t);
        double bytes = 4e-9 * (double)(table[i].rows * table[i].width);
        for (int f = 0; f < 3; f++)
            printf("%-12s %6lld,%5lld %10.2f %22.2f\n", name[f], (long long)table[i].rows,
                   (long long)table[i].width, 2 * bytes / t[f].median, 5 * bytes / t[3 + f].median);
    }
    return bench_done();
}
