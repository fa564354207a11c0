// SPDX-License-Identifier: MIT
/* scan.c: running sums, products, extremes and log-sum-exps along one axis. Their rules, but that
   of the sum, are a first-order linear recurrence running the other way (recurrence.c): nothing is
   divided, so zeros are exact, in any order and in one pass. Sums and products of floats are
   gathered in double. */
#include "autograd/ops/scan.h"

#include <float.h>

static bool infer_as(const wg_call *c, wg_spec *out, wg_dtype dtype) {
    int rank = wg_call_rank(c, 0);
    return wg_call_axis(c, ((const wg__scan_attr *)c->attr)->axis, rank) >= 0 &&
           wg_spec_set(out, dtype, wg_shape_of(c->in[0]));
}

static bool infer_same(const wg_call *c, wg_spec *out) {
    return infer_as(c, out, wg_call_dtype(c, 0));
}

static bool infer_total(const wg_call *c, wg_spec *out) {
    wg_dtype dtype = wg_call_dtype(c, 0);
    return infer_as(c, out, wg_dtype_is_float(dtype) ? dtype : WG_I64);
}

static bool infer_float(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && infer_same(c, out);
}

/* ---- values ---------------------------------------------------------------------------------- */

// y: what was gathered, in type `room` and between stretches in the carry's `field`; x: the next.
#define SCAN_LOOP(loop, from, to, room, field, first, next)                                        \
    static void loop(int64_t n, void *const p[], const int64_t step[], wg__carry *carry) {         \
        to *out = p[0];                                                                            \
        const from *in = p[1];                                                                     \
        room y = carry->begun ? (room)carry->field : (first);                                      \
        for (int64_t k = 0; k < n; k++) {                                                          \
            const room x = (room)in[k * step[1]];                                                  \
            y = (next);                                                                            \
            out[k * step[0]] = (to)y;                                                              \
        }                                                                                          \
        carry->begun = true;                                                                       \
        carry->field = y;                                                                          \
    }
#define FORWARD(name, ...)                                                                         \
    static bool name##_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {        \
        static wg__scan_loop *const loop[WG_DTYPES] = { __VA_ARGS__ };                             \
        return wg__scan_lines(c, (const wg_view *[]){ out, in[0] }, 2, loop[in[0]->dtype]);        \
    }
#define ALL_LOOPS(name) name##_f32, name##_f64, name##_i32, name##_i64, name##_u8, name##_u8

