// SPDX-License-Identifier: MIT
/* lookup.c: picking in other words: rows of a table by number, one number of each line, and the row
   of a unit matrix. The first two are made of index_select and gather. */
#include "autograd/ops/index.h"
#include "tensor/kernels/kernels.h"

/* ---- take_along_axis ------------------------------------------------------------------------- */

/* x and index broadcast against each other but for the axis, where each keeps its own size. */
static bool broadcast_off_axis(const wg_call *c, int axis, wg_shape *x, wg_shape *index) {
    *x = wg_shape_of(c->in[0]), *index = wg_shape_of(c->in[1]);
    if (x->rank != index->rank)
        return wg_call_fail(c, WG_ERROR_SHAPE, "x has rank %d and the index %d", x->rank,
                            index->rank);
    for (int i = 0; i < x->rank; i++) {
        if (i == axis) continue;
        if (x->dim[i] != index->dim[i] && x->dim[i] != 1 && index->dim[i] != 1)
            return wg_call_fail(c, WG_ERROR_SHAPE,
                                "sizes %lld and %lld of axis %d do not broadcast",
                                (long long)x->dim[i], (long long)index->dim[i], i);
        x->dim[i] = index->dim[i] = x->dim[i] == 1 ? index->dim[i] : x->dim[i];
    }
    return true;
}

static bool take_along_axis_infer(const wg_call *c, wg_spec *out) {
    wg_shape x, index;
    int axis = wg__axis_of(c, wg_call_rank(c, 0));
    if (axis < 0 || !wg__is_index(c, 1) || !broadcast_off_axis(c, axis, &x, &index)) return false;
    return wg_spec_set(out, wg_call_dtype(c, 0), index);
}

static wg_tensor *take_along_axis_compose(const wg_call *c) {
    wg_shape x, index;
    int axis = wg__known_axis(c, wg_rank(c->in[0]));
    if (!broadcast_off_axis(c, axis, &x, &index)) return NULL;
    wg_tensor *in[2] = { c->in[0], c->in[1] };
    if (!wg__shape_equal(&in[0]->view.shape, &x)) in[0] = wg_expand(in[0], x);
    if (!wg__shape_equal(&in[1]->view.shape, &index)) in[1] = wg_expand(in[1], index);
    return wg_gather(in[0], axis, in[1]);
}

static bool take_along_axis_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int axis = wg__known_axis(c, out->shape.rank);
    wg_shape whole = out->shape;
    whole.dim[axis] = in[0].shape.dim[axis];
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        int64_t at = (int64_t)creal(wg__broadcast_at(&in[1], &out->shape, k));
        int64_t place = wg__moved(&whole, &out->shape, axis, k, at);
        out->data[k] = wg__broadcast_at(&in[0], &whole, place);
    }
    return true;
}

WG__DEFINE_OP(take_along_axis) = {
    .abi = WG_OP_ABI,
    .name = "take_along_axis",
    .doc = "gather in which x and index broadcast against each other off the axis",
    .shapes = "(..., N, ...) x (..., M, ...) -> (..., M, ...)",
    .derivative = "dx = scatter_add(0, index, gy), summed over what was broadcast",
    .edges = "the ranks are equal; negative indices are refused, where NumPy counts from the end",
    .equals = "np.take_along_axis, torch.take_along_dim",
    .inputs = 2,
    WG__AXIS_ATTR,
    .infer = take_along_axis_infer,
    .compose = take_along_axis_compose,
    .reference = take_along_axis_reference,
    .samples = { "4 6@i0..3", "3,4 3,2@i0..3 | axis=1", "1,4 3,2@i0..3 | axis=1",
                 "3,4 1,2@i0..3 | axis=1", "3,4 1,1@i0..2", "2,3,1 1,2,4@i0..2 | axis=-2",
                 "3,4 1,0@i0..3 | axis=1", "0,2 1,3@i0..1 | axis=1",
                 "2,4@i0..9 1,3@i0..3 | axis=1" },
    .bad = { "3,4 3,2@i4..5 | axis=1", "3,4 2,2@i0..1 | axis=1", "3 3,1@i0..0", "3 3",
             "() ()@i0..0", "3,4 1,2@i-2..-1 | axis=1" },
};

