// SPDX-License-Identifier: MIT
/* scan.c: running sums, products, extremes and log-sum-exps along one axis. Their rules, but that
   of the sum, are a first-order linear recurrence running the other way (linear_scan), whose own
   rules are such recurrences again: no division, any order, one pass. Floats are gathered in
   double. */
#include "autograd/ops/scan.h"

#include <float.h>

#include "tensor/kernels/lines.h"

static const wg_attr attrs[] = { { "axis", WG_ATTR_INT, offsetof(wg__scan_attr, axis) },
                                 { "reverse", WG_ATTR_BOOL, offsetof(wg__scan_attr, reverse) },
                                 { .name = NULL } };

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

static wg__scan_attr way_of(const wg_call *c) {
    wg__scan_attr way = *(const wg__scan_attr *)c->attr;
    way.axis = wg__axis(way.axis, wg_rank(c->in[0]));
    return way;
}
static wg__scan_attr turned(wg__scan_attr way) {
    way.reverse = !way.reverse;
    return way;
}

/* Hands each line along the axis to `loop`, in the direction of the scan. v[0] is written. */
static bool each_line(const wg_call *c, const wg_view *const v[], int count, wg_loop *loop) {
    wg__scan_attr way = way_of(c);
    wg__lines l = wg__lines_of(v, count, 1u << way.axis);
    int64_t step[WG__LINE_ARRAYS], start[WG__LINE_ARRAYS];
    for (int i = 0; i < count; i++) {
        step[i] = l.length > 1 ? wg__inner_step(&l.cut, i) : 0;
        start[i] = way.reverse ? (l.length - 1) * step[i] : 0;
        step[i] = way.reverse ? -step[i] : step[i];
    }
    for (int64_t k = 0; l.length > 0 && k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        void *p[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        for (int i = 0; i < count; i++) p[i] = wg__at(v[i], at[i] + start[i]);
        loop(l.length, p, step, NULL);
    }
    return true;
}

// y: what was gathered, in type `room`; x: the next element.
#define SCAN_LOOP(loop, from, to, room, first, next)                                               \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        to *out = p[0];                                                                            \
        const from *in = p[1];                                                                     \
        room y = (first);                                                                          \
        for (int64_t k = 0; k < n; k++) {                                                          \
            const room x = (room)in[k * step[1]];                                                  \
            y = (next);                                                                            \
            out[k * step[0]] = (to)y;                                                              \
        }                                                                                          \
    }
#define FORWARD(name, ...)                                                                         \
    static bool name##_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {        \
        static wg_loop *const loop[WG_DTYPES] = { __VA_ARGS__ };                                   \
        return each_line(c, (const wg_view *[]){ out, in[0] }, 2, loop[in[0]->dtype]);             \
    }
#define ALL_LOOPS(name) name##_f32, name##_f64, name##_i32, name##_i64, name##_u8, name##_u8

