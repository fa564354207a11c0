// SPDX-License-Identifier: MIT
/* unary.c: the rows of unary.def become loops, rules, records and functions. */
#include <tgmath.h>

#include "autograd/autograd_impl.h"
#include "autograd/ops/special.h"

#ifndef M_SQRT1_2
#define M_SQRT1_2 0.70710678118654752440
#endif
#define LOG_10 2.30258509299404568402
#define SELU_SCALE 1.05070098735548049342
#define SELU_SCALE_ALPHA 1.75809934084737685994
#define GELU_1 1.59576912160573071176       // 2 sqrt(2 / pi)
#define GELU_3 0.07135481627260025          // 0.044715 times that
#define ERF_SLOPE 1.12837916709551257390    // 2 / sqrt(pi)
#define NORMAL_PEAK 0.39894228040143267794  // 1 / sqrt(2 pi)

/* ---- what some rows are too long for --------------------------------------------------------- */

#define LN2 ((real)WG_LN2)
#define LN10 ((real)LOG_10)
#define ROOT_HALF ((real)M_SQRT1_2)
#define TWO_BY_ROOT_PI ((real)ERF_SLOPE)
#define SELU ((real)SELU_SCALE)
#define SELU_ALPHA ((real)SELU_SCALE_ALPHA)
#define GATE_1 ((real)GELU_1)
#define GATE_3 ((real)GELU_3)

// In C what wg_step and its like are: sums, since compilers vectorise few nested branches.
#define if_nan(x) ((x) == (x) ? 0 : (x))
#define step(x) ((real)((x) > 0) + if_nan(x))
#define sign(x) ((real)((x) > 0) - (real)((x) < 0) + if_nan(x))
#define inside(x, low, high) ((real)(((x) > (low)) & ((x) < (high))) + if_nan(x))
#define between(x, low, high) ((real)(((x) >= (low)) & ((x) <= (high))) + if_nan(x))
#define sigmoid(x) (1 / (1 + exp(-(x))))
#define digamma(x) wg__digamma(x)
#define polygamma(n, x) wg__polygamma(n, x)

#define clamp_value ((x < low ? low : x) > high ? high : x < low ? low : x)
// Near 1/2 the quotient is near 1, and what it is beyond 1 is known exactly.
#define logit_value (fabs(4 * x - 2) < 1 ? log1p((2 * x - 1) / (1 - x)) : log(x / (1 - x)))
#define normal_density(x) ((real)NORMAL_PEAK * exp(-(x) * (x) / 2))
// (1 + tanh u) / 2 = sigmoid(2 u), which keeps its digits where tanh is near -1.
#define gelu_gate(x) sigmoid((x) * (GATE_1 + GATE_3 * (x) * (x)))

/* tanh(log(1 + e^x)) = (2 e^x + e^2x) / (2 + 2 e^x + e^2x), for x > 0 over e^2x, so that nothing
   overflows; compilers see that there is but one exponential. */
#define decay(x) exp(-fabs(x))
#define tanh_softplus(x)                                                                           \
    ((x) > 0 ? (1 + 2 * decay(x)) / (1 + 2 * decay(x) + 2 * decay(x) * decay(x))                   \
             : decay(x) * (2 + decay(x)) / (2 + decay(x) * (2 + decay(x))))

static wg_tensor *one_less(wg_tensor *x) { return wg_sub(wg_num(1), x); }

static wg_tensor *d_silu(wg_tensor *x) {
    wg_tensor *s = wg_sigmoid(x);
    return wg_mul(s, wg_add(wg_num(1), wg_mul(x, one_less(s))));
}

static wg_tensor *d_erf(wg_tensor *x) {
    return wg_mul(wg_num(ERF_SLOPE), wg_exp(wg_neg(wg_square(x))));
}

static wg_tensor *d_gelu(wg_tensor *x) {
    wg_tensor *cdf = wg_mul(wg_num(0.5), wg_erfc(wg_mul(x, wg_num(-M_SQRT1_2))));
    wg_tensor *pdf = wg_mul(wg_num(NORMAL_PEAK), wg_exp(wg_mul(wg_num(-0.5), wg_square(x))));
    return wg_add(cdf, wg_mul(x, pdf));
}

