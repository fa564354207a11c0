// SPDX-License-Identifier: MIT
/* matmul.c: products of matrices, batched over leading axes that broadcast. */
#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

/* What rank 1 needs as well: floats of one dtype whose inner sizes agree. */
static bool fits(const wg_call *c) {
    const wg_shape *a = &c->in[0]->view.shape, *b = &c->in[1]->view.shape;
    if (a->rank < 1 || b->rank < 1)
        return wg_call_fail(c, WG_ERROR_SHAPE, "a number has no rows and no columns");
    if (!wg_call_float(c, 0) || !wg_call_float(c, 1) || !wg_call_same_dtype(c)) return false;
    int64_t k = a->dim[a->rank - 1], l = b->dim[b->rank > 1 ? b->rank - 2 : 0];
    return k == l || wg_call_fail(c, WG_ERROR_SHAPE, "inner sizes %lld and %lld differ",
                                  (long long)k, (long long)l);
}

static bool matmul_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *a = &c->in[0]->view.shape, *b = &c->in[1]->view.shape;
    if (a->rank < 2 || b->rank < 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "both must have 2 dimensions or more");
    if (!fits(c)) return false;
    wg_shape left = *a, right = *b;
    left.rank -= 2, right.rank -= 2;
    wg_shape *full = &out->shape;
    if (!wg__broadcast(&left, &right, full))
        return wg_call_fail(c, WG_ERROR_SHAPE, "the leading dimensions do not broadcast");
    full->dim[full->rank++] = a->dim[a->rank - 2];
    full->dim[full->rank++] = b->dim[b->rank - 1];
    out->dtype = wg_call_dtype(c, 0);
    return true;
}

static bool is_one_matrix(const wg_view *b) {
    for (int i = 0; i < b->shape.rank - 2; i++)
        if (b->shape.dim[i] != 1) return false;
    return true;
}

static bool matmul_forward(const wg_call *c, const wg_view *const in[], wg_view *y) {
    (void)c;
    wg_view a, b, part;
    int64_t batches = wg__batches(&y->shape);
    if (wg__numel(&y->shape) == 0) return true;
    if (batches > 1 && is_one_matrix(in[1]) && wg__rows_of(in[0], &a) && wg__rows_of(y, &part)) {
        b = wg__matrix_at(in[1], &y->shape, 0);
        wg__gemm(&part, &a, &b, false);
        return true;
    }
    for (int64_t k = 0; k < batches; k++) {
        a = wg__matrix_at(in[0], &y->shape, k);
        b = wg__matrix_at(in[1], &y->shape, k);
        part = wg__matrix_at(y, &y->shape, k);
        wg__gemm(&part, &a, &b, false);
    }
    return true;
}

static wg_tensor *as_rows(wg_tensor *x) {  // (..., N) -> (all before it, N); not for empty ones
    return wg_reshape(x, WG_SHAPE(WG_REST, wg_dim(x, -1)));
}

/* a^T gy. Where one b served a whole stack, the sum over the stack is part of the product: its rows
   are just more of the inner axis, and no stack of gradients is ever made. */
static wg_tensor *right_gradient(wg_tensor *a, wg_tensor *b, wg_tensor *gy) {
    bool empty = wg_numel(a) == 0 || wg_numel(gy) == 0;
    if (empty || wg_rank(gy) == 2 || !is_one_matrix(&b->view))
        return wg_matmul(wg__transposed(a), gy);
    return wg_reshape(wg_matmul(wg__transposed(as_rows(a)), as_rows(gy)), wg_shape_of(b));
}

// y = a b: ga = gy b^T, gb = a^T gy, summed over the batch axes along which the input was
// stretched.
static wg_tensor *matmul_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *a = c->in[0], *b = c->in[1];
    wg_tensor *g = i == 0 ? wg_matmul(gy, wg__transposed(b)) : right_gradient(a, b, gy);
    return wg_sum_to(g, wg_shape_of(c->in[i]));
}

static wg_tensor *matmul_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *da = dx[0] ? wg_matmul(dx[0], c->in[1]) : NULL;
    wg_tensor *db = dx[1] ? wg_matmul(c->in[0], dx[1]) : NULL;
    return wg_add_maybe(da, db);
}

static bool matmul_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    const wg_shape *s = &out->shape;
    int64_t m = s->dim[s->rank - 2], n = s->dim[s->rank - 1];
    int64_t k = in[0].shape.dim[in[0].shape.rank - 1];
    wg_view left = { .shape = in[0].shape }, right = { .shape = in[1].shape };
    wg__contiguous_strides(&left);
    wg__contiguous_strides(&right);
    for (int64_t e = 0, count = wg__numel(s); e < count; e++) {
        int64_t batch = e / (m * n), row = e / n % m, col = e % n;
        const double complex *a = in[0].data + wg__batch_offset(&left, s, batch) + row * k;
        const double complex *b = in[1].data + wg__batch_offset(&right, s, batch) + col;
        out->data[e] = 0;
        for (int64_t l = 0; l < k; l++) out->data[e] += a[l] * b[l * n];
    }
    return true;
}

WG__DEFINE_OP(matmul) = {
    .abi = WG_OP_ABI,
    .name = "matmul",
    .doc = "a b, the product of matrices, or of stacks of them whose leading axes broadcast",
    .shapes = "(..., M, K) x (..., K, N) -> (..., M, N); wg_matmul also takes vectors, as NumPy",
    .derivative = "da = gy b', db = a' gy, summed over the axes along which either was stretched",
    .edges = "K = 0 gives zeros; NaN and infinities spread as in the plain sum, 0 * inf is NaN in "
             "values and in gradients; the order of a sum depends on shape and strides alone",
    .equals = "torch.matmul, np.matmul",
    .inputs = 2,
    .saves = WG_SAVES_IN(0) | WG_SAVES_IN(1),
    .infer = matmul_infer,
    .forward = matmul_forward,
    .vjp = matmul_vjp,
    .jvp = matmul_jvp,
    .reference = matmul_reference,
    .samples = { "2,3 3,4", "3,3 3,3", "1,5 5,1", "2,1 1,3", "2,3,4 2,4,2", "2,3,4 4,2",
                 "3,4 2,4,2", "2,1,2,3 3,3,2", "2,0 0,3", "0,2 2,3", "2,3 3,0", "0,2,3 3,2",
                 "2,2,0 0,3", "9,17 17,8" },
    .bad = { "2,3 4,2", "3 3", "2,3 3", "2,2,3 3,3,2", "2,3@i0..3 3,2@i0..3" },
};

wg_tensor *wg_matmul(wg_tensor *a, wg_tensor *b) {
    if (wg__pending()) return NULL;
    bool row = wg_rank(a) == 1, column = wg_rank(b) == 1;
    if (!a || !b || (!row && !column)) return wg__op2(&wg__op_matmul, a, b, NULL);
    const wg_call given = { .op = &wg__op_matmul, .inputs = 2, .in = (wg_tensor *[]){ a, b } };
    if (!fits(&given)) return NULL;  // while the message can show the caller's shapes
    wg_tensor *left = row ? wg_unsqueeze(a, 0) : a, *right = column ? wg_unsqueeze(b, 1) : b;
    wg_tensor *y = wg__op2(&wg__op_matmul, left, right, NULL);
    if (column) y = wg_squeeze(y, -1);
    return row ? wg_squeeze(y, column ? -1 : -2) : y;
}
