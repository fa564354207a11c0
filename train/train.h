// SPDX-License-Identifier: MIT
/* train.h: what surrounds a network while it learns: sets of samples cut into batches, and measures
   of how good it is.

       wg_data *all = wg_data_csv("digits.csv", (wg_data_options){ .scale = 1.0 / 16 });
       wg_batch b = { .size = 32, .seed = epoch };
       while (wg_data_next(all, &b)) ...                                // b.x (32, 64), b.y (32)
*/
#ifndef WG_TRAIN_H
#define WG_TRAIN_H

#include "io/io.h"
#include "optim/optim.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data sets: data.c data_load.c data_split.c ---------------------------------------------- */

/* Samples with their labels: x (N, ...), y (N, ...). The set shares the tensors' memory. */
typedef struct wg_data wg_data;
typedef struct wg_data_options {
    double scale;      // batches hold x * scale; 0: 1
    wg_dtype dtype;    // of a batch's x: f32 unless said
    int label_column;  // CSV: which column is the class, from 1; 0: the last
    wg_csv_options csv;
} wg_data_options;
WG_API wg_data *wg_data_new(wg_tensor *x, wg_tensor *y, wg_data_options o);
/* x (N, columns - 1) and y (N) i64 from a table. It is read in o.csv.dtype, and a label too large
   to be exact there is refused: from 2^24 on in f32, from 2^53 on in f64. */
WG_API wg_data *wg_data_csv(const char *path, wg_data_options o);
/* x (N, rows * columns) and y (N) i64 from a pair of IDX files. */
WG_API wg_data *wg_data_idx(const char *images, const char *labels, wg_data_options o);
WG_API void wg_data_free(wg_data *d);           // NULL is fine
WG_API int64_t wg_data_size(const wg_data *d);  // samples; 0 for NULL

/* Cuts d into n parts of the given shares (which sum to at most 1), drawn at random by seed; with
   integer labels of rank 1 each class is shared out alike (stratified). The parts share d's memory
   and outlive it. */
WG_API bool wg_data_split(const wg_data *d, const double share[], int n, uint64_t seed,
                          wg_data *part[]);

/* One pass over the set: start from { .size = 32, .seed = epoch } and call until false, which also
   comes at once on an error. x (B, ...) and y (B, ...) belong to the set and are overwritten by the
   next call; the last batch may be smaller. The order is a permutation given by seed. */
typedef struct wg_batch {
    int64_t size;
    uint64_t seed;
    bool in_order;  // no shuffling
    wg_tensor *x, *y;
    int64_t at;  // samples handed out so far
} wg_batch;
WG_API bool wg_data_next(wg_data *d, wg_batch *b);

/* ---- measures: metrics.c --------------------------------------------------------------------- */

/* All evaluate in batches, without recording, and put the model's mode back. */
WG_API double wg_nn_accuracy(wg_nn *m, wg_net *net, wg_data *d);  // share of right; NaN on error
/* The mean of the cost over the set, a batch counting as often as it has samples: for a cost that
   is a mean over its batch, the mean over all samples. NaN on error. */
WG_API double wg_nn_loss(wg_nn *m, wg_cost *cost, wg_data *d);
/* (C, C) i64: how often class row was taken for class column. */
WG_API wg_tensor *wg_nn_confusion(wg_nn *m, wg_net *net, wg_data *d, int64_t classes);
WG_API wg_tensor *wg_nn_predict(wg_nn *m, wg_net *net, wg_tensor *x);  // classes (B) i64

#ifdef __cplusplus
}
#endif
#endif
