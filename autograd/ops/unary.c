// SPDX-License-Identifier: MIT
/* unary.c: the rows of unary.def become loops, rules, records and functions. */
#include <tgmath.h>

#include "autograd/autograd_impl.h"

#ifndef M_SQRT1_2
#define M_SQRT1_2 0.70710678118654752440
#endif
#define HALF ((real)0.5)
#define ROOT_HALF ((real)0.70710678118654752440)
#define ROOT_HALF_BY_PI ((real)0.39894228040143267794)  // 1 / sqrt(2 pi)
#define TWO_BY_ROOT_PI ((real)1.12837916709551257390)

/* ---- what some rows are too long for --------------------------------------------------------- */

#define clamp_value ((x < low ? low : x) > high ? high : x < low ? low : x)
// s (1 + x (1 - s)) for s = sigmoid(x)
#define silu_slope_real (1 / (1 + exp(-x))) * (1 + x * (1 - 1 / (1 + exp(-x))))

static wg_tensor *d_silu(wg_tensor *x) {
    wg_tensor *s = wg_sigmoid(x);
    return wg_mul(s, wg_add(wg_num(1), wg_mul(x, wg_sub(wg_num(1), s))));
}

static wg_tensor *d_erf(wg_tensor *x) {
    return wg_mul(wg_num(1.12837916709551257390), wg_exp(wg_neg(wg_square(x))));
}

static wg_tensor *d_gelu(wg_tensor *x) {
    wg_tensor *cdf = wg_mul(wg_num(0.5), wg_erfc(wg_mul(x, wg_num(-M_SQRT1_2))));
    wg_tensor *pdf =
        wg_mul(wg_num(0.39894228040143267794), wg_exp(wg_mul(wg_num(-0.5), wg_square(x))));
    return wg_add(cdf, wg_mul(x, pdf));
}

// Both bounds belong to the inside, as in PyTorch.
static wg_tensor *d_clamp(wg_tensor *x, double low, double high) {
    wg_tensor *below = wg_step(wg_sub(wg_num(low), x)), *above = wg_step(wg_sub(x, wg_num(high)));
    return wg_mul(wg_sub(wg_num(1), below), wg_sub(wg_num(1), above));
}

// erf has no complex version in C. Close to the real axis, where the complex step stays, it is its
// tangent.
static double complex complex_erf(double complex z) {
    double x = creal(z);
    return erf(x) + I * (cimag(z) * 1.12837916709551257390 * exp(-x * x));
}

static double complex complex_erfc(double complex z) {  // 1 - erf without the cancellation
    double x = creal(z);
    return erfc(x) - I * (cimag(z) * 1.12837916709551257390 * exp(-x * x));
}

/* ---- loops ----------------------------------------------------------------------------------- */

/* In the macros below `reals` and `doubles` declare the row's parameters from param[], as real and
   as double. */
#define UNARY_LOOP(loop, type, out_type, reals, value)                                             \
    static void loop(int64_t n, void *const p[], const int64_t s[], const double *param) {         \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        reals;                                                                                     \
        out_type *restrict out = p[0];                                                             \
        const type *restrict in = p[1];                                                            \
        bool dense = s[0] == 1 && s[1] == 1;                                                       \
        for (int64_t k = 0; dense && k < n; k++) {                                                 \
            const real x = in[k];                                                                  \
            out[k] = (out_type)(value);                                                            \
        }                                                                                          \
        for (int64_t k = 0; !dense && k < n; k++) {                                                \
            const real x = in[k * s[1]];                                                           \
            out[k * s[0]] = (out_type)(value);                                                     \
        }                                                                                          \
    }

#define BACKWARD_LOOP(loop, type, reals, slope)                                                    \
    static void loop(int64_t n, void *const p[], const int64_t s[], const double *param) {         \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        reals;                                                                                     \
        real *restrict gx = p[0];                                                                  \
        const real *gy = p[1], *in = p[2], *out = p[3];                                            \
        bool dense = s[0] == 1 && s[1] == 1 && s[2] == 1 && s[3] == 1;                             \
        for (int64_t k = 0; dense && k < n; k++) {                                                 \
            const real x = in[k], y = out[k], g = gy[k];                                           \
            (void)x, (void)y;                                                                      \
            const real d = (real)(slope);                                                          \
            gx[k] = g == 0 || d == 0 ? 0 : g * d;                                                  \
        }                                                                                          \
        for (int64_t k = 0; !dense && k < n; k++) {                                                \
            const real x = in[k * s[2]], y = out[k * s[3]], g = gy[k * s[1]];                      \
            (void)x, (void)y;                                                                      \
            const real d = (real)(slope);                                                          \
            gx[k * s[0]] = g == 0 || d == 0 ? 0 : g * d;                                           \
        }                                                                                          \
    }

