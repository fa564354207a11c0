// SPDX-License-Identifier: MIT
/* reduce.c: sum, mean, var and logsumexp over all axes, some, or none, and what all reductions
   share. */
#include <float.h>

#include "autograd/ops/reduce.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/rows.h"

/* ---- which axes, which shape ----------------------------------------------------------------- */

int wg__reduced(const wg_call *c) {
    const wg__reduce_attr *attr = c->attr;
    int rank = wg_call_rank(c, 0), bits = 0;
    if (attr->all) return (1 << rank) - 1;
    if (attr->axes.rank < 0 || attr->axes.rank > WG_MAX_RANK) {
        wg_call_fail(c, WG_ERROR_ARGUMENT, "%d axes are listed", attr->axes.rank);
        return -1;
    }
    for (int i = 0; i < attr->axes.rank; i++) {
        int axis = wg_call_axis(c, attr->axes.dim[i], rank);
        if (axis < 0) return -1;
        if (bits >> axis & 1) {
            wg_call_fail(c, WG_ERROR_ARGUMENT, "axis %d is listed twice", axis);
            return -1;
        }
        bits |= 1 << axis;
    }
    return bits;
}

static wg_shape kept_shape(const wg_call *c) {  // x's rank, 1 for each axis that goes
    wg_shape shape = wg_shape_of(c->in[0]);
    int bits = wg__reduced(c);
    for (int i = 0; i < shape.rank; i++)
        if (bits >> i & 1) shape.dim[i] = 1;
    return shape;
}

int64_t wg__reduced_length(const wg_call *c) {
    wg_shape x = wg_shape_of(c->in[0]);
    int bits = wg__reduced(c);
    int64_t n = 1;
    for (int i = 0; i < x.rank; i++)
        if (bits >> i & 1) n *= x.dim[i];
    return n;
}

bool wg__reduce_infer(const wg_call *c, wg_spec *out, wg_dtype dtype) {
    int bits = wg__reduced(c);
    if (bits < 0) return false;
    wg_shape kept = kept_shape(c), shape = { .rank = 0 };
    for (int i = 0; i < kept.rank; i++)
        if (!(bits >> i & 1)) shape.dim[shape.rank++] = kept.dim[i];
    return wg_spec_set(out, dtype, ((const wg__reduce_attr *)c->attr)->keepdim ? kept : shape);
}

static bool infer_sum(const wg_call *c, wg_spec *out) {
    wg_dtype dtype = wg_call_dtype(c, 0);
    if (dtype == WG_U8 || dtype == WG_BOOL)
        return wg_call_fail(c, WG_ERROR_DTYPE, "a sum of %s would not fit; use wg_cast first",
                            wg_dtype_name(dtype));
    return wg__reduce_infer(c, out, dtype);
}

static bool infer_float(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && wg__reduce_infer(c, out, wg_call_dtype(c, 0));
}

static bool infer_var(const wg_call *c, wg_spec *out) {
    double correction = ((const wg__reduce_attr *)c->attr)->correction;
    if (!isfinite(correction))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "the correction %g is not finite", correction);
    return infer_float(c, out);
}

/* ---- values ---------------------------------------------------------------------------------- */

// The result in x's rank, so that axes pair up.
static wg_view paired(const wg_call *c, const wg_view *out) {
    wg_view y = { .data = out->data, .dtype = out->dtype, .shape = kept_shape(c) };
    wg__contiguous_strides(&y);
    return y;
}

static bool sum_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_view y = paired(c, out);
    wg__reduce_sum(&y, in[0]);
    return true;
}

static void divide(wg_view *y, double by) {
    int64_t count = wg__numel(&y->shape);
    float *f32 = y->data;
    double *f64 = y->data;
    if (y->dtype == WG_F32)
        for (int64_t k = 0; k < count; k++) f32[k] = (float)(f32[k] / by);
    else
        for (int64_t k = 0; k < count; k++) f64[k] /= by;
}

