// SPDX-License-Identifier: MIT
/* extreme.c: max, min, argmax and argmin over axes. NaN beats everything and the first of equals
   wins; equals share the gradient evenly, by a mask that is itself a constant, so the rules hold
   for any order. */
#include "autograd/ops/reduce.h"
#include "tensor/kernels/kernels.h"

static bool infer(const wg_call *c, wg_spec *out) {
    if (!wg__reduce_infer(c, out, wg_call_dtype(c, 0))) return false;
    if (wg__reduced_length(c) > 0) return true;
    return wg_call_fail(c, WG_ERROR_SHAPE, "there is none among 0 elements");
}

static bool infer_place(const wg_call *c, wg_spec *out) {
    const wg__reduce_attr *attr = c->attr;
    if (attr->all || attr->axes.rank != 1)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "one axis is wanted, not %d", attr->axes.rank);
    if (!infer(c, out)) return false;
    out->dtype = WG_I64;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

#define EACH_DTYPE(loop) loop##_f32, loop##_f64, loop##_i32, loop##_i64, loop##_u8, loop##_u8

static void take_first(const wg_call *c, const wg_view *x, wg_view *out) {
    wg_view y = wg__reduce_paired(c, out), first = *x;
    first.shape = y.shape;
    wg__copy_view(&y, &first);
}
#define REAL_LOOP(loop, type, beats)                                                               \
    WG__FOLD_LOOP(loop, type, type, 16, b beats a || b != b ? b : a)
