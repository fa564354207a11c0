// SPDX-License-Identifier: MIT
/* dropout.c: layers that leave out at random. A mask is a function of the model's seed, the path
   and the number of the call, kept in the path's node: no generator is shared, so no other layer or
   model changes what is dropped here. */
#include <math.h>

#include "nn/layers/layer_impl.h"

typedef struct drop {
    const char *what;
    wg_nn *layer;
    wg_tensor *x;
    double p;
} drop;

static const wg__takes any = { 0, WG_MAX_RANK, "(...)" };

static bool valid(const drop *d, wg__takes takes) {
    return wg__layer_takes(d->what, "x", d->x, takes) && wg__probability_valid(d->what, d->p);
}

static bool idle(const drop *d) { return d->p == 0 || !d->layer->model->training; }

// This call's dropout, of x.
static wg_tensor *draw(const drop *d, wg_tensor *x) {
    wg_random r = { d->layer->model->seed, d->layer->stream, 0 };
    if (!x || !wg__draw_begin(&d->layer->calls, &r.counter)) return NULL;
    wg_tensor *y = wg_dropout(x, d->p, r);
    if (y) wg__draw_end(&d->layer->calls, r.counter, 1);
    return y;
}

wg_tensor *wg_nn_dropout(wg_nn *m, const char *name, wg_tensor *x, double p) {
    drop d = { "nn_dropout", wg_nn_enter(m, name, "nn_dropout"), x, p };
    if (!d.layer) return NULL;
    wg_tensor *y = NULL;
    if (valid(&d, any)) y = idle(&d) ? x : draw(&d, x);
    return wg_nn_leave(m, d.layer, y);
}

// (B, C, 1, ...), of ones: what a mask for channels is drawn of
static wg_tensor *one_per_channel(const wg_tensor *x) {
    wg_shape shape = wg_shape_of(x);
    for (int i = 2; i < shape.rank; i++) shape.dim[i] = 1;
    return wg_ones(wg_dtype_of(x), shape);
}

wg_tensor *wg_nn_channel_dropout(wg_nn *m, const char *name, wg_tensor *x, double p) {
    static const wg__takes takes = { 2, WG_MAX_RANK, "(B, C, ...)" };
    drop d = { "nn_channel_dropout", wg_nn_enter(m, name, "nn_channel_dropout"), x, p };
    if (!d.layer) return NULL;
    wg_tensor *y = NULL;
    if (valid(&d, takes)) y = idle(&d) ? x : wg_xmul(x, draw(&d, one_per_channel(x)));
    return wg_nn_leave(m, d.layer, y);
}

/* What is dropped becomes a = -scale alpha of selu, its value far below 0; then k x + c puts mean 0
   and variance 1 back, which are what selu keeps: of x with these moments the mixture has mean p a
   and variance (1 - p) (1 + p a^2). */
static wg_tensor *alpha_dropped(const drop *d) {
    static const double low = -1.7580993408473766;
    const double k = 1 / sqrt((1 - d->p) * (1 + d->p * low * low)), c = -k * d->p * low;
    wg_dtype dtype = wg_dtype_of(d->x);
    wg_tensor *kept = draw(d, wg_ones(dtype, wg_shape_of(d->x)));  // 0 or 1 / (1 - p)
    wg_tensor *mixed = wg_where(wg_ne(kept, wg_num(0)), d->x, wg_full(dtype, WG_SCALAR, low));
    return wg_add(wg_mul(mixed, wg_num(k)), wg_num(c));
}

wg_tensor *wg_nn_alpha_dropout(wg_nn *m, const char *name, wg_tensor *x, double p) {
    drop d = { "nn_alpha_dropout", wg_nn_enter(m, name, "nn_alpha_dropout"), x, p };
    if (!d.layer) return NULL;
    wg_tensor *y = NULL;
    if (valid(&d, any)) y = idle(&d) ? x : alpha_dropped(&d);
    return wg_nn_leave(m, d.layer, y);
}
