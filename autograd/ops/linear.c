// SPDX-License-Identifier: MIT
/* linear.c: a dense layer, x w' + b. It could be a formula of matmul and add, but it is where most
   networks spend their time: as one operation the bias is what the product starts from, and the
   weight's gradient comes out in the weight's own layout, where through a transposed view it would
   be copied twice on its way into the parameter. */
#include <string.h>

#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

static bool linear_infer(const wg_call *c, wg_spec *out) {
    int rank = wg_call_rank(c, 0);
    if (rank < 1 || wg_call_rank(c, 1) != 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "x needs an axis and w two");
    if (!wg_call_float(c, 0) || !wg_call_same_dtype(c)) return false;
    int64_t in = wg_call_dim(c, 0, -1), units = wg_call_dim(c, 1, 0);
    if (in != wg_call_dim(c, 1, 1))
        return wg_call_fail(c, WG_ERROR_SHAPE, "x has %lld features, w takes %lld", (long long)in,
                            (long long)wg_call_dim(c, 1, 1));
    if (wg_call_has(c, 2) && (wg_call_rank(c, 2) != 1 || wg_call_dim(c, 2, 0) != units))
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "the bias is not one number for each of w's %lld rows",
                            (long long)units);
    wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
    out->shape.dim[rank - 1] = units;
    return true;
}

// b in every row of y, which is dense.
static void start_from(const wg_view *b, wg_view *y) {
    size_t size = wg__size_of(y->dtype), row = (size_t)b->shape.dim[0] * size;
    char *to = y->data;
    int64_t rows = wg__numel(&y->shape) / b->shape.dim[0];
    for (int64_t k = 0; k < b->shape.dim[0]; k++)
        memcpy(to + (size_t)k * size, wg__at(b, k * b->stride[0]), size);
    for (int64_t r = 1; r < rows; r++) memcpy(to + (size_t)r * row, to, row);
}

static bool linear_forward(const wg_call *c, const wg_view *const in[], wg_view *y) {
    wg_view x, part, w = *in[1];
    const bool bias = wg_call_has(c, 2);
    if (wg__numel(&y->shape) == 0) return true;
    if (bias) start_from(in[2], y);
    w.shape = (wg_shape){ 2, { in[1]->shape.dim[1], in[1]->shape.dim[0] } };
    w.stride[0] = in[1]->stride[1], w.stride[1] = in[1]->stride[0];
    if (wg__rows_of(in[0], &x) && wg__rows_of(y, &part)) {
        wg__gemm(&part, &x, &w, bias);
        return true;
    }
    for (int64_t k = 0; k < wg__batches(&y->shape); k++) {
        x = wg__matrix_at(in[0], &y->shape, k);
        part = wg__matrix_at(y, &y->shape, k);
        wg__gemm(&part, &x, &w, bias);
    }
    return true;
}

static wg_tensor *as_rows(wg_tensor *x) {  // (..., N) -> (all before it, N)
    int64_t rows = 1;
    for (int i = 0; i < wg_rank(x) - 1; i++) rows *= wg_dim(x, i);
    return wg_rank(x) == 2 ? x : wg_reshape(x, WG_SHAPE(rows, wg_dim(x, -1)));
}

static wg_tensor *linear_vjp(const wg_call *c, wg_tensor *gy, int i) {
    if (i == 0) return wg_matmul(gy, c->in[1]);
    if (i == 1) return wg_matmul(wg__transposed(as_rows(gy)), as_rows(c->in[0]));
    return wg_sum_to(gy, wg_shape_of(c->in[2]));
}

static wg_tensor *linear_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *dy = dx[0] ? wg_linear(dx[0], c->in[1], NULL) : NULL;
    dy = wg_add_maybe(dy, dx[1] ? wg_linear(c->in[0], dx[1], NULL) : NULL);
    if (!wg_call_has(c, 2) || !dx[2]) return dy;
    wg_shape shape = wg_shape_of(c->in[0]);
    shape.dim[shape.rank - 1] = wg_dim(c->in[1], 0);
    return wg_add_maybe(dy, wg_expand(dx[2], shape));
}

static bool linear_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int64_t wide = in[1].shape.dim[0], deep = in[1].shape.dim[1];
    for (int64_t e = 0, n = wg__numel(&out->shape); e < n; e++) {
        out->data[e] = c->inputs > 2 ? in[2].data[e % wide] : 0;
        for (int64_t k = 0; k < deep; k++)
            out->data[e] += in[0].data[e / wide * deep + k] * in[1].data[e % wide * deep + k];
    }
    return true;
}

WG__DEFINE_OP(linear) = {
    .abi = WG_OP_ABI,
    .name = "linear",
    .doc = "x w' + b: a dense layer",
    .shapes = "(..., in) x (out, in) x (out) -> (..., out)",
    .derivative = "dx = gy w, dw = gy' x, db = sum of gy, the latter two over all leading axes",
    .edges = "in = 0 gives the bias, or zeros",
    .equals = "torch.nn.functional.linear",
    .equivalent = "transposed: the bias is a vector",
    .inputs = 2,
    .inputs_max = 3,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    .infer = linear_infer,
    .forward = linear_forward,
    .vjp = linear_vjp,
    .jvp = linear_jvp,
    .reference = linear_reference,
    .samples = { "2,3 4,3 4", "2,3 4,3", "3 2,3 2", "3 2,3", "2,2,3 4,3 4", "2,0 3,0 3", "2,0 3,0",
                 "0,3 2,3 2", "2,3 0,3 0", "2,1,3 1,3 1" },
    .bad = { "2,3 3,4", "2,3 4,3 3", "2,3 4,3 1", "() 4,1", "2,3 3", "2,3 2,4,3",
             "2,3 4,3 4@i0..2" },
};

wg_tensor *wg_linear(wg_tensor *x, wg_tensor *w, wg_tensor *b) {
    return wg_apply(&wg__op_linear, (wg_tensor *[]){ x, w, b }, b ? 3 : 2, NULL);
}
