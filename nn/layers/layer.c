// SPDX-License-Identifier: MIT
/* layer.c: what layers say of an input that they cannot take. */
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
