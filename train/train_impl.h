// SPDX-License-Identifier: MIT
/* train_impl.h: how a data set is laid out, for this folder. */
#ifndef WG_TRAIN_IMPL_H
#define WG_TRAIN_IMPL_H

#include "tensor/tensor_impl.h"
#include "train/train.h"

/* ---- data sets ------------------------------------------------------------------------------- */

struct wg_data {
    wg_tensor *x, *y;  // (N, ...), (N, ...): handles of ours on the caller's storage
    int64_t *index;    // of the samples in x and y; NULL: all of them
    int64_t size;
    double scale;
    wg_dtype dtype;
    wg_tensor *batch_x, *batch_y;  // (<= rows, ...), overwritten by each batch
    int64_t rows;
};

/* A set on handles that it takes over; frees them when it fails, reporting in the name of `what`,
   the function. */
wg_data *wg__data_take(wg_tensor *x, wg_tensor *y, wg_data_options o, const char *what);
/* A handle of nobody's scope on x's storage; NULL after reporting. */
wg_tensor *wg__data_handle(const wg_tensor *x);

/* An element of an integer view; by way of a double it would lose what is beyond 2^53. */
static inline int64_t wg__integer(const wg_view *v, int64_t offset) {
    const char *element = wg__at(v, offset);
    if (v->dtype == WG_I64) return *(const int64_t *)(const void *)element;
    return (int64_t)wg__load(v->dtype, element);
}

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