#define TOTAL(name, first, next)                                                                   \
    SCAN_LOOP(name##_f32, float, float, double, first, next)                                       \
    SCAN_LOOP(name##_f64, double, double, double, first, next)                                     \
    SCAN_LOOP(name##_i32, int32_t, int64_t, uint64_t, first, next)                                 \
    SCAN_LOOP(name##_i64, int64_t, int64_t, uint64_t, first, next)                                 \
    SCAN_LOOP(name##_u8, uint8_t, int64_t, uint64_t, first, next)                                  \
    FORWARD(name, ALL_LOOPS(name))
TOTAL(cumsum, 0, y + x)
TOTAL(cumprod, 1, y *x)

#define EXTREME(name, infinite, sign, beats)                                                       \
    SCAN_LOOP(name##_f32, float, float, float, sign INFINITY, x beats y || x != x ? x : y)         \
    SCAN_LOOP(name##_f64, double, double, double, sign INFINITY, x beats y || x != x ? x : y)      \
    SCAN_LOOP(name##_i32, int32_t, int32_t, int32_t, INT32_##infinite, x beats y ? x : y)          \
    SCAN_LOOP(name##_i64, int64_t, int64_t, int64_t, INT64_##infinite, x beats y ? x : y)          \
    SCAN_LOOP(name##_u8, uint8_t, uint8_t, int, INT32_##infinite, x beats y ? x : y)               \
    FORWARD(name, ALL_LOOPS(name))
EXTREME(cummax, MIN, -, >)
EXTREME(cummin, MAX, +, <)

// log(e^a + e^b); equal infinities stay what they are.
static double log_add_exp(double a, double b) {
    if (a == b) return a + WG_LN2;
    return (a > b ? a : b) + log1p(exp(-fabs(a - b)));
}
SCAN_LOOP(logcumsumexp_f32, float, float, double, -INFINITY, log_add_exp(x, y))
SCAN_LOOP(logcumsumexp_f64, double, double, double, -INFINITY, log_add_exp(x, y))
FORWARD(logcumsumexp, logcumsumexp_f32, logcumsumexp_f64)

/* ---- what rules are made of ------------------------------------------------------------------ */

wg_tensor *wg__scan(const wg_op *op, wg_tensor *x, int axis, bool reverse) {
    return wg__op1(op, x, &(wg__scan_attr){ .axis = axis, .reverse = reverse });
}

wg_tensor *wg__linear_scan(wg_tensor *a, wg_tensor *b, wg__scan_attr way) {
    return wg__op2(&wg__op_linear_scan, a, b, &way);
}

wg_tensor *wg__moved_on(wg_tensor *x, wg__scan_attr way, double first) {
    int axis = (int)way.axis;
    int64_t n = wg_dim(x, axis), from = way.reverse ? 1 : 0;
    if (n == 0) return x;
    wg_shape edge = wg_shape_of(x);
    edge.dim[axis] = 1;
    wg_tensor *in = wg_full(wg_dtype_of(x), edge, first);
    wg_tensor *rest = wg_slice(x, axis, from, from + n - 1, 1);
    return wg_cat(way.reverse ? (wg_tensor *[]){ rest, in } : (wg_tensor *[]){ in, rest }, 2, axis);
}

/* ---- linear_scan: h_k = a_k h_(k-1) + b_k ---------------------------------------------------- */

static bool infer_linear(const wg_call *c, wg_spec *out) {
    if (!wg_call_same_dtype(c) || !infer_float(c, out)) return false;
    wg_shape a = wg_shape_of(c->in[0]), b = wg_shape_of(c->in[1]);
    return wg__shape_equal(&a, &b) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "factors and terms do not have one shape");
}

#define LINEAR_LOOP(loop, real)                                                                    \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        real *out = p[0];                                                                          \
        const real *a = p[1], *b = p[2];                                                           \
        double h = 0;                                                                              \
        for (int64_t k = 0; k < n; k++) {                                                          \
            double factor = (double)a[k * step[1]], product = factor * h;                          \
            h = (factor == 0 || h == 0 ? 0 : product) + (double)b[k * step[2]];                    \
            out[k * step[0]] = (real)h;                                                            \
        }                                                                                          \
    }
LINEAR_LOOP(linear_f32, float)
LINEAR_LOOP(linear_f64, double)

static bool linear_scan_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return each_line(c, (const wg_view *[]){ out, in[0], in[1] }, 3,
                     out->dtype == WG_F32 ? linear_f32 : linear_f64);
}

static wg_tensor *linear_scan_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = way_of(c), back = turned(way);
    wg_tensor *gb = wg__linear_scan(wg__moved_on(c->in[0], back, 0), gy, back);
    return i == 1 ? gb : wg_xmul(gb, wg__moved_on(c->out, way, 0));
}

static wg_tensor *linear_scan_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = way_of(c);
    wg_tensor *term = dx[0] ? wg_xmul(dx[0], wg__moved_on(c->out, way, 0)) : NULL;
    return wg__linear_scan(c->in[0], wg_add_maybe(term, dx[1]), way);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *cumsum_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = way_of(c);
    (void)i;
    return wg__scan(&wg__op_cumsum, gy, (int)way.axis, !way.reverse);
}

// dy_k = x_k dy_(k-1) + y_(k-1) dx_k, and its transpose.
static wg_tensor *cumprod_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = way_of(c);
    wg_tensor *before = wg__moved_on(c->out, way, 1);
    return wg__linear_scan(c->in[0], wg_xmul(dx[0], before), way);
}
static wg_tensor *cumprod_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr way = way_of(c), back = turned(way);
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
    wg__scan_attr way = way_of(c);
    wg_tensor *x = wg_stop(c->in[0]), *y = wg_stop(c->out);
    wg_tensor *equal = wg_cast(wg_eq(x, y), wg_dtype_of(y));
    wg_tensor *count = wg__linear_scan(goes_on(y, way), equal, way);
    equal = wg_where(wg_ne(y, y), wg_num(NAN), equal);
    return (plateau){ equal, wg_reciprocal(count) };
}

static wg_tensor *extreme_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg__scan_attr way = way_of(c);
    plateau p = plateaus(c);
    wg_tensor *sum = wg__linear_scan(goes_on(c->out, way), wg_xmul(dx[0], p.equal), way);
    return wg_xmul(sum, p.share);
}
static wg_tensor *extreme_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr back = turned(way_of(c));
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
    wg__scan_attr way = way_of(c);
    wg_tensor *y = floored(c), *weight = wg_exp(wg_sub(c->in[0], y));
    wg_tensor *decay = wg_exp(wg_sub(wg__moved_on(y, way, -INFINITY), y));
    return wg__linear_scan(decay, wg_xmul(dx[0], weight), way);
}
static wg_tensor *logcumsumexp_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg__scan_attr back = turned(way_of(c));
    wg_tensor *y = floored(c), *weight = wg_exp(wg_sub(c->in[0], y));
    wg_tensor *decay = wg_exp(wg_sub(y, wg__moved_on(y, back, INFINITY)));
    (void)i;
    return wg_xmul(wg__linear_scan(decay, gy, back), weight);
}

