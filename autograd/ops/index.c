// SPDX-License-Identifier: MIT
/* index.c: picking from tensors element by element, and putting back: one walk over the index
   serves all. An index is checked before anything is written. Here too is what index.h shares. */
#include "autograd/ops/index.h"
#include "tensor/kernels/kernels.h"

/* ---- shared ---------------------------------------------------------------------------------- */

const wg_attr wg__axis_attrs[] = { { "axis", WG_ATTR_INT, 0 }, { .name = NULL } };

bool wg__is_index(const wg_call *c, int i) {
    wg_dtype dtype = wg_call_dtype(c, i);
    if (dtype == WG_I64 || dtype == WG_I32) return true;
    return wg_call_fail(c, WG_ERROR_DTYPE, "the index is %s, not i64 or i32", wg_dtype_name(dtype));
}

bool wg__index_in_range(const wg_call *c, const wg_view *index, int64_t size) {
    bool dense = wg__is_contiguous(index);
    for (int64_t k = 0, n = wg__numel(&index->shape); k < n; k++) {
        int64_t offset = dense ? k : wg__offset(index, k);
        int64_t i = wg__read_index(index->dtype, index->data, offset);
        if (i < 0 || i >= size)
            return wg_call_fail(c, WG_ERROR_INDEX,
                                "index %lld at position %lld is out of range for size %lld",
                                (long long)i, (long long)k, (long long)size);
    }
    return true;
}

bool wg__agree_off_axis(const wg_call *c, const wg_shape *x, const wg_shape *part, int axis) {
    bool fits = x->rank == part->rank;
    for (int k = 0; fits && k < x->rank; k++) fits = k == axis || x->dim[k] == part->dim[k];
    return fits || wg_call_fail(c, WG_ERROR_SHAPE, "sizes differ elsewhere than on axis %d", axis);
}

int wg__put_infer(const wg_call *c, wg_spec *out) {
    const wg_shape *x = &c->in[0]->view.shape, *source = &c->in[2]->view.shape;
    int axis = wg__axis_of(c, x->rank);
    bool fits = axis >= 0 && wg__is_index(c, 1) && wg__same_dtype(c, 0, 2) &&
                wg__agree_off_axis(c, x, source, axis);
    wg_spec_set(out, wg_call_dtype(c, 0), *x);
    return fits ? axis : -1;
}

wg_tensor *wg__put_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *in[] = { dx[0] ? dx[0] : wg_zeros_like(c->in[0]), c->in[1],
                        dx[2] ? dx[2] : wg_zeros_like(c->in[2]) };
    return wg_apply(c->op, in, 3, c->attr);
}

int64_t wg__moved(const wg_shape *whole, const wg_shape *part, int axis, int64_t flat, int64_t at) {
    wg_view v = { .shape = *whole };
    wg__contiguous_strides(&v);
    int64_t offset = at * v.stride[axis];
    for (int k = part->rank - 1; k >= 0; k--) {
        if (k != axis) offset += flat % part->dim[k] * v.stride[k];
        flat /= part->dim[k];
    }
    return offset;
}

bool wg__pick_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__place *place) {
    int axis = wg__known_axis(c, out->shape.rank);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = in[0].data[place(&in[0].shape, &out->shape, axis, k, in[1].data)];
    return true;
}

