// SPDX-License-Identifier: MIT
/* view.c: the same elements in C order in other shapes. All are linear, save nothing, and but for a
   reshape that strides do not allow they move no data: infer says where the elements stand, and
   that is the whole operation. Here too is what view.h shares. */
#include <string.h>

#include "autograd/ops/view.h"
#include "tensor/kernels/kernels.h"

/* ---- shared ---------------------------------------------------------------------------------- */

const wg_attr wg__shape_attrs[] = { { "shape", WG_ATTR_LIST, 0 }, { .name = NULL } };
const wg_attr wg__axes_attrs[] = { { "axes", WG_ATTR_LIST, 0 }, { .name = NULL } };

bool wg__alias_of(wg_spec *out, const wg_view *x) {
    wg_spec_set(out, x->dtype, x->shape);
    out->alias = true;
    out->offset = 0;
    memcpy(out->stride, x->stride, sizeof out->stride);
    return true;
}

void wg__alias_drop(wg_spec *out, int axis) {
    out->shape.rank--;
    for (int i = axis; i < out->shape.rank; i++) {
        out->shape.dim[i] = out->shape.dim[i + 1];
        out->stride[i] = out->stride[i + 1];
    }
}

int wg__axis_mask(const wg_call *c, const wg_shape *axes, int rank) {
    int mask = 0;
    if (axes->rank < 0 || axes->rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "%d axes are listed", axes->rank), -1;
    for (int i = 0; i < axes->rank; i++) {
        int axis = wg_call_axis(c, axes->dim[i], rank);
        if (axis < 0) return -1;
        if (mask >> axis & 1)
            return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d is listed twice", axis), -1;
        mask |= 1 << axis;
    }
    return mask;
}

bool wg__fits_memory(const wg_call *c, const wg_spec *out) {
    // As wg__shape_valid has it: a zero elsewhere must not hide that strides overflow.
    int64_t n = PTRDIFF_MAX / 4 / (int64_t)wg__size_of(out->dtype);
    for (int i = 0; i < out->shape.rank; i++)
        if (out->shape.dim[i] > 1) n /= out->shape.dim[i];
    char text[200];
    return n > 0 || wg_call_fail(c, WG_ERROR_SHAPE, "%s has more elements than memory can hold",
                                 wg_shape_text(out->shape, text, sizeof text));
}

bool wg__copy_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    wg_view dense = { .data = out->data, .dtype = out->dtype, .shape = in[0]->shape };
    wg__contiguous_strides(&dense);
    wg__copy_view(&dense, in[0]);
    return true;
}

bool wg__same_order_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = in[0].data[k];
    return true;
}

// Place in a dense array of shape x of what stands at `flat` of one of shape y; -1 if it has none.
static int64_t came_from(const wg_call *c, const wg_shape *x, const wg_shape *y, int64_t flat,
                         wg__from *from) {
    int64_t at[WG_MAX_RANK] = { 0 }, place[WG_MAX_RANK] = { 0 }, offset = 0;
    for (int i = y->rank - 1; i >= 0; i--) {
        at[i] = flat % y->dim[i];
        flat /= y->dim[i];
    }
    if (!from(c, x, y, at, place)) return -1;
    for (int i = 0; i < x->rank; i++) offset = offset * x->dim[i] + place[i];
    return offset;
}

bool wg__moved_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__from *from) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        int64_t place = came_from(c, &in[0].shape, &out->shape, k, from);
        if (place >= 0) out->data[k] = in[0].data[place];
    }
    return true;
}

bool wg__moved_back_reference(const wg_call *c, const wg_zview in[], wg_zview *out,
                              wg__from *from) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = 0;
    for (int64_t k = 0, n = wg__numel(&in[0].shape); k < n; k++) {
        int64_t place = came_from(c, &out->shape, &in[0].shape, k, from);
        if (place >= 0) out->data[place] += in[0].data[k];
    }
    return true;
}

/* ---- reshape --------------------------------------------------------------------------------- */

// Replaces WG_SAME and the one WG_REST.
static const char *negative_reason(int64_t dim) {
    if (dim == WG_REST) return ", a second WG_REST";
    return dim == WG_SAME ? ", WG_SAME, where x has no axis" : "";
}

