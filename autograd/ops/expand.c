// SPDX-License-Identifier: MIT
/* expand.c: one element in several places without a copy, by a stride of 0, and the transpose of
   that, a sum. Whatever broadcasts is differentiated with these two. */
#include <string.h>

#include "autograd/ops/view.h"
#include "tensor/kernels/kernels.h"

/* ---- expand ---------------------------------------------------------------------------------- */

static bool expand_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    wg_shape s = *wg__listed(c);
    int extra = s.rank - x->shape.rank;
    if (extra < 0 || s.rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "cannot expand to rank %d", s.rank);
    for (int i = 0; i < s.rank; i++) {
        int64_t own = i < extra ? 1 : x->shape.dim[i - extra];
        bool keeps = s.dim[i] == WG_SAME || s.dim[i] == -1;  // -1 as in PyTorch
        if (keeps && i >= extra) s.dim[i] = own;
        if (s.dim[i] < 0 || (own != 1 && own != s.dim[i]))
            return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d cannot become %lld", i,
                                (long long)s.dim[i]);
    }
    wg__alias_of(out, x);
    wg_view wide = wg__view_broadcast(x, &s);
    out->shape = s;
    memcpy(out->stride, wide.stride, sizeof out->stride);
    return wg__fits_memory(c, out);
}

static wg_tensor *expand_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_sum_to(gy, wg_shape_of(c->in[i]));
}

static bool broadcast_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                           const int64_t at[], int64_t from[]) {
    (void)c;
    for (int i = 0; i < x->rank; i++) from[i] = x->dim[i] == 1 ? 0 : at[y->rank - x->rank + i];
    return true;
}

WG__MOVED_REFERENCE(expand, broadcast_from)
WG__DEFINE_OP(expand) = {
    WG__MOVES(expand),
    WG__SHAPE_ATTR,
    .doc = "x broadcast to a shape, without a copy",
    .shapes = "(..., 1, ...) -> (any, ..., any, ...)",
    .derivative = "dx = gy summed over the axes that were stretched or new",
    .edges = "the result's elements share memory, so it cannot be written to; a size may become 0",
    .equals = "torch.Tensor.expand, np.broadcast_to",
    .samples = { "3 | shape=2,3", "2,1 | shape=2,4", "() | shape=2,2", "1,3 | shape=-1,3",
                 "2,1 | shape=3,-2,4", "2,1,3 | shape=4,2,5,3", "1 | shape=0", "0,1 | shape=0,3",
                 "2@i0..9 | shape=3,2" },
    .bad = { "2 | shape=3", "2,3 | shape=3", "2 | shape=-1,2", "2 | shape=-2,2", "3 | shape=-3",
             "1 | shape=0,4611686018427387904,4" },
};

wg_tensor *wg_expand(wg_tensor *x, wg_shape shape) {
    return wg__op1(&wg__op_expand, x, &(wg__shape_attr){ shape });
}

/* ---- sum_to ---------------------------------------------------------------------------------- */

static bool sum_to_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *s = wg__listed(c), *x = &wg__viewed(c)->shape;
    wg_shape full;
    if (!wg_call_float(c, 0)) return false;
    if (s->rank > x->rank || s->rank < 0 || !wg__broadcast(s, x, &full) ||
        !wg__shape_equal(&full, x)) {
        char text[200];
        return wg_call_fail(c, WG_ERROR_SHAPE, "%s does not broadcast to it",
                            wg_shape_text(*s, text, sizeof text));
    }
    return wg_spec_set(out, wg_call_dtype(c, 0), *s);
}

static bool sum_to_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    const wg_shape *x = &in[0]->shape;
    wg_view y = { .data = out->data, .dtype = out->dtype, .shape = *x };  // in x's rank
    for (int i = 0, extra = x->rank - out->shape.rank; i < x->rank; i++)
        y.shape.dim[i] = i < extra ? 1 : out->shape.dim[i - extra];
    wg__contiguous_strides(&y);
    wg__reduce_sum(&y, in[0]);
    return true;
}

static wg_tensor *sum_to_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_expand(gy, wg_shape_of(c->in[i]));
}

WG__MOVED_BACK_REFERENCE(sum_to, broadcast_from)
WG__DEFINE_OP(sum_to) = {
    WG__MOVES(sum_to),
    WG__SHAPE_ATTR,
    .doc = "x summed down to a shape from which it could have been broadcast",
    .shapes = "(any, ..., any, ...) -> (..., 1, ...)",
    .derivative = "dx = gy broadcast to x",
    .edges = "a sum over nothing is 0; what has the shape already is given back as it is",
    .equals = "torch.Tensor.sum_to_size",
    .forward = sum_to_forward,
    .samples = { "2,3 | shape=3", "2,4 | shape=2,1", "2,2 | shape=", "4,2,5,3 | shape=2,1,3",
                 "0,3 | shape=3", "2,0 | shape=2,1", "3,2 | shape=1" },
    .bad = { "2,3 | shape=2", "3 | shape=1,3", "2,3 | shape=2,4", "2@i0..3 | shape=1" },
};

wg_tensor *wg_sum_to(wg_tensor *x, wg_shape shape) {
    if (x && !wg__pending() && wg__shape_equal(&x->view.shape, &shape)) return x;
    return wg__op1(&wg__op_sum_to, x, &(wg__shape_attr){ shape });
}
