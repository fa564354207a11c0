// SPDX-License-Identifier: MIT
/* products.c: sums of products that have names of their own, each a matmul in other clothes, from
   which its derivatives follow. */
#include "autograd/ops/linalg.h"

#define NULL_AFTER(failure) ((failure), (wg_tensor *)NULL)

static int64_t leading(const wg_shape *s) {  // elements of all axes but the last
    int64_t n = 1;
    for (int i = 0; i < s->rank - 1; i++) n *= s->dim[i];
    return n;
}

// x with its last axis of another size.
static wg_shape with_last(const wg_tensor *x, int64_t size) {
    wg_shape s = wg_shape_of(x);
    s.dim[s.rank - 1] = size;
    return s;
}

/* ---- addmm ----------------------------------------------------------------------------------- */

typedef struct addmm_attr {
    double beta, alpha;
} addmm_attr;
static const wg_attr addmm_attrs[] = { { "beta", WG_ATTR_REAL, offsetof(addmm_attr, beta) },
                                       { "alpha", WG_ATTR_REAL, offsetof(addmm_attr, alpha) },
                                       { .name = NULL } };

// xmul, since BLAS and PyTorch leave out a term whose factor is 0, NaN and all.
static wg_tensor *scaled(wg_tensor *x, double by) { return by == 1 ? x : wg_xmul(x, wg_num(by)); }

static bool addmm_fits(const wg_call *c) {
    const wg_call product = { &wg__op_matmul, 2, c->in + 1, NULL, NULL };
    wg_shape full, first = wg_shape_of(c->in[0]);
    wg_spec ab;
    if (!wg_call_same_dtype(c) || !product.op->infer(&product, &ab)) return false;
    return (wg__broadcast(&first, &ab.shape, &full) && wg__shape_equal(&full, &ab.shape)) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the first does not broadcast to the others' product");
}

static wg_tensor *addmm_compose(const wg_call *c) {
    const addmm_attr *attr = c->attr;
    if (!addmm_fits(c)) return NULL;
    wg_tensor *ab = wg_matmul(c->in[1], c->in[2]);  // (..., M, N)
    return wg_add(scaled(c->in[0], attr->beta), scaled(ab, attr->alpha));
}

static bool addmm_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const addmm_attr *attr = c->attr;
    const wg_shape *s = &out->shape;
    int64_t m = s->dim[s->rank - 2], n = s->dim[s->rank - 1];
    int64_t inner = in[1].shape.dim[in[1].shape.rank - 1];
    for (int64_t e = 0, count = wg__numel(s); e < count; e++) {
        const double complex *a = wg__zmatrix_at(&in[1], s, e / (m * n)) + e / n % m * inner;
        const double complex *b = wg__zmatrix_at(&in[2], s, e / (m * n)) + e % n;
        double complex sum = 0, first = wg__broadcast_at(&in[0], s, e);
        for (int64_t k = 0; k < inner; k++) sum += a[k] * b[k * n];
        out->data[e] =
            (attr->beta == 0 ? 0 : attr->beta * first) + (attr->alpha == 0 ? 0 : attr->alpha * sum);
    }
    return true;
}

WG__DEFINE_OP(addmm) = {
    .abi = WG_OP_ABI,
    .name = "addmm",
    .doc = "beta c + alpha a b, c broadcast to the product of matrices a b",
    .shapes = "(..., M, N) x (..., M, K) x (..., K, N) -> (..., M, N)",
    .derivative = "dc = beta gy summed to c's shape, da = alpha gy b', db = alpha a' gy",
    .edges = "a term whose factor is 0 is left out, NaN and infinities too, as in BLAS",
    .equals = "torch.addmm; with leading axes torch.baddbmm",
    .inputs = 3,
    .attr_size = sizeof(addmm_attr),
    .attrs = addmm_attrs,
    .compose = addmm_compose,
    .reference = addmm_reference,
    .samples = { "2,4 2,3 3,4 | beta=0.5 alpha=2", "4 2,3 3,4 | beta=1 alpha=1",
                 "() 2,3 3,2 | beta=-1 alpha=1", "2,1 2,0 0,3 | beta=2 alpha=3",
                 "2,2 2,3 3,2 | alpha=1", "2,2 2,3 3,2 | beta=1",
                 "3,1,2 3,2,2 2,2 | beta=1 alpha=-1" },
    .bad = { "3,4 2,3 3,4 | beta=1 alpha=1", "5,2,4 2,3 3,4 | alpha=1", "2,4 2,3 2,4 | alpha=1",
             "2,4@i0..3 2,3 3,4 | beta=1 alpha=1" },
};

