// SPDX-License-Identifier: MIT
/* custom_op.c: three operations that the library does not have, in a file of their own. One is
   elementwise, in one row; one is a formula of others; one has a shape rule, a kernel and rules, as
   a full record. All differentiate to any order, and are held against themselves by wg_op_selftest
   without a line of test code; wg_op_mutation_score says whether that would notice a wrong rule. */
#include <stddef.h>
#include <stdio.h>

#include "autograd/op.h"
#include "wengert.h"

/* Way 1: an elementwise operation is one row. This defines the function
   log_cosh(x) and the record log_cosh_op. The value is computed in the form
   that does not overflow; the plain form is for proof. */
WG_UNARY(log_cosh, "log cosh x, a smooth |x|",
         /* value  */ fabs(x) + log1p(exp(-2 * fabs(x))) - WG_LN2,
         /* slope  */ wg_tanh(x),
         /* plain  */ clog(ccosh(z)),
         /* domain */ "-20..20")

/* Way 2: a formula. Its derivatives follow from its pieces. silu(a) b, the gate of Shazeer 2020. */
static wg_tensor *swiglu_compose(const wg_call *c) { return wg_mul(wg_silu(c->in[0]), c->in[1]); }

static bool swiglu_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = in[0].data[k] / (1 + cexp(-in[0].data[k])) * in[1].data[k];
    return true;
}

static const wg_op swiglu_op = {
    .abi = WG_OP_ABI,
    .name = "swiglu",
    .doc = "silu(a) b",
    .inputs = 2,
    .compose = swiglu_compose,
    .reference = swiglu_reference,
    .samples = { "2,3 2,3", "() ()", "0,2 0,2" },
    .bad = { "2,3 2,4", "2@i0..3 2" },
};

/* Way 3: anything else is a record with rules. Row-wise outer product:
   (B, M), (B, N) -> (B, M, N), y[b, m, n] = scale a[b, m] c[b, n]. */
static wg_tensor *row_outer(wg_tensor *a, wg_tensor *c, double scale);

// What is no tensor is an attribute: a struct of the operation's own, and a table of its fields, by
// which calls are printed and samples read. Every function finds it at c->attr.
typedef struct row_outer_attr {
    double scale;
} row_outer_attr;
static const wg_attr attrs[] = { { "scale", WG_ATTR_REAL, offsetof(row_outer_attr, scale) },
                                 { .name = NULL } };
static double scale_of(const wg_call *c) { return ((const row_outer_attr *)c->attr)->scale; }

// The shape of the result, or an error that says what does not fit.
static bool infer(const wg_call *c, wg_spec *out) {
    if (wg_call_rank(c, 0) != 2 || wg_call_rank(c, 1) != 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "both inputs must have 2 dimensions");
    if (wg_call_dim(c, 0, 0) != wg_call_dim(c, 1, 0))
        return wg_call_fail(c, WG_ERROR_SHAPE, "%lld rows do not match %lld",
                            (long long)wg_call_dim(c, 0, 0), (long long)wg_call_dim(c, 1, 0));
    if (!isfinite(scale_of(c)))
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "the scale %g is not finite", scale_of(c));
    if (!wg_call_float(c, 0) || !wg_call_same_dtype(c)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0),
                       WG_SHAPE(wg_call_dim(c, 0, 0), wg_call_dim(c, 0, 1), wg_call_dim(c, 1, 1)));
}

// The value. Inputs come with any strides; wg_view_get counts their elements in C order.
static bool forward(const wg_call *call, const wg_view *const in[], wg_view *out) {
    int64_t m = in[0]->shape.dim[1], n = in[1]->shape.dim[1];
    for (int64_t k = 0; k < wg_view_numel(out); k++) {  // k counts (b, m, n)
        double a = wg_view_get(in[0], k / n);
        double c = wg_view_get(in[1], k / (m * n) * n + k % n);
        wg_view_set(out, k, scale_of(call) * a * c);
    }
    return true;
}

// Reverse mode, made of operations, so that the result can be differentiated again. gy (B, M, N)
static wg_tensor *vjp(const wg_call *c, wg_tensor *gy, int i) {
    gy = wg_mul(gy, wg_num(scale_of(c)));
    if (i == 0) return wg_squeeze(wg_matmul(gy, wg_unsqueeze(c->in[1], 2)), 2);  // (B, M)
    return wg_squeeze(wg_matmul(wg_unsqueeze(c->in[0], 1), gy), 1);              // (B, N)
}

