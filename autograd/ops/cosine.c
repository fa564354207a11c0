// SPDX-License-Identifier: MIT
/* cosine.c: how alike two vectors are, whatever their lengths. Each is brought to length 1 by
   itself, so that no product of two lengths over- or underflows. */
#include "autograd/ops/ops_impl.h"

typedef struct cosine_attr {
    int64_t axis;
    double eps;
} cosine_attr;
static const wg_attr cosine_attrs[] = { { "axis", WG_ATTR_INT, offsetof(cosine_attr, axis) },
                                        { "eps", WG_ATTR_REAL, offsetof(cosine_attr, eps) },
                                        { .name = NULL } };

static wg_tensor *direction(wg_tensor *x, const cosine_attr *attr) {
    wg_tensor *length = wg_norm_axes(x, 2, WG_AXES(attr->axis), true);
    return wg_div(x, wg_maximum(length, wg_num(attr->eps)));
}

static bool fits(const wg_call *c) {
    double eps = ((const cosine_attr *)c->attr)->eps;
    if (!(eps >= 0)) return wg_call_fail(c, WG_ERROR_ARGUMENT, "eps is %g", eps);
    return wg_call_rank(c, 0) == wg_call_rank(c, 1) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the ranks differ");
}

// Input i, of the other's size along the axis: a single element that broadcasts is a vector of N.
static wg_tensor *stretched(const wg_call *c, int i) {
    wg_tensor *x = c->in[i], *other = c->in[1 - i];
    wg_shape shape = wg_shape_of(x);
    int axis = wg__axis(((const cosine_attr *)c->attr)->axis, shape.rank);
    if (axis < 0 || shape.dim[axis] != 1 || wg_dim(other, axis) == 1) return x;
    shape.dim[axis] = wg_dim(other, axis);
    return wg_expand(x, shape);
}

static wg_tensor *cosine_similarity_compose(const wg_call *c) {
    const cosine_attr *attr = c->attr;
    if (!fits(c)) return NULL;
    wg_tensor *product = wg_mul(direction(stretched(c, 0), attr), direction(stretched(c, 1), attr));
    return wg_sum_axes(product, WG_AXES(attr->axis), false);
}

static double complex length_of(double complex square, double eps) {
    double complex length = csqrt(square);
    return creal(length) < eps ? eps : length;
}

// One line of the two, n elements that are `step` apart from `at` on, broadcast to `full`.
typedef struct line {
    const wg_shape *full;
    int64_t at, n, step;
} line;

static double complex cosine_of(const wg_zview in[], const line *l, double eps) {
    double complex ab = 0, aa = 0, bb = 0;
    for (int64_t k = 0; k < l->n; k++) {
        double complex a = wg__broadcast_at(&in[0], l->full, l->at + k * l->step);
        double complex b = wg__broadcast_at(&in[1], l->full, l->at + k * l->step);
        ab += a * b, aa += a * a, bb += b * b;
    }
    return l->n == 0 ? 0 : ab / length_of(aa, eps) / length_of(bb, eps);
}

static bool cosine_similarity_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    wg_view full = { .dtype = WG_F64 };
    if (!wg__broadcast(&in[0].shape, &in[1].shape, &full.shape)) return false;
    wg__contiguous_strides(&full);
    const cosine_attr *attr = c->attr;
    int axis = wg__axis(attr->axis, full.shape.rank);
    wg_view heads = full;  // the first element of each line
    heads.shape.dim[axis] = 1;
    line l = { .full = &full.shape, .n = full.shape.dim[axis], .step = full.stride[axis] };
    for (int64_t k = 0; k < wg__numel(&out->shape); k++) {
        l.at = wg__offset(&heads, k);
        out->data[k] = cosine_of(in, &l, attr->eps);
    }
    return true;
}

WG__DEFINE_OP(cosine_similarity) = {
    .abi = WG_OP_ABI,
    .name = "cosine_similarity",
    .doc = "sum a b / (max(|a|, eps) max(|b|, eps)) along an axis, broadcast first",
    .shapes = "(..., N, ...) x (..., N, ...) -> (..., ...)",
    .derivative = "da = gy (b / |b| - y a / |a|) / |a|, and likewise db",
    .edges = "a vector shorter than eps counts as one of that length, so 0 gives 0, but NaN for "
             "eps = 0; 0 "
             "for N = 0; "
             "lengths neither overflow nor underflow",
    .equals = "torch.nn.functional.cosine_similarity",
    .inputs = 2,
    .attr_size = sizeof(cosine_attr),
    .attrs = cosine_attrs,
    .compose = cosine_similarity_compose,
    .reference = cosine_similarity_reference,
    .samples = { "2,3 2,3 | axis=1 eps=1e-8", "3,2 3,1 | eps=1e-8", "2,4,3 2,1,3 | axis=-1 eps=0.5",
                 "5 5", "3,2 1,2 | eps=1e-8", "1 1 | eps=1e-8", "2,0 2,0 | axis=1 eps=1e-8",
                 "0,3 0,3 | axis=1", "2,3@=3,0,4,0,0,0 2,3@=0,0,2,1,1,1 | axis=1 eps=1e-8",
                 "3,2@=0.125,0.25,3,-1,0.25,-0.125 3,2@=2,1,0.125,0.25,0.125,-0.25 | axis=1 "
                 "eps=0.5" },
    .bad = { "3 4", "2,3 3 | axis=1", "3 3 | axis=1", "3 3 | eps=-1", "() ()", "3@i0..3 3" },
};

wg_tensor *wg_cosine_similarity(wg_tensor *a, wg_tensor *b, int axis, double eps) {
    return wg__op2(&wg__op_cosine_similarity, a, b, &(cosine_attr){ axis, eps });
}
