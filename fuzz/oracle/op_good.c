// SPDX-License-Identifier: MIT
/* op_good.c: records of every kind that are right: with loops, fused gradients, attributes,
   optional inputs, gradients all at once; made of others; a view. Nothing here is fast. */
#include "fuzz/oracle/op_records.h"

/* ---- shapes ---------------------------------------------------------------------------------- */

static bool same_shape(const wg_call *c, wg_spec *out) {
    wg_shape shape = wg_shape_of(c->in[0]);
    for (int i = 0; i < c->inputs; i++) {
        if (!wg_call_has(c, i)) continue;
        wg_shape other = wg_shape_of(c->in[i]);
        if (!wg_call_float(c, i)) return false;
        if (!wg__shape_equal(&shape, &other))
            return wg_call_fail(c, WG_ERROR_SHAPE, "the shapes differ");
        if (wg_call_dtype(c, i) != wg_call_dtype(c, 0))
            return wg_call_fail(c, WG_ERROR_DTYPE, "the dtypes differ");
    }
    return wg_spec_set(out, wg_call_dtype(c, 0), shape);
}

static bool scalar(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && wg_spec_set(out, wg_call_dtype(c, 0), WG_SCALAR);
}

/* ---- x^2, in three ways ---------------------------------------------------------------------- */

static bool square(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++) {
        double x = wg_view_get(in[0], k);
        wg_view_set(out, k, x * x);
    }
    return true;
}
static wg_tensor *square_slope(const wg_call *c) { return wg_mul(c->in[0], wg_num(2)); }
static wg_tensor *square_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_xmul(gy, square_slope(c));
}
static wg_tensor *square_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return wg_mul(dx[0], square_slope(c));
}
static bool square_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    const wg_view *x = wg_call_view(c, i);
    for (int64_t k = 0; k < wg_view_numel(gx); k++)
        wg_view_set(gx, k, 2 * wg_view_get(gy, k) * wg_view_get(x, k));
    return true;
}
static bool square_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    if (!wg__shape_equal(&in[0].shape, &out->shape)) return false;  // infer may lie
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = in[0].data[k] * in[0].data[k];
    return true;
}
static wg_tensor *square_twin(wg_tensor *const x[], int n) { return (void)n, wg_square(x[0]); }

static const wg_op square_op = { .abi = WG_OP_ABI,
                                 .name = "square",
                                 .doc = "x^2",
                                 .inputs = 1,
                                 .saves = WG_SAVES_IN(0),
                                 .infer = same_shape,
                                 .forward = square,
                                 .vjp = square_vjp,
                                 .jvp = square_jvp,
                                 .reference = square_reference,
                                 .samples = { "3", "2,2", "0,2" } };
static const wg_op fused_op = { .abi = WG_OP_ABI,
                                .name = "fused",
                                .doc = "x^2",
                                .inputs = 1,
                                .saves = WG_SAVES_IN(0),
                                .infer = same_shape,
                                .forward = square,
                                .vjp = square_vjp,
                                .jvp = square_jvp,
                                .backward = square_backward,
                                .samples = { "3", "()" } };

static void loop_f32(int64_t n, void *const p[], const int64_t step[], const double *param) {
    (void)param;
    float *y = p[0];
    const float *x = p[1];
    for (int64_t k = 0; k < n; k++) y[k * step[0]] = x[k * step[1]] * x[k * step[1]];
}
static void loop_f64(int64_t n, void *const p[], const int64_t step[], const double *param) {
    (void)param;
    double *y = p[0];
    const double *x = p[1];
    for (int64_t k = 0; k < n; k++) y[k * step[0]] = x[k * step[1]] * x[k * step[1]];
}
static const wg_map square_map = { .forward = { loop_f32, loop_f64 } };
static const wg_op map_op = { .abi = WG_OP_ABI,
                              .name = "loop",
                              .doc = "x^2",
                              .inputs = 1,
                              .map = &square_map,
                              .vjp = square_vjp,
                              .jvp = square_jvp,
                              .samples = { "3" } };

/* ---- k x, an attribute ----------------------------------------------------------------------- */