bool wg__add_reference(const wg_call *c, const wg_zview in[], wg_zview *out, wg__place *place) {
    int axis = wg__known_axis(c, out->shape.rank);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = in[0].data[k];
    for (int64_t k = 0, n = wg__numel(&in[2].shape); k < n; k++)
        out->data[place(&out->shape, &in[2].shape, axis, k, in[1].data)] += in[2].data[k];
    return true;
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* One row along the last axis: element l of `part` belongs to element l * step + index[l] * jump of
   `whole`, whose axis the index moves along. Steps in elements. */
typedef struct row {
    int64_t n;
    const void *index;
    wg_dtype index_dtype;
    int64_t index_step;
    char *whole, *part;
    int64_t step, jump, part_step;
} row;

typedef void row_loop(const row *r);

/* Hands the rows of index, shaped like part, to `loop` in C order, as an odometer turns. */
static void each_row(row_loop *loop, const wg_view *index, const wg_view *whole,
                     const wg_view *part, int axis) {
    const wg_shape *s = &index->shape;
    const wg_view *walked[3] = { index, whole, part };
    const int last = s->rank - 1;
    int64_t at[3] = { 0 }, turn[WG_MAX_RANK] = { 0 };
    if (wg__numel(s) == 0) return;
    row r = { .n = s->dim[last], .index_dtype = index->dtype, .index_step = index->stride[last] };
    r.step = last == axis ? 0 : whole->stride[last];
    r.jump = whole->stride[axis], r.part_step = part->stride[last];
    for (int k = last; k >= 0;) {
        r.index = wg__at(index, at[0]), r.whole = wg__at(whole, at[1]),
        r.part = wg__at(part, at[2]);
        loop(&r);
        for (k = last - 1; k >= 0; k--) {
            bool over = ++turn[k] == s->dim[k];
            for (int v = 0; v < 3; v++)
                if (v != 1 || k != axis)
                    at[v] += over ? -(s->dim[k] - 1) * walked[v]->stride[k] : walked[v]->stride[k];
            if (!over) break;
            turn[k] = 0;
        }
    }
}

#define ROW_LOOP(name, type, action)                                                               \
    static void name(const row *r) {                                                               \
        type *whole = (type *)(void *)r->whole, *part = (type *)(void *)r->part;                   \
        for (int64_t l = 0; l < r->n; l++) {                                                       \
            int64_t i = wg__read_index(r->index_dtype, r->index, l * r->index_step);               \
            type *w = &whole[l * r->step + i * r->jump], *p = &part[l * r->part_step];             \
            action;                                                                                \
        }                                                                                          \
    }
ROW_LOOP(pick_f32, float, *p = *w)
ROW_LOOP(pick_f64, double, *p = *w)
ROW_LOOP(pick_i32, int32_t, *p = *w)
ROW_LOOP(pick_i64, int64_t, *p = *w)
ROW_LOOP(pick_u8, uint8_t, *p = *w)
ROW_LOOP(put_f32, float, *w = *p)
ROW_LOOP(put_f64, double, *w = *p)
ROW_LOOP(put_i32, int32_t, *w = *p)
ROW_LOOP(put_i64, int64_t, *w = *p)
ROW_LOOP(put_u8, uint8_t, *w = *p)
ROW_LOOP(add_f32, float, *w += *p)
ROW_LOOP(add_f64, double, *w += *p)

static void add_elements(const wg_view *to, const wg_view *index, const wg_view *source, int axis) {
    each_row(to->dtype == WG_F32 ? add_f32 : add_f64, index, to, source, axis);
}

// The index has a number for each element of the part.
static int64_t place(const wg_shape *whole, const wg_shape *part, int axis, int64_t flat,
                     const double complex *index) {
    return wg__moved(whole, part, axis, flat, (int64_t)creal(index[flat]));
}

/* ---- gather and scatter_add ------------------------------------------------------------------ */

WG__PAIR_RULES(gather, scatter_add)
WG__PAIR_REFERENCES(gather, scatter_add, place)

static bool gather_infer(const wg_call *c, wg_spec *out) {
    int axis = wg__axis_of(c, wg_call_rank(c, 0));
    if (axis < 0 || !wg__is_index(c, 1)) return false;
    const wg_shape *index = &c->in[1]->view.shape;
    if (!wg__agree_off_axis(c, &c->in[0]->view.shape, index, axis)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), *index);
}

static bool gather_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    static row_loop *const pick[WG_DTYPES] = { pick_f32, pick_f64, pick_i32,
                                               pick_i64, pick_u8,  pick_u8 };
    int axis = wg__known_axis(c, out->shape.rank);
    if (!wg__index_in_range(c, in[1], in[0]->shape.dim[axis])) return false;
    each_row(pick[out->dtype], in[1], in[0], out, axis);
    return true;
}