wg_tensor *wg_addmm(wg_tensor *c, wg_tensor *a, wg_tensor *b, double beta, double alpha) {
    return wg_apply(&wg__op_addmm, (wg_tensor *[]){ c, a, b }, 3, &(addmm_attr){ beta, alpha });
}

/* ---- dot and outer --------------------------------------------------------------------------- */

static bool are_vectors(const wg_call *c) {
    return (wg_call_rank(c, 0) == 1 && wg_call_rank(c, 1) == 1) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "both must have exactly 1 dimension");
}

static wg_tensor *dot_compose(const wg_call *c) {
    if (!are_vectors(c)) return NULL;
    if (wg_call_dim(c, 0, 0) != wg_call_dim(c, 1, 0))
        return NULL_AFTER(wg_call_fail(c, WG_ERROR_SHAPE, "the sizes %lld and %lld differ",
                                       (long long)wg_call_dim(c, 0, 0),
                                       (long long)wg_call_dim(c, 1, 0)));
    return wg_matmul(c->in[0], c->in[1]);
}

static bool dot_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    out->data[0] = 0;
    for (int64_t k = 0; k < in[0].shape.dim[0]; k++) out->data[0] += in[0].data[k] * in[1].data[k];
    return true;
}

WG__DEFINE_OP(dot) = {
    .abi = WG_OP_ABI,
    .name = "dot",
    .doc = "sum_i a_i b_i, of two vectors",
    .shapes = "(N) x (N) -> ()",
    .derivative = "da = gy b, db = gy a",
    .edges = "0 of empty vectors; matrices are refused, as by PyTorch: use wg_matmul",
    .equals = "torch.dot, np.dot of vectors",
    .equivalent = "transposed: both are vectors",
    .inputs = 2,
    .compose = dot_compose,
    .reference = dot_reference,
    .samples = { "5 5", "1 1", "0 0", "40 40", "3@=1,2,-1 3@=0,5,7" },
    .bad = { "3 4", "1 3", "2,3 3", "() ()", "3@i0..4 3@i0..4" },
};

wg_tensor *wg_dot(wg_tensor *a, wg_tensor *b) { return wg__op2(&wg__op_dot, a, b, NULL); }

static wg_tensor *outer_compose(const wg_call *c) {
    if (!are_vectors(c)) return NULL;
    return wg_matmul(wg_unsqueeze(c->in[0], 1), wg_unsqueeze(c->in[1], 0));
}

static bool outer_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int64_t n = in[1].shape.dim[0];
    (void)c;
    for (int64_t e = 0; e < wg__numel(&out->shape); e++)
        out->data[e] = in[0].data[e / n] * in[1].data[e % n];
    return true;
}

WG__DEFINE_OP(outer) = {
    .abi = WG_OP_ABI,
    .name = "outer",
    .doc = "a_i b_j, of two vectors: every product of two elements",
    .shapes = "(M) x (N) -> (M, N)",
    .derivative = "da = gy b, db = gy' a",
    .edges = "vectors only, as in PyTorch; np.outer flattens what has more axes",
    .equals = "torch.outer, np.outer",
    .equivalent = "transposed: both are vectors",
    .inputs = 2,
    .compose = outer_compose,
    .reference = outer_reference,
    .samples = { "2 3", "1 4", "4 1", "0 3", "3 0", "2@=0,-1 2@=3,5" },
    .bad = { "2,3 3", "3 ()", "2@i0..3 2@i0..3" },
};

wg_tensor *wg_outer(wg_tensor *a, wg_tensor *b) { return wg__op2(&wg__op_outer, a, b, NULL); }

/* ---- bilinear -------------------------------------------------------------------------------- */