static double factor(const wg_call *c) { return *(const double *)c->attr; }
static bool scale(const wg_call *c, const wg_view *const in[], wg_view *out) {
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, factor(c) * wg_view_get(in[0], k));
    return true;
}
static wg_tensor *scale_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_mul(gy, wg_num(factor(c)));
}
static wg_tensor *scale_twin(wg_tensor *const x[], int n) {
    return (void)n, wg_mul(x[0], wg_num(WG__FACTOR));
}
static const wg_attr scale_attrs[] = { { "k", WG_ATTR_REAL, 0 }, { NULL, WG_ATTR_INT, 0 } };
static const wg_op scale_op = { .abi = WG_OP_ABI,
                                .name = "scale",
                                .doc = "k x",
                                .inputs = 1,
                                .flags = WG_OP_LINEAR,
                                .saves = WG_SAVES_NOTHING,
                                .attr_size = sizeof(double),
                                .attrs = scale_attrs,
                                .infer = same_shape,
                                .forward = scale,
                                .vjp = scale_vjp,
                                .jvp = wg_op_jvp_linear,
                                .samples = { "3 | k=2" } };

/* ---- x y, each gradient alone and both at once ----------------------------------------------- */

static bool product(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, wg_view_get(in[0], k) * wg_view_get(in[1], k));
    return true;
}
static wg_tensor *product_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_xmul(gy, c->in[1 - i]);
}
static bool product_vjp_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    for (int i = 0; i < 2; i++)
        if (wanted[i] && !(gx[i] = product_vjp(c, gy, i))) return false;
    return true;
}
static wg_tensor *product_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *a = dx[0] ? wg_mul(dx[0], c->in[1]) : NULL;
    return wg_add_maybe(a, dx[1] ? wg_mul(c->in[0], dx[1]) : NULL);
}
static wg_tensor *product_twin(wg_tensor *const x[], int n) { return (void)n, wg_mul(x[0], x[1]); }
static const wg_op product_op = { .abi = WG_OP_ABI,
                                  .name = "product",
                                  .doc = "x y",
                                  .inputs = 2,
                                  .infer = same_shape,
                                  .forward = product,
                                  .vjp = product_vjp,
                                  .jvp = product_jvp,
                                  .samples = { "3 3" } };
static const wg_op product_all_op = { .abi = WG_OP_ABI,
                                      .name = "product_all",
                                      .doc = "x y",
                                      .inputs = 2,
                                      .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
                                      .infer = same_shape,
                                      .forward = product,
                                      .vjp_all = product_vjp_all,
                                      .jvp = product_jvp,
                                      .samples = { "3 3", "2,3 2,3" } };

/* ---- sums: of all inputs, of some, of all elements ------------------------------------------- */

static bool total(const wg_call *c, const wg_view *const in[], wg_view *out) {
    for (int64_t k = 0; k < wg_view_numel(out); k++) {
        double sum = 0;
        for (int i = 0; i < c->inputs; i++)
            if (wg_call_has(c, i)) sum += wg_view_get(in[i], k);
        wg_view_set(out, k, sum);
    }
    return true;
}
static wg_tensor *total_vjp(const wg_call *c, wg_tensor *gy, int i) { return (void)c, (void)i, gy; }
static wg_tensor *total_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *sum = NULL;
    for (int i = 0; i < c->inputs; i++) sum = wg_add_maybe(sum, dx[i]);
    return sum;
}
static wg_tensor *total_twin(wg_tensor *const x[], int n) {
    wg_tensor *sum = x[0];
    for (int i = 1; i < n; i++)
        if (x[i]) sum = wg_add(sum, x[i]);
    return sum;
}
static const wg_op total_op = { .abi = WG_OP_ABI,
                                .name = "total",
                                .doc = "x + y + ...",
                                .inputs = 1,
                                .inputs_max = 4,
                                .saves = WG_SAVES_NOTHING,
                                .infer = same_shape,
                                .forward = total,
                                .vjp = total_vjp,
                                .jvp = total_jvp,
                                .samples = { "3 3" } };
static const wg_op optional_op = { .abi = WG_OP_ABI,
                                   .name = "optional",
                                   .doc = "x, and y and z if they are there",
                                   .inputs = 1,
                                   .inputs_max = 3,
                                   .flags = WG_OP_OPTIONAL_INPUTS,
                                   .saves = WG_SAVES_NOTHING,
                                   .infer = same_shape,
                                   .forward = total,
                                   .vjp = total_vjp,
                                   .jvp = total_jvp,
                                   .samples = { "3", "3 3 3" } };

