// SPDX-License-Identifier: MIT
/* conv.c: convolution and its two transposes as matrix products. A box of windows is unfolded into
   columns that stay in the cache, and one product with the weights, a row for each channel of the
   result, serves all of it; the transposes run the same product the other way round. Boxes are
   parts of one image where that has many windows, and several images where it has few, so that the
   weights are read for at least a few hundred windows at a time. A 1x1 kernel needs no columns. */
#include "tensor/kernels/kernels.h"

enum { BOX_BYTES = 1 << 19, BOX_LEAST = 512, IMAGE_LEAST = 256 };  // of columns; windows; windows

typedef struct work {
    const wg__conv *c;
    int64_t taps;    // rows of the columns: channels of a group times the kernel
    int64_t box[3];  // images, and windows down and across, done together
    bool pointwise;  // an image is its own columns
    bool gathers;    // y's box is no matrix where it stands
    wg_view dense_weights;
    void *columns, *rows, *weights;  // scratch
    wg__windows at;
    int64_t group;
    bool first;  // box
} work;

/* ---- what a box looks like ------------------------------------------------------------------- */

static int64_t at_least(int64_t n, int64_t least) { return n > least ? n : least; }
static int64_t at_most(int64_t n, int64_t most) { return n < most ? n : most; }

// Whether the last two axes of v are one, evenly spaced.
static bool merges(const wg_view *v) {
    const int64_t *dim = &v->shape.dim[2], *stride = &v->stride[2];
    return dim[0] == 1 || dim[1] == 1 || stride[0] == dim[1] * stride[1];
}

static bool is_pointwise(const wg__conv *c) {
    bool is = merges(&c->x);
    for (int a = 0; a < 2; a++)
        is = is && c->window.kernel[a] == 1 && c->window.stride[a] == 1 &&
             c->window.padding[a] == 0 && c->window.image[a] == c->window.count[a];
    return is;
}

static void choose_box(work *k) {
    const int64_t *count = k->c->window.count, all = count[0] * count[1];
    int64_t bytes = at_least(k->taps, 1) * (int64_t)wg__size_of(k->c->x.dtype);
    int64_t many = at_least(BOX_BYTES / bytes, BOX_LEAST);
    k->pointwise = is_pointwise(k->c) && all >= IMAGE_LEAST;
    k->box[0] = 1, k->box[1] = count[0], k->box[2] = count[1];
    if (all < IMAGE_LEAST)
        k->box[0] = at_least(at_most(IMAGE_LEAST / all, k->c->x.shape.dim[0]), 1);
    else if (!k->pointwise && count[1] > many)
        k->box[1] = 1, k->box[2] = many;
    else if (!k->pointwise && all > many)
        k->box[1] = many / count[1];
    k->gathers = k->box[0] > 1 || (k->box[1] > 1 && !merges(&k->c->y));
}

static int64_t windows(const work *k) { return k->at.size[0] * k->at.size[1] * k->at.size[2]; }

static wg_view matrix_at(void *data, wg_dtype dtype, int64_t rows, int64_t columns) {
    return (wg_view){
        .data = data, .dtype = dtype, .shape = { 2, { rows, columns } }, .stride = { columns, 1 }
    };
}

/* ---- the operands of one box and group ------------------------------------------------------- */

static wg_view weights_of(const work *k) {
    int64_t outputs = k->c->y.shape.dim[1] / k->c->groups;
    wg_view w = k->dense_weights;
    return matrix_at(wg__at(&w, k->group * outputs * k->taps), w.dtype, outputs, k->taps);
}

// v's channels of this group, as (N, channels, rows, columns).
static wg_view group_of(const work *k, const wg_view *v) {
    wg_view part = *v;
    part.shape.dim[1] /= k->c->groups;
    part.data = wg__at(v, k->group * part.shape.dim[1] * v->stride[1]);
    return part;
}

// The box in v, whose last two axes are y's, as (channels, images, down, across).
static wg_view box_of(const work *k, const wg_view *v) {
    wg_view g = group_of(k, v), b = g;
    b.shape.dim[0] = g.shape.dim[1], b.stride[0] = g.stride[1];
    b.shape.dim[1] = k->at.size[0], b.stride[1] = g.stride[0];
    b.shape.dim[2] = k->at.size[1], b.shape.dim[3] = k->at.size[2];
    b.data = wg__at(&g, k->at.first[0] * g.stride[0] + k->at.first[1] * g.stride[2] +
                            k->at.first[2] * g.stride[3]);
    return b;
}

// The same as a matrix, one image's rows being one.
static wg_view box_matrix(const work *k, const wg_view *v) {
    wg_view b = box_of(k, v), m = matrix_at(b.data, b.dtype, b.shape.dim[0], windows(k));
    m.stride[0] = b.stride[0], m.stride[1] = b.shape.dim[3] > 1 ? b.stride[3] : b.stride[2];
    return m;
}

// y's box in scratch, dense: shaped like the box, to copy, and as a matrix, to multiply.
static wg_view gathered_box(const work *k) {
    wg_view b = box_of(k, &k->c->y);
    b.data = k->rows;
    wg__contiguous_strides(&b);
    return b;
}
static wg_view gathered(const work *k) {
    return matrix_at(k->rows, k->c->y.dtype, k->c->y.shape.dim[1] / k->c->groups, windows(k));
}

static wg_view rows_to_read(const work *k) {
    if (!k->gathers) return box_matrix(k, &k->c->y);
    wg_view to = gathered_box(k), from = box_of(k, &k->c->y);
    wg__copy_view(&to, &from);
    return gathered(k);
}

