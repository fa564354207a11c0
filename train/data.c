// SPDX-License-Identifier: MIT
/* data.c: data sets. A set holds handles on the caller's tensors or, where a function fills it, one
   sample of its own; and where it is a part of another, which samples are its own. */
#include <math.h>
#include <string.h>

#include "train/train_impl.h"

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

static void standardiser_free(wg__standardiser *s) {
    wg__tensor_release_owned(s->mean);
    wg__tensor_release_owned(s->deviation);
}

void wg_data_free(wg_data *d) {
    if (!d) return;
    wg__tensor_release_owned(d->x);
    wg__tensor_release_owned(d->y);
    wg__tensor_release_owned(d->batch_x);
    wg__tensor_release_owned(d->batch_y);
    standardiser_free(&d->standard_x), standardiser_free(&d->standard_y);
    wg__free(d->index);
    wg__free(d);
}

int64_t wg_data_size(const wg_data *d) { return d ? d->size : 0; }

/* ---- sets that a function fills -------------------------------------------------------------- */

// Room for one sample: (1, shape...).
static wg_tensor *sample_new(wg_dtype dtype, wg_shape shape, const char *which) {
    if (shape.rank < 0 || shape.rank >= WG_MAX_RANK)
        return WG__FAIL_NULL(WG_ERROR_SHAPE, "data_from: a sample's %s has rank %d, at most %d",
                             which, shape.rank, WG_MAX_RANK - 1);
    wg_shape one = { .rank = shape.rank + 1, .dim = { 1 } };
    memcpy(one.dim + 1, shape.dim, (size_t)shape.rank * sizeof *shape.dim);
    wg_tensor *x = wg__tensor_new_owned(dtype, one);
    if (x) wg_fill(x, 0);
    return x;
}

static bool source_valid(const wg_data_source *s) {
    if (!s->fill) return wg_fail(WG_ERROR_ARGUMENT, "data_from: fill is NULL");
    if (s->size < 0)
        return wg_fail(WG_ERROR_ARGUMENT, "data_from: %lld samples", (long long)s->size);
    return true;
}

static wg_data *filled_new(const wg_data_source *s, wg_data_options o) {
    wg_tensor *x = sample_new(s->x_dtype, s->x_shape, "x");
    wg_tensor *y = x ? sample_new(s->y_dtype, s->y_shape, "y") : NULL;
    wg_data *d = wg__data_take(x, y, o, "data_from");
    if (d) d->fill = s->fill, d->user = s->user, d->size = s->size;
    return d;
}

wg_data *wg_data_from(wg_data_source s, wg_data_options o) {
    if (wg__pending()) return NULL;
    wg__where("");
    return source_valid(&s) ? filled_new(&s, o) : NULL;
}

bool wg__data_fetch(const wg_data *d, int64_t stored) {
    bool good = d->fill(d->user, stored, d->x->view.data, d->y->view.data);
    wg__where("");
    if (!good && !wg__pending())
        return wg_fail(WG_ERROR_STATE, "data_next: fill gave no sample %lld", (long long)stored);
    return !wg__pending();
}

/* ---- labels ---------------------------------------------------------------------------------- */

bool wg__data_labelled(const wg_data *d) {
    return wg_rank(d->y) == 1 && !wg_dtype_is_float(wg_dtype_of(d->y));
}

bool wg__data_label(const wg_data *d, int64_t stored, int64_t *label) {
    if (d->fill && !wg__data_fetch(d, stored)) return false;
    *label = wg__integer(&d->y->view, d->fill ? 0 : stored * d->y->view.stride[0]);
    return true;
}

static bool labels_valid(const wg_data *d) {
    if (wg__pending()) return false;
    wg__where("");
    if (!d) return wg_fail(WG_ERROR_ARGUMENT, "data_classes: the set is NULL");
    if (wg__data_labelled(d)) return true;
    char text[200];
    return wg_fail(WG_ERROR_DTYPE, "data_classes: y is %s %s, wanted are integers (N)",
                   wg_dtype_name(wg_dtype_of(d->y)),
                   wg_shape_text(wg_shape_of(d->y), text, sizeof text));
}

int64_t wg_data_classes(wg_data *d) {
    if (!labels_valid(d)) return -1;
    int64_t largest = -1, label;
    for (int64_t i = 0; i < d->size; i++) {
        if (!wg__data_label(d, wg__data_stored(d, i), &label)) return -1;
        if (label < 0 || label == INT64_MAX) {
            wg_fail(WG_ERROR_INDEX, "data_classes: sample %lld has the label %lld", (long long)i,
                    (long long)label);
            return -1;
        }
        if (label > largest) largest = label;
    }
    return largest + 1;
}

/* ---- parts ----------------------------------------------------------------------------------- */

// The samples of d, without any chosen.
static wg_data *whole(const wg_data *d) {
    wg_data_options o = { .scale = d->scale, .dtype = d->dtype };
    if (!d->fill)
        return wg__data_take(wg__data_handle(d->x), wg__data_handle(d->y), o, "data_part");
    wg_tensor *x = wg__tensor_new_owned(d->x->view.dtype, d->x->view.shape);
    wg_tensor *y = x ? wg__tensor_new_owned(d->y->view.dtype, d->y->view.shape) : NULL;
    wg_data *p = wg__data_take(x, y, o, "data_part");
    if (p) p->fill = d->fill, p->user = d->user;
    return p;
}

static bool share_standard(wg__standardiser *to, const wg__standardiser *from) {
    if (!from->mean) return true;
    to->mean = wg__data_handle(from->mean);
    to->deviation = to->mean ? wg__data_handle(from->deviation) : NULL;
    return to->deviation != NULL;
}

wg_data *wg__data_like(const wg_data *d, int64_t n) {
    wg_data *p = whole(d);
    if (!p) return NULL;
    p->size = n;
    if (share_standard(&p->standard_x, &d->standard_x) &&
        share_standard(&p->standard_y, &d->standard_y))
        return p;
    wg_data_free(p);
    return NULL;
}

// The first of all samples are found without a list of them.
static bool copy_index(wg_data *to, const wg_data *from) {
    if (!from->index) return true;
    to->index = wg__alloc_items(to->size, sizeof *to->index);
    if (to->index) memcpy(to->index, from->index, (size_t)to->size * sizeof *to->index);
    return to->index != NULL;
}

wg_data *wg_data_first(const wg_data *d, int64_t n) {
    if (wg__pending()) return NULL;
    wg__where("");
    if (!d || n < 0)
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT,
                             d ? "data_first: %lld samples" : "data_first: the set is NULL",
                             (long long)n);
    if (n > d->size) n = d->size;
    wg_data *p = wg__data_like(d, n);
    if (!p || copy_index(p, d)) return p;
    wg_data_free(p);
    return NULL;
}
