// SPDX-License-Identifier: MIT
/* pad.c: more elements at the ends of axes. x goes to the middle of the result; then, axis by axis
   from the last, both borders are copied from what the axis holds already, mirrored, stretched or
   moved on by its length. So a corner, which is a border of borders, needs no rule of its own. The
   transpose goes the same way backwards and adds each border to where it was copied from. */
#include "autograd/ops/view.h"
#include "tensor/kernels/kernels.h"

typedef struct pad_attr {
    wg_shape before, after;  // of the last axes, in their order
    int64_t mode;
    double value;
} pad_attr;
static const wg_attr pad_attrs[] = { { "before", WG_ATTR_LIST, offsetof(pad_attr, before) },
                                     { "after", WG_ATTR_LIST, offsetof(pad_attr, after) },
                                     { "mode", WG_ATTR_INT, offsetof(pad_attr, mode) },
                                     { "value", WG_ATTR_REAL, offsetof(pad_attr, value) },
                                     { .name = NULL } };

/* One axis: `before` and `after` new places around n old ones. */
typedef struct ends {
    int64_t before, after;
} ends;

static ends ends_of(const pad_attr *a, int rank, int axis) {
    int i = axis - (rank - a->before.rank);
    return i < 0 ? (ends){ 0, 0 } : (ends){ a->before.dim[i], a->after.dim[i] };
}

/* ---- what is asked --------------------------------------------------------------------------- */

static bool lists_fit(const wg_call *c, int rank) {
    const pad_attr *a = c->attr;
    if (a->before.rank == a->after.rank && a->before.rank >= 0 && a->before.rank <= rank)
        return true;
    return wg_call_fail(c, WG_ERROR_SHAPE, "%d widths before and %d after, for %d axes",
                        a->before.rank, a->after.rank, rank);
}

static bool value_fits(const wg_call *c) {
    const pad_attr *a = c->attr;
    wg_dtype dtype = wg_call_dtype(c, 0);
    double stored = a->value;
    if (a->mode < WG_PAD_CONSTANT || a->mode > WG_PAD_CIRCULAR)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "there is no mode %lld", (long long)a->mode);
    if (a->mode != WG_PAD_CONSTANT || wg_dtype_is_float(dtype)) return true;
    wg__store(dtype, &stored, a->value);
    return wg__load(dtype, &stored) == a->value ||
           wg_call_fail(c, WG_ERROR_DTYPE, "the value %g is no %s", a->value, wg_dtype_name(dtype));
}

// A border can be copied from what is there.
static bool width_fits(const wg_call *c, int axis, int64_t n, int64_t width) {
    static const char *const limit[] = { [WG_PAD_REFLECT] = "n - 1", [WG_PAD_CIRCULAR] = "n" };
    int64_t mode = ((const pad_attr *)c->attr)->mode;
    int64_t most = mode == WG_PAD_REFLECT ? n - 1 : mode == WG_PAD_CIRCULAR ? n : INT64_MAX;
    if (mode == WG_PAD_CONSTANT || width == 0) return true;
    if (width < 0)
        return wg_call_fail(c, WG_ERROR_ARGUMENT,
                            "axis %d: only a constant pad may be negative: %lld", axis,
                            (long long)width);
    if (n == 0)
        return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d is empty: there is nothing to copy", axis);
    return width <= most ||
           wg_call_fail(c, WG_ERROR_SHAPE, "axis %d: a width of %lld is more than %s for n = %lld",
                        axis, (long long)width, limit[mode], (long long)n);
}

static bool pad_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = wg__viewed(c);
    int rank = x->shape.rank;
    bool grows = false;
    if (!lists_fit(c, rank) || !value_fits(c)) return false;
    wg__alias_of(out, x);
    out->dtype = wg_call_dtype(c, 0);
    for (int i = 0; i < rank; i++) {
        ends e = ends_of(c->attr, rank, i);
        int64_t *n = &out->shape.dim[i], old = *n;
        if (!width_fits(c, i, old, e.before) || !width_fits(c, i, old, e.after)) return false;
        if (__builtin_add_overflow(*n, e.before, n) || __builtin_add_overflow(*n, e.after, n) ||
            *n < 0 || e.before < -old || e.after < -old)
            return wg_call_fail(c, WG_ERROR_SHAPE,
                                "axis %d of %lld with %lld before and %lld after", i,
                                (long long)old, (long long)e.before, (long long)e.after);
        grows |= e.before > 0 || e.after > 0;
        if (e.before < 0 && *n > 0) out->offset -= e.before * x->stride[i];
    }
    out->alias = !grows;  // cropping alone is a view
    if (wg__numel(&out->shape) == 0) out->offset = 0;
    return wg__fits_memory(c, out);
}

