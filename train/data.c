// SPDX-License-Identifier: MIT
/* data.c: data sets and passes over them. A set holds handles on the caller's tensors and, where it
   is a part of another, which samples are its own. A batch gathers, converts and scales rows into
   two tensors of the set's, made when they first are too small: a pass asks for no memory. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

enum { ORDER = 1 };  // the stream of passes' permutations

/* ---- sets ------------------------------------------------------------------------------------ */

wg_tensor *wg__data_handle(const wg_tensor *x) {
    wg_tensor *handle = wg__tensor_alias(x);
    if (handle) wg__scope_remove(handle);
    return handle;
}

static bool options_valid(const wg_tensor *x, wg_data_options o, const char *what) {
    if (!isfinite(o.scale)) return wg_fail(WG_ERROR_ARGUMENT, "%s: scale is %g", what, o.scale);
    if (wg_dtype_is_float(o.dtype)) return true;
    if (o.dtype == wg_dtype_of(x) && (o.scale == 0 || o.scale == 1)) return true;
    return wg_fail(
        WG_ERROR_DTYPE,
        "%s: batches of %s from x of %s times %g; they can be f32, f64 or, unscaled, x's own", what,
        wg_dtype_name(o.dtype), wg_dtype_name(wg_dtype_of(x)), o.scale == 0 ? 1 : o.scale);
}

static bool sizes_agree(const wg_tensor *x, const wg_tensor *y, const char *what) {
    if (wg_rank(x) >= 1 && wg_rank(y) >= 1 && wg_dim(x, 0) == wg_dim(y, 0)) return true;
    char a[200], b[200];
    return wg_fail(WG_ERROR_SHAPE, "%s: x is %s and y %s, wanted is (N, ...) twice, with one N",
                   what, wg_shape_text(wg_shape_of(x), a, sizeof a),
                   wg_shape_text(wg_shape_of(y), b, sizeof b));
}

wg_data *wg__data_take(wg_tensor *x, wg_tensor *y, wg_data_options o, const char *what) {
    wg_data *d = NULL;
    if (x && y && sizes_agree(x, y, what) && options_valid(x, o, what)) d = wg__alloc(sizeof *d);
    if (!d) {
        wg__tensor_free(x), wg__tensor_free(y);
        return NULL;
    }
    *d = (wg_data){
        .x = x, .y = y, .size = wg_dim(x, 0), .scale = o.scale == 0 ? 1 : o.scale, .dtype = o.dtype
    };
    return d;
}

wg_data *wg_data_new(wg_tensor *x, wg_tensor *y, wg_data_options o) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!x || !y) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "data_new: %s is NULL", x ? "y" : "x");
    return wg__data_take(wg__data_handle(x), wg__data_handle(y), o, "data_new");
}

void wg_data_free(wg_data *d) {
    if (!d) return;
    wg__tensor_release_owned(d->x);
    wg__tensor_release_owned(d->y);
    wg__tensor_release_owned(d->batch_x);
    wg__tensor_release_owned(d->batch_y);
    wg__free(d->index);
    wg__free(d);
}

int64_t wg_data_size(const wg_data *d) { return d ? d->size : 0; }

/* ---- rows ------------------------------------------------------------------------------------ */

/* n elements times `scale`, converted. */
typedef void convert(int64_t n, void *to, const void *from, double scale);

#define CONVERT(name, real, source)                                                                \
    static void name(int64_t n, void *to, const void *from, double scale) {                        \
        real *restrict y = to;                                                                     \
        const source *restrict x = from;                                                           \
        for (int64_t k = 0; k < n; k++) y[k] = (real)((double)x[k] * scale);                       \
    }