static bool complete_shape(const wg_call *c, const wg_shape *x, wg_shape *s) {
    int rest = -1;
    bool empty = false;  // a 0 must not hide that the others overflow: strides are products of them
    int64_t known = 1, count = wg__numel(x);
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] == WG_SAME && i < x->rank) s->dim[i] = x->dim[i];
        if (s->dim[i] == WG_REST && rest < 0)
            rest = i;
        else if (s->dim[i] < 0)
            return wg_call_fail(c, WG_ERROR_SHAPE, "dimension %d of the new shape is %lld%s", i,
                                (long long)s->dim[i], negative_reason(s->dim[i]));
        else if (s->dim[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(known, s->dim[i], &known))
            return wg_call_fail(c, WG_ERROR_SHAPE, "the new shape has too many elements");
    }
    if (empty) known = 0;
    if (rest >= 0 && known > 0 && count % known == 0) s->dim[rest] = count / known;
    if (rest >= 0 && s->dim[rest] >= 0) known *= s->dim[rest];
    if (known == count && (rest < 0 || s->dim[rest] >= 0)) return true;
    char text[200];
    return wg_call_fail(c, WG_ERROR_SHAPE, "%lld elements do not make %s", (long long)count,
                        wg_shape_text(*s, text, sizeof text));
}

/* Strides for x's elements as shape s, if there are any: runs of x's axes that lie evenly in memory
   are cut up anew (the rule is NumPy's). */
static bool restride(const wg_view *x, const wg_shape *s, int64_t stride[WG_MAX_RANK]) {
    int64_t dim[WG_MAX_RANK], step[WG_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->shape.rank; i++)  // axes of size 1 bind nothing
        if (x->shape.dim[i] != 1) dim[rank] = x->shape.dim[i], step[rank++] = x->stride[i];
    int i = 0, k = 0;
    while (i < rank) {
        int64_t have = dim[i], want = 1;
        int last = i + 1, first = k;
        while (k < s->rank && (want < have || s->dim[k] == 1)) want *= s->dim[k++];
        while (have != want) {
            if (have < want) {
                if (step[last - 1] != step[last] * dim[last]) return false;
                have *= dim[last++];
            } else {
                want *= s->dim[k++];
            }
        }
        for (int64_t j = k - 1, run = step[last - 1]; j >= first; j--) {
            stride[j] = run;
            run *= s->dim[j];
        }
        i = last;
    }
    for (; k < s->rank; k++) stride[k] = 1;
    return true;
}

static bool reshape_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    wg_shape s = *wg__listed(c);
    if (s.rank < 0 || s.rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the new shape has rank %d", s.rank);
    if (!complete_shape(c, &x->shape, &s)) return false;
    wg__alias_of(out, x);
    out->shape = s;
    wg_view dense = { .shape = s };
    wg__contiguous_strides(&dense);
    memcpy(out->stride, dense.stride, sizeof out->stride);
    if (wg__numel(&s) == 0 || wg__is_contiguous(x)) return true;
    out->alias = restride(x, &s, out->stride);
    return true;
}

static wg_tensor *reshape_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_reshape(gy, wg_shape_of(c->in[i]));
}

#define reshape_reference wg__same_order_reference
WG__DEFINE_OP(reshape) = {
    WG__MOVES(reshape),
    WG__SHAPE_ATTR,
    .doc = "the same elements in C order in another shape",
    .shapes = "(any shape) -> (another of as many elements)",
    .derivative = "dx = gy in the shape of x",
    .edges =
        "a view wherever strides allow it (NumPy's rule), else a copy; WG_REST beside a size of 0 "
        "is refused, since any number would do, as in PyTorch",
    .equals = "torch.reshape, np.reshape",
    .forward = wg__copy_forward,
    .samples = { "2,6 | shape=3,4", "2,3 | shape=-1", "2,3,4 | shape=-2,-1", "() | shape=1,1",
                 "1 | shape=", "2,0 | shape=0,5", "2,1,3 | shape=2,3", "4,1,6 | shape=2,2,3,2",
                 "4@i0..9 | shape=2,2" },
    .bad = { "2,3 | shape=4", "2,3 | shape=-1,-1", "2,3 | shape=-1,4", "2,3 | shape=-3,2",
             "2,0 | shape=0,-1", "2 | shape=2,-2", "0 | shape=0,4294967296,4294967296" },
};

wg_tensor *wg_reshape(wg_tensor *x, wg_shape shape) {
    return wg__op1(&wg__op_reshape, x, &(wg__shape_attr){ shape });
}

