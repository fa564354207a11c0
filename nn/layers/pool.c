// SPDX-License-Identifier: MIT
/* pool.c: pooling by the sizes that networks use, and over all places at once. */
#include "nn/layers/layer_impl.h"

static const wg_pool_options plain = { .count_exclude_pad = false };

wg_tensor *wg_nn_max_pool1d(wg_tensor *x, int64_t size) { return wg_max_pool1d(x, size, plain); }
wg_tensor *wg_nn_avg_pool1d(wg_tensor *x, int64_t size) { return wg_avg_pool1d(x, size, plain); }
wg_tensor *wg_nn_max_pool2d(wg_tensor *x, int64_t size) {
    return wg_max_pool2d(x, WG_SHAPE(size, size), plain);
}
wg_tensor *wg_nn_avg_pool2d(wg_tensor *x, int64_t size) {
    return wg_avg_pool2d(x, WG_SHAPE(size, size), plain);
}

static bool places(const char *what, const wg_tensor *x, wg_shape *axes) {
    static const wg__takes takes = { 3, WG_MAX_RANK, "(B, C, L, ...)" };
    if (wg__pending() || !wg__layer_takes(what, "x", x, takes)) return false;
    *axes = (wg_shape){ .rank = wg_rank(x) - 2 };
    for (int i = 0; i < axes->rank; i++) axes->dim[i] = 2 + i;
    return true;
}

wg_tensor *wg_nn_global_avg_pool(wg_tensor *x) {
    wg_shape axes;
    return places("nn_global_avg_pool", x, &axes) ? wg_mean_axes(x, axes, false) : NULL;
}
wg_tensor *wg_nn_global_max_pool(wg_tensor *x) {
    wg_shape axes;
    return places("nn_global_max_pool", x, &axes) ? wg_max_axes(x, axes, false) : NULL;
}
