// SPDX-License-Identifier: MIT
/* axes.c: the order of axes, and the order along them. All but roll are views: a permutation of
   strides, or strides of the other sign. */
#include <string.h>

#include "autograd/ops/view.h"
#include "tensor/kernels/kernels.h"

// Axis i of the result is axis `from` of x.
static void take_axis(wg_spec *out, int i, const wg_view *x, int from) {
    out->shape.dim[i] = x->shape.dim[from];
    out->stride[i] = x->stride[from];
}

/* ---- permute --------------------------------------------------------------------------------- */

static bool permute_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    const wg_shape *axes = wg__listed(c);
    int rank = x->shape.rank;
    if (axes->rank != rank)
        return wg_call_fail(c, WG_ERROR_SHAPE, "%d axes given for %d", axes->rank, rank);
    if (wg__axis_mask(c, axes, rank) < 0) return false;
    wg__alias_of(out, x);
    for (int i = 0; i < rank; i++) take_axis(out, i, x, wg__axis(axes->dim[i], rank));
    return true;
}

static wg_tensor *permute_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const wg_shape *axes = wg__listed(c);
    wg_shape inverse = { .rank = axes->rank };
    for (int k = 0; k < axes->rank; k++) inverse.dim[wg__axis(axes->dim[k], axes->rank)] = k;
    (void)i;
    return wg_permute(gy, inverse);
}

static bool permuted_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                          const int64_t at[], int64_t from[]) {
    const wg_shape *axes = wg__listed(c);
    for (int i = 0; i < y->rank; i++) from[(axes->dim[i] + x->rank) % x->rank] = at[i];
    return true;
}

WG__MOVED_REFERENCE(permute, permuted_from)
WG__DEFINE_OP(permute) = {
    WG__MOVES(permute),
    WG__AXES_ATTR,
    .doc = "axis i of the result is axis axes[i] of x, without a copy",
    .shapes = "(d0, d1, ...) -> (d_axes[0], d_axes[1], ...)",
    .derivative = "dx = gy permuted back",
    .edges = "every axis is listed once; rank 0 takes the empty list",
    .equals = "torch.permute, np.transpose",
    .samples = { "2,3 | axes=1,0", "2,3,4 | axes=2,0,1", "2,3,4 | axes=-1,0,-2",
                 "() | axes=", "0,3 | axes=1,0", "2,3@i0..9 | axes=1,0" },
    .bad = { "2,3 | axes=0", "2,3 | axes=0,0", "2,3 | axes=0,2", "2,3 | axes=-3,0",
             "2,3 | axes=1,-1" },
};

wg_tensor *wg_permute(wg_tensor *x, wg_shape axes) {
    return wg__op1(&wg__op_permute, x, &(wg__shape_attr){ axes });
}

/* ---- transpose and movedim ------------------------------------------------------------------- */

typedef struct two_axes {
    int64_t a, b;
} two_axes;
static const wg_attr transpose_attrs[] = { { "axis1", WG_ATTR_INT, offsetof(two_axes, a) },
                                           { "axis2", WG_ATTR_INT, offsetof(two_axes, b) },
                                           { .name = NULL } };
static const wg_attr movedim_attrs[] = { { "source", WG_ATTR_INT, offsetof(two_axes, a) },
                                         { "destination", WG_ATTR_INT, offsetof(two_axes, b) },
                                         { .name = NULL } };

// Both among `rank`; false after reporting.
static bool both_axes(const wg_call *c, int rank, int axis[2]) {
    const two_axes *t = c->attr;
    axis[0] = wg_call_axis(c, t->a, rank);
    axis[1] = axis[0] < 0 ? -1 : wg_call_axis(c, t->b, rank);
    return axis[1] >= 0;
}

static bool transpose_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int axis[2];
    if (!both_axes(c, x->shape.rank, axis)) return false;
    wg__alias_of(out, x);
    take_axis(out, axis[0], x, axis[1]);
    take_axis(out, axis[1], x, axis[0]);
    return true;
}

static wg_tensor *transpose_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg__op1(c->op, gy, c->attr);
}

static bool transposed_from(const wg_call *c, const wg_shape *x, const wg_shape *y,
                            const int64_t at[], int64_t from[]) {
    const two_axes *t = c->attr;
    int a = wg__axis(t->a, x->rank), b = wg__axis(t->b, x->rank);
    for (int i = 0; i < y->rank; i++) from[i] = at[i];
    from[a] = at[b], from[b] = at[a];
    return true;
}