static wg_view columns_room(const work *k) {
    return matrix_at(k->columns, k->c->x.dtype, k->taps, windows(k));
}

static wg_view columns_to_read(const work *k) {
    if (k->pointwise) return box_matrix(k, &k->c->x);
    wg_view columns = columns_room(k), x = group_of(k, &k->c->x);
    wg__unfold(&columns, &x, &k->c->window, &k->at);
    return columns;
}

static wg_view turned(const wg_view *m) {
    wg_view t = *m;
    for (int a = 0; a < 2; a++)
        t.shape.dim[a] = m->shape.dim[1 - a], t.stride[a] = m->stride[1 - a];
    return t;
}

/* ---- the three products ---------------------------------------------------------------------- */

// Adds to each row of m its channel's bias; m's columns lie side by side.
static void add_bias(const work *k, const wg_view *m) {
    const wg_view *bias = k->c->bias;
    int64_t n = m->shape.dim[1];
    for (int64_t o = 0; o < m->shape.dim[0]; o++) {
        int64_t channel = k->group * m->shape.dim[0] + o;
        double b = wg__load(bias->dtype, wg__at(bias, channel * bias->stride[0]));
        char *row = wg__at(m, o * m->stride[0]);
        if (m->dtype == WG_F32)
            for (int64_t l = 0; l < n; l++) ((float *)(void *)row)[l] += (float)b;
        else
            for (int64_t l = 0; l < n; l++) ((double *)(void *)row)[l] += b;
    }
}

static void box_value(const work *k) {
    wg_view columns = columns_to_read(k), w = weights_of(k);
    wg_view y = k->gathers ? gathered(k) : box_matrix(k, &k->c->y);
    wg__gemm(&y, &w, &columns, false);
    if (k->c->bias) add_bias(k, &y);
    if (!k->gathers) return;
    wg_view to = box_of(k, &k->c->y), from = gathered_box(k);
    wg__copy_view(&to, &from);
}

static void box_image(const work *k) {
    wg_view y = rows_to_read(k), w = weights_of(k), wt = turned(&w);
    wg_view columns = k->pointwise ? box_matrix(k, &k->c->x) : columns_room(k);
    wg__gemm(&columns, &wt, &y, k->pointwise);
    if (k->pointwise) return;
    wg_view x = group_of(k, &k->c->x);
    wg__fold(&x, &columns, &k->c->window, &k->at);
}

static void box_weight(const work *k) {
    wg_view y = rows_to_read(k), columns = columns_to_read(k), w = weights_of(k);
    columns = turned(&columns);
    wg__gemm(&w, &y, &columns, !k->first);
}

/* ---- box by box ------------------------------------------------------------------------------ */

static void close_work(work *k) { wg__free(k->columns), wg__free(k->rows), wg__free(k->weights); }

static bool weights_dense(work *k) {
    const wg_view *w = &k->c->w;
    k->dense_weights = *w;
    if (wg__is_contiguous(w)) return true;
    k->weights = wg__alloc((size_t)wg__numel(&w->shape) * wg__size_of(w->dtype));
    if (!k->weights) return false;
    k->dense_weights.data = k->weights;
    wg__contiguous_strides(&k->dense_weights);
    wg__copy_view(&k->dense_weights, w);
    return true;
}

static bool open_work(work *k, const wg__conv *c) {
    size_t size = wg__size_of(c->x.dtype);
    *k = (work){ .c = c, .first = true };
    k->taps = c->w.shape.dim[1] * c->w.shape.dim[2] * c->w.shape.dim[3];
    choose_box(k);
    size_t most = (size_t)(k->box[0] * k->box[1] * k->box[2]) * size;
    bool ok = weights_dense(k);
    if (ok && !k->pointwise) ok = (k->columns = wg__alloc((size_t)k->taps * most)) != NULL;
    if (ok && k->gathers)
        ok = (k->rows = wg__alloc((size_t)(c->y.shape.dim[1] / c->groups) * most)) != NULL;
    if (!ok) close_work(k);
    return ok;
}

typedef void box_loop(const work *k);

// The box that begins at at.first, cut off at the end of each axis.
static void one_box(work *k, box_loop *go) {
    const int64_t all[] = { k->c->x.shape.dim[0], k->c->window.count[0], k->c->window.count[1] };
    for (int a = 0; a < 3; a++) k->at.size[a] = at_most(k->box[a], all[a] - k->at.first[a]);
    for (k->group = 0; k->group < k->c->groups; k->group++) go(k);
    k->first = false;
}

static bool each_box(const wg__conv *c, box_loop *go) {
    work k;
    if (c->w.shape.dim[0] == 0) return true;  // no channel of y
    if (!open_work(&k, c)) return false;
    int64_t *at = k.at.first;
    for (at[0] = 0; at[0] < c->x.shape.dim[0]; at[0] += k.box[0])
        for (at[1] = 0; at[1] < c->window.count[0]; at[1] += k.box[1])
            for (at[2] = 0; at[2] < c->window.count[1]; at[2] += k.box[2]) one_box(&k, go);
    close_work(&k);
    return true;
}

bool wg__conv_value(const wg__conv *c) { return each_box(c, box_value); }
bool wg__conv_image(const wg__conv *c) { return each_box(c, box_image); }

bool wg__conv_weight(const wg__conv *c) {
    if (c->x.shape.dim[0] == 0) wg__fill_view(&c->w, 0);
    return each_box(c, box_weight);
}