// s + (x s (1 - s)) u', in an order that meets no 0 times infinity where x^2 overflows.
static wg_tensor *d_gelu_tanh(wg_tensor *x) {
    wg_tensor *square = wg_square(x);
    wg_tensor *u = wg_mul(x, wg_add(wg_num(GELU_1), wg_mul(wg_num(GELU_3), square)));
    wg_tensor *s = wg_sigmoid(u), *d = wg_mul(x, wg_mul(s, one_less(s)));
    wg_tensor *bend = wg_add(wg_num(GELU_1), wg_mul(wg_num(3 * GELU_3), square));
    return wg_add(s, wg_xmul(d, bend));
}

static wg_tensor *d_mish(wg_tensor *x) {
    wg_tensor *t = wg_tanh(wg_softplus(x));
    return wg_add(t, wg_mul(wg_mul(x, wg_sigmoid(x)), one_less(wg_square(t))));
}

static wg_tensor *d_selu(wg_tensor *x, wg_tensor *y) {
    return wg_where(wg_gt(x, wg_num(0)), wg_num(SELU_SCALE), wg_add(y, wg_num(SELU_SCALE_ALPHA)));
}

// Both bounds belong to the inside.
static wg_tensor *d_hardswish(wg_tensor *x) {
    wg_tensor *middle = wg_add(wg_mul(x, wg_num(1.0 / 3)), wg_num(0.5));
    return wg_add(wg_xmul(wg_between(x, -3, 3), middle), wg_step(wg_sub(x, wg_num(3))));
}

