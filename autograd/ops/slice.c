// SPDX-License-Identifier: MIT
/* slice.c: parts of an axis, as Python's x[start:stop:step] takes them, and the way back. */
#include <string.h>

#include "autograd/ops/ops_impl.h"
#include "tensor/kernels/kernels.h"

/* `size` is used by unslice alone: the axis' full length. */
typedef struct slice_attr {
    int64_t axis, start, stop, step, size;
} slice_attr;
static const wg_attr slice_attrs[] = {
    { "axis", WG_ATTR_INT, offsetof(slice_attr, axis) },
    { "start", WG_ATTR_INT, offsetof(slice_attr, start) },
    { "stop", WG_ATTR_INT, offsetof(slice_attr, stop) },
    { "step", WG_ATTR_INT, offsetof(slice_attr, step) },
    { "size", WG_ATTR_INT, offsetof(slice_attr, size) },
    { .name = NULL },
};

/* Python's slice.indices: positions cut off to what the axis has; returns how many there are. */
static int64_t indices(const slice_attr *a, int64_t size, int64_t *first) {
    int64_t lowest = a->step < 0 ? -1 : 0, highest = a->step < 0 ? size - 1 : size;
    int64_t bound[2] = { a->start, a->stop };
    for (int k = 0; k < 2; k++) {
        if (bound[k] < 0) bound[k] = bound[k] < -size ? lowest : bound[k] + size;
        if (bound[k] < lowest) bound[k] = lowest;
        if (bound[k] > highest) bound[k] = highest;
    }
    *first = bound[0];
    // The gap is at most the axis, so a huge step is as good as one that leaves it.
    int64_t gap = a->step > 0 ? bound[1] - bound[0] : bound[0] - bound[1];
    int64_t step = a->step > 0 ? a->step : a->step < -INT64_MAX ? INT64_MAX : -a->step;
    return gap <= 0 ? 0 : (gap - 1) / step + 1;
}

static int checked_axis(const wg_call *c) {
    const slice_attr *a = c->attr;
    if (a->step == 0) return wg_call_fail(c, WG_ERROR_ARGUMENT, "the step is 0"), -1;
    return wg_call_axis(c, a->axis, wg_call_rank(c, 0));
}

// The part of v that the attributes choose, v having the full axis.
static wg_view part_of(const wg_view *v, const slice_attr *a, int axis) {
    int64_t first, count = indices(a, v->shape.dim[axis], &first);
    wg_view part = *v;
    part.shape.dim[axis] = count;
    part.data = count ? wg__at(v, first * v->stride[axis]) : v->data;
    // A single element is never stepped from, so a huge step must not overflow its stride.
    part.stride[axis] = count > 1 ? v->stride[axis] * a->step : v->stride[axis];
    return part;
}

static bool slice_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = &c->in[0]->view;
    int axis = checked_axis(c);
    if (axis < 0) return false;
    int64_t first, count = indices(c->attr, x->shape.dim[axis], &first);
    wg_view part = part_of(x, c->attr, axis);
    wg_spec_set(out, x->dtype, part.shape);
    out->alias = true;
    out->offset = count ? first * x->stride[axis] : 0;
    memcpy(out->stride, part.stride, sizeof out->stride);
    return true;
}

static wg_tensor *apply(const wg_op *op, wg_tensor *x, const slice_attr *a, int64_t size) {
    slice_attr with_size = *a;
    with_size.size = size;
    return wg__op1(op, x, &with_size);
}

static wg_tensor *slice_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const slice_attr *a = c->attr;
    return apply(&wg__op_unslice, gy, a, wg_dim(c->in[i], (int)a->axis));
}

// Position along the full axis of element `flat` of the part, in a dense array of the full shape.
static int64_t place(const wg_shape *full, const wg_shape *part, const slice_attr *a,
                     int64_t flat) {
    int axis = wg__axis(a->axis, full->rank);
    int64_t first, offset = 0, stride = 1;
    indices(a, full->dim[axis], &first);
    for (int k = full->rank - 1; k >= 0; k--) {
        int64_t index = flat % part->dim[k];
        flat /= part->dim[k];
        offset += (k == axis ? first + index * a->step : index) * stride;
        stride *= full->dim[k];
    }
    return offset;
}

static bool slice_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = in[0].data[place(&in[0].shape, &out->shape, c->attr, k)];
    return true;
}

