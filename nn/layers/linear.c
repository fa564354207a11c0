// SPDX-License-Identifier: MIT
/* linear.c: dense layers of one input or of two, and stacks of them. */
#include "nn/layers/layer_impl.h"

static bool units_valid(const char *what, int64_t units) {
    return units >= 1 || wg_fail(WG_ERROR_ARGUMENT, "%s: %lld units", what, (long long)units);
}

static bool inits_fit(const char *what, const wg_linear_options *o, wg_dtype dtype, wg_shape w) {
    return wg__init_fits(o->w, dtype, w) &&
           wg__bias_fits(what, o->no_bias, o->b, dtype, WG_SHAPE(w.dim[0]));
}

wg_tensor *wg_nn_linear_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                             wg_linear_options o) {
    static const wg__takes takes = { 1, WG_MAX_RANK, "(..., in)" };
    wg_nn *layer = wg_nn_enter(m, name, "nn_linear");
    if (!layer) return NULL;
    wg_tensor *y = NULL;
    if (wg__layer_takes("nn_linear", "x", x, takes) && units_valid("nn_linear", units) &&
        inits_fit("nn_linear", &o, wg_dtype_of(x), WG_SHAPE(units, wg_dim(x, -1)))) {
        wg_dtype dtype = wg_dtype_of(x);
        wg_tensor *w = wg_nn_param(layer, "w", dtype, WG_SHAPE(units, wg_dim(x, -1)), o.w);
        wg_tensor *b = o.no_bias ? NULL : wg_nn_param(layer, "b", dtype, WG_SHAPE(units), o.b);
        if (w && (b || o.no_bias)) y = wg_linear(x, w, b);
    }
    return wg_nn_leave(m, layer, y);
}

wg_tensor *wg_nn_linear(wg_nn *m, const char *name, wg_tensor *x, int64_t units) {
    return wg_nn_linear_with(m, name, x, units, (wg_linear_options){ 0 });
}

static bool leading_axes_agree(const wg_tensor *a, const wg_tensor *b) {
    char left[200], right[200];
    bool same = wg_rank(a) == wg_rank(b) && wg_dtype_of(a) == wg_dtype_of(b);
    for (int i = 0; same && i < wg_rank(a) - 1; i++) same = wg_dim(a, i) == wg_dim(b, i);
    return same ||
           wg_fail(wg_dtype_of(a) == wg_dtype_of(b) ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                   "nn_bilinear: a is %s %s and b %s %s, wanted is one dtype and (..., I) "
                   "and (..., J)",
                   wg_dtype_name(wg_dtype_of(a)), wg_shape_text(wg_shape_of(a), left, sizeof left),
                   wg_dtype_name(wg_dtype_of(b)),
                   wg_shape_text(wg_shape_of(b), right, sizeof right));
}

wg_tensor *wg_nn_bilinear_with(wg_nn *m, const char *name, wg_tensor *a, wg_tensor *b,
                               int64_t units, wg_linear_options o) {
    static const wg__takes left = { 1, WG_MAX_RANK, "(..., I)" };
    static const wg__takes right = { 1, WG_MAX_RANK, "(..., J)" };
    wg_nn *layer = wg_nn_enter(m, name, "nn_bilinear");
    if (!layer) return NULL;
    wg_tensor *y = NULL;
    if (wg__layer_takes("nn_bilinear", "a", a, left) &&
        wg__layer_takes("nn_bilinear", "b", b, right) && leading_axes_agree(a, b) &&
        units_valid("nn_bilinear", units) &&
        inits_fit("nn_bilinear", &o, wg_dtype_of(a),
                  WG_SHAPE(units, wg_dim(a, -1), wg_dim(b, -1)))) {
        wg_shape shape = WG_SHAPE(units, wg_dim(a, -1), wg_dim(b, -1));  // (units, I, J)
        wg_tensor *w = wg_nn_param(layer, "w", wg_dtype_of(a), shape, o.w);
        wg_tensor *bias =
            o.no_bias ? NULL : wg_nn_param(layer, "b", wg_dtype_of(a), WG_SHAPE(units), o.b);
        if (w && (bias || o.no_bias)) y = wg_bilinear(a, w, b, bias);
    }
    return wg_nn_leave(m, layer, y);
}

wg_tensor *wg_nn_bilinear(wg_nn *m, const char *name, wg_tensor *a, wg_tensor *b, int64_t units) {
    return wg_nn_bilinear_with(m, name, a, b, units, (wg_linear_options){ 0 });
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
