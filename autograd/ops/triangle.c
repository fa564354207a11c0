// SPDX-License-Identifier: MIT
/* triangle.c: parts of matrices. A diagonal is a view, whose one stride is the sum of two; a
   triangle is a copy with exact zeros elsewhere, whatever stood there. */
#include <string.h>

#include "autograd/ops/linalg.h"
#include "tensor/kernels/kernels.h"
#include "tensor/kernels/lines.h"

/* ---- diagonal -------------------------------------------------------------------------------- */

typedef struct diagonal_attr {
    int64_t offset, axis1, axis2;
    int64_t rows, cols;  // what undiagonal makes of its last axis
} diagonal_attr;
#define FIELD(name)                                                                                \
    { #name, WG_ATTR_INT, offsetof(diagonal_attr, name) }
static const wg_attr diagonal_attrs[] = {
    FIELD(offset), FIELD(axis1), FIELD(axis2), { .name = NULL }
};
static const wg_attr undiagonal_attrs[] = { FIELD(offset), FIELD(axis1), FIELD(axis2),
                                            FIELD(rows),   FIELD(cols),  { .name = NULL } };

// Both axes among `rank`, not the same one; reports otherwise.
static bool two_axes(const wg_call *c, int rank, int axis[2]) {
    const diagonal_attr *a = c->attr;
    axis[0] = wg_call_axis(c, a->axis1, rank);
    axis[1] = axis[0] < 0 ? -1 : wg_call_axis(c, a->axis2, rank);
    if (axis[1] < 0) return false;
    return axis[0] != axis[1] || wg_call_fail(c, WG_ERROR_SHAPE, "axis %d is given twice", axis[0]);
}

static int64_t diagonal_length(int64_t rows, int64_t cols, int64_t offset) {
    if (offset >= cols || offset <= -rows) return 0;
    int64_t down = offset < 0 ? rows + offset : rows, right = offset > 0 ? cols - offset : cols;
    return down < right ? down : right;
}

/* x without the two axes, the diagonal last; *first is the offset of its first element. */
static wg_view diagonal_of(const wg_view *x, int64_t offset, const int axis[2], int64_t *first) {
    wg_view d = { .data = x->data, .dtype = x->dtype };
    int64_t n = diagonal_length(x->shape.dim[axis[0]], x->shape.dim[axis[1]], offset);
    for (int i = 0; i < x->shape.rank; i++) {
        if (i == axis[0] || i == axis[1]) continue;
        d.shape.dim[d.shape.rank] = x->shape.dim[i];
        d.stride[d.shape.rank++] = x->stride[i];
    }
    d.shape.dim[d.shape.rank] = n;
    d.stride[d.shape.rank++] = x->stride[axis[0]] + x->stride[axis[1]];
    *first = n == 0 ? 0 : offset > 0 ? offset * x->stride[axis[1]] : -offset * x->stride[axis[0]];
    return d;
}

static bool diagonal_infer(const wg_call *c, wg_spec *out) {
    const wg_view *x = &c->in[0]->view;
    const diagonal_attr *a = c->attr;
    int axis[2];
    if (!two_axes(c, x->shape.rank, axis)) return false;
    wg_view d = diagonal_of(x, a->offset, axis, &out->offset);
    out->dtype = x->dtype, out->shape = d.shape, out->alias = true;
    memcpy(out->stride, d.stride, sizeof out->stride);
    return true;
}

static wg_tensor *diagonal_vjp(const wg_call *c, wg_tensor *gy, int i) {
    diagonal_attr a = *(const diagonal_attr *)c->attr;
    a.rows = wg_dim(c->in[i], (int)a.axis1), a.cols = wg_dim(c->in[i], (int)a.axis2);
    return wg__op1(&wg__op_undiagonal, gy, &a);
}

/* For references: where element k of an array of shape `full` stands among its diagonals of this
   length, by its indices; -1 for off them. */
static int64_t on_diagonal(const wg_call *c, const wg_shape *full, int64_t length, int64_t k) {
    const diagonal_attr *a = c->attr;
    const int row_axis = wg__axis(a->axis1, full->rank), axis = wg__axis(a->axis2, full->rank);
    int64_t row = 0, column = 0, place = 0, step = length;
    for (int i = full->rank - 1; i >= 0; k /= full->dim[i--]) {
        int64_t index = k % full->dim[i];
        if (i == row_axis) row = index;
        if (i == axis) column = index;
        if (i == row_axis || i == axis) continue;
        place += step * index;
        step *= full->dim[i];
    }
    return column - row != a->offset ? -1 : place + (row < column ? row : column);
}

static bool diagonal_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_shape *full = &in[0].shape;
    int64_t found = 0, size = wg__numel(&out->shape);
    for (int64_t k = 0, n = wg__numel(full); k < n; k++) {
        int64_t to = on_diagonal(c, full, out->shape.dim[out->shape.rank - 1], k);
        if (to >= 0 && to < size) out->data[to] = in[0].data[k];
        found += to >= 0;
    }
    return found == size ||
           wg_call_fail(c, WG_ERROR_SHAPE, "%lld elements stand on diagonals, the result has %lld",
                        (long long)found, (long long)size);
}

