// SPDX-License-Identifier: MIT
/* linear.c: dense layers, one or a stack of them. */
#include "nn/nn_impl.h"

static bool linear_check(const wg_tensor *x, int64_t units) {
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "nn_linear: x is NULL");
    char text[200];
    if (wg_rank(x) < 1 || !wg_dtype_is_float(wg_dtype_of(x)))
        return wg_fail(wg_rank(x) < 1 ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                       "nn_linear: x is %s %s, wanted is f32 or f64 with an axis at least",
                       wg_dtype_name(wg_dtype_of(x)),
                       wg_shape_text(wg_shape_of(x), text, sizeof text));
    if (units < 1) return wg_fail(WG_ERROR_ARGUMENT, "nn_linear: %lld units", (long long)units);
    return true;
}

wg_tensor *wg_nn_linear_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                             wg_linear_options o) {
    wg_nn *layer = wg__nn_enter(m, name, "nn_linear");
    if (!layer) return NULL;
    wg_tensor *y = NULL;
    if (linear_check(x, units)) {
        wg_dtype dtype = wg_dtype_of(x);
        wg_tensor *w = wg_nn_param(layer, "w", dtype, WG_SHAPE(units, wg_dim(x, -1)), o.w);
        wg_tensor *b = o.no_bias ? NULL : wg_nn_param(layer, "b", dtype, WG_SHAPE(units), o.b);
        if (w && (b || o.no_bias)) y = wg_linear(x, w, b);
    }
    wg__where(m->path);
    return y;
}

wg_tensor *wg_nn_linear(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
    return wg_nn_linear_with(m, name, x, units, (wg_linear_options){ 0 });
}

wg_tensor *wg_nn_sequential(wg_nn *m, wg_tensor *x, const wg_nn_dense layers[], int n) {
    if (wg__pending()) return NULL;
    if (m) wg__where(m->path);
    if (!layers || n < 1)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_sequential: %d layers%s", n,
                             layers ? "" : " at NULL");
    for (int i = 0; i < n; i++) {
        x = wg_nn_linear(m, layers[i].name, x, layers[i].units);
        if (x && layers[i].activation) x = layers[i].activation(x);
        x = wg_nn_dropout(m, layers[i].name, x, layers[i].dropout);
    }
    return x;
}
