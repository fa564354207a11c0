// SPDX-License-Identifier: MIT
/* cholesky.c: L with L L' = (a + a') / 2, L lower. It is a function of the symmetrised matrix, so
   every element of a counts, whichever triangle it is in, and the gradient is symmetric: for a
   symmetric matrix all is what PyTorch has. The rules are those of Murray (2016, arXiv 1602.07527)
   in the form for whole matrices. */
#include <string.h>

#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

static bool cholesky_infer(const wg_call *c, wg_spec *out) {
    return wg__is_square(c, 0) && wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

// The lower triangle of (a + a') / 2, and zeros.
#define SYMMETRISE(name, real)                                                                     \
    static void name(const wg_view *y, const wg_view *x) {                                         \
        const real *a = x->data;                                                                   \
        const int64_t n = y->shape.dim[0], rs = x->stride[0], cs = x->stride[1];                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            real *row = (real *)y->data + i * y->stride[0];                                        \
            for (int64_t j = 0; j < n; j++)                                                        \
                row[j] = j > i ? 0 : a[i * rs + j * cs] / 2 + a[j * rs + i * cs] / 2;              \
        }                                                                                          \
    }
SYMMETRISE(symmetrise_f32, float)
SYMMETRISE(symmetrise_f64, double)

static void clear_above(const wg_view *y) {
    for (int64_t i = 0; i + 1 < y->shape.dim[0]; i++)
        memset(wg__at(y, i * y->stride[0] + i + 1), 0,
               (size_t)(y->shape.dim[0] - i - 1) * wg__size_of(y->dtype));
}

static bool cholesky_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_shape *s = &out->shape;
    int64_t count = wg__numel(s) ? wg__batches(s) : 0;
    for (int64_t k = 0; k < count; k++) {
        wg_view a = wg__matrix_at(in[0], s, k), y = wg__matrix_at(out, s, k);
        (y.dtype == WG_F64 ? symmetrise_f64 : symmetrise_f32)(&y, &a);
        int64_t bad = wg__cholesky(&y);
        if (bad >= 0)
            return wg__pivot_fail(c, "not positive definite", (const int64_t[]){ k, bad }, count);
        clear_above(&y);
    }
    return true;
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *half(wg_tensor *x) { return wg_mul(x, wg_num(0.5)); }

// The lower triangle with half of the diagonal.
static wg_tensor *phi(wg_tensor *x) { return half(wg_add(wg_tril(x, 0), wg_tril(x, -1))); }

static wg_tensor *symmetric(wg_tensor *x) { return half(wg_add(x, wg__transposed(x))); }

// l^-1 x, or l'^-1 x; and the same from the right, x l'^-1 or x l^-1.
static wg_tensor *left(wg_tensor *l, wg_tensor *x, bool transposed) {
    return wg_triangular_solve(l, x, false, false, transposed);
}
static wg_tensor *right(wg_tensor *l, wg_tensor *x, bool transposed) {
    return wg__transposed(left(l, wg__transposed(x), transposed));
}

// dL = L phi(L^-1 S L'^-1), S = (da + da') / 2.
static wg_tensor *cholesky_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *l = c->out, *s = symmetric(dx[0]);
    return wg_matmul(l, phi(right(l, left(l, s, false), false)));
}

// And its transpose: the symmetric part of L'^-1 phi(L' gL) L^-1.
static wg_tensor *cholesky_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *l = c->out, *p = phi(wg_matmul(wg__transposed(l), gy));
    (void)i;
    return symmetric(right(l, left(l, p, true), true));
}

static bool cholesky_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_shape *s = &out->shape;
    int64_t n = s->dim[s->rank - 1];
    (void)c;
    for (int64_t e = 0, count = wg__numel(s); e < count; e++) {
        int64_t start = e - e % (n * n), i = e / n % n, j = e % n;
        const double complex *a = in[0].data + start;
        double complex *l = out->data + start, sum = (a[i * n + j] + a[j * n + i]) / 2;
        for (int64_t k = 0; k < j && j <= i; k++) sum -= l[i * n + k] * l[j * n + k];
        l[i * n + j] = j > i ? 0 : i == j ? csqrt(sum) : sum / l[j * n + j];
    }
    return true;
}

WG__DEFINE_OP(cholesky) = {
    .abi = WG_OP_ABI,
    .name = "cholesky",
    .doc = "L, lower triangular with positive diagonal, with L L' = (a + a') / 2",
    .shapes = "(..., N, N) -> (..., N, N)",
    .derivative = "da = (S + S') / 2, S = L'^-1 phi(L' gy) L^-1, phi the lower triangle with half "
                  "its diagonal (Murray 2016)",
    .edges =
        "a matrix that is not positive definite is an error with the number of the first pivot "
        "that is not positive; NaN gives NaN. PyTorch reads the lower triangle only: the same "
        "value and the same gradient where a is symmetric",
    .equals = "torch.linalg.cholesky, np.linalg.cholesky",
    .inputs = 1,
    .saves = WG_SAVES_OUT,
    .infer = cholesky_infer,
    .forward = cholesky_forward,
    .vjp = cholesky_vjp,
    .jvp = cholesky_jvp,
    .reference = cholesky_reference,
    .samples = { "3,3@spd", "1,1@1..3", "2,2,2@spd", "4,4@spd", "0,0", "0,2,2", "18,18@spd",
                 "1,2,3,3@spd" },
    .bad = { "2,3", "3", "()", "2,2@=1,2,2,1", "2,2@=1,1,1,1", "1,1@=0", "2,2,2@=1,0,0,1,-1,0,0,1",
             "2,2@i1..1" },
};

wg_tensor *wg_cholesky(wg_tensor *a) { return wg__op1(&wg__op_cholesky, a, NULL); }