/* ---- references ------------------------------------------------------------------------------ */

static bool is_zero(double complex z) { return creal(z) == 0 && cimag(z) == 0; }

// y: result before, 0 for the first; x: next element; b: that of a second input.
#define REFERENCE(name, at_first, next)                                                            \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        wg__scan_attr way = way_of(c);                                                             \
        wg_view v = { .shape = out->shape };                                                       \
        wg__contiguous_strides(&v);                                                                \
        int64_t step = v.stride[way.axis], n = v.shape.dim[way.axis], count = wg__numel(&v.shape); \
        for (int64_t at = 0; at < count; at++) {                                                   \
            int64_t flat = way.reverse ? count - 1 - at : at, place = flat / step % n;             \
            bool first = place == (way.reverse ? n - 1 : 0);                                       \
            double complex x = in[0].data[flat], b = in[c->inputs - 1].data[flat];                 \
            double complex y = first ? 0 : out->data[way.reverse ? flat + step : flat - step];     \
            (void)b;                                                                               \
            out->data[flat] = first ? (at_first) : (next);                                         \
        }                                                                                          \
        return true;                                                                               \
    }
REFERENCE(cumsum, x, y + x)
REFERENCE(cumprod, x, y *x)
REFERENCE(cummax, x, creal(x) > creal(y) ? x : y)
REFERENCE(cummin, x, creal(x) < creal(y) ? x : y)
REFERENCE(logcumsumexp, x, x + clog(1 + cexp(y - x)))
REFERENCE(linear_scan, b, (is_zero(x) || is_zero(y) ? 0 : x * y) + b)

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname)                                                                             \
    .abi = WG_OP_ABI, .name = #opname, .attr_size = sizeof(wg__scan_attr), .attrs = attrs,         \
    .shapes = "any, of rank 1 or more -> the same", .forward = opname##_forward,                   \
    .reference = opname##_reference
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
    .inputs = 1,
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
    .inputs = 1,
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
        .inputs = 1, .saves = WG_SAVES_IN(0) | WG_SAVES_OUT, .infer = infer_same,                  \
        .vjp = extreme_vjp, .jvp = extreme_jvp, .tie = WG_TIE_EVEN,                                \
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
    .inputs = 1,
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = infer_float,
    .vjp = logcumsumexp_vjp,
    .jvp = logcumsumexp_jvp,
    .samples = { SAMPLES, "2,40 | axis=1", "2,9@-30..30 | axis=1", "2,4@-1010..-1000 | axis=1",
                 "5@700..800" },
    .bad = { BAD, "3@i0..4", "3@b" },
};

WG__DEFINE_OP(linear_scan) = {
    COMMON(linear_scan),
    .doc = "h_k = a_k h_(k-1) + b_k along an axis, from h = 0; a product with 0 is 0",
    .derivative = "db_k = gy_k + a_(k+1) db_(k+1), da_k = db_k h_(k-1)",
    .edges = "0 times inf or NaN is 0, as in xmul",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .infer = infer_linear,
    .vjp = linear_scan_vjp,
    .jvp = linear_scan_jvp,
    .samples = { "5 5", "2,3 2,3 | axis=1", "2,3 2,3 | axis=-2 reverse=1", "3,4,2 3,4,2 | axis=1",
                 "2,1 2,1 | axis=1", "0,3 0,3 | axis=1", "2,0 2,0 | axis=1",
                 "2,40@-1..1 2,40 | axis=1", "5@=0,1,0,2,-1 5@=1,0,0,3,1" },
    .bad = { "2,3 2,3 | axis=2", "() ()", "3 4", "2,3 3", "3@i0..2 3@i0..2" },
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
