// SPDX-License-Identifier: MIT
/* cat.c: tensors joined along an axis. */
#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/kernels.h"

static bool cat_infer(const wg_call *c, wg_spec *out) {
    int rank = wg_call_rank(c, 0), axis = wg__axis_of(c, rank);
    if (axis < 0 || !wg_call_same_dtype(c)) return false;
    wg_spec_set(out, wg_call_dtype(c, 0), c->in[0]->view.shape);
    for (int i = 1; i < c->inputs; i++) {
        const wg_shape *s = &c->in[i]->view.shape;
        bool fits = s->rank == rank;
        for (int k = 0; fits && k < rank; k++) fits = k == axis || s->dim[k] == out->shape.dim[k];
        if (!fits)
            return wg_call_fail(c, WG_ERROR_SHAPE, "input %d differs elsewhere than on axis %d", i,
                                axis);
        if (__builtin_add_overflow(out->shape.dim[axis], s->dim[axis], &out->shape.dim[axis]))
            return wg_call_fail(c, WG_ERROR_SHAPE, "together too long on axis %d", axis);
    }
    return true;
}

static bool cat_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    int64_t start = 0;
    for (int i = 0; i < c->inputs; i++) {
        int64_t size = in[i]->shape.dim[axis];
        wg_view part = wg__part_of(out, axis, start, size);
        wg__copy_view(&part, in[i]);
        start += size;
    }
    return true;
}

static wg_tensor *cat_vjp(const wg_call *c, wg_tensor *gy, int i) {
    int axis = wg__known_axis(c, wg_rank(c->out));
    int64_t start = 0;
    for (int k = 0; k < i; k++) start += wg_dim(c->in[k], axis);
    return wg_slice(gy, axis, start, start + wg_dim(c->in[i], axis), 1);
}

static bool cat_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    int64_t inner = 1, outer = 1;
    for (int k = 0; k < out->shape.rank; k++) *(k < axis ? &outer : &inner) *= out->shape.dim[k];
    for (int64_t o = 0, at = 0; o < outer; o++)
        for (int i = 0; i < c->inputs; i++) {
            int64_t run =
                inner / (out->shape.dim[axis] ? out->shape.dim[axis] : 1) * in[i].shape.dim[axis];
            for (int64_t k = 0; k < run; k++) out->data[at++] = in[i].data[o * run + k];
        }
    return true;
}

WG__DEFINE_OP(cat) = {
    .abi = WG_OP_ABI,
    .name = "cat",
    .doc = "joins tensors along an axis that is there; all other sizes are equal",
    .inputs = 1,
    .inputs_max = WG_MAX_INPUTS,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    WG__AXIS_ATTR,
    .infer = cat_infer,
    .forward = cat_forward,
    .vjp = cat_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = cat_reference,
    .samples = { "2,3 1,3", "2,3 2,1 2,2 | axis=1", "3", "2,1,2 2,3,2 | axis=-2", "0,2 1,2",
                 "2,0 2,3 | axis=1" },
    .bad = { "2,3 2,4", "2,3 3", "() ()", "2 2 | axis=1", "2 2@i0..2" },
};

wg_tensor *wg_cat(wg_tensor *const xs[], int n, int axis) {
    if (!wg__pending() && !xs) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "cat: the list is NULL");
    return wg_apply(&wg__op_cat, xs, n, &(wg__axis_attr){ axis });
}
