// SPDX-License-Identifier: MIT
/* binary.c: the rows of binary.def become loops, rules, records and functions. */
#include <tgmath.h>

#include "autograd/ops/ops_impl.h"

/* ---- what some rows are too long for --------------------------------------------------------- */

#define HALF ((real)0.5)

// From the nearer end, so that both ends are exact.
#define lerp_value (fabs(weight) < HALF ? a + weight * (b - a) : b - (b - a) * (1 - weight))

/* of / (a^2 + b^2), divided in two steps: the square might leave the range of numbers. At (0, 0) it
   is 0. */
static wg_tensor *d_angle(wg_tensor *of, wg_tensor *a, wg_tensor *b) {
    wg_tensor *r = wg_reciprocal(wg_hypot(a, b));
    return wg_xmul(wg_xmul(of, r), r);
}

// cpow takes a logarithm, which is not real for a negative base; whole exponents need none.
static double complex complex_pow(double complex z, double complex w) {
    double n = creal(w);
    if (cimag(w) != 0 || n != floor(n) || fabs(n) > 64) return cexp(w * clog(z));
    double complex y = 1;
    for (int k = 0; k < fabs(n); k++) y *= z;
    return n < 0 ? 1 / y : y;
}

static double complex complex_fmod(double complex z, double complex w) {
    double a = creal(z), b = creal(w);
    return z - round((a - fmod(a, b)) / b) * w;
}

// The arc tangent of what is at most 1, and the angle of the octant.
static double complex complex_atan2(double complex z, double complex w) {
    double a = creal(z), b = creal(w), right = 1.57079632679489661923;
    if (fabs(a) > fabs(b)) return copysign(right, a) - catan(w / z);
    if (b > 0) return catan(z / w);
    return b < 0 ? catan(z / w) + copysign(2 * right, a) : 0;
}

/* ---- the rules' common part ------------------------------------------------------------------ */

/* Slopes are computed over the broadcast shape; a NULL slope without an error stands for 1. */
typedef wg_tensor *slope_of(const wg_call *c, int i);

static wg_tensor *times(wg_tensor *g, wg_tensor *slope) {
    return slope || wg__pending() ? wg_xmul(g, slope) : g;
}

static wg_tensor *reverse(const wg_call *c, wg_tensor *gy, int i, slope_of *slope) {
    wg_tensor *g = times(gy, slope(c, i));
    const wg_shape *shape = &c->in[i]->view.shape;
    return !g || wg__shape_equal(&g->view.shape, shape) ? g : wg_sum_to(g, *shape);
}

static wg_tensor *forward(const wg_call *c, wg_tensor *const dx[], slope_of *slope) {
    wg_tensor *dy = NULL;
    for (int i = 0; i < c->inputs; i++)
        if (dx[i]) dy = wg_add_maybe(dy, times(dx[i], slope(c, i)));
    const wg_shape *full = &c->out->view.shape;
    return !dy || wg__shape_equal(full, &dy->view.shape) ? dy : wg_expand(dy, *full);
}

#define RULES(name)                                                                                \
    static wg_tensor *name##_vjp(const wg_call *c, wg_tensor *gy, int i) {                         \
        return reverse(c, gy, i, name##_slope);                                                    \
    }                                                                                              \
    static wg_tensor *name##_jvp(const wg_call *c, wg_tensor *const dx[]) {                        \
        return forward(c, dx, name##_slope);                                                       \
    }

/* ---- references ------------------------------------------------------------------------------ */

typedef double complex plain_of(const double complex z[]);

static bool reference(const wg_call *c, const wg_zview in[], wg_zview *out, plain_of *plain) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        double complex z[3] = { 0 };
        for (int i = 0; i < c->inputs; i++) z[i] = wg__broadcast_at(&in[i], &out->shape, k);
        out->data[k] = plain(z);
    }
    return true;
}

#define REFERENCE(name, plain)                                                                     \
    static double complex name##_plain(const double complex z[]) {                                 \
        const double complex za = z[0], zb = z[1], zc = z[2];                                      \
        (void)za, (void)zb, (void)zc;                                                              \
        return (plain);                                                                            \
    }                                                                                              \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return reference(c, in, out, name##_plain);                                                \
    }

/* ---- loops ----------------------------------------------------------------------------------- */

#define EACH(cond, ia, ib, out_type, value)                                                        \
    for (int64_t k = 0; (cond) && k < n; k++) {                                                    \
        const real a = pa[ia], b = pb[ib];                                                         \
        out[k] = (out_type)(value);                                                                \
    }