static double complex complex_softplus(double complex z) {
    return creal(z) > 0 ? z + clog(1 + cexp(-z)) : clog(1 + cexp(z));
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* In the macros below `reals` and `doubles` declare the row's parameters from param[], as real and
   as double. */
#define UNARY_LOOP(loop, type, out_type, reals, value)                                             \
    static void loop(int64_t count, void *const p[], const int64_t s[], const double *param) {     \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        reals;                                                                                     \
        out_type *restrict out = p[0];                                                             \
        const type *restrict in = p[1];                                                            \
        bool dense = s[0] == 1 && s[1] == 1;                                                       \
        for (int64_t k = 0; dense && k < count; k++) {                                             \
            const real x = in[k];                                                                  \
            out[k] = (out_type)(value);                                                            \
        }                                                                                          \
        for (int64_t k = 0; !dense && k < count; k++) {                                            \
            const real x = in[k * s[1]];                                                           \
            out[k * s[0]] = (out_type)(value);                                                     \
        }                                                                                          \
    }

#define BACKWARD_LOOP(loop, type, reals, slope, DENSE)                                             \
    static void loop(int64_t count, void *const p[], const int64_t s[], const double *param) {     \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        reals;                                                                                     \
        real *restrict gx = p[0];                                                                  \
        const real *gy = p[1], *in = p[2], *out = p[3];                                            \
        bool dense = s[0] == 1 && s[1] == 1 && s[2] == 1 && s[3] == 1;                             \
        DENSE(slope)                                                                               \
        for (int64_t k = 0; !dense && k < count; k++) {                                            \
            const real x = in[k * s[2]], y = out[k * s[3]], g = gy[k * s[1]];                      \
            (void)x, (void)y;                                                                      \
            const real d = (real)(slope);                                                          \
            gx[k * s[0]] = g == 0 || d == 0 ? 0 : g * d;                                           \
        }                                                                                          \
    }

#define SMOOTH(slope)                                                                              \
    for (int64_t k = 0; dense && k < count; k++) {                                                 \
        const real x = in[k], y = out[k], g = gy[k];                                               \
        (void)x, (void)y;                                                                          \
        const real d = (real)(slope);                                                              \
        gx[k] = g == 0 || d == 0 ? 0 : g * d;                                                      \
    }

/* Slopes of several pieces first and then products, a block at a time, which stays in the nearest
   cache: compilers vectorise each, but not the branches of one within those of the other. Four
   times as fast for leaky_relu. */
enum { BLOCK = 256 };
#define PIECES(slope)                                                                              \
    for (int64_t start = 0; dense && start < count; start += BLOCK) {                              \
        int64_t end = count - start < BLOCK ? count : start + BLOCK;                               \
        for (int64_t k = start; k < end; k++) {                                                    \
            const real x = in[k], y = out[k];                                                      \
            (void)x, (void)y;                                                                      \
            gx[k] = (real)(slope);                                                                 \
        }                                                                                          \
        for (int64_t k = start; k < end; k++)                                                      \
            gx[k] = gy[k] == 0 || gx[k] == 0 ? 0 : gy[k] * gx[k];                                  \
    }

// By the row's tie rule: what has none is smooth.
#define DENSE_NONE SMOOTH
#define DENSE_ZERO PIECES
#define DENSE_LEFT PIECES
#define DENSE_INSIDE PIECES

#define LOOPS(name, reals, value, slope, tie)                                                      \
    UNARY_LOOP(name##_f32, float, float, reals, value)                                             \
    UNARY_LOOP(name##_f64, double, double, reals, value)                                           \
    BACKWARD_LOOP(name##_back_f32, float, reals, slope, DENSE_##tie)                               \
    BACKWARD_LOOP(name##_back_f64, double, reals, slope, DENSE_##tie)                              \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64 },                      \
                                       .backward = { name##_back_f32, name##_back_f64 } };

/* ---- rules and records ----------------------------------------------------------------------- */

#define RULES(name, doubles, rule)                                                                 \
    static wg_tensor *name##_slope(const wg_call *c) {                                             \
        const double *param = c->attr;                                                             \
        (void)param;                                                                               \
        doubles;                                                                                   \
        wg_tensor *x = c->in[0], *y = c->out;                                                      \
        (void)x, (void)y;                                                                          \
        return (rule);                                                                             \
    }                                                                                              \
    static wg_tensor *name##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        (void)i;                                                                                   \
        return wg_xmul(gy, name##_slope(c));                                                       \
    }                                                                                              \
    static wg_tensor *name##_jvp(const wg_call *c, wg_tensor *const dx[]) {                        \
        return wg_xmul(dx[0], name##_slope(c));                                                    \
    }

#define REFERENCE(name, doubles, plain)                                                            \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        const double *param = c->attr;                                                             \
        (void)param;                                                                               \
        doubles;                                                                                   \
        int64_t count = wg_shape_numel(out->shape);                                                \
        for (int64_t k = 0; k < count; k++) {                                                      \
            const double complex z = in[0].data[k];                                                \
            out->data[k] = (plain);                                                                \
        }                                                                                          \
        return true;                                                                               \
    }

#define SAVES_X WG_SAVES_IN(0)
#define SAVES_Y WG_SAVES_OUT
#define SAVES_XY (WG_SAVES_IN(0) | WG_SAVES_OUT)
#define SAVES_NOTHING WG_SAVES_NOTHING

#define COMMON(opname, doc_line, equal, edge)                                                      \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .equals = equal, .edges = edge,            \
    .inputs = 1, .map = &opname##_map, .reference = opname##_reference
#define INTEGERS "2,3@i0..3"
#define NO_INTEGERS .bad = { INTEGERS }
#define RULED(name, text, what, which)                                                             \
    .derivative = "dx = gy s, s = " text, .saves = SAVES_##what, .tie = WG_TIE_##which,            \
    .vjp = name##_vjp, .jvp = name##_jvp
#define FLAT .flags = WG_OP_ZERO_GRADIENT, .saves = WG_SAVES_NOTHING

#define DIFFERENTIABLE(name, reals, doubles, value, slope, rule, plain, tie)                       \
    LOOPS(name, reals, value, slope, tie)                                                          \
    RULES(name, doubles, rule)                                                                     \
    REFERENCE(name, doubles, plain)

#define CONSTANT(name, reals, doubles, value, plain)                                               \
    UNARY_LOOP(name##_f32, float, float, reals, value)                                             \
    UNARY_LOOP(name##_f64, double, double, reals, value)                                           \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64 } };                    \
    REFERENCE(name, doubles, plain)

/* ---- parameters ------------------------------------------------------------------------------ */

#define NONE_REAL (void)param
#define ONE_REAL(a) const real a = (real)param[0]
#define ONE_DOUBLE(a) const double a = param[0]
#define TWO_REAL(a, b)                                                                             \
    const real a = (real)param[0];                                                                 \
    const real b = (real)param[1];                                                                 \
    (void)b
#define TWO_DOUBLE(a, b)                                                                           \
    const double a = param[0];                                                                     \
    const double b = param[1];                                                                     \
    (void)b

#define ATTRS_1(opname, a)                                                                         \
    static const wg_attr opname##_attrs[] = { { #a, WG_ATTR_REAL, 0 }, { .name = NULL } };
#define ATTRS_2(opname, a, b)                                                                      \
    static const wg_attr opname##_attrs[] = { { #a, WG_ATTR_REAL, 0 },                             \
                                              { #b, WG_ATTR_REAL, sizeof(double) },                \
                                              { .name = NULL } };
/* What a row divides by, as its loop has it: 1e-50 is 0 among f32. */
#define NOT_ZERO(opname, a)                                                                        \
    static bool opname##_infer(const wg_call *c, wg_spec *out) {                                   \
        double a = *(const double *)c->attr;                                                       \
        wg_dtype dtype = wg_call_dtype(c, 0);                                                      \
        if (dtype == WG_F32 ? (float)a == 0 : a == 0)                                              \
            return wg_call_fail(c, WG_ERROR_ARGUMENT,                                              \
                                #a " = %g is 0 in %s, and x is divided by it", a,                  \
                                wg_dtype_name(dtype));                                             \
        return wg_spec_set(out, dtype, wg_call_view(c, 0)->shape);                                 \
    }
#define ATTRS(opname, count) .attr_size = (count) * sizeof(double), .attrs = opname##_attrs

#define APPLY(name)                                                                                \
    wg_tensor *wg_##name(wg_tensor *x) { return wg__op1(&wg__op_##name, x, NULL); }
#define APPLY_1(name, a)                                                                           \
    wg_tensor *wg_##name(wg_tensor *x, double a) { return wg__op1(&wg__op_##name, x, &a); }
#define APPLY_2(name, a, b)                                                                        \
    wg_tensor *wg_##name(wg_tensor *x, double a, double b) {                                       \
        return wg__op1(&wg__op_##name, x, (double[]){ a, b });                                     \
    }

/* ---- the rows -------------------------------------------------------------------------------- */

#define UNARY(name, doc, equals, edges, value, slope, rule, plain, saves, tie, domain, ...)        \
    DIFFERENTIABLE(name, NONE_REAL, NONE_REAL, value, slope, rule, plain, tie)                     \
    WG__DEFINE_OP(name) = {                                                                        \
        COMMON(name, doc, equals, edges), NO_INTEGERS, RULED(name, #slope, saves, tie),            \
        .samples = { "7@" domain, "2,3@" domain, "()@" domain, "2,0@" domain, __VA_ARGS__ }        \
    };                                                                                             \
    APPLY(name)

#define UNARY1(name, a, doc, equals, edges, value, slope, rule, plain, saves, tie, ...)            \
    DIFFERENTIABLE(name, ONE_REAL(a), ONE_DOUBLE(a), value, slope, rule, plain, tie)               \
    ATTRS_1(name, a)                                                                               \
    WG__DEFINE_OP(name) = { COMMON(name, doc, equals, edges), NO_INTEGERS,                         \
                            RULED(name, #slope, saves, tie), ATTRS(name, 1),                       \
                            .samples = { __VA_ARGS__ } };                                          \
    APPLY_1(name, a)

#define UNARY1_NONZERO(name, a, doc, equals, edges, value, slope, rule, plain, saves, tie, ...)    \
    DIFFERENTIABLE(name, ONE_REAL(a), ONE_DOUBLE(a), value, slope, rule, plain, tie)               \
    ATTRS_1(name, a)                                                                               \
    NOT_ZERO(name, a)                                                                              \
    WG__DEFINE_OP(name) = { COMMON(name, doc, equals, edges),                                      \
                            RULED(name, #slope, saves, tie),                                       \
                            ATTRS(name, 1),                                                        \
                            .infer = name##_infer,                                                 \
                            .samples = { __VA_ARGS__ },                                            \
                            .bad = { INTEGERS, "2,3 | " #a "=0" } };                               \
    APPLY_1(name, a)

#define UNARY2(name, a, b, doc, equals, edges, value, slope, rule, plain, saves, tie, ...)         \
    DIFFERENTIABLE(name, TWO_REAL(a, b), TWO_DOUBLE(a, b), value, slope, rule, plain, tie)         \
    ATTRS_2(name, a, b)                                                                            \
    WG__DEFINE_OP(name) = { COMMON(name, doc, equals, edges), NO_INTEGERS,                         \
                            RULED(name, #slope, saves, tie), ATTRS(name, 2),                       \
                            .samples = { __VA_ARGS__ } };                                          \
    APPLY_2(name, a, b)

#define UNARY_FLAT(name, doc, equals, edges, value, plain, domain, ...)                            \
    CONSTANT(name, NONE_REAL, NONE_REAL, value, plain)                                             \
    WG__DEFINE_OP(name) = { COMMON(name, doc, equals, edges), NO_INTEGERS, FLAT,                   \
                            .samples = { "7@" domain, "2,3@" domain, "()@" domain, "2,0@" domain,  \
                                         __VA_ARGS__ } };                                          \
    APPLY(name)

#define UNARY2_FLAT(name, a, b, doc, equals, edges, value, plain, ...)                             \
    CONSTANT(name, TWO_REAL(a, b), TWO_DOUBLE(a, b), value, plain)                                 \
    ATTRS_2(name, a, b)                                                                            \
    WG__DEFINE_OP(name) = { COMMON(name, doc, equals, edges), NO_INTEGERS, FLAT, ATTRS(name, 2),   \
                            .samples = { __VA_ARGS__ } };                                          \
    APPLY_2(name, a, b)

#define PREDICATE(opname, doc_line, equal, edge, value, plain)                                     \
    UNARY_LOOP(opname##_f32, float, uint8_t, NONE_REAL, value)                                     \
    UNARY_LOOP(opname##_f64, double, uint8_t, NONE_REAL, value)                                    \
    UNARY_LOOP(opname##_i32, int32_t, uint8_t, NONE_REAL, value)                                   \
    UNARY_LOOP(opname##_i64, int64_t, uint8_t, NONE_REAL, value)                                   \
    UNARY_LOOP(opname##_u8, uint8_t, uint8_t, NONE_REAL, value)                                    \
    static const wg_map opname##_map = { .forward = { opname##_f32, opname##_f64, opname##_i32,    \
                                                      opname##_i64, opname##_u8, opname##_u8 },    \
                                         .predicate = true };                                      \
    REFERENCE(opname, NONE_REAL, plain)                                                            \
    WG__DEFINE_OP(opname) = { .abi = WG_OP_ABI,                                                    \
                              .name = #opname,                                                     \
                              .doc = doc_line,                                                     \
                              .equals = equal,                                                     \
                              .edges = edge,                                                       \
                              .inputs = 1,                                                         \
                              .map = &opname##_map,                                                \
                              .reference = opname##_reference,                                     \
                              FLAT,                                                                \
                              .samples = { "2,3", "()@b", "5@i0..2", "3@=-1,0,2", "0,2",           \
                                           "5@=nan,inf,-inf,0,1" } };                              \
    APPLY(opname)

#define FAMILY(title)
#include "autograd/ops/unary.def"
