// SPDX-License-Identifier: MIT
/* layer.c: what layers say of inputs and options that they cannot take. */
#include "nn/layers/layer_impl.h"

bool wg__layer_takes(const char *what, const char *input, const wg_tensor *x, wg__takes takes) {
    if (!x) return wg_fail(WG_ERROR_ARGUMENT, "%s: %s is NULL", what, input);
    bool is_float = wg_dtype_is_float(wg_dtype_of(x));
    if (is_float && wg_rank(x) >= takes.least && wg_rank(x) <= takes.most) return true;
    char text[200];
    return wg_fail(is_float ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                   "%s: %s is %s %s, wanted is f32 or f64 %s", what, input,
                   wg_dtype_name(wg_dtype_of(x)), wg_shape_text(wg_shape_of(x), text, sizeof text),
                   takes.shape);
}

bool wg__init_given(wg_init i) {
    return i.kind != WG_INIT_DEFAULT || i.a != 0 || i.b != 0 || i.gain != 0 || i.fan_in != 0 ||
           i.fan_out != 0 || i.cut != 0;
}

bool wg__bias_fits(const char *what, bool none, wg_init init, wg_dtype dtype, wg_shape shape) {
    if (!none) return wg__init_fits(init, dtype, shape);
    return !wg__init_given(init) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: .b is given, but there is no bias", what);
}

bool wg__probability_valid(const char *what, double p) {
    return (p >= 0 && p < 1) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: the probability %g is not in [0, 1)", what, p);
}