#define BINARY_LOOP(loop, type, out_type, value)                                                   \
    static void loop(int64_t n, void *const p[], const int64_t s[], const double *param) {         \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        out_type *restrict out = p[0];                                                             \
        const type *pa = p[1], *pb = p[2];                                                         \
        bool dense = s[0] == 1, both = dense && s[1] == 1 && s[2] == 1;                            \
        bool first = dense && s[1] == 1 && s[2] == 0, second = dense && s[1] == 0 && s[2] == 1;    \
        EACH(both, k, k, out_type, value)                                                          \
        EACH(first, k, 0, out_type, value)                                                         \
        EACH(second, 0, k, out_type, value)                                                        \
        for (int64_t k = 0; !both && !first && !second && k < n; k++) {                            \
            const real a = pa[k * s[1]], b = pb[k * s[2]];                                         \
            out[k * s[0]] = (out_type)(value);                                                     \
        }                                                                                          \
    }

#define ARITHMETIC(name, value)                                                                    \
    BINARY_LOOP(name##_f32, float, float, value)                                                   \
    BINARY_LOOP(name##_f64, double, double, value)                                                 \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64 } };

// All dense, or the third alone, as a weight between two numbers is.
#define TERNARY_LOOP(loop, type, a, b, c, value)                                                   \
    static void loop(int64_t n, void *const p[], const int64_t s[], const double *param) {         \
        typedef type real;                                                                         \
        (void)param;                                                                               \
        real *restrict out = p[0];                                                                 \
        const real *pa = p[1], *pb = p[2], *pc = p[3];                                             \
        bool last = s[0] == 1 && s[3] == 1, all = last && s[1] == 1 && s[2] == 1;                  \
        last = last && s[1] == 0 && s[2] == 0;                                                     \
        for (int64_t k = 0; all && k < n; k++) {                                                   \
            const real a = pa[k], b = pb[k], c = pc[k];                                            \
            out[k] = (value);                                                                      \
        }                                                                                          \
        for (int64_t k = 0; last && k < n; k++) {                                                  \
            const real a = pa[0], b = pb[0], c = pc[k];                                            \
            out[k] = (value);                                                                      \
        }                                                                                          \
        for (int64_t k = 0; !all && !last && k < n; k++) {                                         \
            const real a = pa[k * s[1]], b = pb[k * s[2]], c = pc[k * s[3]];                       \
            out[k * s[0]] = (value);                                                               \
        }                                                                                          \
    }

/* ---- the rows -------------------------------------------------------------------------------- */

#define SAVES_A WG_SAVES_IN(0)
#define SAVES_B WG_SAVES_IN(1)
#define SAVES_AB (WG_SAVES_IN(0) | WG_SAVES_IN(1))
#define SAVES_ABC (WG_SAVES_IN(0) | WG_SAVES_IN(1) | WG_SAVES_IN(2))
#define SAVES_BY (WG_SAVES_IN(1) | WG_SAVES_OUT)
#define SAVES_ABY (WG_SAVES_IN(0) | WG_SAVES_IN(1) | WG_SAVES_OUT)
#define SAVES_NOTHING WG_SAVES_NOTHING

#define COMMON(opname, count, doc_line, equal, edge)                                               \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .equals = equal, .edges = edge,            \
    .inputs = count, .map = &opname##_map, .reference = opname##_reference
#define RULED(name, what, which)                                                                   \
    .saves = SAVES_##what, .tie = WG_TIE_##which, .vjp = name##_vjp, .jvp = name##_jvp
#define FLAT .flags = WG_OP_ZERO_GRADIENT, .saves = WG_SAVES_NOTHING

#define APPLY(name)                                                                                \
    wg_tensor *wg_##name(wg_tensor *a, wg_tensor *b) { return wg__op2(&wg__op_##name, a, b, NULL); }

#define BINARY(name, doc, equals, edges, value, slope_a, slope_b, plain, saves, tie, sample_a,     \
               sample_b, ...)                                                                      \
    ARITHMETIC(name, value)                                                                        \
    static wg_tensor *name##_slope(const wg_call *c, int i) {                                      \
        wg_tensor *a = c->in[0], *b = c->in[1], *y = c->out, *one = NULL;                          \
        (void)a, (void)b, (void)y, (void)one;                                                      \
        return i == 0 ? (slope_a) : (slope_b);                                                     \
    }                                                                                              \
    RULES(name)                                                                                    \
    REFERENCE(name, plain)                                                                         \
    WG__DEFINE_OP(name) = {                                                                        \
        COMMON(name, 2, doc, equals, edges),                                                       \
        RULED(name, saves, tie),                                                                   \
        .derivative = "da = gy * " #slope_a ", db = gy * " #slope_b,                               \
        .samples = { "2,3" sample_a " 2,3" sample_b, "2,3" sample_a " 3" sample_b,                 \
                     "()" sample_a " 2" sample_b, "2,1,3" sample_a " 4,1" sample_b,                \
                     "()" sample_a " ()" sample_b, "2,0" sample_a " 1" sample_b,                   \
                     "3" sample_a " 1" sample_b, __VA_ARGS__ },                                    \
        .bad = { "2,3 2", "3 4", "2,3@i0..3 3", "2 2@b" },                                         \
    };                                                                                             \
    APPLY(name)