static bool mean_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    sum_forward(c, in, out);
    divide(out, (double)wg__reduced_length(c));
    return true;
}

#define SQUARE_LOOP(loop, real)                                                                    \
    static void loop(int64_t n, void *const p[], const int64_t step[], const double *param) {      \
        (void)param;                                                                               \
        real *y = p[0];                                                                            \
        const real *x = p[1], *mean = p[2];                                                        \
        for (int64_t k = 0; k < n; k++) {                                                          \
            real off = x[k * step[1]] - mean[k * step[2]];                                         \
            y[k * step[0]] = off * off;                                                            \
        }                                                                                          \
    }
SQUARE_LOOP(square_f32, float)
SQUARE_LOOP(square_f64, double)

static double freedom(const wg_call *c) {  // n - correction, but not below 0, as in NumPy
    return fmax((double)wg__reduced_length(c) - ((const wg__reduce_attr *)c->attr)->correction, 0);
}

// Two passes: the mean stands in `out` until the squares have been taken.
static bool var_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_view y = paired(c, out), square = { .dtype = out->dtype, .shape = in[0]->shape };
    wg__contiguous_strides(&square);
    mean_forward(c, in, out);
    square.data = wg__alloc((size_t)wg__numel(&square.shape) * wg__size_of(square.dtype));
    if (!square.data) return false;
    wg__map(out->dtype == WG_F32 ? square_f32 : square_f64,
            (const wg_view *[]){ &square, in[0], &y }, 3, NULL);
    wg__reduce_sum(&y, &square);
    wg__free(square.data);
    divide(out, freedom(c));
    return true;
}

// Shifted by the largest element where that is finite; where it is not, exp and log know what to
// do.
static bool logsumexp_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg__lines l = wg__lines_of(in, 1, (unsigned)wg__reduced(c));
    const wg__rows *row = &wg__row_loops[in[0]->dtype];
    size_t size = wg__size_of(in[0]->dtype);
    wg__room room;
    void *gathered = wg__room_open(&room, l.length, size);
    for (int64_t k = 0; gathered && k < l.count; k++) {
        int64_t at[WG__LINE_ARRAYS];
        wg__axes_at(&l.kept, k, at);
        wg__line line = { wg__at(in[0], at[0]), &l.cut, 0, size };
        const void *x = wg__line_run(&line, 0, l.length, gathered);
        double most = row->max(l.length, x), shift = isfinite(most) ? most : 0;
        wg__store(out->dtype, wg__at(out, k), shift + log(row->sum_exp(l.length, x, shift)));
    }
    wg__room_close(&room);
    return gathered != NULL;
}

/* ---- rules ----------------------------------------------------------------------------------- */

wg_tensor *wg__reduce_as_kept(const wg_call *c, wg_tensor *y) {
    wg_shape have = wg_shape_of(y), want = kept_shape(c);
    return wg__shape_equal(&have, &want) ? y : wg_reshape(y, want);
}

wg_tensor *wg__reduce_sum_along(const wg_call *c, wg_tensor *x) {
    return wg__op1(&wg__op_sum, x, c->attr);
}

wg_tensor *wg__reduce_kept(const wg_call *c, const wg_op *op, wg_tensor *x) {
    wg__reduce_attr attr = *(const wg__reduce_attr *)c->attr;
    attr.keepdim = true;
    return wg__op1(op, x, &attr);
}

static wg_tensor *sum_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_expand(wg__reduce_as_kept(c, gy), wg_shape_of(c->in[0]));
}

static wg_tensor *mean_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return sum_vjp(c, wg_div(gy, wg_num((double)wg__reduced_length(c))), i);
}

static wg_tensor *var_slope(const wg_call *c) {  // 2 (x - mean) / (n - correction)
    wg_tensor *off = wg_sub(c->in[0], wg__reduce_kept(c, &wg__op_mean, c->in[0]));
    return wg_mul(off, wg_num(2 / freedom(c)));
}