static bool bilinear_fits(const wg_call *c) {
    const wg_tensor *a = c->in[0], *w = c->in[1], *b = c->in[2];
    if (wg_rank(a) < 1 || wg_rank(b) != wg_rank(a) || wg_rank(w) != 3)
        return wg_call_fail(c, WG_ERROR_SHAPE, "a and b need one rank, at least 1, and w rank 3");
    for (int i = 0; i < wg_rank(a) - 1; i++)
        if (wg_dim(a, i) != wg_dim(b, i))
            return wg_call_fail(c, WG_ERROR_SHAPE, "a and b have %lld and %lld on axis %d",
                                (long long)wg_dim(a, i), (long long)wg_dim(b, i), i);
    if (wg_dim(a, -1) != wg_dim(w, 1) || wg_dim(b, -1) != wg_dim(w, 2))
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "a and b have %lld and %lld features, w takes %lld "
                            "and %lld",
                            (long long)wg_dim(a, -1), (long long)wg_dim(b, -1),
                            (long long)wg_dim(w, 1), (long long)wg_dim(w, 2));
    if (c->inputs > 3 && c->in[3] &&
        (wg_rank(c->in[3]) != 1 || wg_dim(c->in[3], 0) != wg_dim(w, 0)))
        return wg_call_fail(c, WG_ERROR_SHAPE,
                            "the bias is not one number for each of w's %lld "
                            "matrices",
                            (long long)wg_dim(w, 0));
    return wg_call_same_dtype(c);
}

/* All of a times all of w is one product; what it gives meets b sample by sample. */
static wg_tensor *bilinear_compose(const wg_call *c) {
    if (!bilinear_fits(c)) return NULL;
    wg_tensor *a = c->in[0], *w = c->in[1], *b = c->in[2], *bias = c->inputs > 3 ? c->in[3] : NULL;
    wg_shape s = wg_shape_of(a);
    int64_t n = leading(&s), out = wg_dim(w, 0), left = wg_dim(w, 1), right = wg_dim(w, 2);
    wg_tensor *wide = wg_reshape(wg_transpose(w, 0, 1), WG_SHAPE(left, out * right));
    wg_tensor *aw = wg_matmul(wg_reshape(a, WG_SHAPE(n, left)), wide);  // (n, out * right)
    wg_tensor *each = wg_matmul(wg_reshape(aw, WG_SHAPE(n, out, right)),
                                wg_reshape(b, WG_SHAPE(n, right, 1)));  // (n, out, 1)
    wg_tensor *y = wg_reshape(each, with_last(a, out));
    return bias ? wg_add(y, bias) : y;
}

static bool bilinear_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const int64_t *dim = in[1].shape.dim;
    for (int64_t e = 0, count = wg__numel(&out->shape); e < count; e++) {
        int64_t o = e % dim[0], n = e / dim[0];
        out->data[e] = c->inputs > 3 ? in[3].data[o] : 0;
        for (int64_t i = 0; i < dim[1]; i++)
            for (int64_t j = 0; j < dim[2]; j++)
                out->data[e] += in[0].data[n * dim[1] + i] *
                                in[1].data[(o * dim[1] + i) * dim[2] + j] *
                                in[2].data[n * dim[2] + j];
    }
    return true;
}

WG__DEFINE_OP(bilinear) = {
    .abi = WG_OP_ABI,
    .name = "bilinear",
    .doc = "y_o = a' w_o b + bias_o, sample by sample",
    .shapes = "(..., I) x (O, I, J) x (..., J) x (O) -> (..., O)",
    .derivative = "da = sum_o gy_o w_o b, db = sum_o gy_o w_o' a, dw_o = sum gy_o a b', dbias = "
                  "sum gy",
    .edges = "a and b have the same leading axes: they do not broadcast",
    .equals = "torch.nn.functional.bilinear, which takes the weight third",
    .equivalent = "transposed: the bias is a vector",
    .inputs = 3,
    .inputs_max = 4,
    .flags = WG_OP_OPTIONAL_INPUTS,
    .compose = bilinear_compose,
    .reference = bilinear_reference,
    .samples = { "2,3 2,3,2 2,2 2", "2,3 2,3,2 2,2", "3 2,3,4 4 2", "2,1,2 1,2,2 2,1,2 1",
                 "0,2 2,2,3 0,3 2", "2,0 2,0,3 2,3 2", "2,2 0,2,2 2,2" },
    .bad = { "2,3 2,3,2 3,2", "2,3 2,2,2 2,2", "2,3 2,3,2 2,3", "2,3 2,3,2 2", "2,3 3,2 2,2",
             "2,3 2,3,2 2,2 3", "() 2,1,1 ()" },
};

wg_tensor *wg_bilinear(wg_tensor *a, wg_tensor *w, wg_tensor *b, wg_tensor *bias) {
    return wg_apply(&wg__op_bilinear, (wg_tensor *[]){ a, w, b, bias }, bias ? 4 : 3, NULL);
}