WG__MOVED_REFERENCE(transpose, transposed_from)
WG__DEFINE_OP(transpose) = {
    WG__MOVES(transpose),
    .attr_size = sizeof(two_axes),
    .attrs = transpose_attrs,
    .doc = "x with two axes changed for each other, without a copy",
    .shapes = "(..., M, ..., N, ...) -> (..., N, ..., M, ...)",
    .derivative = "dx = gy with the same two changed back",
    .edges = "an axis changed for itself is fine; rank 0 has none to name",
    .equals = "torch.transpose, np.swapaxes",
    .samples = { "2,3 | axis1=0 axis2=1", "2,3,4 | axis1=-1 axis2=0", "2,3 | axis1=1 axis2=-1",
                 "0,3 | axis2=1", "2,1,2,3 | axis1=1 axis2=2", "2,3@i0..9 | axis2=1" },
    .bad = { "2,3 | axis1=2", "2,3 | axis2=-3", "()" },
};

wg_tensor *wg_transpose(wg_tensor *x, int axis1, int axis2) {
    return wg__op1(&wg__op_transpose, x, &(two_axes){ axis1, axis2 });
}

static bool movedim_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int axis[2], next = 0;
    if (!both_axes(c, x->shape.rank, axis)) return false;
    wg__alias_of(out, x);
    for (int i = 0; i < x->shape.rank; i++) {
        next += next == axis[0];
        take_axis(out, i, x, i == axis[1] ? axis[0] : next++);
    }
    return true;
}

static wg_tensor *movedim_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const two_axes *t = c->attr;
    (void)i;
    return wg__op1(c->op, gy, &(two_axes){ t->b, t->a });
}

static bool moved_from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                       int64_t from[]) {
    const two_axes *t = c->attr;
    int a = wg__axis(t->a, x->rank), b = wg__axis(t->b, x->rank), step = a < b ? 1 : -1;
    for (int i = 0; i < y->rank; i++) from[i] = at[i];
    for (int i = a; i != b; i += step) from[i + step] = at[i];  // those passed on the way
    from[a] = at[b];
    return true;
}

WG__MOVED_REFERENCE(movedim, moved_from)
WG__DEFINE_OP(movedim) = {
    WG__MOVES(movedim),
    .attr_size = sizeof(two_axes),
    .attrs = movedim_attrs,
    .doc = "x with one axis at another place and the others in their order, without a copy",
    .shapes = "(a, b, c, ...) -> (b, c, a, ...)",
    .derivative = "dx = gy with the axis moved back",
    .edges = "an axis moved to where it is stays; rank 0 has none to name",
    .equals = "torch.movedim, np.moveaxis",
    .samples = { "2,3 | source=0 destination=1", "2,3,4 | source=0 destination=-1",
                 "2,3,4 | source=-1", "2,3,4,2 | source=2 destination=1", "3",
                 "2,0,3 | destination=2", "2,3@i0..9 | source=1" },
    .bad = { "2,3 | source=2", "2,3 | destination=-3", "()" },
};

wg_tensor *wg_movedim(wg_tensor *x, int source, int destination) {
    return wg__op1(&wg__op_movedim, x, &(two_axes){ source, destination });
}

/* ---- flip ------------------------------------------------------------------------------------ */

static bool flip_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int axis = wg__axis_of(c, x->shape.rank);
    if (axis < 0) return false;
    wg__alias_of(out, x);
    out->offset = x->shape.dim[axis] ? (x->shape.dim[axis] - 1) * x->stride[axis] : 0;
    out->stride[axis] = -x->stride[axis];
    return true;
}

#define flip_vjp transpose_vjp  // its own inverse too

static bool flipped_from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                         int64_t from[]) {
    int axis = wg__known_axis(c, x->rank);
    for (int i = 0; i < y->rank; i++) from[i] = i == axis ? x->dim[i] - 1 - at[i] : at[i];
    return true;
}