wg_tensor *wg_flatten(wg_tensor *x, int from_axis) {
    if (wg__pending()) return NULL;
    wg_shape s = wg_shape_of(x);
    int from = wg__axis(from_axis, s.rank);
    if (x && s.rank == 0) return wg_reshape(x, WG_SHAPE(1));
    if (!x || from < 0)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "flatten: axis %d of %d", from_axis, s.rank);
    for (int i = from + 1; i < s.rank; i++) s.dim[from] *= s.dim[i];
    s.rank = from + 1;
    return wg_reshape(x, s);
}

/* ---- squeeze and unsqueeze ------------------------------------------------------------------- */

// Each is the other's transpose. An axis of size 1 has no stride, or any.
static bool squeeze_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int axis = wg__axis_of(c, x->shape.rank);
    if (axis < 0) return false;
    if (x->shape.dim[axis] != 1)
        return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d has size %lld, not 1", axis,
                            (long long)x->shape.dim[axis]);
    wg__alias_of(out, x);
    wg__alias_drop(out, axis);
    return true;
}

static bool unsqueeze_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int rank = x->shape.rank, axis;
    if (rank == WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "there is no room for another axis");
    axis = wg__axis_of(c, rank + 1);
    if (axis < 0) return false;
    wg__alias_of(out, x);
    out->shape.rank = rank + 1;
    for (int i = rank; i > axis; i--) {
        out->shape.dim[i] = x->shape.dim[i - 1];
        out->stride[i] = x->stride[i - 1];
    }
    out->shape.dim[axis] = 1;
    out->stride[axis] = axis < rank ? x->shape.dim[axis] * x->stride[axis] : 1;
    return true;
}

static wg_tensor *squeeze_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_unsqueeze(gy, wg__known_axis(c, wg_rank(c->in[i])));
}
static wg_tensor *unsqueeze_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_squeeze(gy, wg__known_axis(c, wg_rank(c->in[i]) + 1));
}

#define squeeze_reference wg__same_order_reference
WG__DEFINE_OP(squeeze) = {
    WG__MOVES(squeeze),
    WG__AXIS_ATTR,
    .doc = "x without one axis of size 1, without a copy",
    .shapes = "(..., 1, ...) -> (..., ...)",
    .derivative = "dx = gy with the axis again",
    .edges = "an axis of another size is refused, as in NumPy, where PyTorch leaves it in silence",
    .equals = "torch.squeeze, np.squeeze",
    .samples = { "1,3", "2,1,3 | axis=1", "2,3,1 | axis=-1", "1", "0,1 | axis=1", "1,1@i0..9" },
    .bad = { "2,3", "2,1 | axis=2", "1,2 | axis=-3", "()", "0" },
};

#define unsqueeze_reference wg__same_order_reference
WG__DEFINE_OP(unsqueeze) = {
    WG__MOVES(unsqueeze),
    WG__AXIS_ATTR,
    .doc = "x with a new axis of size 1 at a place, without a copy",
    .shapes = "(..., ...) -> (..., 1, ...)",
    .derivative = "dx = gy without the axis",
    .edges = "a negative axis counts among those of the result: -1 is the last there",
    .equals = "torch.unsqueeze, np.expand_dims",
    .samples = { "3", "2,3 | axis=1", "2,3 | axis=-1", "()", "0,2 | axis=1", "2 | axis=-2",
                 "2@i0..9" },
    .bad = { "2,3 | axis=3", "2,3 | axis=-4", "1,1,1,1,1,1,1,1" },
};

wg_tensor *wg_squeeze(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_squeeze, x, &(wg__axis_attr){ axis });
}
wg_tensor *wg_unsqueeze(wg_tensor *x, int axis) {
    return wg__op1(&wg__op_unsqueeze, x, &(wg__axis_attr){ axis });
}

/* ---- contiguous ------------------------------------------------------------------------------ */

static bool contiguous_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg__viewed(c)->shape);
}

static wg_tensor *contiguous_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return gy;
}

#define contiguous_reference wg__same_order_reference
WG__DEFINE_OP(contiguous) = {
    WG__MOVES(contiguous),
    .doc = "x copied into C order without gaps",
    .shapes = "(...) -> (...)",
    .derivative = "dx = gy",
    .edges = "what lies so already is given back as it is, the same handle",
    .equals = "torch.Tensor.contiguous, np.ascontiguousarray",
    .forward = wg__copy_forward,
    .samples = { "2,3", "()", "0,2", "2,3,4", "2,3@i0..9" },
};

wg_tensor *wg_contiguous(wg_tensor *x) {
    if (x && !wg__pending() && wg__is_contiguous(&x->view)) return x;
    return wg__op1(&wg__op_contiguous, x, NULL);
}
