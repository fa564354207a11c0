// SPDX-License-Identifier: MIT
/* view.c: other views of the same elements. All are linear, save nothing, and but for a reshape
   that strides do not allow they move no data: infer says where the elements stand, and that is the
   whole operation. */
#include <string.h>

#include "autograd/autograd_impl.h"
#include "tensor/kernels/kernels.h"

typedef struct shape_attr {
    wg_shape shape;
} shape_attr;
static const wg_attr shape_attrs[] = { { "shape", WG_ATTR_LIST, 0 }, { .name = NULL } };

#define LINEAR(opname, doc_line)                                                                   \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .inputs = 1, .flags = WG_OP_LINEAR,        \
    .saves = WG_SAVES_NOTHING, .infer = opname##_infer, .vjp = opname##_vjp,                       \
    .jvp = wg_op_jvp_linear, .reference = opname##_reference
#define SHAPE_ATTR .attr_size = sizeof(shape_attr), .attrs = shape_attrs

static const wg_view *input(const wg_call *c) { return &c->in[0]->view; }

static void alias_of(wg_spec *out, const wg_view *x) {
    wg_spec_set(out, x->dtype, x->shape);
    out->alias = true;
    out->offset = 0;
    memcpy(out->stride, x->stride, sizeof out->stride);
}

static bool copy_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    wg_view dense = { .data = out->data, .dtype = out->dtype, .shape = in[0]->shape };
    wg__contiguous_strides(&dense);
    wg__copy_view(&dense, in[0]);
    return true;
}

/* The elements of a dense complex array where a view of it has them: the reference of all
   aliases. */
static bool alias_reference(const wg_call *c, const wg_zview *x, wg_zview *out) {
    wg_tensor dense = { .view = { .dtype = WG_F64, .shape = x->shape } };
    wg__contiguous_strides(&dense.view);
    wg_tensor *in[] = { &dense };
    wg_call on_dense = { c->op, 1, in, NULL, c->attr };
    wg_spec spec = { .alias = false };
    if (!c->op->infer(&on_dense, &spec)) return false;
    wg_view v = { .shape = spec.shape };
    memcpy(v.stride, spec.stride, sizeof v.stride);
    for (int64_t k = 0, n = wg__numel(&v.shape); k < n; k++)
        out->data[k] = x->data[spec.offset + wg__offset(&v, k)];
    return true;
}

static bool same_order_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = in[0].data[k];
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
    const wg_view *x = input(c);
    wg_shape s = ((const shape_attr *)c->attr)->shape;
    if (s.rank < 0 || s.rank > WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the new shape has rank %d", s.rank);
    if (!complete_shape(c, &x->shape, &s)) return false;
    alias_of(out, x);
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

#define reshape_reference same_order_reference
WG__DEFINE_OP(reshape) = {
    LINEAR(reshape, "the same elements in C order in another shape"),
    SHAPE_ATTR,
    .forward = copy_forward,
    .samples = { "2,6 | shape=3,4", "2,3 | shape=-1", "2,3,4 | shape=-2,-1", "() | shape=1,1",
                 "1 | shape=", "2,0 | shape=0,5", "2,1,3 | shape=2,3", "4,1,6 | shape=2,2,3,2" },
    .bad = { "2,3 | shape=4", "2,3 | shape=-1,-1", "2,3 | shape=-1,4", "2,3 | shape=-3,2",
             "2,0 | shape=0,-1", "2 | shape=2,-2", "0 | shape=0,4294967296,4294967296" },
};

wg_tensor *wg_reshape(wg_tensor *x, wg_shape shape) {
    return wg__op1(&wg__op_reshape, x, &(shape_attr){ shape });
}

// The shape of x with one axis cut out, or put in with size 1, through a reshape: such an axis has
// no stride.
static wg_tensor *with_axis(const char *name, wg_tensor *x, int axis, int change) {
    if (wg__pending()) return NULL;
    wg_shape old = wg_shape_of(x), s = { .rank = old.rank + change };
    int at = wg__axis(axis, change > 0 ? s.rank : old.rank);
    char text[200];
    if (x && s.rank > WG_MAX_RANK)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "%s: %s has no room for another axis", name,
                             wg_shape_text(old, text, sizeof text));
    if (!x || at < 0)
        return WG__FAIL_NULL(x ? WG_ERROR_SHAPE : WG_ERROR_ARGUMENT, "%s: axis %d of %s", name,
                             axis, x ? wg_shape_text(old, text, sizeof text) : "NULL");
    if (change < 0 && old.dim[at] != 1)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "%s: %s: axis %d has size %lld, not 1", name,
                             wg_shape_text(old, text, sizeof text), axis, (long long)old.dim[at]);
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = change > 0 ? (i == at ? 1 : old.dim[i - (i > at)]) : old.dim[i + (i >= at)];
    return wg_reshape(x, s);
}
wg_tensor *wg_squeeze(wg_tensor *x, int axis) { return with_axis("squeeze", x, axis, -1); }
wg_tensor *wg_unsqueeze(wg_tensor *x, int axis) { return with_axis("unsqueeze", x, axis, 1); }

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

/* ---- permute --------------------------------------------------------------------------------- */

static const wg_attr axes_attrs[] = { { "axes", WG_ATTR_LIST, 0 }, { .name = NULL } };