WG__MOVED_REFERENCE(flip, flipped_from)
WG__DEFINE_OP(flip) = {
    WG__MOVES(flip),
    WG__AXIS_ATTR,
    .doc = "y[i] = x[N - 1 - i] along an axis, without a copy",
    .shapes = "(..., N, ...) -> (..., N, ...)",
    .derivative = "dx = gy flipped likewise",
    .edges =
        "an axis of size 0 or 1 stays as it is; flip_axes with an empty list flips nothing, as in "
        "PyTorch, where NumPy's None flips all",
    .equals = "torch.flip, np.flip",
    .samples = { "5", "2,3 | axis=1", "2,3,2 | axis=-2", "0,2", "1", "2,3@i0..9 | axis=1" },
    .bad = { "2,3 | axis=2", "()", "2 | axis=-2" },
};

wg_tensor *wg_flip(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_flip, x, &(wg__axis_attr){ axis });
}

// One after the other: a view of views is a view.
wg_tensor *wg_flip_axes(wg_tensor *x, wg_shape axes) {
    if (wg__pending() || !x) return wg_flip(x, 0);
    const wg_call c = { .op = &wg__op_flip, .inputs = 1, .in = (wg_tensor *[]){ x } };
    if (!wg__alive("flip", x) || wg__axis_mask(&c, &axes, wg_rank(x)) < 0) return NULL;
    for (int i = 0; i < axes.rank; i++) x = wg_flip(x, (int)axes.dim[i]);
    return x;
}

/* ---- roll ------------------------------------------------------------------------------------ */

typedef struct roll_attr {
    int64_t shift, axis;
} roll_attr;
static const wg_attr roll_attrs[] = { { "shift", WG_ATTR_INT, offsetof(roll_attr, shift) },
                                      { "axis", WG_ATTR_INT, offsetof(roll_attr, axis) },
                                      { .name = NULL } };

static bool roll_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *x = &wg__viewed(c)->shape;
    if (wg_call_axis(c, ((const roll_attr *)c->attr)->axis, x->rank) < 0) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), *x);
}

// How far to the right, from 0 to n - 1, for any shift.
static int64_t right_by(int64_t shift, int64_t n) {
    if (n == 0) return 0;
    int64_t by = shift % n;
    return by < 0 ? by + n : by;
}

static bool roll_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const roll_attr *a = c->attr;
    int axis = wg__axis(a->axis, out->shape.rank);
    int64_t n = out->shape.dim[axis], by = right_by(a->shift, n);
    if (wg__numel(&out->shape) == 0) return true;
    const int64_t cut[3] = { 0, n - by, n };  // x's parts; the second comes first
    for (int k = 0; k < 2; k++) {
        wg_view from = wg__part_of(in[0], axis, cut[k], cut[k + 1] - cut[k]);
        wg_view to = wg__part_of(out, axis, k == 0 ? by : 0, cut[k + 1] - cut[k]);
        if (from.shape.dim[axis] > 0) wg__copy_view(&to, &from);
    }
    return true;
}

static wg_tensor *roll_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const roll_attr *a = c->attr;
    int64_t n = wg_dim(c->in[i], (int)a->axis);
    return wg_roll(gy, n - right_by(a->shift, n), (int)a->axis);
}

static bool rolled_from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                        int64_t from[]) {
    const roll_attr *a = c->attr;
    int axis = wg__axis(a->axis, x->rank);
    int64_t n = x->dim[axis];
    for (int i = 0; i < y->rank; i++) from[i] = at[i];
    from[axis] = ((at[axis] - a->shift % n) % n + n) % n;
    return true;
}

WG__MOVED_REFERENCE(roll, rolled_from)
WG__DEFINE_OP(roll) = {
    WG__MOVES(roll),
    .attr_size = sizeof(roll_attr),
    .attrs = roll_attrs,
    .doc = "y[i + shift] = x[i] along an axis, what leaves at one end coming in at the other",
    .shapes = "(...) -> (...)",
    .derivative = "dx = gy rolled by -shift",
    .edges = "any shift, also beyond the axis; an empty axis has nothing to move",
    .equals = "torch.roll, np.roll, with one axis",
    .forward = roll_forward,
    .samples = { "5 | shift=2", "2,3 | shift=-1 axis=1", "2,3,2 | shift=4 axis=-2", "5",
                 "0,2 | shift=1", "2,0 | shift=1", "3 | shift=-7", "1 | shift=5",
                 "4 | shift=-9223372036854775808", "4@i0..9 | shift=1" },
    .bad = { "2,3 | shift=1 axis=2", "() | shift=1", "2 | axis=-2" },
};

wg_tensor *wg_roll(wg_tensor *x, int64_t shift, int axis) {
    return wg__op1(&wg__op_roll, x, &(roll_attr){ shift, axis });
}