WG__DEFINE_OP(diagonal) = {
    .abi = WG_OP_ABI,
    .name = "diagonal",
    .doc = "x[i, i + offset] along two axes, as a view whose last axis is the diagonal",
    .shapes = "(..., M, ..., N, ...) -> (..., the length of the diagonal)",
    .derivative = "dx = zeros with gy on the diagonal",
    .edges = "an offset beyond the matrix gives an axis of size 0",
    .equals = "torch.diagonal, np.diagonal",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(diagonal_attr),
    .attrs = diagonal_attrs,
    .infer = diagonal_infer,
    .vjp = diagonal_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = diagonal_reference,
    .samples = { "3,3 | axis2=1", "2,4 | axis2=1 offset=1", "4,2 | axis2=1 offset=-2",
                 "2,3,4 | axis1=-1 axis2=0 offset=1", "2,3,2 | axis1=0 axis2=2",
                 "2,2 | axis2=1 offset=5", "2,2 | axis2=1 offset=-9223372036854775808",
                 "0,3 | axis2=1", "3,2,2 | axis1=-2 axis2=-1 offset=-1" },
    .bad = { "3", "()", "3,3", "3,3 | axis1=1 axis2=-1", "3,3 | axis2=2" },
};

wg_tensor *wg_diagonal(wg_tensor *x, int64_t offset, int axis1, int axis2) {
    return wg__op1(&wg__op_diagonal, x, &(diagonal_attr){ offset, axis1, axis2, 0, 0 });
}

/* ---- undiagonal: the transpose --------------------------------------------------------------- */

static bool undiagonal_infer(const wg_call *c, wg_spec *out) {
    const diagonal_attr *a = c->attr;
    const wg_shape *d = &c->in[0]->view.shape;
    int axis[2], next = 0;
    if (d->rank == 0 || d->rank == WG_MAX_RANK)
        return wg_call_fail(c, WG_ERROR_SHAPE, "rank %d holds no diagonals of rank %d", d->rank,
                            d->rank + 1);
    if (!two_axes(c, d->rank + 1, axis)) return false;
    if (a->rows < 0 || a->cols < 0 ||
        d->dim[d->rank - 1] != diagonal_length(a->rows, a->cols, a->offset))
        return wg_call_fail(c, WG_ERROR_SHAPE, "diagonal %lld of %lld by %lld is not of that size",
                            (long long)a->offset, (long long)a->rows, (long long)a->cols);
    wg_spec_set(out, wg_call_dtype(c, 0), *d);
    out->shape.rank++;
    for (int i = 0; i < out->shape.rank; i++)
        out->shape.dim[i] = i == axis[0] ? a->rows : i == axis[1] ? a->cols : d->dim[next++];
    return true;
}

static bool undiagonal_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const diagonal_attr *a = c->attr;
    const int axis[2] = { wg__axis(a->axis1, out->shape.rank),
                          wg__axis(a->axis2, out->shape.rank) };
    int64_t first;
    wg_view d = diagonal_of(out, a->offset, axis, &first);
    d.data = wg__at(&d, first);
    wg__fill_view(out, 0);
    if (wg__numel(&d.shape) > 0) wg__copy_view(&d, in[0]);
    return true;
}

