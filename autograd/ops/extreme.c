// SPDX-License-Identifier: MIT
/* extreme.c: max, min and argmax over axes. NaN beats everything and the first of equals wins;
   equals share the gradient evenly, by a mask that is itself a constant, so the rules hold for any
   order. */
#include "autograd/ops/reduce.h"

static bool infer(const wg_call *c, wg_spec *out) {
    if (!wg__reduce_infer(c, out, wg_call_dtype(c, 0))) return false;
    if (wg__reduced_length(c) > 0) return true;
    return wg_call_fail(c, WG_ERROR_SHAPE, "there is none among 0 elements");
}

static bool infer_argmax(const wg_call *c, wg_spec *out) {
    const wg__reduce_attr *attr = c->attr;
    if (attr->all || attr->axes.rank != 1)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "one axis is wanted, not %d", attr->axes.rank);
    if (!infer(c, out)) return false;
    out->dtype = WG_I64;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The best of `best` and, after it, n more: the first that none beats, or the first NaN. */
typedef const void *best_loop(const void *best, const void *run, int64_t n, int64_t step);

#define BEST_LOOP(loop, type, beats)                                                               \
    static const void *loop(const void *so_far, const void *run, int64_t n, int64_t step) {        \
        const type *best = so_far, *x = run;                                                       \
        for (int64_t k = 0; k < n && *best == *best; k++)                                          \
            if (x[k * step] beats * best || x[k * step] != x[k * step]) best = x + k * step;       \
        return best;                                                                               \
    }
#define BEST_LOOPS(dtype, type)                                                                    \
    BEST_LOOP(most_##dtype, type, >)                                                               \
    BEST_LOOP(least_##dtype, type, <)
BEST_LOOPS(f32, float)
BEST_LOOPS(f64, double)
BEST_LOOPS(i32, int32_t)
BEST_LOOPS(i64, int64_t)
BEST_LOOPS(u8, uint8_t)

#define EACH_DTYPE(loop)                                                                           \
    { loop##_f32, loop##_f64, loop##_i32, loop##_i64, loop##_u8, loop##_u8 }
static best_loop *const most[WG_DTYPES] = EACH_DTYPE(most);
static best_loop *const least[WG_DTYPES] = EACH_DTYPE(least);

static const void *best_of_line(best_loop *loop, const wg__lines *l, const wg_view *x,
                                int64_t line_at) {
    int64_t run = wg__inner_dim(&l->cut), step = wg__inner_step(&l->cut, 0);
    const void *best = wg__at(x, line_at);
    for (int64_t from = 0; from < l->length; from += run) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l->cut, from, at);
        best = loop(best, wg__at(x, line_at + at[0]), run, step);
    }
    return best;
}

static bool max_or_min(const wg_call *c, const wg_view *x, wg_view *out, best_loop *loop) {
    wg__lines l = wg__lines_of(&x, 1, (unsigned)wg__reduced(c));
    for (int64_t k = 0; k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        memcpy(wg__at(out, k), best_of_line(loop, &l, x, at[0]), wg__size_of(x->dtype));
    }
    return true;
}

static bool max_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return max_or_min(c, in[0], out, most[in[0]->dtype]);
}

static bool min_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    return max_or_min(c, in[0], out, least[in[0]->dtype]);
}