wg_tensor *wg_take_along_axis(wg_tensor *x, int axis, wg_tensor *index) {
    return wg__op2(&wg__op_take_along_axis, x, index, &(wg__axis_attr){ axis });
}

/* ---- embedding ------------------------------------------------------------------------------- */

typedef struct embedding_attr {
    int64_t padding_index;
    bool padding;
} embedding_attr;
static const wg_attr embedding_attrs[] = {
    { "padding", WG_ATTR_BOOL, offsetof(embedding_attr, padding) },
    { "padding_index", WG_ATTR_INT, offsetof(embedding_attr, padding_index) },
    { .name = NULL },
};

// The padding row's number, from the end if negative.
static int64_t padding_row(const embedding_attr *a, int64_t rows) {
    return a->padding_index < 0 ? a->padding_index + rows : a->padding_index;
}

static bool embedding_infer(const wg_call *c, wg_spec *out) {
    const embedding_attr *a = c->attr;
    if (wg_call_rank(c, 0) != 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "the table has rank %d, not 2", wg_call_rank(c, 0));
    if (!wg__is_index(c, 1)) return false;
    int64_t rows = wg_call_dim(c, 0, 0), row = padding_row(a, rows);
    if (a->padding && (row < 0 || row >= rows))
        return wg_call_fail(c, WG_ERROR_INDEX, "padding_index %lld is out of range for %lld rows",
                            (long long)a->padding_index, (long long)rows);
    if (wg_call_rank(c, 1) == WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "there is no room for another axis");
    wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[1]));
    out->shape.dim[out->shape.rank++] = wg_call_dim(c, 0, 1);
    return true;
}

static wg_tensor *embedding_compose(const wg_call *c) {
    const embedding_attr *a = c->attr;
    wg_tensor *table = c->in[0];                                 // (V, D)
    wg_tensor *index = wg_reshape(c->in[1], WG_SHAPE(WG_REST));  // (N)
    wg_tensor *rows = wg_index_select(table, 0, index);          // (N, D)
    wg_shape shape = wg_shape_of(c->in[1]);
    shape.dim[shape.rank++] = wg_dim(table, 1);
    if (a->padding && wg_is_tracked(table)) {
        double row = (double)padding_row(a, wg_dim(table, 0));
        wg_tensor *is_padding = wg_unsqueeze(wg_eq(index, wg_num(row)), 1);  // (N, 1)
        rows = wg_where(is_padding, wg_stop(rows), rows);
    }
    return wg_reshape(rows, shape);
}

static bool embedding_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const embedding_attr *a = c->attr;
    int64_t width = in[0].shape.dim[1], row = padding_row(a, in[0].shape.dim[0]);
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        int64_t i = (int64_t)creal(in[1].data[k / width]);
        double complex z = in[0].data[i * width + k % width];
        out->data[k] = a->padding && i == row ? creal(z) : z;
    }
    return true;
}

WG__DEFINE_OP(embedding) = {
    .abi = WG_OP_ABI,
    .name = "embedding",
    .doc = "y[i, :] = weight[index[i], :], rows of a table for an index of any shape",
    .shapes = "(V, D) x (...) -> (..., D)",
    .derivative = "dweight = gy added up in the rows it came from; 0 in the padding row",
    .edges = "the padding row is read like any other; its number may count from the end, other "
             "negative indices are refused",
    .equals = "torch.nn.functional.embedding",
    .inputs = 2,
    .attr_size = sizeof(embedding_attr),
    .attrs = embedding_attrs,
    .infer = embedding_infer,
    .compose = embedding_compose,
    .reference = embedding_reference,
    // With padding, larger than what differences are tried on: the 0 is a choice, no derivative.
    .samples = { "4,3 5@i0..3", "4,3 2,3@i0..3", "4,2 ()@i0..3", "3,2 0@i0..2", "3,0 2@i0..2",
                 "5,5 4@i=0,2,0,1 | padding=1", "5,5 2,2@i=0,4,4,1 | padding=1 padding_index=-1",
                 "3,2 3@i0..1 | padding_index=2", "3,2@i0..9 4@i0..2 | padding=1" },
    .bad = { "3 2@i0..2", "3,2 2@i3..4", "3,2 2@i-2..-1", "3,2 2", "3,2,2 2@i0..2",
             "3,2 2@i0..2 | padding=1 padding_index=3", "3,2 2@i0..2 | padding=1 padding_index=-4",
             "0,2 1@i0..0", "2,2 1,1,1,1,1,1,1,1@i0..1" },
};

