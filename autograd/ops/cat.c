// SPDX-License-Identifier: MIT
/* cat.c: tensors joined along an axis that is there, or along a new one. */
#include "autograd/ops/view.h"
#include "tensor/kernels/kernels.h"

#define JOINS(opname)                                                                              \
    .abi = WG_OP_ABI, .name = #opname, .inputs = 1, .inputs_max = WG_MAX_INPUTS,                   \
    .flags = WG_OP_LINEAR, .saves = WG_SAVES_NOTHING, WG__AXIS_ATTR, .infer = opname##_infer,      \
    .forward = opname##_forward, .vjp = opname##_vjp, .jvp = wg_op_jvp_linear,                     \
    .reference = opname##_reference

static wg_tensor *join(const wg_op *op, wg_tensor *const xs[], int n, int axis) {
    if (!wg__pending() && !xs)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "%s: the list is NULL", op->name);
    return wg_apply(op, xs, n, &(wg__axis_attr){ axis });
}

/* ---- cat ------------------------------------------------------------------------------------- */

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
    JOINS(cat),
    .doc = "joins tensors along an axis that is there; all other sizes are equal",
    .shapes = "(..., N1, ...) x (..., N2, ...) x ... -> (..., N1 + N2 + ..., ...)",
    .derivative = "dx_i = the slice of gy that x_i became",
    .edges = "an input may be empty along the axis, but has the others' rank, where PyTorch lets a "
             "[0] pass anywhere; rank 0 is refused; 1 to 64 inputs",
    .equals = "torch.cat, np.concatenate",
    .samples = { "2,3 1,3", "2,3 2,1 2,2 | axis=1", "3", "2,1,2 2,3,2 | axis=-2", "0,2 1,2",
                 "2,0 2,3 | axis=1", "2@i0..9 1@i0..9" },
    .bad = { "2,3 2,4", "2,3 3", "() ()", "2 2 | axis=1", "2 2@i0..2" },
};

wg_tensor *wg_cat(wg_tensor *const xs[], int n, int axis) { return join(&wg__op_cat, xs, n, axis); }

/* ---- stack ----------------------------------------------------------------------------------- */

static bool stack_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *s = &c->in[0]->view.shape;
    if (s->rank == WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "there is no room for another axis");
    int axis = wg__axis_of(c, s->rank + 1);
    if (axis < 0 || !wg_call_same_dtype(c)) return false;
    for (int i = 1; i < c->inputs; i++)
        if (!wg__shape_equal(s, &c->in[i]->view.shape))
            return wg_call_fail(c, WG_ERROR_SHAPE, "input %d has another shape than input 0", i);
    wg_spec_set(out, wg_call_dtype(c, 0), *s);
    out->shape.rank++;
    for (int i = s->rank; i > axis; i--) out->shape.dim[i] = s->dim[i - 1];
    out->shape.dim[axis] = c->inputs;
    return true;
}

static bool stack_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    wg_view part = { .dtype = out->dtype, .shape = in[0]->shape };
    for (int i = 0; i < part.shape.rank; i++) part.stride[i] = out->stride[i + (i >= axis)];
    for (int i = 0; i < c->inputs; i++) {
        part.data = wg__at(out, i * out->stride[axis]);
        wg__copy_view(&part, in[i]);
    }
    return true;
}

static wg_tensor *stack_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_select(gy, wg__known_axis(c, wg_rank(c->out)), i);
}

static bool stack_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    int64_t inner = 1;
    for (int k = axis + 1; k < out->shape.rank; k++) inner *= out->shape.dim[k];
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = in[k / inner % c->inputs].data[k / inner / c->inputs * inner + k % inner];
    return true;
}

WG__DEFINE_OP(stack) = {
    JOINS(stack),
    .doc = "joins tensors of one shape along a new axis",
    .shapes = "n of (..., ...) -> (..., n, ...)",
    .derivative = "dx_i = gy[i] along the new axis",
    .edges =
        "numbers and rank 0 become a vector; a negative axis counts among those of the result; 1 "
        "to 64 inputs",
    .equals = "torch.stack, np.stack",
    .samples = { "3 3", "2,3 2,3 2,3 | axis=1", "2,3 2,3 | axis=-1", "() () ()", "2",
                 "0,2 0,2 | axis=1", "2,1,2 2,1,2 | axis=-3", "2@i0..9 2@i0..9 | axis=1",
                 "3@b 3@b" },
    .bad = { "2,3 3,2", "2 2,1", "2 2 | axis=2", "2 2@i0..2", "() () | axis=1", "1,1,1,1,1,1,1,1" },
};

wg_tensor *wg_stack(wg_tensor *const xs[], int n, int axis) {
    return join(&wg__op_stack, xs, n, axis);
}