static wg_tensor *undiagonal_vjp(const wg_call *c, wg_tensor *gy, int i) {
    const diagonal_attr *a = c->attr;
    (void)i;
    return wg_diagonal(gy, a->offset, (int)a->axis1, (int)a->axis2);
}

static bool undiagonal_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        int64_t from = on_diagonal(c, &out->shape, in[0].shape.dim[in[0].shape.rank - 1], k);
        out->data[k] = from < 0 ? 0 : in[0].data[from];
    }
    return true;
}

WG__DEFINE_OP(undiagonal) = {
    .abi = WG_OP_ABI,
    .name = "undiagonal",
    .doc = "zeros with x on a diagonal of two new axes: diagonal's transpose",
    .shapes = "(..., length) -> (..., rows, ..., cols, ...)",
    .derivative = "dx = diagonal(gy)",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .saves = WG_SAVES_NOTHING,
    .attr_size = sizeof(diagonal_attr),
    .attrs = undiagonal_attrs,
    .infer = undiagonal_infer,
    .forward = undiagonal_forward,
    .vjp = undiagonal_vjp,
    .jvp = wg_op_jvp_linear,
    .reference = undiagonal_reference,
    .samples = { "3 | axis2=1 rows=3 cols=3", "2,2 | axis1=-1 axis2=0 offset=1 rows=4 cols=3",
                 "0 | axis2=1 offset=7 rows=2 cols=2", "0,2 | axis1=1 axis2=2 rows=2 cols=3",
                 "2 | axis2=1 offset=-2 rows=4 cols=5" },
    .bad = { "3 | axis2=1 rows=2 cols=3", "2 | axis2=0 rows=2 cols=2", "()",
             "2 | axis2=1 rows=-2 cols=2" },
};

/* ---- trace ----------------------------------------------------------------------------------- */

static wg_tensor *trace_compose(const wg_call *c) {
    if (wg_call_rank(c, 0) < 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "it needs 2 dimensions or more"), NULL;
    return wg_sum_axes(wg_diagonal(c->in[0], 0, -2, -1), WG_AXES(-1), false);
}

static bool trace_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_shape *s = &in[0].shape;
    int64_t rows = s->dim[s->rank - 2], cols = s->dim[s->rank - 1];
    (void)c;
    for (int64_t k = 0, n = wg__numel(&out->shape); k < n; k++) {
        out->data[k] = 0;
        for (int64_t i = 0; i < rows && i < cols; i++)
            out->data[k] += in[0].data[k * rows * cols + i * cols + i];
    }
    return true;
}

WG__DEFINE_OP(trace) = {
    .abi = WG_OP_ABI,
    .name = "trace",
    .doc = "sum_i x[..., i, i] over the last two axes",
    .shapes = "(..., M, N) -> (...)",
    .derivative = "dx = gy on the diagonal, 0 elsewhere",
    .edges = "0 of an empty matrix; np.trace takes the first two axes instead",
    .equals = "torch.trace, which takes one matrix",
    .inputs = 1,
    .flags = WG_OP_LINEAR,
    .compose = trace_compose,
    .reference = trace_reference,
    .samples = { "3,3", "2,4", "4,2", "2,3,3", "0,0", "0,2,2", "1,1", "2,0,3" },
    .bad = { "3", "()" },
};

wg_tensor *wg_trace(wg_tensor *x) { return wg__op1(&wg__op_trace, x, NULL); }

/* ---- tril and triu --------------------------------------------------------------------------- */

typedef struct band_attr {
    int64_t k;
} band_attr;
static const wg_attr band_attrs[] = { { "k", WG_ATTR_INT, 0 }, { .name = NULL } };

static bool is_lower(const wg_call *c) { return c->op == &wg__op_tril; }