// Optional: the same in one pass over memory, where nobody differentiates the gradient. The values
// that vjp has as tensors come as views, of any strides.
static bool backward(const wg_call *call, const wg_view *gy, int i, wg_view *gx) {
    const wg_view *other = wg_call_view(call, 1 - i);
    int64_t n = gy->shape.dim[2], own = gx->shape.dim[1], rest = other->shape.dim[1];
    for (int64_t k = 0; k < wg_view_numel(gx); k++) {  // k counts (b, m), or (b, n)
        double sum = 0;
        for (int64_t j = 0; j < rest; j++) {
            int64_t at = i == 0 ? k * n + j : (k / own * rest + j) * n + k % own;
            sum += wg_view_get(gy, at) * wg_view_get(other, k / own * rest + j);
        }
        wg_view_set(gx, k, scale_of(call) * sum);
    }
    return true;
}

// Forward mode: the product rule. A tangent that is NULL is zero.
static wg_tensor *jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *by_a = dx[0] ? row_outer(dx[0], c->in[1], scale_of(c)) : NULL;
    wg_tensor *by_c = dx[1] ? row_outer(c->in[0], dx[1], scale_of(c)) : NULL;
    return wg_add_maybe(by_a, by_c);
}

// The plainest possible statement, in complex numbers: what the rules are held against.
static bool reference(const wg_call *call, const wg_zview in[], wg_zview *out) {
    int64_t rows = out->shape.dim[0], m = out->shape.dim[1], n = out->shape.dim[2];
    for (int64_t b = 0; b < rows; b++)
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                out->data[(b * m + i) * n + j] =
                    scale_of(call) * in[0].data[b * m + i] * in[1].data[b * n + j];
    return true;
}

static const wg_op row_outer_op = {
    .abi = WG_OP_ABI,
    .name = "row_outer",
    .doc = "scale a[b, m] c[b, n], the outer product of each pair of rows",
    .inputs = 2,
    .attr_size = sizeof(row_outer_attr),
    .attrs = attrs,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    .infer = infer,
    .forward = forward,
    .vjp = vjp,
    .backward = backward,
    .jvp = jvp,
    .reference = reference,
    .samples = { "2,3 2,4 | scale=1", "1,1 1,5 | scale=-0.5", "3,2 3,2 | scale=3", "2,3 2,2",
                 "0,3 0,2 | scale=1", "2,0 2,3 | scale=1" },  // what is not named is 0
    .bad = { "2,3 3,4", "2 2,4", "2,3 2,4@i0..3", "2,3 2,4 | scale=inf" },
};

static wg_tensor *row_outer(wg_tensor *a, wg_tensor *c, double scale) {
    return wg_apply(&row_outer_op, (wg_tensor *[]){ a, c }, 2, &(row_outer_attr){ scale });
}

// A registered operation is found by the tests, the fuzzers and the documents.
static bool prove(const wg_op *op) {
    wg_selftest_report report;
    wg_mutation_report mutants;
    bool ok = wg_op_register(op) && wg_op_selftest(op, &report);
    if (ok) printf("%s: %lld checks, all passed\n", op->name, (long long)report.checks);
    if (!ok && !wg_error()) printf("%s\n", report.text);
    int score = wg_op_mutation_score(op, &mutants);
    printf("%s: %d of %d wrong rules would have been noticed\n", op->name, score, WG_MUTANTS);
    if (score < WG_MUTANTS) printf("%s\n", mutants.text);
    return ok && score == WG_MUTANTS;
}

int main(void) {
    // d log cosh x / dx is tanh x: at 1 that is 0.7616.
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SCALAR, 1));
    wg_backward(log_cosh(x));
    printf("d log cosh(x) / dx at 1 is %.4f, and tanh 1 is %.4f\n", wg_item(wg_gradient(x)),
           tanh(1));

    // The derivative of a derivative: 1 - tanh^2 x, at 1 that is 0.4200.
    wg_tensor *twice = wg_derivative(wg_derivative(log_cosh(x), x), x);
    printf("and once more %.4f\n", wg_item(twice));

    // y = sum of 2 a[b, m] c[b, n]; dy/da[b, m] is twice the sum of row b of c.
    wg_tensor *a = wg_variable(wg_ones(WG_F32, WG_SHAPE(2, 3)));                // (2, 3)
    wg_tensor *c = wg_from(WG_F32, WG_SHAPE(2, 2), (float[]){ 1, 2, 10, 20 });  // (2, 2)
    wg_tensor *da = wg_derivative(wg_sum(row_outer(a, c, 2)), a);               // (2, 3)
    printf("rows of c summed, times 2, for each element of a:\n");
    wg_print(stdout, da);

    bool ok = prove(&log_cosh_op) && prove(&swiglu_op) && prove(&row_outer_op);
    return ok && !wg_error() ? 0 : 1;
}
