// SPDX-License-Identifier: MIT
/* core_test.h: what the tests of tensor and of the engine share: small tensors in few words, and
   tensors of random shape and layout. */
#ifndef WG_TESTS_CORE_TEST_H
#define WG_TESTS_CORE_TEST_H

#include "autograd/autograd.h"
#include "autograd/op.h"
#include "tensor/tensor_impl.h"
#include "tests/testing.h"

/* ---- random choices -------------------------------------------------------------------------- */

static inline int64_t between(wg_random *r, int64_t low, int64_t high) {  // both included
    return low + wg_random_below(r, high - low + 1);
}

static inline wg_shape random_shape(wg_random *r, int most_axes, int64_t most) {
    wg_shape s = { .rank = (int)between(r, 0, most_axes) };
    for (int i = 0; i < s.rank; i++) s.dim[i] = between(r, between(r, 0, 9) == 0 ? 0 : 1, most);
    return s;
}

/* A tensor of `shape` with undefined elements, whose axes lie in memory in a random order, with
   gaps and some of them backwards; with `shared`, some axes have stride 0. */
static inline wg_tensor *random_layout(wg_random *r, wg_dtype dtype, wg_shape shape, bool shared) {
    int order[WG_MAX_RANK] = { 0 };
    for (int i = 0; i < shape.rank; i++) {
        int64_t j = between(r, 0, i);
        order[i] = order[j], order[j] = i;
    }
    int64_t stride[WG_MAX_RANK], size = 1, first = 0;
    for (int i = 0; i < shape.rank; i++) {
        int axis = order[i];
        bool stands = shared && between(r, 0, 3) == 0, back = between(r, 0, 2) == 0;
        stride[axis] = stands ? 0 : size * between(r, 1, between(r, 0, 2) ? 1 : 3);
        int64_t length = stride[axis] * (shape.dim[axis] > 0 ? shape.dim[axis] : 1);
        if (length > 0) size = length;
        if (back && shape.dim[axis] > 0) first += stride[axis] * (shape.dim[axis] - 1);
        if (back) stride[axis] = -stride[axis];
    }
    int64_t before = between(r, 0, 3), after = between(r, 0, 3);
    wg_tensor *all = wg__tensor_new(dtype, WG_SHAPE(before + size + after));
    wg_tensor *x = wg__tensor_alias(all);
    ck_assert_ptr_nonnull(x);
    x->view.data = wg__at(&all->view, before + first);
    x->view.shape = shape;
    memcpy(x->view.stride, stride, sizeof stride);
    return x;
}

/* x read from its last element to its first: a view. */
static inline wg_tensor *backwards(const wg_tensor *x) {
    wg_tensor *y = wg__tensor_alias(x);
    for (int i = 0; i < x->view.shape.rank; i++) {
        y->view.data = wg__at(&y->view, (x->view.shape.dim[i] - 1) * x->view.stride[i]);
        y->view.stride[i] = -x->view.stride[i];
    }
    return y;
}

/* ---- numbers --------------------------------------------------------------------------------- */

static inline wg_tensor *scalar(double value) { return wg_full(WG_F64, WG_SCALAR, value); }
static inline wg_tensor *leaf(double value) { return wg_variable(scalar(value)); }
static inline wg_tensor *list(int64_t n, const double *values) {
    return wg_from_f64(WG_F64, WG_SHAPE(n), values);
}
#define LIST(...) list(COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })

#endif
