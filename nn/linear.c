// SPDX-License-Identifier: MIT
/* linear.c: dense layers. Leading axes are flattened before the product, so that the gradient of
   the weights is one product too and not one for each leading index. */
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

// x w + b for x (..., in), w (in, units) and b (units) or NULL.
static wg_tensor *affine(wg_tensor *x, wg_tensor *w, wg_tensor *b) {
    wg_shape shape = wg_shape_of(x);
    int64_t in = wg_dim(x, -1), rows = 1;
    for (int i = 0; i < shape.rank - 1; i++) rows *= shape.dim[i];
    bool flat = shape.rank > 2;
    if (flat) x = wg_reshape(x, WG_SHAPE(rows, in));
    wg_tensor *y = wg_matmul(x, w);  // (rows, units), or (units) for a single x
    if (b) y = wg_add(y, b);
    shape.dim[shape.rank - 1] = wg_dim(w, 1);
    return flat ? wg_reshape(y, shape) : y;
}

wg_tensor *wg_nn_linear_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                             wg_linear_options o) {
    wg_nn *layer = wg__nn_enter(m, name, "nn_linear");
    if (!layer) return NULL;
    wg_tensor *y = NULL;
    if (linear_check(x, units)) {
        wg_dtype dtype = wg_dtype_of(x);
        wg_tensor *w = wg_nn_param(layer, "w", dtype, WG_SHAPE(wg_dim(x, -1), units), o.w);
        wg_tensor *b = o.no_bias ? NULL : wg_nn_param(layer, "b", dtype, WG_SHAPE(units), o.b);
        if (w && (b || o.no_bias)) y = affine(x, w, b);
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