#define LOOPS(name, reals, value, slope)                                                           \
    UNARY_LOOP(name##_f32, float, float, reals, value)                                             \
    UNARY_LOOP(name##_f64, double, double, reals, value)                                           \
    BACKWARD_LOOP(name##_back_f32, float, reals, slope)                                            \
    BACKWARD_LOOP(name##_back_f64, double, reals, slope)                                           \
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
        int64_t n = wg_shape_numel(out->shape);                                                    \
        for (int64_t k = 0; k < n; k++) {                                                          \
            const double complex z = in[0].data[k];                                                \
            out->data[k] = (plain);                                                                \
        }                                                                                          \
        return true;                                                                               \
    }

#define SAVES_X WG_SAVES_IN(0)
#define SAVES_Y WG_SAVES_OUT
#define SAVES_XY (WG_SAVES_IN(0) | WG_SAVES_OUT)
#define SAVES_NOTHING WG_SAVES_NOTHING

#define COMMON(opname, doc_line)                                                                   \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .inputs = 1, .map = &opname##_map,         \
    .reference = opname##_reference
#define RULED(name, what, which)                                                                   \
    .saves = SAVES_##what, .tie = WG_TIE_##which, .vjp = name##_vjp, .jvp = name##_jvp,            \
    .bad = { "2,3@i0..3" }
#define FLAT .flags = WG_OP_ZERO_GRADIENT, .saves = WG_SAVES_NOTHING

#define DIFFERENTIABLE(name, reals, doubles, value, slope, rule, plain)                            \
    LOOPS(name, reals, value, slope)                                                               \
    RULES(name, doubles, rule)                                                                     \
    REFERENCE(name, doubles, plain)

/* ---- the rows -------------------------------------------------------------------------------- */

#define NO_PARAMETERS (void)param

#define UNARY(name, doc, value, slope, rule, plain, saves, tie, domain, extra)                     \
    DIFFERENTIABLE(name, NO_PARAMETERS, NO_PARAMETERS, value, slope, rule, plain)                  \
    WG__DEFINE_OP(                                                                                 \
        name) = { COMMON(name, doc), RULED(name, saves, tie),                                      \
                  .samples = { "7@" domain, "2,3@" domain, "()@" domain, "2,0@" domain, extra } }; \
    wg_tensor *wg_##name(wg_tensor *x) { return wg__op1(&wg__op_##name, x, NULL); }

#define UNARY1(opname, a, doc, value, slope, rule, plain, saves, tie, sample, extra)               \
    DIFFERENTIABLE(opname, const real a = (real)param[0], const double a = param[0], value, slope, \
                   rule, plain)                                                                    \
    static const wg_attr opname##_attrs[] = { { #a, WG_ATTR_REAL, 0 }, { .name = NULL } };         \
    WG__DEFINE_OP(opname) = { COMMON(opname, doc), RULED(opname, saves, tie),                      \
                              .attr_size = sizeof(double), .attrs = opname##_attrs,                \
                              .samples = { sample, extra } };                                      \
    wg_tensor *wg_##opname(wg_tensor *x, double a) { return wg__op1(&wg__op_##opname, x, &a); }

#define UNARY2(opname, a, b, doc, value, slope, rule, plain, saves, tie, sample, extra)            \
    DIFFERENTIABLE(opname, const real a = (real)param[0];                                          \
                   const real b = (real)param[1], const double a = param[0];                       \
                   const double b = param[1], value, slope, rule, plain)                           \
    static const wg_attr opname##_attrs[] = { { #a, WG_ATTR_REAL, 0 },                             \
                                              { #b, WG_ATTR_REAL, sizeof(double) },                \
                                              { .name = NULL } };                                  \
    WG__DEFINE_OP(opname) = { COMMON(opname, doc), RULED(opname, saves, tie),                      \
                              .attr_size = 2 * sizeof(double), .attrs = opname##_attrs,            \
                              .samples = { sample, extra } };                                      \
    wg_tensor *wg_##opname(wg_tensor *x, double a, double b) {                                     \
        return wg__op1(&wg__op_##opname, x, (double[]){ a, b });                                   \
    }

#define UNARY_FLAT(name, doc, value, plain, domain, extra)                                         \
    UNARY_LOOP(name##_f32, float, float, NO_PARAMETERS, value)                                     \
    UNARY_LOOP(name##_f64, double, double, NO_PARAMETERS, value)                                   \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64 } };                    \
    REFERENCE(name, NO_PARAMETERS, plain)                                                          \
    WG__DEFINE_OP(name) = { COMMON(name, doc), FLAT,                                               \
                            .samples = { "7@" domain, "2,3@" domain, "()@" domain, extra },        \
                            .bad = { "2,3@i0..3" } };                                              \
    wg_tensor *wg_##name(wg_tensor *x) { return wg__op1(&wg__op_##name, x, NULL); }

#define PREDICATE(opname, doc_line, value, plain)                                                  \
    UNARY_LOOP(opname##_f32, float, uint8_t, NO_PARAMETERS, value)                                 \
    UNARY_LOOP(opname##_f64, double, uint8_t, NO_PARAMETERS, value)                                \
    UNARY_LOOP(opname##_i32, int32_t, uint8_t, NO_PARAMETERS, value)                               \
    UNARY_LOOP(opname##_i64, int64_t, uint8_t, NO_PARAMETERS, value)                               \
    UNARY_LOOP(opname##_u8, uint8_t, uint8_t, NO_PARAMETERS, value)                                \
    static const wg_map opname##_map = { .forward = { opname##_f32, opname##_f64, opname##_i32,    \
                                                      opname##_i64, opname##_u8, opname##_u8 },    \
                                         .predicate = true };                                      \
    REFERENCE(opname, NO_PARAMETERS, plain)                                                        \
    WG__DEFINE_OP(opname) = { COMMON(opname, doc_line), FLAT,                                      \
                              .samples = { "2,3", "()@b", "5@i0..2", "3@=-1,0,2" } };              \
    wg_tensor *wg_##opname(wg_tensor *x) { return wg__op1(&wg__op_##opname, x, NULL); }

#include "autograd/ops/unary.def"