static bool argmax_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_view *x = in[0];
    wg__lines l = wg__lines_of(in, 1, (unsigned)wg__reduced(c));
    int64_t step = wg__inner_step(&l.cut, 0) * (int64_t)wg__size_of(x->dtype), *index = out->data;
    for (int64_t k = 0; k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        const char *best = best_of_line(most[x->dtype], &l, x, at[0]);
        index[k] = step == 0 ? 0 : (best - wg__at(x, at[0])) / step;
    }
    return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *slope(const wg_call *c) {  // 1 / how many are equal to it, 0 elsewhere
    wg_tensor *equal = wg_eq(c->in[0], wg__reduce_as_kept(c, c->out));
    wg_tensor *mask = wg_cast(equal, wg_dtype_of(c->in[0]));
    return wg_div(mask, wg__reduce_kept(c, &wg__op_sum, mask));
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

static double complex plain_max(const wg_call *c, int64_t n, const double complex *z) {
    (void)c;
    return z[plain_place(n, z, 1)];
}

static double complex plain_min(const wg_call *c, int64_t n, const double complex *z) {
    (void)c;
    return z[plain_place(n, z, -1)];
}

static double complex plain_argmax(const wg_call *c, int64_t n, const double complex *z) {
    (void)c;
    return (double)plain_place(n, z, 1);
}

WG__REDUCE_REFERENCE(max, plain_max)
WG__REDUCE_REFERENCE(min, plain_min)
WG__REDUCE_REFERENCE(argmax, plain_argmax)

/* ---- records --------------------------------------------------------------------------------- */

static const wg_attr attrs[] = { WG__REDUCE_ATTR(axes, WG_ATTR_LIST),
                                 WG__REDUCE_ATTR(all, WG_ATTR_BOOL),
                                 WG__REDUCE_ATTR(keepdim, WG_ATTR_BOOL),
                                 { .name = NULL } };
static const wg_attr argmax_attrs[] = { WG__REDUCE_ATTR(axes, WG_ATTR_LIST),
                                        WG__REDUCE_ATTR(keepdim, WG_ATTR_BOOL),
                                        { .name = NULL } };

#define COMMON(opname, doc_line)                                                                   \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .inputs = 1,                               \
    .attr_size = sizeof(wg__reduce_attr), .forward = opname##_forward,                             \
    .reference = opname##_reference
#define EXTREME                                                                                    \
    .attrs = attrs, .infer = infer, .vjp = extreme_vjp, .jvp = extreme_jvp,                        \
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT, .tie = WG_TIE_EVEN,                                    \
    .samples = { "2,3 | all=1",        "2,3 | axes=0", "2,3 | axes=-1 keepdim=1",                  \
                 "3,2,4 | axes=2,0",   "2,3",          "() | all=1",                               \
                 "2,1,3 | axes=1",     "0,3 | axes=1", "3,150 | axes=1",                           \
                 "2,3@i0..4 | axes=1", "4@b | axes=0", "2,3@=1,1,0,0,1,0 | axes=1" },              \
    .bad = { "2,3 | axes=2", "2,3 | axes=-3", "2,3 | axes=0,0", "2,3 | axes=1,-1",                 \
             "2,0 | axes=1", "0 | all=1",     "() | axes=0" }

WG__DEFINE_OP(max) = { COMMON(max, "the largest over axes; NaN if any is"), EXTREME };
WG__DEFINE_OP(min) = { COMMON(min, "the smallest over axes; NaN if any is"), EXTREME };

WG__DEFINE_OP(argmax) = {
    COMMON(argmax, "place of the first largest along an axis, or of the first NaN; i64"),
    .attrs = argmax_attrs,
    .infer = infer_argmax,
    .flags = WG_OP_ZERO_GRADIENT,
    .saves = WG_SAVES_NOTHING,
    .samples = { "2,3 | axes=0", "2,3 | axes=-1 keepdim=1", "3,2,4 | axes=1", "5 | axes=0",
                 "2,1,3 | axes=1", "0,3 | axes=1", "2,6@i0..2 | axes=1", "4@b | axes=0" },
    .bad = { "2,3 | axes=2", "2,3 | axes=0,1", "2,3", "2,0 | axes=1", "() | axes=0" },
};

/* ---- the public functions -------------------------------------------------------------------- */

wg_tensor *wg_max(wg_tensor *x) { return wg__reduce_all(&wg__op_max, x); }
wg_tensor *wg_min(wg_tensor *x) { return wg__reduce_all(&wg__op_min, x); }

wg_tensor *wg_max_axes(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_max, x, axes, keepdim);
}
wg_tensor *wg_min_axes(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_min, x, axes, keepdim);
}

wg_tensor *wg_argmax(wg_tensor *x, int axis, bool keepdim) {
    return wg__reduce_axes(&wg__op_argmax, x, WG_AXES(axis), keepdim);
}