/* ---- borders --------------------------------------------------------------------------------- */

/* A border of the padded view v along an axis, and what it is copied from: as many elements in the
   order of the copy, or one for all. Both are without new places along the axes before this one. */
typedef struct border {
    wg_view place, source;
} border;

static wg_view flipped(wg_view v, int axis) {
    v.data = wg__at(&v, (v.shape.dim[axis] - 1) * v.stride[axis]);
    v.stride[axis] = -v.stride[axis];
    return v;
}

// v without the new places along the axes before this one.
static wg_view old_before(const pad_attr *a, const wg_view *v, int axis) {
    wg_view part = *v;
    for (int i = 0; i < axis; i++) {
        ends e = ends_of(a, v->shape.rank, i);
        int64_t first = e.before > 0 ? e.before : 0, last = e.after > 0 ? e.after : 0;
        part = wg__part_of(&part, i, first, v->shape.dim[i] - first - last);
    }
    return part;
}

static border border_of(const pad_attr *a, const wg_view *v, int axis, bool second) {
    ends e = ends_of(a, v->shape.rank, axis);
    int64_t all = v->shape.dim[axis], n = all - e.before - e.after;
    int64_t width = second ? e.after : e.before, start = second ? all - e.after : 0;
    wg_view part = old_before(a, v, axis);
    border b = { .place = wg__part_of(&part, axis, start, width) };
    int64_t inner = second ? start - 1 : e.before;  // the outermost that was there
    if (a->mode == WG_PAD_REPLICATE)
        b.source = wg__part_of(&part, axis, inner, 1);
    else if (a->mode == WG_PAD_CIRCULAR)
        b.source = wg__part_of(&part, axis, second ? start - n : n, width);
    else if (a->mode == WG_PAD_REFLECT)
        b.source =
            flipped(wg__part_of(&part, axis, second ? inner - width : inner + 1, width), axis);
    return b;
}

// Where x stands in the padded view, and which part of x it is.
static border middle_of(const pad_attr *a, const wg_view *padded, const wg_view *x) {
    border m = { *padded, *x };
    for (int i = 0; i < x->shape.rank; i++) {
        ends e = ends_of(a, x->shape.rank, i);
        int64_t first = e.before < 0 ? -e.before : 0, cut = e.after < 0 ? -e.after : 0;
        int64_t n = x->shape.dim[i] - first - cut;
        m.source = wg__part_of(&m.source, i, first, n);
        m.place = wg__part_of(&m.place, i, e.before > 0 ? e.before : 0, n);
    }
    return m;
}

/* ---- pad ------------------------------------------------------------------------------------- */

static bool pad_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const pad_attr *a = c->attr;
    int rank = out->shape.rank;
    if (wg__numel(&out->shape) == 0) return true;
    border middle = middle_of(a, out, in[0]);
    if (wg__numel(&middle.place.shape) > 0) wg__copy_view(&middle.place, &middle.source);
    for (int k = 2 * rank - 1; k >= 0; k--) {  // both ends of each axis, from the last
        ends e = ends_of(a, rank, k / 2);
        if ((k % 2 ? e.after : e.before) <= 0) continue;
        border b = border_of(a, out, k / 2, k % 2);
        if (wg__numel(&b.place.shape) == 0) continue;
        if (a->mode == WG_PAD_CONSTANT)
            wg__fill_view(&b.place, a->value);
        else
            wg__copy_view(&b.place, &b.source);
    }
    return true;
}