WG__DEFINE_OP(slice) = {
    .abi = WG_OP_ABI,
    .name = "slice",
    .doc = "x[start:stop:step] along an axis, as Python takes it, without a copy",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(slice_attr),
    .attrs = slice_attrs,
    .infer = slice_infer,
    .vjp = slice_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = slice_reference,
    .samples = { "5 | start=1 stop=4 step=1", "5,2 | start=0 stop=5 step=2",
                 "2,5 | axis=1 start=-1 stop=-9 step=-1", "2,5,2 | axis=-2 start=4 stop=0 step=-2",
                 "5 | start=3 stop=1 step=1", "0,2 | stop=3 step=1",
                 "5 | start=-100 stop=100 step=3", "5 | start=2 stop=3 step=9000000000000000000" },
    .bad = { "5 | stop=3", "5 | axis=1 stop=3 step=1", "() | stop=1 step=1" },
};

wg_tensor *wg_slice(wg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step) {
    return wg__op1(&wg__op_slice, x, &(slice_attr){ axis, start, stop, step, 0 });
}

wg_tensor *wg_select(wg_tensor *x, int axis, int64_t index) {
    if (wg__pending()) return NULL;
    int64_t size = wg_dim(x, axis);
    if (x && (wg__axis(axis, wg_rank(x)) < 0 || index < -size || index >= size))
        return WG__FAIL_NULL(WG_ERROR_INDEX, "select: index %lld of axis %d, which has %lld",
                             (long long)index, axis, (long long)size);
    if (index < 0) index += size;
    return wg_squeeze(wg_slice(x, axis, index, index + 1, 1), axis);
}

/* ---- unslice: the transpose ------------------------------------------------------------------ */

static bool unslice_infer(const wg_call *c, wg_spec *out) {
    const slice_attr *a = c->attr;
    int axis = checked_axis(c);
    if (axis < 0) return false;
    int64_t first, count = a->size < 0 ? -1 : indices(a, a->size, &first);
    if (count != wg_call_dim(c, 0, axis))
        return wg_call_fail(c, WG_ERROR_SHAPE, "an axis of %lld has no such part of %lld",
                            (long long)a->size, (long long)wg_call_dim(c, 0, axis));
    wg_spec_set(out, wg_call_dtype(c, 0), c->in[0]->view.shape);
    out->shape.dim[axis] = a->size;
    return true;
}

static bool unslice_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const slice_attr *a = c->attr;
    wg_view part = part_of(out, a, wg__axis(a->axis, out->shape.rank));
    wg__fill_view(out, 0);
    if (wg__numel(&part.shape) > 0) wg__copy_view(&part, in[0]);
    return true;
}

static wg_tensor *unslice_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return apply(&wg__op_slice, gy, c->attr, 0);
}

static bool unslice_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = 0;
    for (int64_t k = 0, n = wg__numel(&in[0].shape); k < n; k++)
        out->data[place(&out->shape, &in[0].shape, c->attr, k)] = in[0].data[k];
    return true;
}

WG__DEFINE_OP(unslice) = {
    .abi = WG_OP_ABI,
    .name = "unslice",
    .doc = "zeros with x where slice would have taken it from: slice's transpose",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(slice_attr),
    .attrs = slice_attrs,
    .infer = unslice_infer,
    .forward = unslice_forward,
    .vjp = unslice_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = unslice_reference,
    .samples = { "3 | start=1 stop=4 step=1 size=5", "3,2 | start=0 stop=5 step=2 size=5",
                 "2,5 | axis=1 start=-1 stop=-9 step=-1 size=5",
                 "0 | start=3 stop=1 step=1 size=5" },
    .bad = { "3 | start=1 stop=3 step=1 size=5", "3 | stop=3 size=5", "3 | stop=3 step=1 size=-1" },
};

/* ---- flip ------------------------------------------------------------------------------------ */

static bool flip_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = &c->in[0]->view;
    int axis = wg__axis_of(c, x->shape.rank);
    if (axis < 0) return false;
    wg_spec_set(out, x->dtype, x->shape);
    out->alias = true;
    memcpy(out->stride, x->stride, sizeof out->stride);
    out->offset = x->shape.dim[axis] ? (x->shape.dim[axis] - 1) * x->stride[axis] : 0;
    out->stride[axis] = -x->stride[axis];
    return true;
}

static wg_tensor *flip_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg__op1(c->op, gy, c->attr);
}

static bool flip_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const slice_attr backwards = { wg__known_axis(c, out->shape.rank), -1, INT64_MIN, -1, 0 };
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = in[0].data[place(&in[0].shape, &out->shape, &backwards, k)];
    return true;
}

WG__DEFINE_OP(flip) = {
    .abi = WG_OP_ABI,
    .name = "flip",
    .doc = "x with one axis in the opposite order, without a copy",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    WG__AXIS_ATTR,
    .infer = flip_infer,
    .vjp = flip_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = flip_reference,
    .samples = { "5", "2,3 | axis=1", "2,3,2 | axis=-2", "0,2", "1" },
    .bad = { "2,3 | axis=2", "()" },
};

wg_tensor *wg_flip(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_flip, x, &(wg__axis_attr){ axis });
}