static bool sum_all(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    double sum = 0;
    for (int64_t k = 0; k < wg_view_numel(in[0]); k++) sum += wg_view_get(in[0], k);
    wg_view_set(out, 0, sum);
    return true;
}
static wg_tensor *sum_all_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_expand(gy, wg_shape_of(c->in[i]));
}
static wg_tensor *sum_all_twin(wg_tensor *const x[], int n) { return (void)n, wg_sum(x[0]); }
static const wg_op sum_all_op = { .abi = WG_OP_ABI,
                                  .name = "sum_all",
                                  .doc = "the sum of all of x",
                                  .inputs = 1,
                                  .saves = WG_SAVES_NOTHING,
                                  .infer = scalar,
                                  .forward = sum_all,
                                  .vjp = sum_all_vjp,
                                  .jvp = wg_op_jvp_linear,
                                  .flags = WG_OP_LINEAR,
                                  .samples = { "3", "2,2", "0" } };

/* ---- a view, and operations made of others --------------------------------------------------- */

// All in reverse order along the first axis.
static bool reversed_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg_call_view(c, 0);
    wg_spec_set(out, wg_call_dtype(c, 0), x->shape);
    out->alias = true, out->offset = 0;
    for (int i = 0; i < x->shape.rank; i++) out->stride[i] = x->stride[i];
    if (x->shape.rank == 0 || wg_view_numel(x) == 0) return true;
    out->offset = (x->shape.dim[0] - 1) * x->stride[0];
    out->stride[0] = -x->stride[0];
    return true;
}
static wg_tensor *reversed_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg_apply(c->op, &gy, 1, c->attr);
}
static wg_tensor *reversed_twin(wg_tensor *const x[], int n) {
    (void)n;
    return wg_rank(x[0]) ? wg_flip(x[0], 0) : wg_add(x[0], wg_num(0));
}
static const wg_op reversed_op = { .abi = WG_OP_ABI,
                                   .name = "reversed",
                                   .doc = "x, the last row first",
                                   .inputs = 1,
                                   .flags = WG_OP_LINEAR,
                                   .saves = WG_SAVES_NOTHING,
                                   .infer = reversed_infer,
                                   .vjp = reversed_vjp,
                                   .jvp = wg_op_jvp_linear,
                                   .samples = { "3", "2,3" } };

static wg_tensor *cubic(const wg_call *c) {
    return wg_add(wg_mul(wg_square(c->in[0]), c->in[0]), c->in[0]);
}
static wg_tensor *cubic_twin(wg_tensor *const x[], int n) {
    return (void)n, wg_add(wg_mul(wg_square(x[0]), x[0]), x[0]);
}
static const wg_op cubic_op = { .abi = WG_OP_ABI,
                                .name = "cubic",
                                .doc = "x^3 + x",
                                .inputs = 1,
                                .infer = same_shape,
                                .compose = cubic,
                                .samples = { "3" } };

static bool above_zero(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, wg_view_get(in[0], k) > 0 ? 1 : 0);
    return true;
}
static wg_tensor *above_zero_twin(wg_tensor *const x[], int n) {
    return (void)n, wg_cast(wg_gt(x[0], wg_num(0)), wg_dtype_of(x[0]));
}
static const wg_op above_zero_op = { .abi = WG_OP_ABI,
                                     .name = "above_zero",
                                     .doc = "x > 0",
                                     .inputs = 1,
                                     .flags = WG_OP_ZERO_GRADIENT,
                                     .infer = same_shape,
                                     .forward = above_zero,
                                     .samples = { "3" } };

static const wg__good_record good[] = {
    { &square_op, square_twin },   { &fused_op, square_twin },
    { &map_op, square_twin },      { &scale_op, scale_twin },
    { &product_op, product_twin }, { &product_all_op, product_twin },
    { &total_op, total_twin },     { &optional_op, total_twin },
    { &sum_all_op, sum_all_twin }, { &reversed_op, reversed_twin },
    { &cubic_op, cubic_twin },     { &above_zero_op, above_zero_twin },
};
int wg__good_record_count(void) { return sizeof good / sizeof *good; }
const wg__good_record *wg__good_record_at(int i) { return &good[i]; }
