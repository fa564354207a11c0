// SPDX-License-Identifier: MIT
/* reduce.c: what all reductions share, and the two that are linear: sum and mean. */
#include "autograd/ops/reduce.h"
#include "tensor/kernels/kernels.h"

const wg_attr wg__reduce_attrs[] = { WG__REDUCE_ATTRS, { .name = NULL } };

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

bool wg__reduce_infer_float(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && wg__reduce_infer(c, out, wg_call_dtype(c, 0));
}

bool wg__reduce_infer_total(const wg_call *c, wg_spec *out) {
    return wg__reduce_infer(c, out, wg__total_dtype(wg_call_dtype(c, 0)));
}

/* ---- values ---------------------------------------------------------------------------------- */

wg_view wg__reduce_paired(const wg_call *c, const wg_view *out) {
    wg_view y = { .data = out->data, .dtype = out->dtype, .shape = kept_shape(c) };
    wg__contiguous_strides(&y);
    return y;
}

// A map whose written array stands still along the axes that go.
void wg__reduce_fold(const wg_call *c, const wg_view *x, wg_view *out, wg_loop *loop) {
    wg_view y = wg__reduce_paired(c, out);
    y = wg__view_broadcast(&y, &x->shape);
    wg__map(loop, (const wg_view *[]){ &y, x }, 2, NULL);
}

static bool sum_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    wg_view y = wg__reduce_paired(c, out);
    wg__reduce_sum(&y, in[0]);
    return true;
}

void wg__reduce_divide(wg_view *y, double by) {
    int64_t count = wg__numel(&y->shape);
    float *f32 = y->data;
    double *f64 = y->data;
    if (y->dtype == WG_F32)
        for (int64_t k = 0; k < count; k++) f32[k] = (float)(f32[k] / by);
    else
        for (int64_t k = 0; k < count; k++) f64[k] /= by;
}

bool wg__mean_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    sum_forward(c, in, out);
    wg__reduce_divide(out, (double)wg__reduced_length(c));
    return true;
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

wg_tensor *wg__reduce_shares(const wg_call *c, wg_tensor *mask) {
    mask = wg_cast(mask, wg_dtype_of(c->in[0]));
    return wg_div(mask, wg__reduce_kept(c, &wg__op_sum, mask));
}

static wg_tensor *sum_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_expand(wg__reduce_as_kept(c, gy), wg_shape_of(c->in[0]));
}

static wg_tensor *mean_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return sum_vjp(c, wg_div(gy, wg_num((double)wg__reduced_length(c))), i);
}

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

WG__REDUCE_REFERENCE(sum, plain_sum)
WG__REDUCE_REFERENCE(mean, plain_mean)

/* ---- records and functions ------------------------------------------------------------------- */

#define LINEAR                                                                                     \
    .flags = WG_OP_LINEAR, .saves = WG_SAVES_NOTHING, .attrs = wg__reduce_attrs,                   \
    .jvp = wg_op_jvp_linear

WG__DEFINE_OP(sum) = {
    WG__REDUCE_COMMON(sum),
    LINEAR,
    .doc = "sum x over axes, in pairs (Higham 1993); integers and bool give i64",
    .derivative = "dx = gy, expanded to x's shape",
    .edges = "0 of nothing; an i64 that overflows wraps, as in NumPy and PyTorch",
    .equals = "torch.sum, np.sum",
    .infer = wg__reduce_infer_total,
    .forward = sum_forward,
    .vjp = sum_vjp,
    .samples = { WG__REDUCE_SAMPLES, "2,0 | axes=1", "2,3@i-4..4 | axes=1", "2,3@b | axes=0" },
    .bad = { WG__REDUCE_BAD },
};

WG__DEFINE_OP(mean) = {
    WG__REDUCE_COMMON(mean),
    LINEAR,
    .doc = "sum x / n over axes",
    .derivative = "dx = gy / n, expanded to x's shape",
    .edges = "NaN of nothing; integers are refused, as in PyTorch, where NumPy gives f64",
    .equals = "torch.mean, np.mean",
    .infer = wg__reduce_infer_float,
    .forward = wg__mean_forward,
    .vjp = mean_vjp,
    .samples = { WG__REDUCE_SAMPLES },
    .bad = { WG__REDUCE_BAD_FLOAT },
};

wg_tensor *wg__reduce_all(const wg_op *op, wg_tensor *x) {
    return wg__op1(op, x, &(wg__reduce_attr){ .all = true });
}

wg_tensor *wg__reduce_axes(const wg_op *op, wg_tensor *x, wg_shape axes, bool keepdim) {
    return wg__op1(op, x, &(wg__reduce_attr){ .axes = axes, .keepdim = keepdim });
}

WG__REDUCE_FUNCTIONS(sum)
WG__REDUCE_FUNCTIONS(mean)