// exp(x - y), a softmax. Where y is -inf so is x, and a finite bound in the place of y makes this
// 0.
static wg_tensor *logsumexp_slope(const wg_call *c) {
    double lowest = wg_dtype_of(c->in[0]) == WG_F32 ? -(double)FLT_MAX : -DBL_MAX;
    wg_tensor *y = wg_clamp(wg__reduce_as_kept(c, c->out), lowest, INFINITY);
    return wg_exp(wg_sub(c->in[0], y));
}

WG__REDUCE_RULES(var, var_slope)
WG__REDUCE_RULES(logsumexp, logsumexp_slope)

/* ---- references ------------------------------------------------------------------------------ */

// Copies out, in C order, the elements of x that go into element k of the result.
static void plain_gather(const wg_zview *x, int bits, int64_t k, double complex *line) {
    int64_t count = wg__numel(&x->shape);
    for (int64_t flat = 0; flat < count; flat++) {
        int64_t rest = flat, place = 0, width = 1;
        for (int i = x->shape.rank - 1; i >= 0; i--) {
            int64_t dim = x->shape.dim[i], index = rest % dim;
            rest /= dim;
            if (bits >> i & 1) continue;
            place += index * width;
            width *= dim;
        }
        if (place == k) *line++ = x->data[flat];
    }
}

bool wg__reduce_reference(const wg_call *c, const wg_zview *x, wg_zview *out,
                          wg__plain_line *plain) {
    int64_t n = wg__reduced_length(c), count = wg__numel(&out->shape);
    double complex *line = wg__alloc((size_t)n * sizeof *line);
    for (int64_t k = 0; line && k < count; k++) {
        plain_gather(x, wg__reduced(c), k, line);
        out->data[k] = plain(c, n, line);
    }
    wg__free(line);
    return line != NULL;
}

static double complex plain_sum(const wg_call *c, int64_t n, const double complex *z) {
    double complex sum = 0;
    (void)c;
    for (int64_t k = 0; k < n; k++) sum += z[k];
    return sum;
}

static double complex plain_mean(const wg_call *c, int64_t n, const double complex *z) {
    return plain_sum(c, n, z) / (double)n;
}

static double complex plain_var(const wg_call *c, int64_t n, const double complex *z) {
    double complex mean = plain_mean(c, n, z), sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (z[k] - mean) * (z[k] - mean);
    return sum / freedom(c);
}

static double complex plain_logsumexp(const wg_call *c, int64_t n, const double complex *z) {
    double most = -DBL_MAX;
    double complex sum = 0;
    (void)c;
    for (int64_t k = 0; k < n; k++) most = fmax(most, creal(z[k]));
    for (int64_t k = 0; k < n; k++) sum += cexp(z[k] - most);
    return most + clog(sum);
}

WG__REDUCE_REFERENCE(sum, plain_sum)
WG__REDUCE_REFERENCE(mean, plain_mean)
WG__REDUCE_REFERENCE(var, plain_var)
WG__REDUCE_REFERENCE(logsumexp, plain_logsumexp)

/* ---- records --------------------------------------------------------------------------------- */

#define AXES_ATTRS                                                                                 \
    WG__REDUCE_ATTR(axes, WG_ATTR_LIST), WG__REDUCE_ATTR(all, WG_ATTR_BOOL),                       \
        WG__REDUCE_ATTR(keepdim, WG_ATTR_BOOL)
static const wg_attr reduce_attrs[] = { AXES_ATTRS, { .name = NULL } };
static const wg_attr var_attrs[] = { AXES_ATTRS,
                                     WG__REDUCE_ATTR(correction, WG_ATTR_REAL),
                                     { .name = NULL } };

#define COMMON(opname, doc_line)                                                                   \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .inputs = 1,                               \
    .attr_size = sizeof(wg__reduce_attr), .forward = opname##_forward, .vjp = opname##_vjp,        \
    .reference = opname##_reference