#define TERNARY(name, a, b, c, doc, equals, edges, value, slope_a, slope_b, slope_c, plain, saves, \
                tie, ...)                                                                          \
    TERNARY_LOOP(name##_f32, float, a, b, c, value)                                                \
    TERNARY_LOOP(name##_f64, double, a, b, c, value)                                               \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64 } };                    \
    static wg_tensor *name##_slope(const wg_call *call, int i) {                                   \
        wg_tensor *a = call->in[0], *b = call->in[1], *c = call->in[2], *y = call->out;            \
        (void)a, (void)b, (void)c, (void)y;                                                        \
        return i == 0 ? (slope_a) : i == 1 ? (slope_b) : (slope_c);                                \
    }                                                                                              \
    RULES(name)                                                                                    \
    REFERENCE(name, plain)                                                                         \
    WG__DEFINE_OP(name) = {                                                                        \
        COMMON(name, 3, doc, equals, edges),                                                       \
        RULED(name, saves, tie),                                                                   \
        .derivative =                                                                              \
            "d" #a " = gy * " #slope_a ", d" #b " = gy * " #slope_b ", d" #c " = gy * " #slope_c,  \
        .samples = { __VA_ARGS__ },                                                                \
        .bad = { "2,3 2 3", "3 3 4", "2,3@i0..3 3 3", "2 2 2@b" },                                 \
    };                                                                                             \
    wg_tensor *wg_##name(wg_tensor *a, wg_tensor *b, wg_tensor *c) {                               \
        return wg_apply(&wg__op_##name, (wg_tensor *[]){ a, b, c }, 3, NULL);                      \
    }

#define BINARY_FLAT(name, doc, equals, edges, value, plain)                                        \
    ARITHMETIC(name, value)                                                                        \
    REFERENCE(name, plain)                                                                         \
    WG__DEFINE_OP(name) = {                                                                        \
        COMMON(name, 2, doc, equals, edges),                                                       \
        FLAT,                                                                                      \
        .samples = { "2,3 2,3", "2,3 3", "2,1,3 4,1", "() ()", "2,0 1", "3@=0,1,2 3@=1,1,1" },     \
        .bad = { "2,3 2", "2,3@i0..3 3" },                                                         \
    };                                                                                             \
    APPLY(name)

#define COMPARE(name, doc, equals, edges, value)                                                   \
    BINARY_LOOP(name##_f32, float, uint8_t, value)                                                 \
    BINARY_LOOP(name##_f64, double, uint8_t, value)                                                \
    BINARY_LOOP(name##_i32, int32_t, uint8_t, value)                                               \
    BINARY_LOOP(name##_i64, int64_t, uint8_t, value)                                               \
    BINARY_LOOP(name##_u8, uint8_t, uint8_t, value)                                                \
    static const wg_map name##_map = { .forward = { name##_f32, name##_f64, name##_i32,            \
                                                    name##_i64, name##_u8, name##_u8 },            \
                                       .predicate = true };                                        \
    static double complex name##_plain(const double complex z[]) {                                 \
        const double a = creal(z[0]), b = creal(z[1]);                                             \
        return value;                                                                              \
    }                                                                                              \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return reference(c, in, out, name##_plain);                                                \
    }                                                                                              \
    WG__DEFINE_OP(name) = {                                                                        \
        COMMON(name, 2, doc, equals, edges),                                                       \
        FLAT,                                                                                      \
        .samples = { "2,3 2,3", "2,3 3", "2,1,3@i0..2 4,1@i0..2", "()@b 3@b", "2,0 1",             \
                     "3@=0,1,2 3@=1,1,1", "4@=nan,0,inf,0 4@=nan,nan,inf,0" },                     \
        .bad = { "2,3 2", "2,3@i0..3 3" },                                                         \
    };                                                                                             \
    APPLY(name)

#define FAMILY(title)
#include "autograd/ops/binary.def"
