// SPDX-License-Identifier: MIT
/* take.c: picking whole slices by a list of indices, and adding them back: index_select and
   index_add are each other's transpose. Where the axes after the indexed one lie without gaps, a
   slice is a few blocks of memory; else it is a view like any other. */
#include <string.h>

#include "autograd/ops/index.h"
#include "tensor/kernels/kernels.h"

static int64_t index_at(const wg_view *list, int64_t k) {
    return wg__read_index(list->dtype, list->data, k * list->stride[0]);
}

static bool is_list(const wg_call *c, int i) {
    if (!wg__is_index(c, i)) return false;
    return wg_call_rank(c, i) == 1 ||
           wg_call_fail(c, WG_ERROR_SHAPE, "the index must have 1 dimension");
}

static bool index_select_infer(const wg_call *c, wg_spec *out) {
    int axis = wg__axis_of(c, wg_call_rank(c, 0));
    if (axis < 0 || !is_list(c, 1)) return false;
    wg_spec_set(out, wg_call_dtype(c, 0), c->in[0]->view.shape);
    out->shape.dim[axis] = wg_call_dim(c, 1, 0);
    return true;
}

/* The axes before `axis`, and those after it: a slice is `blocks` blocks, each of one piece if the
   second view is contiguous. */
static wg_view before(const wg_view *v, int axis) {
    wg_view w = *v;
    w.shape.rank = axis;
    return w;
}
static wg_view after(const wg_view *v, int axis) {
    wg_view w = *v;
    w.shape.rank = v->shape.rank - axis - 1;
    for (int k = 0; k < w.shape.rank; k++) {
        w.shape.dim[k] = v->shape.dim[axis + 1 + k];
        w.stride[k] = v->stride[axis + 1 + k];
    }
    return w;
}

/* Slice k of list, shaped like the index' size along the axis, against slice index[k] of whole. */
typedef void block_loop(void *whole, void *list, int64_t n);
typedef struct slices {
    const wg_view *whole, *list, *index;
    int axis;
} slices;

// False, having done nothing, if blocks are not of one piece.
static bool each_block(const slices *s, block_loop *loop) {
    wg_view outer = before(s->whole, s->axis), list_outer = before(s->list, s->axis);
    wg_view inner = after(s->whole, s->axis), list_inner = after(s->list, s->axis);
    if (!wg__is_contiguous(&inner) || !wg__is_contiguous(&list_inner)) return false;
    int64_t blocks = wg__numel(&outer.shape), n = wg__numel(&inner.shape);
    int64_t jump = s->whole->stride[s->axis], step = s->list->stride[s->axis];
    for (int64_t b = 0; b < blocks; b++) {
        int64_t whole = wg__offset(&outer, b), list = wg__offset(&list_outer, b);
        for (int64_t k = 0; k < s->index->shape.dim[0]; k++) {
            int64_t from = whole + index_at(s->index, k) * jump;
            loop(wg__at(s->whole, from), wg__at(s->list, list + k * step), n);
        }
    }
    return true;
}

#define BLOCK_LOOP(name, type)                                                                     \
    static void copy_##name(void *whole, void *list, int64_t n) {                                  \
        memcpy(list, whole, (size_t)n * sizeof(type));                                             \
    }
BLOCK_LOOP(1, uint8_t)
BLOCK_LOOP(4, uint32_t)
BLOCK_LOOP(8, uint64_t)

static bool index_select_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_view *x = in[0], *index = in[1];
    int axis = wg__known_axis(c, x->shape.rank);
    size_t size = wg__size_of(x->dtype);
    if (!wg__index_in_range(c, index, x->shape.dim[axis])) return false;
    if (wg__numel(&out->shape) == 0) return true;
    const slices s = { x, out, index, axis };
    if (each_block(&s, size == 1 ? copy_1 : size == 4 ? copy_4 : copy_8)) return true;
    for (int64_t k = 0; k < index->shape.dim[0]; k++) {
        wg_view to = wg__part_of(out, axis, k, 1);
        wg_view from = wg__part_of(x, axis, index_at(index, k), 1);
        wg__copy_view(&to, &from);
    }
    return true;
}

static void add_f32(void *whole, void *list, int64_t n) {
    float *restrict to = whole;
    const float *from = list;
    for (int64_t k = 0; k < n; k++) to[k] += from[k];
}
static void add_f64(void *whole, void *list, int64_t n) {
    double *restrict to = whole;
    const double *from = list;
    for (int64_t k = 0; k < n; k++) to[k] += from[k];
}