#define SAMPLES                                                                                    \
    "2,3 | all=1", "2,3 | axes=0", "2,3 | axes=-1 keepdim=1", "3,2,4 | axes=2,0",                  \
        "2,3,2 | axes=1 keepdim=1", "2,3", "() | all=1", "2,1,3 | axes=1", "0,3 | axes=1",         \
        "3,150 | axes=1"
#define BAD "2,3 | axes=2", "2,3 | axes=-3", "2,3 | axes=0,0", "2,3 | axes=1,-1", "() | axes=0"

WG__DEFINE_OP(sum) = {
    COMMON(sum, "sum over axes, in pairs"),
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attrs = reduce_attrs,
    .infer = infer_sum,
    .jvp = wg_op_jvp_linear,
    .samples = { SAMPLES, "2,0 | axes=1", "2,3@i-4..4 | axes=1" },
    .bad = { BAD, "3@b | all=1" },
};

WG__DEFINE_OP(mean) = {
    COMMON(mean, "sum / n over axes; NaN of nothing"),
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attrs = reduce_attrs,
    .infer = infer_float,
    .jvp = wg_op_jvp_linear,
    .samples = { SAMPLES },
    .bad = { BAD, "3@b | all=1", "3@i0..4 | all=1" },
};

WG__DEFINE_OP(var) = {
    COMMON(var, "sum (x - mean)^2 / max(n - correction, 0) over axes, in two passes"),
    .saves = WG_SAVES_IN(0),
    .attrs = var_attrs,
    .infer = infer_var,
    .jvp = var_jvp,
    .samples = { "2,3 | all=1", "2,3 | axes=0 correction=1", "2,3 | axes=-1 keepdim=1",
                 "3,2,4 | axes=2,0 correction=0.5", "2,3", "() | all=1", "2,1,3 | axes=1",
                 "2,4 | axes=1 correction=2", "0,3 | axes=1", "3,150 | axes=1 correction=1" },
    .bad = { BAD, "3@b | all=1", "3@i0..4 | all=1" },
};

WG__DEFINE_OP(logsumexp) = {
    COMMON(logsumexp, "log sum exp(x) over axes, stable; -inf of nothing"),
    .saves = WG_SAVES_IN(0) | WG_SAVES_OUT,
    .attrs = reduce_attrs,
    .infer = infer_float,
    .jvp = logsumexp_jvp,
    .samples = { SAMPLES, "2,33@-30..30 | axes=1", "300,2 | axes=0" },
    .bad = { BAD, "3@b | all=1", "3@i0..4 | all=1" },
};

/* ---- the public functions -------------------------------------------------------------------- */

wg_tensor *wg__reduce_all(const wg_op *op, wg_tensor *x) {
    return wg__op1(op, x, &(wg__reduce_attr){ .all = true });
}

wg_tensor *wg__reduce_axes(const wg_op *op, wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__op1(op, x, &(wg__reduce_attr){ .axes = axes, .keepdim = keepdim });
}

wg_tensor *wg_sum(wg_tensor *x) { return wg__reduce_all(&wg__op_sum, x); }
wg_tensor *wg_mean(wg_tensor *x) { return wg__reduce_all(&wg__op_mean, x); }

wg_tensor *wg_sum_axes(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_sum, x, axes, keepdim);
}
wg_tensor *wg_mean_axes(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_mean, x, axes, keepdim);
}
wg_tensor *wg_logsumexp(wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__reduce_axes(&wg__op_logsumexp, x, axes, keepdim);
}

wg_tensor *wg_var(wg_tensor *x, double correction) {
    return wg__op1(&wg__op_var, x, &(wg__reduce_attr){ .all = true, .correction = correction });
}
wg_tensor *wg_var_axes(wg_tensor *x, wg_shape axes, bool keepdim, double correction) {
    wg__reduce_attr attr = { .axes = axes, .keepdim = keepdim, .correction = correction };
    return wg__op1(&wg__op_var, x, &attr);
}
