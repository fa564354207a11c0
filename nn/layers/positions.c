// SPDX-License-Identifier: MIT
/* positions.c: where in a sequence something stands: sines and cosines to be added, learned
   vectors, and rotations of queries and keys. Angles are computed in double, whatever the dtype: at
   step 100000 a float has only two digits left behind the point. */
#include <math.h>

#include "nn/layers/sequence_impl.h"

// Doubles count without gaps up to here.
static const int64_t last = (int64_t)1 << 53;

bool wg__rotary_base_valid(const char *what, double base) {
    return base == 0 || (base > 0 && isfinite(base)) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: a base of %g", what, base);
}

static bool steps_valid(const char *what, int64_t first, int64_t count) {
    return (first >= 0 && first <= last && count >= 0 && count <= last - first) ||
           wg_fail(WG_ERROR_ARGUMENT, "%s: %lld steps from %lld on, wanted are those in 0 ... 2^53",
                   what, (long long)count, (long long)first);
}

// (first + t) base^(-2 i / width) for t < count, i < pairs: (count, pairs) f64.
static wg_tensor *angles(int64_t first, int64_t count, int64_t width, double base) {
    int64_t pairs = (width + 1) / 2;
    wg_tensor *t = wg_arange(WG_F64, (double)first, (double)(first + count), 1);
    wg_tensor *i = wg_arange(WG_F64, 0, (double)pairs, 1);
    wg_tensor *frequency = wg_exp(wg_mul(i, wg_num(-2 * log(base) / (double)width)));
    return wg_mul(wg_unsqueeze(t, 1), frequency);
}

wg_tensor *wg_sinusoidal_positions(wg_dtype dtype, int64_t first, int64_t count, int64_t width) {
    if (wg__pending()) return NULL;
    if (!steps_valid("sinusoidal_positions", first, count)) return NULL;
    if (width < 1 || width > last)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "sinusoidal_positions: a width of %lld",
                             (long long)width);
    if (!wg_dtype_is_float(dtype))
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "sinusoidal_positions: in %s, wanted is f32 or f64",
                             wg_dtype_name(dtype));
    wg_tensor *a = angles(first, count, width, 10000);  // (count, pairs)
    wg_tensor *pair = wg_stack((wg_tensor *[]){ wg_sin(a), wg_cos(a) }, 2, 2);
    wg_tensor *row = wg_reshape(pair, WG_SHAPE(count, (width + 1) / 2 * 2));
    return wg_cast(wg_slice(row, 1, 0, width, 1), dtype);  // (count, width)
}

static bool rotary_fits(const wg_tensor *x, int64_t offset) {
    static const wg__takes takes = { 2, WG_MAX_RANK, "(..., T, D) with D even" };
    char text[200];
    if (!wg__layer_takes("rotary", "x", x, takes)) return false;
    if (wg_dim(x, -1) % 2 != 0 || wg_dim(x, -1) == 0)
        return wg_fail(WG_ERROR_SHAPE, "rotary: x is %s %s, wanted is f32 or f64 %s",
                       wg_dtype_name(wg_dtype_of(x)),
                       wg_shape_text(wg_shape_of(x), text, sizeof text), takes.shape);
    return steps_valid("rotary", offset, wg_dim(x, -2));
}

wg_tensor *wg_rotary(wg_tensor *x, int64_t offset, double base) {
    if (wg__pending()) return NULL;
    if (!rotary_fits(x, offset) || !wg__rotary_base_valid("rotary", base)) return NULL;
    base = wg__or(base, 10000);
    int64_t width = wg_dim(x, -1);
    wg_dtype dtype = wg_dtype_of(x);
    wg_tensor *a = angles(offset, wg_dim(x, -2), width, base);  // (T, D / 2)
    wg_tensor *c = wg_cast(wg_cos(a), dtype), *s = wg_cast(wg_sin(a), dtype);
    wg_tensor *u = wg_slice(x, -1, 0, width / 2, 1);  // (..., T, D / 2)
    wg_tensor *v = wg_slice(x, -1, width / 2, WG_END, 1);
    wg_tensor *turned[] = { wg_sub(wg_mul(u, c), wg_mul(v, s)),
                            wg_add(wg_mul(u, s), wg_mul(v, c)) };
    return wg_cat(turned, 2, -1);
}

static bool positions_fit(const wg_tensor *x, int64_t capacity, int64_t offset) {
    static const wg__takes takes = { 2, WG_MAX_RANK, "(..., T, C)" };
    if (!wg__layer_takes("nn_positions", "x", x, takes)) return false;
    if (offset < 0 || offset > capacity || wg_dim(x, -2) > capacity - offset)
        return wg_fail(WG_ERROR_ARGUMENT, "nn_positions: %lld steps from %lld on, of %lld",
                       (long long)wg_dim(x, -2), (long long)offset, (long long)capacity);
    return true;
}

wg_tensor *wg_nn_positions(wg_nn *m, const char *name, wg_tensor *x, int64_t capacity,
                           int64_t offset) {
    wg_nn *layer = wg_nn_enter(m, name, "nn_positions");
    if (!layer) return NULL;
    wg_tensor *y = NULL;
    if (positions_fit(x, capacity, offset)) {
        wg_init init = { .kind = WG_INIT_NORMAL, .a = 0, .b = 0.02 };
        wg_shape shape = WG_SHAPE(capacity, wg_dim(x, -1));
        wg_tensor *w = wg_nn_param(layer, "w", wg_dtype_of(x), shape, init);  // (capacity, C)
        y = wg_add(x, wg_slice(w, 0, offset, offset + wg_dim(x, -2), 1));
    }
    return wg_nn_leave(m, layer, y);
}