static void add_slices(const wg_view *to, const wg_view *index, const wg_view *source, int axis) {
    if (wg__numel(&source->shape) == 0) return;
    const slices s = { to, source, index, axis };
    if (each_block(&s, to->dtype == WG_F32 ? add_f32 : add_f64)) return;
    for (int64_t k = 0; k < index->shape.dim[0]; k++) {
        wg_view place = wg__part_of(to, axis, index_at(index, k), 1);
        wg_view from = wg__part_of(source, axis, k, 1);
        wg__accumulate(&place, &from);
    }
}

static bool index_select_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    (void)i;
    wg__fill_view(gx, 0);
    add_slices(gx, &c->in[1]->view, gy, wg__known_axis(c, gx->shape.rank));
    return true;
}

// Where element `flat` of slices shaped `list` stands in a dense array of shape `whole`.
static int64_t place(const wg_shape *whole, const wg_shape *list, int axis, int64_t flat,
                     const double complex *index) {
    int64_t below = 1;
    for (int k = axis + 1; k < list->rank; k++) below *= list->dim[k];
    int64_t at = (int64_t)creal(index[flat / below % list->dim[axis]]);
    return wg__moved(whole, list, axis, flat, at);
}

WG__PAIR_RULES(index_select, index_add)
WG__PAIR_REFERENCES(index_select, index_add, place)

WG__DEFINE_OP(index_select) = {
    WG__PICKS(index_select),
    .doc = "y[k] = x[index[k]]: whole slices of x along an axis",
    .shapes = "(..., N, ...) x (M) -> (..., M, ...)",
    .derivative = "dx = index_add(0, index, gy): a slice picked twice gets both",
    .edges = "the index is within 0 to N - 1: negative ones are refused, as in PyTorch",
    .equals = "torch.index_select, np.take",
    .samples = { "4 6@i0..3", "3,4 5@i0..3 | axis=1", "3,4 2@i0..2", "2,3,2 4@i0..2 | axis=-2",
                 "3,4 0@i0..3", "3,0 2@i0..2", "4@i0..9 6@i0..3" },
    .bad = { "3,4 2@i3..4", "3,4 2@i-2..-1", "3,4 2,1@i0..2", "3,4 2", "() 1@i0..0",
             "3 2@i0..2 | axis=1" },
};

wg_tensor *wg_index_select(wg_tensor *x, int axis, wg_tensor *index) {
    return wg__op2(&wg__op_index_select, x, index, &(wg__axis_attr){ axis });
}

static bool index_add_infer(const wg_call *c, wg_spec *out) {
    int axis = wg_call_float(c, 0) ? wg__put_infer(c, out) : -1;
    if (axis < 0 || !is_list(c, 1)) return false;
    int64_t wanted = wg_call_dim(c, 1, 0), given = wg_call_dim(c, 2, axis);
    return wanted == given ||
           wg_call_fail(c, WG_ERROR_SHAPE, "there are %lld indices for %lld slices",
                        (long long)wanted, (long long)given);
}

static bool index_add_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    if (!wg__index_in_range(c, in[1], out->shape.dim[axis])) return false;
    wg__copy_view(out, in[0]);
    add_slices(out, in[1], in[2], axis);
    return true;
}

WG__DEFINE_OP(index_add) = {
    WG__PUTS(index_add),
    .doc = "x with source's slices added at a list of indices along an axis; equal indices add up",
    .shapes = "(..., N, ...) x (M) x (..., M, ...) -> (..., N, ...)",
    .derivative = "dx = gy, dsource = index_select(gy, index)",
    .edges = "added in the order of the list; negative indices are refused, as in PyTorch",
    .equals = "torch.index_add",
    .samples = { "4 6@i0..3 6", "3,4 5@i0..3 3,5 | axis=1", "3,4 2@i0..2 2,4",
                 "2,3,2 4@i0..2 2,4,2 | axis=-2", "3,4 0@i0..2 0,4" },
    .bad = { "3,4 2@i3..4 2,4", "3,4 2@i0..2 3,4", "3,4 2@i0..2 2,3", "3,4 2,1@i0..2 2,4",
             "4@i0..1 2@i0..3 2" },
};

wg_tensor *wg_index_add(wg_tensor *x, int axis, wg_tensor *index, wg_tensor *source) {
    return wg_apply(&wg__op_index_add, (wg_tensor *[]){ x, index, source }, 3,
                    &(wg__axis_attr){ axis });
}