wg_tensor *wg_embedding_with(wg_tensor *weight, wg_tensor *index, wg_embedding_options o) {
    return wg__op2(&wg__op_embedding, weight, index,
                   &(embedding_attr){ o.padding_index, o.padding });
}
wg_tensor *wg_embedding(wg_tensor *weight, wg_tensor *index) {
    return wg_embedding_with(weight, index, (wg_embedding_options){ .padding = false });
}

/* ---- one_hot --------------------------------------------------------------------------------- */

typedef struct one_hot_attr {
    int64_t classes, dtype;
} one_hot_attr;
static const wg_attr one_hot_attrs[] = {
    { "classes", WG_ATTR_INT, offsetof(one_hot_attr, classes) },
    { "dtype", WG_ATTR_INT, offsetof(one_hot_attr, dtype) },
    { .name = NULL },
};

static bool one_hot_infer(const wg_call *c, wg_spec *out) {
    const one_hot_attr *a = c->attr;
    if (!wg__is_index(c, 0)) return false;
    if (a->classes < 0 || a->dtype < 0 || a->dtype >= WG_DTYPES)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "%lld classes in dtype %lld",
                            (long long)a->classes, (long long)a->dtype);
    if (wg_call_rank(c, 0) == WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "no room for another dimension");
    wg_spec_set(out, (wg_dtype)a->dtype, c->in[0]->view.shape);
    out->shape.dim[out->shape.rank++] = a->classes;
    return true;
}

static bool one_hot_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    int64_t classes = ((const one_hot_attr *)c->attr)->classes;
    const wg_view *index = in[0];
    if (!wg__index_in_range(c, index, classes)) return false;
    wg__fill_view(out, 0);
    for (int64_t k = 0, n = wg__numel(&index->shape); k < n; k++) {
        int64_t i = wg__read_index(index->dtype, index->data, wg__offset(index, k));
        wg__store(out->dtype, wg__at(out, k * classes + i), 1);
    }
    return true;
}

static bool one_hot_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    int64_t classes = ((const one_hot_attr *)c->attr)->classes;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++)
        out->data[k] = creal(in[0].data[k / classes]) == (double)(k % classes);
    return true;
}

WG__DEFINE_OP(one_hot) = {
    .abi = WG_OP_ABI,
    .name = "one_hot",
    .doc = "y[..., k] = 1 where k is the index, else 0",
    .shapes = "(...) -> (..., classes)",
    .edges =
        "negative indices are refused, as in PyTorch; the classes are given, never guessed from "
        "the largest index",
    .equals = "torch.nn.functional.one_hot",
    .inputs = 1,
    .flags = WG_OP_ZERO_GRADIENT,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(one_hot_attr),
    .attrs = one_hot_attrs,
    .infer = one_hot_infer,
    .forward = one_hot_forward,
    .reference = one_hot_reference,
    .samples = { "4@i0..2 | classes=3", "2,2@i0..4 | classes=5 dtype=1", "()@i0..1 | classes=2",
                 "0@i0..1 | classes=2" },
    .bad = { "3@i3..4 | classes=3", "3@i-1..-1 | classes=3", "3 | classes=3",
             "3@i0..0 | classes=-1" },
};

wg_tensor *wg_one_hot(wg_tensor *index, int64_t classes, wg_dtype dtype) {
    return wg__op1(&wg__op_one_hot, index, &(one_hot_attr){ classes, (int64_t)dtype });
}