// The constant's transpose crops where it padded, and pads with 0 where it cropped.
static wg_tensor *pad_vjp(const wg_call *c, wg_tensor *gy, int i) {
    pad_attr a = *(const pad_attr *)c->attr;
    (void)i;
    if (a.mode != WG_PAD_CONSTANT) return wg__op1(&wg__op_unpad, gy, &a);
    for (int k = 0; k < a.before.rank; k++) {
        a.before.dim[k] = -a.before.dim[k];
        a.after.dim[k] = -a.after.dim[k];
    }
    a.value = 0;
    return wg__op1(c->op, gy, &a);
}

static wg_tensor *pad_jvp(const wg_call *c, wg_tensor *const dx[]) {
    pad_attr a = *(const pad_attr *)c->attr;
    a.value = 0;
    return wg__op1(c->op, dx[0], &a);
}

static bool padded_from(const wg_call *c, const wg_shape *x, const wg_shape *y, const int64_t at[],
                        int64_t from[]) {
    const pad_attr *a = c->attr;
    bool inside = true;
    for (int i = 0; i < y->rank; i++) {
        int64_t n = x->dim[i], p = at[i] - ends_of(a, y->rank, i).before;
        bool left = p < 0, right = p >= n;
        if (left || right) {
            inside &= a->mode != WG_PAD_CONSTANT;
            if (a->mode == WG_PAD_REFLECT) p = left ? -p : 2 * (n - 1) - p;
            if (a->mode == WG_PAD_REPLICATE) p = left ? 0 : n - 1;
            if (a->mode == WG_PAD_CIRCULAR) p += left ? n : -n;
        }
        from[i] = p;
    }
    return inside;
}

static bool pad_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    double value = ((const pad_attr *)c->attr)->value;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = value;
    return wg__moved_reference(c, in, out, padded_from);
}

WG__DEFINE_OP(pad) = {
    .abi = WG_OP_ABI,
    .name = "pad",
    .doc = "x with more elements at the ends of its last axes: a value, or copies of what is there",
    .shapes = "(..., N, ...) -> (..., before + N + after, ...)",
    .derivative = "dx = gy cropped; where elements were copied, each adds the gy of its copies",
    .edges = "a mirrored border is at most N - 1 wide, a circular one N, and neither they nor "
             "replicate take an empty axis, as in PyTorch; negative widths crop, in mode constant "
             "alone; the lists are in the order of the axes, as in NumPy",
    .equals = "torch.nn.functional.pad, np.pad",
    .inputs = 1,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(pad_attr),
    .attrs = pad_attrs,
    .infer = pad_infer,
    .forward = pad_forward,
    .vjp = pad_vjp,
    .jvp = pad_jvp,
    .reference = pad_reference,
    .samples = { "3 | before=1 after=2 value=5", "2,3 | before=1,0 after=0,2 value=-1.5",
                 "4 | before=3 after=2 mode=1", "3,3 | before=1,2 after=2,1 mode=1",
                 "2,3 | before=1,2 after=2,0 mode=2", "2,3 | before=2,0 after=1,3 mode=3",
                 "2,2,2 | before=1 after=1 mode=1",
                 "() | before= after=", "5,3 | before=-1,2 after=-2,-1", "5 | before=-2 after=-1",
                 "0,2 | before=1,0 after=1,1", "0,2 | before=0,1 after=0,1 mode=2",
                 "1 | before=3 after=4 mode=2", "2,1,2 | before=1,0,1 after=0,0,1 mode=1",
                 "3 | before=-3 after=2 value=7", "3@i0..9 | before=1 after=1 value=2" },
    .bad = { "3 | before=1 after=1,1", "3 | before=1,1 after=1,1", "3 | before=-2 after=-2",
             "3 | before=3 after=0 mode=1", "3 | before=0 after=4 mode=3",
             "0 | before=1 after=0 mode=2", "0 | before=0 after=1 mode=3",
             "3 | before=-1 after=0 mode=2", "3 | before=1 after=0 mode=4",
             "3 | before=1 after=0 mode=-1", "3@i0..2 | before=1 after=0 value=0.5",
             "3 | before=-4 after=9", "3 | before=9223372036854774784 after=0",
             "3 | before=4611686018427387904 after=4611686018427387904",
             "3 | before=-9223372036854775808 after=9223372036854774784", "() | before=1 after=1" },
};

wg_tensor *wg_pad(wg_tensor *x, wg_shape before, wg_shape after, wg_pad_options o) {
    return wg__op1(&wg__op_pad, x, &(pad_attr){ before, after, o.mode, o.value });
}

