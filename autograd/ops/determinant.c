// SPDX-License-Identifier: MIT
/* determinant.c: det and log det, from the pivots of an LU. The slope of det is the matrix of
   cofactors, which minors.c has for singular matrices, too, so that det, a polynomial, has all its
   derivatives everywhere. log det has none at a singular matrix, and no need of cofactors, which
   overflow. */
#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"

static bool infer(const wg_call *c, wg_spec *out) {
    if (!wg__is_square(c, 0)) return false;
    wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
    out->shape.rank -= 2;
    return true;
}

/* ---- values ---------------------------------------------------------------------------------- */

// Pivot i, with its sign changed if rows were swapped for it.
static double pivot_at(const wg__lu_room *r, int64_t i) {
    double u = wg__load(r->lu.dtype, wg__at(&r->lu, i * (r->lu.stride[0] + 1)));
    return r->pivot[i] == i ? u : -u;
}

/* Mantissas and exponents apart, so that nothing overflows on the way to a number that does not. */
static double product_of_pivots(const wg__lu_room *r) {
    double mantissa = 1;
    long exponent = 0;
    for (int64_t i = 0; i < r->lu.shape.dim[0]; i++) {
        int e = 0;
        mantissa = frexp(mantissa * pivot_at(r, i), &e);
        exponent += isfinite(mantissa) ? e : 0;
    }
    return scalbln(mantissa, exponent);
}

static double log_of_pivots(const wg__lu_room *r) {
    double sum = 0;
    bool negative = false;
    for (int64_t i = 0; i < r->lu.shape.dim[0]; i++) {
        double u = pivot_at(r, i);
        negative = negative != (u < 0);
        sum += log(fabs(u));
    }
    return negative ? NAN : sum;
}

static bool each_matrix(const wg_view *x, wg_view *out, double (*value)(const wg__lu_room *),
                        double singular) {
    const wg_shape *s = &x->shape;
    wg__lu_room room;
    if (!wg__lu_open(&room, x->dtype, s->dim[s->rank - 1])) return false;
    for (int64_t k = 0; k < wg__batches(s); k++) {
        wg_view a = wg__matrix_at(x, s, k);
        int64_t zero = wg__lu_of(&room, &a);
        wg_view_set(out, k, zero < 0 ? value(&room) : singular);
    }
    wg__lu_close(&room);
    return true;
}

static bool det_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    return each_matrix(in[0], out, product_of_pivots, 0);
}

static bool logdet_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    return each_matrix(in[0], out, log_of_pivots, -INFINITY);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static wg_tensor *det_slope(const wg_call *c) { return wg__op1(&wg__op_minors, c->in[0], NULL); }
static wg_tensor *logdet_slope(const wg_call *c) {
    return wg__transposed(wg__lenient_inverse(c->in[0]));
}

static wg_tensor *times(wg_tensor *gy, wg_tensor *slope) {  // gy (...), slope (..., N, N)
    return wg_xmul(wg_unsqueeze(wg_unsqueeze(gy, -1), -1), slope);
}
static wg_tensor *inner(wg_tensor *dx, wg_tensor *slope) {
    return wg_sum_axes(wg_xmul(dx, slope), WG_AXES(-2, -1), false);
}

static wg_tensor *det_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return times(gy, det_slope(c));
}
static wg_tensor *det_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return inner(dx[0], det_slope(c));
}
static wg_tensor *logdet_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return times(gy, logdet_slope(c));
}
static wg_tensor *logdet_jvp(const wg_call *c, wg_tensor *const dx[]) {
    return inner(dx[0], logdet_slope(c));
}

/* ---- references ------------------------------------------------------------------------------ */

double complex wg__laplace(int64_t n, const double complex *const row[], uint64_t columns) {
    double complex sum = 0;
    double sign = 1;
    if (n == 0) return 1;
    for (int j = 0; columns >> j; j++) {
        if (!(columns >> j & 1)) continue;
        sum += sign * row[0][j] * wg__laplace(n - 1, row + 1, columns & ~(1ull << j));
        sign = -sign;
    }
    return sum;
}

// Expanded along the first row: nothing is divided, so it is right for singular matrices.
static bool det_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const double complex *row[WG__LAPLACE_MAX];
    const wg_shape *s = &in[0].shape;
    int64_t n = s->dim[s->rank - 1];
    (void)c;
    for (int64_t k = 0; n <= WG__LAPLACE_MAX && k < wg__batches(s); k++) {
        for (int64_t i = 0; i < n; i++) row[i] = in[0].data + (k * n + i) * n;
        out->data[k] = wg__laplace(n, row, (1ull << n) - 1);
    }
    return n <= WG__LAPLACE_MAX;
}

static bool logdet_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    if (!det_reference(c, in, out)) return false;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = clog(out->data[k]);
    return true;
}

/* ---- records --------------------------------------------------------------------------------- */

#define COMMON(opname)                                                                             \
    .abi = WG_OP_ABI, .name = #opname, .shapes = "(..., N, N) -> (...)", .inputs = 1,              \
    .saves = WG_SAVES_IN(0), .infer = infer, .forward = opname##_forward, .vjp = opname##_vjp,     \
    .jvp = opname##_jvp, .reference = opname##_reference, .bad = { "2,3", "3", "()", "2,2@i1..3" }

WG__DEFINE_OP(det) = {
    COMMON(det),
    .doc = "det a, the determinant",
    .derivative = "da = gy cofactors of a, which is gy y a'^-1 where a is regular",
    .edges =
        "1 for N = 0, exactly 0 for an exactly singular matrix; derivatives of every order hold at "
        "singular matrices of any rank; the k-th costs N^3 + k! N^k",
    .equals = "torch.linalg.det, np.linalg.det",
    .samples = { "3,3", "1,1", "2,2,2", "4,4@reg", "0,0", "2,0,0", "0,2,2", "5,5@reg", "3,2,2",
                 "2,2@=1,2,2,4", "3,3@=1,2,3,4,5,6,7,8,9", "3,3@=0,0,0,0,0,0,0,0,0",
                 "3,3@=1,1,1,1,1,1,1,1,1", "2,2@=0,1,2,0", "3,3@=0,1,0,0,0,1,1,0,0" },
};
WG__DEFINE_OP(logdet) = {
    COMMON(logdet),
    .doc = "log det a; NaN where the determinant is negative",
    .derivative = "da = gy a'^-1",
    .edges =
        "0 for N = 0; -inf for an exactly singular matrix, with slopes NaN; never overflows, "
        "unlike log of det. Where the determinant is negative the slope is a'^-1 still, as that "
        "of log x is 1 / x",
    .equals = "torch.logdet",
    .samples = { "3,3@spd", "1,1@1..3", "2,2,2@spd", "0,0", "2,0,0", "0,2,2", "4,4@reg",
                 "2,2@=0,1,1,0", "2,2@=1,1,1,1", "2,2@=0,-1,1,0", "6,6@spd" },
};

wg_tensor *wg_det(wg_tensor *a) { return wg__op1(&wg__op_det, a, NULL); }
wg_tensor *wg_logdet(wg_tensor *a) { return wg__op1(&wg__op_logdet, a, NULL); }