#define TOTAL(name, first, next)                                                                   \
    SCAN_LOOP(name##_f32, float, float, double, real, first, next)                                 \
    SCAN_LOOP(name##_f64, double, double, double, real, first, next)                               \
    SCAN_LOOP(name##_i32, int32_t, int64_t, uint64_t, modular, first, next)                        \
    SCAN_LOOP(name##_i64, int64_t, int64_t, uint64_t, modular, first, next)                        \
    SCAN_LOOP(name##_u8, uint8_t, int64_t, uint64_t, modular, first, next)                         \
    FORWARD(name, ALL_LOOPS(name))
TOTAL(cumsum, 0, y + x)
TOTAL(cumprod, 1, y *x)

#define EXTREME(name, infinite, sign, beats)                                                       \
    SCAN_LOOP(name##_f32, float, float, float, real, sign INFINITY, x beats y || x != x ? x : y)   \
    SCAN_LOOP(name##_f64, double, double, double, real, sign INFINITY,                             \
              x beats y || x != x ? x : y)                                                         \
    SCAN_LOOP(name##_i32, int32_t, int32_t, int32_t, whole, INT32_##infinite, x beats y ? x : y)   \
    SCAN_LOOP(name##_i64, int64_t, int64_t, int64_t, whole, INT64_##infinite, x beats y ? x : y)   \
    SCAN_LOOP(name##_u8, uint8_t, uint8_t, int, whole, INT32_##infinite, x beats y ? x : y)        \
    FORWARD(name, ALL_LOOPS(name))
EXTREME(cummax, MIN, -, >)
EXTREME(cummin, MAX, +, <)

// log(e^a + e^b); equal infinities stay what they are.
static double log_add_exp(double a, double b) {
    if (a == b) return a + WG_LN2;
    return (a > b ? a : b) + log1p(exp(-fabs(a - b)));
}
SCAN_LOOP(logcumsumexp_f32, float, float, double, real, -INFINITY, log_add_exp(x, y))
SCAN_LOOP(logcumsumexp_f64, double, double, double, real, -INFINITY, log_add_exp(x, y))
FORWARD(logcumsumexp, logcumsumexp_f32, logcumsumexp_f64)

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *cumsum_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = wg__scan_way(c);
    (void)i;
    return wg__scan(&wg__op_cumsum, gy, (int)way.axis, !way.reverse);
}

// dy_k = x_k dy_(k-1) + y_(k-1) dx_k, and its transpose.
static wg_tensor *cumprod_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = wg__scan_way(c);
    wg_tensor *before = wg__moved_on(c->out, way, 1);
    return wg__linear_scan(c->in[0], wg_xmul(dx[0], before), way);
}
static wg_tensor *cumprod_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = wg__scan_way(c), back = wg__scan_back(way);
    (void)i;
    wg_tensor *later = wg__linear_scan(wg__moved_on(c->in[0], back, 0), gy, back);
    return wg_xmul(later, wg__moved_on(c->out, way, 1));
}

/* y is made of plateaus. On each, result k is shared evenly by those elements up to k that equal
   it, `equal`, of which there are 1 / share. Both masks are constants. */
typedef struct plateau {
    wg_tensor *equal, *share;
} plateau;

static wg_tensor *goes_on(wg_tensor *y, wg__scan_attr way) {  // 1 where y is what it was before
    wg_tensor *before = wg__moved_on(y, way, NAN);
    return wg_cast(wg_eq(y, before), wg_dtype_of(y));
}

static plateau plateaus(const wg_call *c) {
    wg__scan_attr way = wg__scan_way(c);
    wg_tensor *x = wg_stop(c->in[0]), *y = wg_stop(c->out);
    wg_tensor *equal = wg_cast(wg_eq(x, y), wg_dtype_of(y));
    wg_tensor *count = wg__linear_scan(goes_on(y, way), equal, way);
    equal = wg_where(wg_ne(y, y), wg_num(NAN), equal);
    return (plateau){ equal, wg_reciprocal(count) };
}

static wg_tensor *extreme_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = wg__scan_way(c);
    plateau p = plateaus(c);
    wg_tensor *sum = wg__linear_scan(goes_on(c->out, way), wg_xmul(dx[0], p.equal), way);
    return wg_xmul(sum, p.share);
}
static wg_tensor *extreme_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr back = wg__scan_back(wg__scan_way(c));
    plateau p = plateaus(c);
    (void)i;
    return wg_xmul(wg__linear_scan(goes_on(c->out, back), wg_xmul(gy, p.share), back), p.equal);
}

/* dy_k = e^(y_(k-1) - y_k) dy_(k-1) + e^(x_k - y_k) dx_k: y does not fall, so nothing overflows.
   Where y is -inf a finite bound in its place makes the second factor 0. */
static wg_tensor *floored(const wg_call *c) {
    double lowest = wg_dtype_of(c->out) == WG_F32 ? -(double)FLT_MAX : -DBL_MAX;
    return wg_clamp(c->out, lowest, INFINITY);
}
static wg_tensor *logcumsumexp_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = wg__scan_way(c);
    wg_tensor *y = floored(c), *weight = wg_exp(wg_sub(c->in[0], y));
    wg_tensor *decay = wg_exp(wg_sub(wg__moved_on(y, way, -INFINITY), y));
    return wg__linear_scan(decay, wg_xmul(dx[0], weight), way);
}
static wg_tensor *logcumsumexp_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr back = wg__scan_back(wg__scan_way(c));
    wg_tensor *y = floored(c), *weight = wg_exp(wg_sub(c->in[0], y));
    wg_tensor *decay = wg_exp(wg_sub(y, wg__moved_on(y, back, INFINITY)));
    (void)i;
    return wg_xmul(wg__linear_scan(decay, gy, back), weight);
}

/* ---- references ------------------------------------------------------------------------------ */

WG__SCAN_REFERENCE(cumsum, x, y + x)
WG__SCAN_REFERENCE(cumprod, x, y *x)
WG__SCAN_REFERENCE(cummax, x, creal(x) > creal(y) ? x : y)
WG__SCAN_REFERENCE(cummin, x, creal(x) < creal(y) ? x : y)
WG__SCAN_REFERENCE(logcumsumexp, x, x + clog(1 + cexp(y - x)))

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname)                                                                             \
    WG__SCAN_COMMON(opname), .inputs = 1, .shapes = "any, of rank 1 or more -> the same"
#define SAMPLES                                                                                    \
    "5", "2,3 | axis=1", "2,3 | axis=-2 reverse=1", "3,4,2 | axis=1", "2,3,2 | axis=1 reverse=1",  \
        "2,1 | axis=1", "0,3 | axis=1", "2,0 | axis=1", "1"
#define BAD "2,3 | axis=2", "2,3 | axis=-3", "()"

WG__DEFINE_OP(cumsum) = {
    COMMON(cumsum),
    .doc = "y_k = x_0 + ... + x_k along an axis; integers and bool give i64",
    .derivative = "dx = cumsum of gy from the other end",
    .edges = "an i64 that overflows wraps; f32 is gathered in f64",
    .equals = "torch.cumsum, np.cumsum",
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .infer = infer_total,
    .vjp = cumsum_vjp,
    .jvp = wg_op_jvp_linear,
    .samples = { SAMPLES, "2,300 | axis=1", "2,3@i-4..4 | axis=1", "4@b" },
    .bad = { BAD },
};

WG__DEFINE_OP(cumprod) = {
    COMMON(cumprod),
    .doc = "y_k = x_0 ... x_k along an axis; integers and bool give i64",
    .derivative = "dx_i = sum over k >= i of gy_k times the product of x_0 ... x_k but x_i",
    .edges = "slopes are exact at zeros, for nothing is divided; an i64 that overflows wraps",
    .equals = "torch.cumprod, np.cumprod",
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = infer_total,
    .vjp = cumprod_vjp,
    .jvp = cumprod_jvp,
    .samples = { SAMPLES, "2,40@0.8..1.3 | axis=1", "2,3@i-4..4 | axis=1", "4@b",
                 "7@=2,0,3,-1,0,1,2", "2,3@=0,1,2,3,0,0 | axis=1 reverse=1" },
    .bad = { BAD },
};

#define EXTREME_RECORD(opname)                                                                     \
    COMMON(opname),                                                                                \
        .saves = WG_SAVES_IN(0) | WG_SAVES_OUT, .infer = infer_same, .vjp = extreme_vjp,           \
        .jvp = extreme_jvp, .tie = WG_TIE_EVEN,                                                    \
        .derivative = "dx_i = sum of gy_k over those k >= i whose y_k is x_i, in equal shares",    \
        .edges = "NaN from the first NaN on; equals share the slope, where PyTorch gives it all "  \
                 "to the latest",                                                                  \
        .samples = { SAMPLES, "2,40 | axis=1",         "3,4@i-4..4 | axis=1",                      \
                     "4@b",   "9@=1,0,1,2,2,0,2,-1,3", "2,3@=1,1,0,0,0,1 | axis=1 reverse=1" },    \
        .bad = { BAD }
WG__DEFINE_OP(cummax) = {
    EXTREME_RECORD(cummax),
    .doc = "y_k = the largest of x_0 ... x_k along an axis",
    .equals = "torch.cummax's values, np.maximum.accumulate",
};
WG__DEFINE_OP(cummin) = {
    EXTREME_RECORD(cummin),
    .doc = "y_k = the smallest of x_0 ... x_k along an axis",
    .equals = "torch.cummin's values, np.minimum.accumulate",
};

WG__DEFINE_OP(logcumsumexp) = {
    COMMON(logcumsumexp),
    .doc = "y_k = log(e^x_0 + ... + e^x_k) along an axis, stable",
    .derivative = "dx_i = sum over k >= i of gy_k e^(x_i - y_k)",
    .edges = "-inf as long as all are, with slope 0; from inf on inf, with slope NaN",
    .equals = "torch.logcumsumexp, np.logaddexp.accumulate",
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = infer_float,
    .vjp = logcumsumexp_vjp,
    .jvp = logcumsumexp_jvp,
    .samples = { SAMPLES, "2,40 | axis=1", "2,9@-30..30 | axis=1", "2,4@-1010..-1000 | axis=1",
                 "5@700..800" },
    .bad = { BAD, "3@i0..4", "3@b" },
};

/* ---- the public functions -------------------------------------------------------------------- */

#define FUNCTION(name)                                                                             \
    wg_tensor *wg_##name(wg_tensor *x, int axis) {                                                 \
        return wg__scan(&wg__op_##name, x, axis, false);                                           \
    }
FUNCTION(cumsum)
FUNCTION(cumprod)
FUNCTION(cummax)
FUNCTION(cummin)
FUNCTION(logcumsumexp)
