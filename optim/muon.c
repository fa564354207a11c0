// SPDX-License-Identifier: MIT
/* muon.c: Muon (Jordan et al. 2024): the momentum of a matrix, replaced by the nearest
   orthogonal one, about. A Newton-Schulz iteration of fifth order moves all singular values towards
   1 with nothing but products; its coefficients give up exactness for speed. */
#include <math.h>

#include "optim/optim_impl.h"
#include "tensor/kernels/kernels.h"

/* w seen as a matrix, and working memory: x like it, y for products, both with the shorter side
   first, and two squares of the shorter side. */
typedef struct muon_size {
    int64_t rows, columns, least, most;
} muon_size;

static muon_size size_of(const wg_shape *s) {
    int64_t rows = s->dim[0], columns = 1;
    for (int i = 1; i < s->rank; i++) columns *= s->dim[i];
    bool tall = rows > columns;
    return (muon_size){ rows, columns, tall ? columns : rows, tall ? rows : columns };
}

static bool prepare(const wg_optim_call *c, size_t *work) {
    if (c->shape->rank >= 2) {
        muon_size s = size_of(c->shape);
        *work = (size_t)(2 * c->n + 2 * s.least * s.least) * wg__size_of(c->dtype);
        return true;
    }
    char text[200];
    return wg_fail(WG_ERROR_SHAPE,
                   "optim_step: muon is for matrices, and \"%s\" is %s: give it a group with "
                   "another rule",
                   c->path, wg_shape_text(*c->shape, text, sizeof text));
}

static wg_view matrix(wg_dtype dtype, void *data, int64_t rows, int64_t columns) {
    wg_view v = { .dtype = dtype, .shape = WG_SHAPE(rows, columns), .data = data };
    v.stride[0] = columns;
    v.stride[1] = 1;
    return v;
}

static wg_view transposed(wg_view v) {
    wg_view t = v;
    for (int i = 0; i < 2; i++) t.shape.dim[i] = v.shape.dim[1 - i], t.stride[i] = v.stride[1 - i];
    return t;
}

/* The momentum, with the norm 1, into x. */
#define BEGIN(name, real)                                                                          \
    static void name(const wg_optim_call *c, void *to) {                                           \
        const wg_muon_options *o = c->options;                                                     \
        const real scale = (real)c->scale, keep = (real)o->momentum;                               \
        const real take = (real)(1 - o->momentum);                                                 \
        const real a = o->heavy_ball ? 0 : take, b = o->heavy_ball ? 1 : keep;                     \
        real *restrict v = c->state[0], *restrict x = to;                                          \
        const real *restrict g = c->g;                                                             \
        double sum = 0;                                                                            \
        for (int64_t k = 0; k < c->n; k++) {                                                       \
            real d = scale * g[k];                                                                 \
            v[k] = keep * v[k] + take * d;                                                         \
            x[k] = a * d + b * v[k];                                                               \
            sum += (double)x[k] * (double)x[k];                                                    \
        }                                                                                          \
        const double unit = 1 / (sqrt(sum) + 1e-7);                                                \
        for (int64_t k = 0; k < c->n; k++) x[k] = (real)((double)x[k] * unit);                     \
    }
BEGIN(begin_f32, float)
BEGIN(begin_f64, double)

/* y = a y + b x, n elements. */
#define MIX(name, real)                                                                            \
    static void name(int64_t n, void *to, const void *from, const double ab[2]) {                  \
        real *restrict y = to;                                                                     \
        const real *restrict x = from;                                                             \
        const real a = (real)ab[0], b = (real)ab[1];                                               \
        for (int64_t k = 0; k < n; k++) y[k] = a * y[k] + b * x[k];                                \
    }
MIX(mix_f32, float)
MIX(mix_f64, double)

/* x = a x + (b A + c A^2) x with A = x x', the shorter side of x being its first. */
static void iterate(const wg_optim_call *call, muon_size s, void *data) {
    static void (*const mix[WG_F64 + 1])(int64_t, void *, const void *,
                                         const double[2]) = { mix_f32, mix_f64 };
    static const double a = 3.4445, b = -4.7750, c = 2.0315;
    const wg_dtype type = call->dtype;
    size_t length = (size_t)call->n * wg__size_of(type);
    size_t square = (size_t)(s.least * s.least) * wg__size_of(type);
    char *from = data, *to = from + length;
    wg_view x = matrix(type, from, s.rows, s.columns), y = matrix(type, to, s.rows, s.columns);
    if (s.rows > s.columns) x = transposed(x), y = transposed(y);
    wg_view outer = matrix(type, to + length, s.least, s.least), poly = outer;
    poly.data = to + length + square;
    const wg_view x_transposed = transposed(x);
    wg__gemm(&outer, &x, &x_transposed, false);
    wg__gemm(&poly, &outer, &outer, false);
    mix[type](s.least * s.least, poly.data, outer.data, (double[]){ c, b });
    wg__gemm(&y, &poly, &x, false);
    mix[type](call->n, from, to, (double[]){ a, 1 });
}

static void muon(const wg_optim_call *c) {
    static void (*const begin[WG_F64 + 1])(const wg_optim_call *, void *) = { begin_f32,
                                                                              begin_f64 };
    static void (*const mix[WG_F64 + 1])(int64_t, void *, const void *,
                                         const double[2]) = { mix_f32, mix_f64 };
    const wg_muon_options *o = c->options;
    if (c->n == 0) return;
    muon_size s = size_of(c->shape);
    begin[c->dtype](c, c->work);
    for (int i = 0; i < o->iterations; i++) iterate(c, s, c->work);
    double longer = sqrt(fmax(1, (double)s.rows / (double)s.columns));
    mix[c->dtype](c->n, c->w, c->work,
                  (double[]){ 1 - c->rate * o->weight_decay, -c->rate * longer });
}

wg_optim_spec wg_muon(wg_muon_options o) {
    static const wg_optim_rule rule = {
        .name = "muon", .states = 1, .update = muon, .prepare = prepare
    };
    if (!WG__CHECK("optim_muon", { "the rate", o.rate, INFINITY }, { "momentum", o.momentum, 1 },
                   { "weight_decay", o.weight_decay, INFINITY },
                   { "iterations", o.iterations, 101 }))
        return wg__no_spec();
    o.rate = wg__or(o.rate, 0.02);
    o.momentum = wg__or(o.momentum, 0.95);
    if (o.iterations == 0) o.iterations = 5;
    return wg__optim_spec(&rule, o.rate, &o, sizeof o);
}
WG__DEFINE_OPTIMISER(muon, wg_muon_options)