/* ---- unpad: the transpose of the modes that copy --------------------------------------------- */

static bool unpad_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *x = &wg__viewed(c)->shape;
    if (!lists_fit(c, x->rank) || !value_fits(c) || !wg_call_float(c, 0)) return false;
    wg_spec_set(out, wg_call_dtype(c, 0), *x);
    for (int i = 0; i < x->rank; i++) {
        ends e = ends_of(c->attr, x->rank, i);
        int64_t all = x->dim[i], n = all;
        if (__builtin_sub_overflow(n, e.before, &n) || __builtin_sub_overflow(n, e.after, &n) ||
            n < 0 || e.before < 0 || e.after < 0)
            return wg_call_fail(c, WG_ERROR_SHAPE, "axis %d of %lld is not padded by %lld and %lld",
                                i, (long long)all, (long long)e.before, (long long)e.after);
        if (!width_fits(c, i, n, e.before) || !width_fits(c, i, n, e.after)) return false;
        out->shape.dim[i] = n;
    }
    return true;
}

// Adds a border to what it was copied from; `room` is as large as all of the padded view.
static void fold(const border *b, void *room) {
    wg_view sum = { .data = room, .dtype = b->source.dtype, .shape = b->source.shape };
    if (wg__shape_equal(&b->place.shape, &sum.shape)) {
        wg__accumulate(&b->source, &b->place);
        return;
    }
    wg__contiguous_strides(&sum);
    wg__reduce_sum(&sum, &b->place);
    wg__accumulate(&b->source, &sum);
}

static bool unpad_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const pad_attr *a = c->attr;
    int rank = out->shape.rank;
    size_t bytes = (size_t)wg__numel(&in[0]->shape) * wg__size_of(out->dtype);
    if (wg__numel(&out->shape) == 0) return true;
    char *scratch = wg__alloc(2 * bytes);
    if (!scratch) return false;
    wg_view padded = { .data = scratch, .dtype = out->dtype, .shape = in[0]->shape };
    wg__contiguous_strides(&padded);
    wg__copy_view(&padded, in[0]);
    for (int k = 0; k < 2 * rank && a->mode != WG_PAD_CONSTANT; k++) {
        ends e = ends_of(a, rank, k / 2);
        if ((k % 2 ? e.after : e.before) == 0) continue;
        border b = border_of(a, &padded, k / 2, k % 2);
        fold(&b, scratch + bytes);
    }
    border middle = middle_of(a, &padded, out);
    wg__copy_view(out, &middle.place);
    wg__free(scratch);
    return true;
}

static wg_tensor *unpad_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return pad_jvp(&(wg_call){ .op = &wg__op_pad, .attr = c->attr }, &gy);
}

WG__MOVED_BACK_REFERENCE(unpad, padded_from)
WG__DEFINE_OP(unpad) = {
    WG__MOVES(unpad),
    .attr_size = sizeof(pad_attr),
    .attrs = pad_attrs,
    .doc = "x cropped, each border added to where pad would have copied it from: pad's transpose",
    .shapes = "(..., before + N + after, ...) -> (..., N, ...)",
    .derivative = "dx = pad(gy), a constant pad with 0",
    .edges = "f32 and f64; widths are not negative",
    .forward = unpad_forward,
    .samples = { "6 | before=1 after=2", "9 | before=3 after=2 mode=1",
                 "6,6 | before=1,2 after=2,1 mode=1", "5,5 | before=1,2 after=2,0 mode=2",
                 "5,6 | before=2,0 after=1,3 mode=3", "2,2,4 | before=1 after=1 mode=1",
                 "() | before= after=", "0,4 | before=0,1 after=0,1 mode=2",
                 "8 | before=3 after=4 mode=2", "4,2,4 | before=1,0,1 after=1,0,1 mode=1" },
    .bad = { "3 | before=2 after=2 mode=2", "3 | before=1,1 after=1,1 mode=1",
             "3 | before=-1 after=0", "4 | before=2 after=1 mode=1", "2 | before=1 after=1 mode=2",
             "3@i0..2 | before=1 after=1 mode=2", "3 | before=1 after=0 mode=7" },
};
