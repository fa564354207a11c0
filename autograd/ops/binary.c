// SPDX-License-Identifier: MIT
/* binary.c: the rows of binary.def become loops, rules, records and functions. */
#include <tgmath.h>

#include "autograd/ops/ops_impl.h"

/* ---- what some rows are too long for --------------------------------------------------------- */

// 1 where a > b, 1/2 where they are equal: ties share the gradient evenly.
static wg_tensor *share_of_greater(wg_tensor *a, wg_tensor *b) {
    wg_dtype dtype = wg_dtype_of(a->number ? b : a);
    wg_tensor *greater = wg_cast(wg_gt(a, b), dtype), *at_least = wg_cast(wg_ge(a, b), dtype);
    return wg_mul(wg_num(0.5), wg_add(greater, at_least));
}

// cpow takes a logarithm, which is not real for a negative base; whole exponents need none.
static double complex complex_pow(double complex z, double complex w) {
    double n = creal(w);
    if (cimag(w) != 0 || n != floor(n) || fabs(n) > 64) return cexp(w * clog(z));
    double complex y = 1;
    for (int k = 0; k < fabs(n); k++) y *= z;
    return n < 0 ? 1 / y : y;
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
    for (int i = 0; i < 2; i++)
        if (dx[i]) dy = wg_add_maybe(dy, times(dx[i], slope(c, i)));
    const wg_shape *full = &c->out->view.shape;
    return !dy || wg__shape_equal(full, &dy->view.shape) ? dy : wg_expand(dy, *full);
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

/* ---- the rows -------------------------------------------------------------------------------- */

#define SAVES_A WG_SAVES_IN(0)
#define SAVES_B WG_SAVES_IN(1)
#define SAVES_AB (WG_SAVES_IN(0) | WG_SAVES_IN(1))
#define SAVES_BY (WG_SAVES_IN(1) | WG_SAVES_OUT)
#define SAVES_ABY (WG_SAVES_IN(0) | WG_SAVES_IN(1) | WG_SAVES_OUT)
#define SAVES_NOTHING WG_SAVES_NOTHING

#define REFERENCE(name)                                                                            \
    static bool name##_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {           \
        return reference(c, in, out, name##_plain);                                                \
    }
typedef double complex plain_of(double complex za, double complex zb);

static bool reference(const wg_call *c, const wg_zview in[], wg_zview *out, plain_of *plain) {
    (void)c;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = plain(wg__broadcast_at(&in[0], &out->shape, k),
                             wg__broadcast_at(&in[1], &out->shape, k));
    return true;
}

#define BINARY(opname, doc_line, value, slope_a, slope_b, plain, what, which, sample_a, sample_b)  \
    BINARY_LOOP(opname##_f32, float, float, value)                                                 \
    BINARY_LOOP(opname##_f64, double, double, value)                                               \
    static const wg_map opname##_map = { .forward = { opname##_f32, opname##_f64 } };              \
    static wg_tensor *opname##_slope(const wg_call *c, int i) {                                    \
        wg_tensor *a = c->in[0], *b = c->in[1], *y = c->out;                                       \
        (void)a, (void)b, (void)y;                                                                 \
        return i == 0 ? (slope_a) : (slope_b);                                                     \
    }                                                                                              \
    static wg_tensor *opname##_vjp(const wg_call *c, wg_tensor *gy, int i) {                       \
        return reverse(c, gy, i, opname##_slope);                                                  \
    }                                                                                              \
    static wg_tensor *opname##_jvp(const wg_call *c, wg_tensor *const dx[]) {                      \
        return forward(c, dx, opname##_slope);                                                     \
    }                                                                                              \
    static double complex opname##_plain(double complex za, double complex zb) { return (plain); } \
    REFERENCE(opname)                                                                              \
    WG__DEFINE_OP(opname) = {                                                                      \
        .abi = WG_OP_ABI,                                                                          \
        .name = #opname,                                                                           \
        .doc = doc_line,                                                                           \
        .inputs = 2,                                                                               \
        .map = &opname##_map,                                                                      \
        .saves = SAVES_##what,                                                                     \
        .tie = WG_TIE_##which,                                                                     \
        .vjp = opname##_vjp,                                                                       \
        .jvp = opname##_jvp,                                                                       \
        .reference = opname##_reference,                                                           \
        .samples = { "2,3" sample_a " 2,3" sample_b, "2,3" sample_a " 3" sample_b,                 \
                     "()" sample_a " 2" sample_b, "2,1,3" sample_a " 4,1" sample_b,                \
                     "()" sample_a " ()" sample_b, "2,0" sample_a " 1" sample_b,                   \
                     "3" sample_a " 1" sample_b },                                                 \
        .bad = { "2,3 2", "3 4", "2,3@i0..3 3", "2 2@b" },                                         \
    };                                                                                             \
    wg_tensor *wg_##opname(wg_tensor *a, wg_tensor *b) {                                           \
        return wg__op2(&wg__op_##opname, a, b, NULL);                                              \
    }

#define COMPARE(opname, doc_line, value)                                                           \
    BINARY_LOOP(opname##_f32, float, uint8_t, value)                                               \
    BINARY_LOOP(opname##_f64, double, uint8_t, value)                                              \
    BINARY_LOOP(opname##_i32, int32_t, uint8_t, value)                                             \
    BINARY_LOOP(opname##_i64, int64_t, uint8_t, value)                                             \
    BINARY_LOOP(opname##_u8, uint8_t, uint8_t, value)                                              \
    static const wg_map opname##_map = { .forward = { opname##_f32, opname##_f64, opname##_i32,    \
                                                      opname##_i64, opname##_u8, opname##_u8 },    \
                                         .predicate = true };                                      \
    static double complex opname##_plain(double complex za, double complex zb) {                   \
        const double a = creal(za), b = creal(zb);                                                 \
        return value;                                                                              \
    }                                                                                              \
    REFERENCE(opname)                                                                              \
    WG__DEFINE_OP(opname) = {                                                                      \
        .abi = WG_OP_ABI,                                                                          \
        .name = #opname,                                                                           \
        .doc = doc_line,                                                                           \
        .inputs = 2,                                                                               \
        .flags = WG_OP_ZERO_GRADIENT,                                                              \
        .saves = WG_SAVES_NOTHING,                                                                 \
        .map = &opname##_map,                                                                      \
        .reference = opname##_reference,                                                           \
        .samples = { "2,3 2,3", "2,3 3", "2,1,3@i0..2 4,1@i0..2", "()@b 3@b",                      \
                     "3@=0,1,2 3@=1,1,1" },                                                        \
        .bad = { "2,3 2", "2,3@i0..3 3" },                                                         \
    };                                                                                             \
    wg_tensor *wg_##opname(wg_tensor *a, wg_tensor *b) {                                           \
        return wg__op2(&wg__op_##opname, a, b, NULL);                                              \
    }

#include "autograd/ops/binary.def"