#define CONVERT_TO(real, to)                                                                       \
    CONVERT(to##_f32, real, float)                                                                 \
    CONVERT(to##_f64, real, double)                                                                \
    CONVERT(to##_i32, real, int32_t)                                                               \
    CONVERT(to##_i64, real, int64_t)                                                               \
    CONVERT(to##_u8, real, uint8_t)
CONVERT_TO(float, f32)
CONVERT_TO(double, f64)

static convert *const converts[WG_F64 + 1][WG_DTYPES] = {
    [WG_F32] = { f32_f32, f32_f64, f32_i32, f32_i64, f32_u8, f32_u8 },
    [WG_F64] = { f64_f32, f64_f64, f64_i32, f64_i64, f64_u8, f64_u8 },
};

/* What turns rows of `from` into rows of a batch. */
typedef struct row_source {
    wg_view row;     // sample 0 of the source
    int64_t stride;  // from one sample to the next, in elements
    int64_t numel;   // of a row
    bool dense;
    convert *convert;  // NULL: copy
    double scale;
} row_source;

static row_source rows_of(const wg_tensor *from, wg_dtype dtype, double scale) {
    const wg_view *v = &from->view;
    row_source r = { .row = { .data = v->data, .dtype = v->dtype },
                     .stride = v->stride[0],
                     .scale = scale };
    r.row.shape.rank = v->shape.rank - 1;
    for (int i = 0; i < r.row.shape.rank; i++) {
        r.row.shape.dim[i] = v->shape.dim[i + 1];
        r.row.stride[i] = v->stride[i + 1];
    }
    r.numel = wg__numel(&r.row.shape);
    r.dense = wg__is_contiguous(&r.row);
    if (dtype != v->dtype || scale != 1) r.convert = converts[dtype][v->dtype];
    return r;
}

static void move(const row_source *r, void *to, const void *from, int64_t n) {
    if (r->convert)
        r->convert(n, to, from, r->scale);
    else if (n > 0)
        memcpy(to, from, (size_t)n * wg__size_of(r->row.dtype));
}

static void gather_row(const row_source *r, int64_t sample, char *to, size_t size) {
    int64_t start = sample * r->stride;
    if (r->dense) {
        move(r, to, wg__at(&r->row, start), r->numel);
        return;
    }
    for (int64_t k = 0; k < r->numel; k++)
        move(r, to + (size_t)k * size, wg__at(&r->row, start + wg__offset(&r->row, k)), 1);
}

/* ---- batches --------------------------------------------------------------------------------- */

typedef struct order {
    const int64_t *index;  // of the set
    bool shuffled;
    wg__shuffle shuffle;
} order;

static int64_t sample_at(const order *o, int64_t i) {
    if (o->shuffled) i = wg__shuffle_at(&o->shuffle, i);
    return o->index ? o->index[i] : i;
}

static void gather(wg_tensor *batch, const row_source *r, const order *o, int64_t at) {
    size_t size = wg__size_of(batch->view.dtype), bytes = (size_t)r->numel * size;
    int64_t count = batch->view.shape.dim[0];
    for (int64_t i = 0; i < count; i++)
        gather_row(r, sample_at(o, at + i), (char *)batch->view.data + (size_t)i * bytes, size);
    wg__touch(batch);
}

static wg_tensor *batch_new(const wg_tensor *source, wg_dtype dtype, int64_t rows) {
    wg_shape shape = source->view.shape;
    shape.dim[0] = rows;
    return wg__tensor_new_owned(dtype, shape);
}

// Room for that many rows in both tensors of the batch.
static bool reserve(wg_data *d, int64_t rows) {
    if (d->batch_x && rows <= d->rows) return true;
    wg_tensor *x = batch_new(d->x, d->dtype, rows);
    wg_tensor *y = x ? batch_new(d->y, d->y->view.dtype, rows) : NULL;
    if (!y) {
        wg__tensor_free(x);
        return false;
    }
    wg__tensor_release_owned(d->batch_x);
    wg__tensor_release_owned(d->batch_y);
    d->batch_x = x, d->batch_y = y;
    d->rows = rows;
    return true;
}

static bool batch_valid(const wg_data *d, const wg_batch *b) {
    if (wg__pending()) return false;
    if (!d || !b)
        return wg_fail(WG_ERROR_ARGUMENT, "data_next: %s is NULL", d ? "the batch" : "the set");
    if (b->size < 1 || b->at < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "data_next: batches of %lld from sample %lld on",
                       (long long)b->size, (long long)b->at);
    return true;
}

bool wg_data_next(wg_data *d, wg_batch *b) {
    wg__where("");
    if (!batch_valid(d, b)) return false;
    b->x = b->y = NULL;
    if (b->at >= d->size) return false;
    int64_t most = b->size < d->size ? b->size : d->size, left = d->size - b->at;
    if (!reserve(d, most)) return false;
    d->batch_x->view.shape.dim[0] = d->batch_y->view.shape.dim[0] = most < left ? most : left;
    order o = { .index = d->index, .shuffled = !b->in_order };
    if (o.shuffled) o.shuffle = wg__shuffle_new(d->size, b->seed, ORDER);
    row_source x = rows_of(d->x, d->dtype, d->scale), y = rows_of(d->y, d->y->view.dtype, 1);
    gather(d->batch_x, &x, &o, b->at);
    gather(d->batch_y, &y, &o, b->at);
    b->x = d->batch_x, b->y = d->batch_y;
    b->at += d->batch_x->view.shape.dim[0];
    return true;
}
