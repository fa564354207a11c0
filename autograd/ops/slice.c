// SPDX-License-Identifier: MIT
/* slice.c: parts of an axis, as Python's x[start:stop:step] takes them, and the way back. */
#include <string.h>

#include "autograd/ops/view.h"
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
#define SLICE_ATTR .attr_size = sizeof(slice_attr), .attrs = slice_attrs

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
    const wg_view *x = wg__viewed(c);
    int axis = checked_axis(c);
    if (axis < 0) return false;
    int64_t first, count = indices(c->attr, x->shape.dim[axis], &first);
    wg_view part = part_of(x, c->attr, axis);
    wg__alias_of(out, x);
    out->shape = part.shape;
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

static bool sliced_from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                        int64_t from[]) {
    const slice_attr *a = c->attr;
    int axis = wg__axis(a->axis, x->rank);
    int64_t first;
    indices(a, x->dim[axis], &first);
    for (int i = 0; i < y->rank; i++) from[i] = at[i];
    from[axis] = first + at[axis] * a->step;
    return true;
}

WG__MOVED_REFERENCE(slice, sliced_from)
WG__DEFINE_OP(slice) = {
    WG__MOVES(slice),
    SLICE_ATTR,
    .doc = "x[start:stop:step] along an axis, as Python takes it, without a copy",
    .shapes = "(..., N, ...) -> (..., M, ...)",
    .derivative = "dx = gy at the places it came from, 0 elsewhere",
    .edges =
        "positions outside are cut off, so any start and stop are fine, and nothing may be left; a "
        "negative step goes backwards, which PyTorch refuses",
    .equals = "x[start:stop:step]",
    .samples = { "5 | start=1 stop=4 step=1", "5,2 | start=0 stop=5 step=2",
                 "2,5 | axis=1 start=-1 stop=-9 step=-1", "2,5,2 | axis=-2 start=4 stop=0 step=-2",
                 "5 | start=3 stop=1 step=1", "0,2 | stop=3 step=1",
                 "5 | start=-100 stop=100 step=3", "5 | start=2 stop=3 step=9000000000000000000" },
    .bad = { "5 | stop=3", "5 | axis=1 stop=3 step=1", "() | stop=1 step=1" },
};

wg_tensor *wg_slice(wg_tensor *x, int axis, int64_t start, int64_t stop, int64_t step) {
    return wg__op1(&wg__op_slice, x, &(slice_attr){ axis, start, stop, step, 0 });
}

/* ---- select ---------------------------------------------------------------------------------- */

typedef struct select_attr {
    int64_t axis, index;
} select_attr;
static const wg_attr select_attrs[] = { { "axis", WG_ATTR_INT, offsetof(select_attr, axis) },
                                        { "index", WG_ATTR_INT, offsetof(select_attr, index) },
                                        { .name = NULL } };

static bool select_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    const select_attr *a = c->attr;
    int axis = wg_call_axis(c, a->axis, x->shape.rank);
    if (axis < 0) return false;
    int64_t n = x->shape.dim[axis], index = a->index < 0 ? a->index + n : a->index;
    if (index < 0 || index >= n)
        return wg_call_fail(c, WG_ERROR_INDEX,
                            "index %lld is out of range for axis %d of size %lld",
                            (long long)a->index, axis, (long long)n);
    wg__alias_of(out, x);
    out->offset = index * x->stride[axis];
    wg__alias_drop(out, axis);
    return true;
}

static wg_tensor *select_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const select_attr *a = c->attr;
    int axis = wg__axis(a->axis, wg_rank(c->in[i]));
    int64_t n = wg_dim(c->in[i], axis), index = a->index < 0 ? a->index + n : a->index;
    return apply(&wg__op_unslice, wg_unsqueeze(gy, axis),
                 &(slice_attr){ axis, index, index + 1, 1, 0 }, n);
}

static bool selected_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                          const int64_t at[], int64_t from[]) {
    const select_attr *a = c->attr;
    int axis = wg__axis(a->axis, x->rank);
    for (int i = 0; i < y->rank; i++) from[i + (i >= axis)] = at[i];
    from[axis] = a->index < 0 ? x->dim[axis] + a->index : a->index;
    return true;
}

WG__MOVED_REFERENCE(select, selected_from)
WG__DEFINE_OP(select) = {
    WG__MOVES(select),
    .attr_size = sizeof(select_attr),
    .attrs = select_attrs,
    .doc = "x[index] along an axis, which goes; without a copy",
    .shapes = "(..., N, ...) -> (..., ...)",
    .derivative = "dx = gy at the index, 0 elsewhere",
    .edges = "a negative index counts from the end; one that is out of range is refused",
    .equals = "torch.select, x[index]",
    .samples = { "5 | index=3", "2,3 | axis=1 index=-1", "2,3,2 | axis=-2 index=1", "2,0 | index=1",
                 "1 | index=-1", "2,3@i0..9 | axis=1", "4,3 | index=-3", "2,4 | axis=1 index=-2" },
    .bad = { "3 | index=3", "3 | index=-4", "0", "()", "3 | axis=1",
             "2 | index=-9223372036854775808" },
};

wg_tensor *wg_select(wg_tensor *x, int axis, int64_t index) {
    return wg__op1(&wg__op_select, x, &(select_attr){ axis, index });
}

/* ---- unslice: the transpose of both ---------------------------------------------------------- */

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

WG__MOVED_BACK_REFERENCE(unslice, sliced_from)
WG__DEFINE_OP(unslice) = {
    WG__MOVES(unslice),
    SLICE_ATTR,
    .doc = "zeros with x where slice would have taken it from: slice's transpose",
    .shapes = "(..., M, ...) -> (..., size, ...)",
    .derivative = "dx = gy[start:stop:step]",
    .edges = "x must have just the size that the slice of an axis of this size has",
    .equals = "torch.slice_scatter into zeros",
    .forward = unslice_forward,
    .samples = { "3 | start=1 stop=4 step=1 size=5", "3,2 | start=0 stop=5 step=2 size=5",
                 "2,5 | axis=1 start=-1 stop=-9 step=-1 size=5",
                 "0 | start=3 stop=1 step=1 size=5" },
    .bad = { "3 | start=1 stop=3 step=1 size=5", "3 | stop=3 size=5", "3 | stop=3 step=1 size=-1" },
};