#define WHOLE_LOOP(loop, type, beats) WG__FOLD_LOOP(loop, type, type, 16, b beats a ? b : a)
#define VALUES(opname, beats)                                                                      \
    REAL_LOOP(opname##_f32, float, beats)                                                          \
    REAL_LOOP(opname##_f64, double, beats)                                                         \
    WHOLE_LOOP(opname##_i32, int32_t, beats)                                                       \
    WHOLE_LOOP(opname##_i64, int64_t, beats)                                                       \
    WHOLE_LOOP(opname##_u8, uint8_t, beats)                                                        \
    static bool opname##_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {      \
        static wg_loop *const loop[WG_DTYPES] = { EACH_DTYPE(opname) };                            \
        take_first(c, in[0], out);                                                                 \
        wg__reduce_fold(c, in[0], out, loop[in[0]->dtype]);                                        \
        return true;                                                                               \
    }
VALUES(max, >)
VALUES(min, <)

/* ---- places ---------------------------------------------------------------------------------- */

// Place of the first that none beats, or of the first NaN.
typedef int64_t best_loop(int64_t n, const void *line, int64_t step);

#define BEST_LOOP(loop, type, beats)                                                               \
    static int64_t loop(int64_t n, const void *line, int64_t step) {                               \
        const type *x = line, *best = x;                                                           \
        int64_t place = 0;                                                                         \
        for (int64_t k = 1; k < n && *best == *best; k++) {                                        \
            const type *next = x + k * step;                                                       \
            if (*next beats * best || *next != *next) best = next, place = k;                      \
        }                                                                                          \
        return place;                                                                              \
    }
#define BEST_LOOPS(dtype, type)                                                                    \
    BEST_LOOP(most_##dtype, type, >)                                                               \
    BEST_LOOP(least_##dtype, type, <)
BEST_LOOPS(f32, float)
BEST_LOOPS(f64, double)
BEST_LOOPS(i32, int32_t)
BEST_LOOPS(i64, int64_t)
BEST_LOOPS(u8, uint8_t)

static best_loop *const most[WG_DTYPES] = { EACH_DTYPE(most) };
static best_loop *const least[WG_DTYPES] = { EACH_DTYPE(least) };

static bool places(const wg_call *c, const wg_view *x, wg_view *out, best_loop *loop) {
    wg__lines l = wg__lines_of(&x, 1, (unsigned)wg__reduced(c));
    int64_t *place = out->data;
    for (int64_t k = 0; k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        place[k] = loop(l.length, wg__at(x, at[0]), wg__inner_step(&l.cut, 0));
    }
    return true;
}

static bool argmax_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return places(c, in[0], out, most[in[0]->dtype]);
}
static bool argmin_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return places(c, in[0], out, least[in[0]->dtype]);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *slope(const wg_call *c) {  // 1 / how many are equal to it, 0 elsewhere
    return wg__reduce_shares(c, wg_eq(c->in[0], wg__reduce_as_kept(c, c->out)));
}
WG__REDUCE_RULES(extreme, slope)

/* ---- references ------------------------------------------------------------------------------ */

// Place of the first z whose real part, times `sign`, none exceeds; or of the first NaN.
static int64_t plain_place(int64_t n, const double complex *z, double sign) {
    int64_t best = 0;
    for (int64_t k = 1; k < n && !isnan(creal(z[best])); k++)
        if (sign * creal(z[k]) > sign * creal(z[best]) || isnan(creal(z[k]))) best = k;
    return best;
}

#define REFERENCE(name, value)                                                                     \
    static double complex plain_##name(const wg_call *c, int64_t n, const double complex *z) {     \
        (void)c;                                                                                   \
        return (value);                                                                            \
    }                                                                                              \
    WG__REDUCE_REFERENCE(name, plain_##name)
REFERENCE(max, z[plain_place(n, z, 1)])
REFERENCE(min, z[plain_place(n, z, -1)])
REFERENCE(argmax, (double)plain_place(n, z, 1))
REFERENCE(argmin, (double)plain_place(n, z, -1))

/* ---- records --------------------------------------------------------------------------------- */

static const wg_attr place_attrs[] = { WG__REDUCE_ATTR(axes, WG_ATTR_LIST, axes),
                                       WG__REDUCE_ATTR(keepdim, WG_ATTR_BOOL, keepdim),
                                       { .name = NULL } };

#define EXTREME(opname)                                                                            \
    WG__REDUCE_COMMON(opname),                                                                     \
        .forward = opname##_forward, .attrs = wg__reduce_attrs, .infer = infer,                    \
        .vjp = extreme_vjp, .jvp = extreme_jvp, .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,            \
        .tie = WG_TIE_EVEN, .derivative = "dx = gy where x = y, in equal shares; else 0",          \
        .edges = "an error of nothing; the first NaN if there is one, with slope NaN",             \
        .samples = { WG__REDUCE_SAMPLES, "2,3@i0..4 | axes=1", "4@b | axes=0",                     \
                     "2,3@=1,1,0,0,1,0 | axes=1" },                                                \
        .bad = { WG__REDUCE_BAD, "2,0 | axes=1", "0 | all=1" }
#define PLACE(opname)                                                                              \
    WG__REDUCE_COMMON(opname),                                                                     \
        .forward = opname##_forward, .attrs = place_attrs, .infer = infer_place,                   \
        .flags = WG_OP_ZERO_GRADIENT, .saves = WG_SAVES_NOTHING,                                   \
        .edges = "the first of equals, and the first NaN if there is one; an error of nothing",    \
        .samples = { "2,3 | axes=0",       "2,3 | axes=-1 keepdim=1",                              \
                     "3,2,4 | axes=1",     "5 | axes=0",                                           \
                     "2,1,3 | axes=1",     "0,3 | axes=1",                                         \
                     "2,6@i0..2 | axes=1", "4@b | axes=0" },                                       \
        .bad = { "2,3 | axes=2", "2,3 | axes=0,1", "2,3", "2,0 | axes=1", "() | axes=0" }

WG__DEFINE_OP(max) = {
    EXTREME(max),
    .doc = "the largest x over axes; NaN if any is",
    .equals = "torch.amax, np.max; torch.max(x, dim) gives its gradient to one of equals",
};
WG__DEFINE_OP(min) = {
    EXTREME(min),
    .doc = "the smallest x over axes; NaN if any is",
    .equals = "torch.amin, np.min; torch.min(x, dim) gives its gradient to one of equals",
};
WG__DEFINE_OP(argmax) = {
    PLACE(argmax),
    .doc = "place of the first largest x along an axis, or of the first NaN; i64",
    .equals = "torch.argmax, np.argmax",
};
WG__DEFINE_OP(argmin) = {
    PLACE(argmin),
    .doc = "place of the first smallest x along an axis, or of the first NaN; i64",
    .equals = "torch.argmin, np.argmin",
};

/* ---- the public functions -------------------------------------------------------------------- */

WG__REDUCE_FUNCTIONS(max)
WG__REDUCE_FUNCTIONS(min)

wg_tensor *wg_amax(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg_max_axes(x, axes, keepdim);
}
wg_tensor *wg_amin(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg_min_axes(x, axes, keepdim);
}

wg_tensor *wg_argmax(wg_tensor *x, int axis, bool keepdim) {
    return wg__reduce_axes(&wg__op_argmax, x, WG_AXES(axis), keepdim);
}
wg_tensor *wg_argmin(wg_tensor *x, int axis, bool keepdim) {
    return wg__reduce_axes(&wg__op_argmin, x, WG_AXES(axis), keepdim);
}