// Columns from[0] ... from[1] - 1 of row i are kept.
static void kept(const wg_call *c, int64_t i, const int64_t size[2], int64_t from[2]) {
    int64_t k = ((const band_attr *)c->attr)->k;
    k = k < -size[0] ? -size[0] : k > size[1] ? size[1] : k;  // i + k cannot overflow
    int64_t edge = i + k + is_lower(c);
    edge = edge < 0 ? 0 : edge > size[1] ? size[1] : edge;
    from[0] = is_lower(c) ? 0 : edge;
    from[1] = is_lower(c) ? edge : size[1];
}

static bool band_infer(const wg_call *c, wg_spec *out) {
    if (wg_call_rank(c, 0) < 2)
        return wg_call_fail(c, WG_ERROR_SHAPE, "it needs 2 dimensions or more");
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}

static bool band_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    const wg_shape *s = &out->shape;
    const int64_t dim[2] = { s->dim[s->rank - 2], s->dim[s->rank - 1] };
    const size_t size = wg__size_of(out->dtype);
    int64_t batches = wg__numel(s) ? wg__batches(s) : 0;
    for (int64_t m = 0; m < batches; m++) {
        wg_view x = wg__matrix_at(in[0], s, m), y = wg__matrix_at(out, s, m);
        for (int64_t i = 0; i < dim[0]; i++) {
            int64_t from[2];
            kept(c, i, dim, from);
            char *row = wg__at(&y, i * dim[1]);
            memset(row, 0, (size_t)dim[1] * size);
            wg__copy_run(row + (size_t)from[0] * size, 1,
                         wg__at(&x, i * x.stride[0] + from[0] * x.stride[1]), x.stride[1],
                         from[1] - from[0], size);
        }
    }
    return true;
}

static wg_tensor *band_vjp(const wg_call *c, wg_tensor *gy, int i) {
    (void)i;
    return wg__op1(c->op, gy, c->attr);
}

static bool band_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    const wg_shape *s = &out->shape;
    int64_t rows = s->dim[s->rank - 2], cols = s->dim[s->rank - 1];
    double k = (double)((const band_attr *)c->attr)->k;
    for (int64_t e = 0, n = wg__numel(s); e < n; e++) {
        double above = (double)(e % cols - e / cols % rows);
        out->data[e] = (is_lower(c) ? above <= k : above >= k) ? in[0].data[e] : 0;
    }
    return true;
}

#define BAND(opname, doc_line)                                                                     \
    .abi = WG_OP_ABI, .name = #opname, .doc = doc_line, .shapes = "(..., M, N) -> (..., M, N)",    \
    .derivative = "dx = " #opname "(gy, k)",                                                       \
    .edges = "what is left out is exactly 0 and gets exactly 0, NaN or not",                       \
    .equals = "torch." #opname ", np." #opname, .inputs = 1, .flags = WG_OP_LINEAR,                \
    .saves = WG_SAVES_NOTHING, .attr_size = sizeof(band_attr), .attrs = band_attrs,                \
    .infer = band_infer, .forward = band_forward, .vjp = band_vjp, .jvp = wg_op_jvp_linear,        \
    .reference = band_reference,                                                                   \
    .samples = { "3,3",                                                                            \
                 "2,4 | k=1",                                                                      \
                 "4,2 | k=-1",                                                                     \
                 "2,3,2 | k=-2",                                                                   \
                 "2,2 | k=9223372036854775807",                                                    \
                 "2,2 | k=-9223372036854775808",                                                   \
                 "0,3",                                                                            \
                 "3,0",                                                                            \
                 "0,2,2",                                                                          \
                 "2,3@i0..9",                                                                      \
                 "2,3@b | k=1",                                                                    \
                 "1,2,1,3 | k=1" },                                                                \
    .bad = { "3", "()" }

WG__DEFINE_OP(tril) = { BAND(tril, "x[..., i, j] where j - i <= k, else 0: the lower triangle") };
WG__DEFINE_OP(triu) = { BAND(triu, "x[..., i, j] where j - i >= k, else 0: the upper triangle") };

wg_tensor *wg_tril(wg_tensor *x, int64_t k) { return wg__op1(&wg__op_tril, x, &(band_attr){ k }); }
wg_tensor *wg_triu(wg_tensor *x, int64_t k) { return wg__op1(&wg__op_triu, x, &(band_attr){ k }); }
