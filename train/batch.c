// SPDX-License-Identifier: MIT
/* batch.c: passes over a set. A batch gathers, converts and scales rows into two tensors of the
   set's, made when they first are too small: a pass asks for no memory. */
#include <string.h>

#include "train/train_impl.h"

enum { ORDER = 1 };  // the stream of passes' permutations
enum { OVER = -1 };  // where a pass is when it has ended

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
    wg_dtype to;
    convert *convert;  // NULL: copy
    double scale;
} row_source;

static row_source rows_of(const wg_tensor *from, wg_dtype dtype, double scale) {
    const wg_view *v = &from->view;
    row_source r = { .row = { .data = v->data, .dtype = v->dtype },
                     .stride = v->stride[0],
                     .to = dtype,
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
    bool shuffled;
    wg__shuffle shuffle;
} order;

// Where sample i of the pass is stored.
static int64_t sample_at(const wg_data *d, const order *o, int64_t i) {
    return wg__data_stored(d, o->shuffled ? wg__shuffle_at(&o->shuffle, i) : i);
}

/* A set's x or y on the way into its batch. */
typedef struct column {
    row_source from;
    const wg__standardiser *standard;
    char *to;
    size_t size, bytes;  // of an element, of a row
} column;

static column column_of(const wg_tensor *from, wg_tensor *batch, double scale,
                        const wg__standardiser *standard) {
    column c = { .from = rows_of(from, batch->view.dtype, scale),
                 .standard = standard,
                 .to = batch->view.data,
                 .size = wg__size_of(batch->view.dtype) };
    c.bytes = (size_t)c.from.numel * c.size;
    return c;
}

static void gather(column *c, int64_t stored, const wg__images *im, int64_t sample) {
    gather_row(&c->from, stored, c->to, c->size);
    if (im && im->channels > 0) wg__augment(im, sample, c->to);
    if (c->standard->mean) wg__standardise_row(c->standard, c->from.to, c->to);
    c->to += c->bytes;
}

static bool gather_all(wg_data *d, const order *o, const wg__images *im, int64_t at) {
    column x = column_of(d->x, d->batch_x, d->scale, &d->standard_x);
    column y = column_of(d->y, d->batch_y, 1, &d->standard_y);
    for (int64_t i = 0, n = d->batch_x->view.shape.dim[0]; i < n; i++) {
        int64_t sample = sample_at(d, o, at + i);
        if (d->fill && !wg__data_fetch(d, sample)) return false;
        gather(&x, d->fill ? 0 : sample, im, sample);
        gather(&y, d->fill ? 0 : sample, NULL, sample);
    }
    wg__touch(d->batch_x), wg__touch(d->batch_y);
    return true;
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
    if (b->at == OVER)
        return wg_fail(WG_ERROR_STATE,
                       "data_next: the pass is over: begin another with a new wg_batch");
    if (b->size < 1 || b->at < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "data_next: batches of %lld from sample %lld on",
                       (long long)b->size, (long long)b->at);
    return true;
}

// How many samples the next batch has; 0 at the end.
static int64_t batch_count(const wg_data *d, const wg_batch *b) {
    int64_t left = d->size - b->at;
    if (left >= b->size) return b->size;
    return left > 0 && !b->drop_last ? left : 0;
}

bool wg_data_next(wg_data *d, wg_batch *b) {
    wg__where("");
    if (!batch_valid(d, b)) return false;
    b->x = b->y = NULL;
    int64_t count = batch_count(d, b);
    if (count == 0) {
        b->at = OVER;
        return false;
    }
    wg__images im;
    if (!reserve(d, b->size < d->size ? b->size : d->size) || !wg__images_of(b, d->batch_x, &im))
        return false;
    d->batch_x->view.shape.dim[0] = d->batch_y->view.shape.dim[0] = count;
    order o = { .shuffled = !b->in_order };
    if (o.shuffled) o.shuffle = wg__shuffle_new(d->size, b->seed, ORDER);
    if (!gather_all(d, &o, &im, b->at)) return false;
    b->x = d->batch_x, b->y = d->batch_y;
    b->at += count;
    return true;
}

int64_t wg_data_batches(const wg_data *d, int64_t size) {
    int64_t n = wg_data_size(d);
    return size < 1 ? 0 : n / size + (n % size > 0);
}
