// SPDX-License-Identifier: MIT
/* train_impl.h: how a data set is laid out, for this folder. */
#ifndef WG_TRAIN_IMPL_H
#define WG_TRAIN_IMPL_H

#include "tensor/tensor_impl.h"
#include "train/train.h"

/* Room for n items; a size that does not fit is memory that there is not. NULL after reporting. */
static inline void *wg__alloc_items(int64_t n, size_t size) {
    size_t bytes;
    return wg__alloc(__builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX : bytes);
}

/* ---- data sets: data.c ----------------------------------------------------------------------- */

/* (v - mean) / deviation for each element of a row; NULLs for none. */
typedef struct wg__standardiser {
    wg_tensor *mean, *deviation;  // f64, dense, as many elements as a row: handles of ours
} wg__standardiser;

struct wg_data {
    wg_tensor *x, *y;    // (N, ...), (N, ...): handles of ours on the caller's storage
    wg_data_fill *fill;  // if any: x and y are (1, ...), of our own, and it writes a sample to them
    void *user;
    int64_t *index;  // of the samples in x and y; NULL: all of them
    int64_t size;
    double scale;
    wg_dtype dtype;
    wg__standardiser standard_x, standard_y;
    wg_tensor *batch_x, *batch_y;  // (<= rows, ...), overwritten by each batch
    int64_t rows;
};

/* A set on handles that it takes over; frees them when it fails, reporting in the name of `what`,
   the function. */
wg_data *wg__data_take(wg_tensor *x, wg_tensor *y, wg_data_options o, const char *what);
/* A handle of nobody's scope on x's storage; NULL after reporting. */
wg_tensor *wg__data_handle(const wg_tensor *x);
/* A set of n of d's samples; which ones is for the caller to say in ->index, which is NULL. */
wg_data *wg__data_like(const wg_data *d, int64_t n);
static inline int64_t wg__data_stored(const wg_data *d, int64_t i) {
    return d->index ? d->index[i] : i;
}
/* Whether the labels are (N) and integers; and that of the sample stored at a place, false after
   reporting that it could not be had. */
bool wg__data_labelled(const wg_data *d);
bool wg__data_label(const wg_data *d, int64_t stored, int64_t *label);
/* Has a filled set's x and y hold a sample; false after reporting. */
bool wg__data_fetch(const wg_data *d, int64_t stored);

/* An element of an integer view; by way of a double it would lose what is beyond 2^53. */
static inline int64_t wg__integer(const wg_view *v, int64_t offset) {
    const char *element = wg__at(v, offset);
    if (v->dtype == WG_I64) return *(const int64_t *)(const void *)element;
    return (int64_t)wg__load(v->dtype, element);
}

/* ---- classes against labels: metrics.c ------------------------------------------------------- */

typedef struct wg__hits {
    int64_t right, all;
    wg_tensor *matrix;  // (C, C) i64, or NULL
} wg__hits;

/* Adds what the scores out (..., C) say of the labels y (...). A label that is none of the matrix's
   classes, or without one none of the scores', is an error; false after reporting. */
bool wg__hits_add(const char *name, const wg_tensor *out, const wg_tensor *y, wg__hits *h);

/* ---- standardising: standard.c --------------------------------------------------------------- */

void wg__standardise_row(const wg__standardiser *s, wg_dtype dtype, void *row);

/* ---- moving images: augment.c ---------------------------------------------------------------- */

/* Images as an augmentation sees them; of channels 0: there is none. */
typedef struct wg__images {
    int64_t channels, rows, columns;
    size_t size;  // of an element
    wg_augment how;
    uint64_t seed;
} wg__images;

/* Of batches like x; false after reporting that they cannot be images. */
bool wg__images_of(const wg_batch *b, const wg_tensor *x, wg__images *im);
void wg__augment(const wg__images *im, int64_t sample, char *image);

/* ---- permutations: shuffle.c ----------------------------------------------------------------- */

typedef struct wg__shuffle {
    uint64_t key[8];
    int half;  // bits
    uint64_t mask;
    int64_t n;
} wg__shuffle;

/* A permutation of 0 ... n-1 that needs no memory: a function of seed and stream alone. */
wg__shuffle wg__shuffle_new(int64_t n, uint64_t seed, uint64_t stream);
int64_t wg__shuffle_at(const wg__shuffle *s, int64_t i);

#endif