static bool gather_backward(const wg_call *c, const wg_view *gy, int i, wg_view *gx) {
    (void)i;
    wg__fill_view(gx, 0);
    add_elements(gx, &c->in[1]->view, gy, wg__known_axis(c, gx->shape.rank));
    return true;
}

WG__DEFINE_OP(gather) = {
    WG__PICKS(gather),
    .doc = "y[i][j] = x[i][index[i][j]] along an axis",
    .shapes = "(..., N, ...) x (..., M, ...) -> (..., M, ...)",
    .derivative = "dx = scatter_add(0, index, gy): what was picked twice gets both",
    .edges =
        "the index is within 0 to N - 1: negative ones are refused, as in PyTorch; sizes agree "
        "off the axis, where PyTorch lets the index be smaller: take_along_axis broadcasts",
    .equals = "torch.gather",
    .samples = { "4 6@i0..3", "3,4 3,2@i0..3 | axis=1", "3,4 5,4@i0..2",
                 "2,3,2 2,1,2@i0..2 | axis=-2", "3,4 3,0@i0..3 | axis=1", "0,2 0,3@i0..1 | axis=1",
                 "4@i0..9 6@i0..3", "3@b 5@i0..2" },
    .bad = { "3,4 3,2@i4..5 | axis=1", "3,4 3,2@i-2..-1 | axis=1", "3,4 2,2@i0..1 | axis=1",
             "3 3,1@i0..0", "3 3", "() ()@i0..0", "0 1@i0..0" },
};

wg_tensor *wg_gather(wg_tensor *x, int axis, wg_tensor *index) {
    return wg__op2(&wg__op_gather, x, index, &(wg__axis_attr){ axis });
}

static bool one_shape(const wg_call *c) {
    return wg__shape_equal(&c->in[1]->view.shape, &c->in[2]->view.shape) ||
           wg_call_fail(c, WG_ERROR_SHAPE, "index and source do not have one shape");
}

static bool scatter_add_infer(const wg_call *c, wg_spec *out) {
    return wg_call_float(c, 0) && wg__put_infer(c, out) >= 0 && one_shape(c);
}

static bool scatter_add_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    if (!wg__index_in_range(c, in[1], out->shape.dim[axis])) return false;
    wg__copy_view(out, in[0]);
    add_elements(out, in[1], in[2], axis);
    return true;
}

WG__DEFINE_OP(scatter_add) = {
    WG__PUTS(scatter_add),
    .doc = "x with source[i][j] added at [i][index[i][j]] along an axis; equal indices add up",
    .shapes = "(..., N, ...) x (..., M, ...) x (..., M, ...) -> (..., N, ...)",
    .derivative = "dx = gy, dsource = gather(gy, index)",
    .edges = "added in C order of source; negative indices are refused, as in PyTorch; index and "
             "source have one shape, of x's sizes off the axis",
    .equals = "torch.scatter_add, np.add.at",
    .samples = { "4 6@i0..3 6", "3,4 3,2@i0..3 3,2 | axis=1", "3,4 5,4@i0..2 5,4",
                 "2,3,2 2,1,2@i0..2 2,1,2 | axis=-2", "3,4 3,0@i0..3 3,0 | axis=1" },
    .bad = { "3,4 3,2@i4..5 3,2 | axis=1", "3,4 3,2@i0..3 3,3 | axis=1",
             "3,4 2,2@i0..3 2,2 | axis=1", "4 6 6", "4@i0..2 6@i0..3 6@i0..2" },
};

wg_tensor *wg_scatter_add(wg_tensor *x, int axis, wg_tensor *index, wg_tensor *source) {
    return wg_apply(&wg__op_scatter_add, (wg_tensor *[]){ x, index, source }, 3,
                    &(wg__axis_attr){ axis });
}