static bool permute_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = input(c);
    const wg_shape *axes = &((const shape_attr *)c->attr)->shape;
    int rank = x->shape.rank, seen = 0;
    if (axes->rank != rank)
        return wg_call_fail(c, WG_ERROR_SHAPE, "%d axes given for %d", axes->rank, rank);
    alias_of(out, x);
    for (int i = 0; i < rank; i++) {
        int axis = wg_call_axis(c, axes->dim[i], rank);
        if (axis < 0) return false;
        if (seen >> axis & 1)
            return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d is listed twice", axis);
        seen |= 1 << axis;
        out->shape.dim[i] = x->shape.dim[axis];
        out->stride[i] = x->stride[axis];
    }
    return true;
}

static wg_tensor *permute_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const wg_shape *axes = &((const shape_attr *)c->attr)->shape;
    wg_shape inverse = { .rank = axes->rank };
    for (int k = 0; k < axes->rank; k++) inverse.dim[wg__axis(axes->dim[k], axes->rank)] = k;
    (void)i;
    return wg_permute(gy, inverse);
}

#define permute_reference alias_reference
WG__DEFINE_OP(permute) = {
    LINEAR(permute, "axis i of the result is axis axes[i] of x"),
    .attr_size = sizeof(shape_attr),
    .attrs = axes_attrs,
    .samples = { "2,3 | axes=1,0", "2,3,4 | axes=2,0,1", "2,3,4 | axes=-1,0,-2",
                 "() | axes=", "0,3 | axes=1,0" },
    .bad = { "2,3 | axes=0", "2,3 | axes=0,0", "2,3 | axes=0,2", "2,3 | axes=-3,0" },
};

wg_tensor *wg_permute(wg_tensor *x, wg_shape axes) {
    return wg__op1(&wg__op_permute, x, &(shape_attr){ axes });
}

wg_tensor *wg_transpose(wg_tensor *x, int axis1, int axis2) {
    if (wg__pending()) return NULL;
    int rank = wg_rank(x), a = wg__axis(axis1, rank), b = wg__axis(axis2, rank);
    if (!x || a < 0 || b < 0)
        return WG__FAIL_NULL(x ? WG_ERROR_SHAPE : WG_ERROR_ARGUMENT,
                             "transpose: axes %d and %d of %d", axis1, axis2, rank);
    wg_shape axes = { .rank = rank };
    for (int i = 0; i < rank; i++) axes.dim[i] = i == a ? b : i == b ? a : i;
    return wg_permute(x, axes);
}

/* ---- expand and sum_to ----------------------------------------------------------------------- */

static bool expand_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = input(c);
    wg_shape s = ((const shape_attr *)c->attr)->shape;
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
    if (!wg__shape_valid(x->dtype, &s)) return false;
    alias_of(out, x);
    wg_view wide = wg__view_broadcast(x, &s);
    out->shape = s;
    memcpy(out->stride, wide.stride, sizeof out->stride);
    return true;
}

static wg_tensor *expand_vjp(const wg_call *c, wg_tensor *gy, int i) {
    return wg_sum_to(gy, wg_shape_of(c->in[i]));
}

#define expand_reference alias_reference
WG__DEFINE_OP(expand) = {
    LINEAR(expand, "x broadcast to a shape, without a copy"),
    SHAPE_ATTR,
    .samples = { "3 | shape=2,3", "2,1 | shape=2,4", "() | shape=2,2", "1,3 | shape=-1,3",
                 "2,1 | shape=3,-2,4", "2,1,3 | shape=4,2,5,3", "1 | shape=0" },
    .bad = { "2 | shape=3", "2,3 | shape=3", "2 | shape=-1,2", "2 | shape=-2,2", "3 | shape=-3" },
};

wg_tensor *wg_expand(wg_tensor *x, wg_shape shape) {
    return wg__op1(&wg__op_expand, x, &(shape_attr){ shape });
}

static bool sum_to_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *s = &((const shape_attr *)c->attr)->shape, *x = &input(c)->shape;
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

static bool sum_to_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    wg_view y = { .shape = out->shape };
    wg__contiguous_strides(&y);
    y = wg__view_broadcast(&y, &in[0].shape);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = 0;
    for (int64_t k = 0, n = wg__numel(&in[0].shape); k < n; k++)
        out->data[wg__offset(&y, k)] += in[0].data[k];
    return true;
}

WG__DEFINE_OP(sum_to) = {
    LINEAR(sum_to, "x summed down to a shape from which it could have been broadcast"),
    SHAPE_ATTR,
    .forward = sum_to_forward,
    .samples = { "2,3 | shape=3", "2,4 | shape=2,1", "2,2 | shape=", "4,2,5,3 | shape=2,1,3",
                 "0,3 | shape=3", "2,0 | shape=2,1", "3,2 | shape=1" },
    .bad = { "2,3 | shape=2", "3 | shape=1,3", "2,3 | shape=2,4", "2@i0..3 | shape=1" },
};

wg_tensor *wg_sum_to(wg_tensor *x, wg_shape shape) {
    if (x && !wg__pending() && wg__shape_equal(&x->view.shape, &shape)) return x;
    return wg__op1(&wg__op_sum_to, x, &(shape_attr){ shape });
}

/* ---- contiguous ------------------------------------------------------------------------------ */

static bool contiguous_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), input(c)->shape);
}

static wg_tensor *contiguous_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)c, (void)i;
    return gy;
}

#define contiguous_reference same_order_reference
WG__DEFINE_OP(contiguous) = {
    LINEAR(contiguous, "x copied into C order without gaps"),
    .forward = copy_forward,
    .samples = { "2,3", "()", "0,2", "2,3,4" },
};

wg_tensor *wg_contiguous(wg_tensor *x) {
    if (x && !wg__pending() && wg__is_contiguous(&x->view)) return x;
    return wg__op1(&wg__op_contiguous, x, NULL);
}