/* ---- scatter --------------------------------------------------------------------------------- */

static bool scatter_infer(const wg_call *c, wg_spec *out) {
    return wg__put_infer(c, out) >= 0 && one_shape(c);
}

static bool scatter_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    static row_loop *const put[WG_DTYPES] = { put_f32, put_f64, put_i32, put_i64, put_u8, put_u8 };
    int axis = wg__known_axis(c, out->shape.rank);
    if (!wg__index_in_range(c, in[1], out->shape.dim[axis])) return false;
    wg__copy_view(out, in[0]);
    each_row(put[out->dtype], in[1], out, in[2], axis);
    return true;
}

/* Which elements of source are there in the end, bool: their numbers are scattered likewise, and
   those who find their own again have won. */
static wg_tensor *winners(const wg_call *c) {
    wg_shape s = wg_shape_of(c->in[1]);
    wg_tensor *number = wg_reshape(wg_arange(WG_I64, 0, (double)wg__numel(&s), 1), s);
    wg_tensor *board = wg_zeros(WG_I64, wg_shape_of(c->in[0]));
    board = wg_apply(c->op, (wg_tensor *[]){ board, c->in[1], number }, 3, c->attr);
    return wg_eq(wg__op2(&wg__op_gather, board, c->in[1], c->attr), number);
}

static wg_tensor *scatter_vjp(const wg_call *c, wg_tensor *gy, int i) {
    wg_tensor *zero = wg_zeros(wg_dtype_of(gy), WG_SCALAR);
    if (i == 2) return wg_where(winners(c), wg__op2(&wg__op_gather, gy, c->in[1], c->attr), zero);
    zero = wg_expand(zero, wg_shape_of(c->in[2]));
    return wg_apply(c->op, (wg_tensor *[]){ gy, c->in[1], zero }, 3, c->attr);
}

static bool scatter_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) out->data[k] = in[0].data[k];
    for (int64_t k = 0, n = wg__numel(&in[2].shape); k < n; k++)
        out->data[place(&out->shape, &in[2].shape, axis, k, in[1].data)] = in[2].data[k];
    return true;
}

WG__DEFINE_OP(scatter) = {
    WG__PUTS(scatter),
    .doc = "x with source[i][j] in place of what was at [i][index[i][j]] along an axis",
    .shapes = "(..., N, ...) x (..., M, ...) x (..., M, ...) -> (..., N, ...)",
    .derivative = "dx = gy, but 0 where overwritten; dsource = gather(gy, index), but 0 for what "
                  "was overwritten in turn",
    .edges = "of equal indices the last in C order of source is there in the end and has the whole "
             "gradient, where PyTorch leaves open which; negative indices are refused",
    .equals = "torch.scatter, np.put_along_axis",
    .samples = { "4 6@i0..3 6", "3,4 3,2@i0..3 3,2 | axis=1", "3,4 5,4@i0..2 5,4",
                 "2,3,2 2,1,2@i0..2 2,1,2 | axis=-2", "3,4 3,0@i0..3 3,0 | axis=1",
                 "4 5@i=1,3,1,1,3 5", "0,3 0,2@i0..2 0,2 | axis=1", "4@i0..9 6@i0..3 6@i0..9",
                 "3@b 2@i0..2 2@b" },
    .bad = { "3,4 3,2@i4..5 3,2 | axis=1", "3,4 3,2@i-2..-1 3,2 | axis=1",
             "3,4 3,2@i0..3 3,3 | axis=1", "3,4 2,2@i0..3 2,2 | axis=1", "4 6 6",
             "4 6@i0..3 6@i0..3", "() ()@i0..0 ()" },
};

wg_tensor *wg_scatter(wg_tensor *x, int axis, wg_tensor *index, wg_tensor *source) {
    return wg_apply(&wg__op_scatter, (wg_tensor *[]){ x, index, source }, 3,
                    &(wg__axis_attr){ axis });
}
