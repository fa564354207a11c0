// SPDX-License-Identifier: MIT
/* data.h: data sets, their parts, and passes over them in batches.

       wg_data *all = wg_data_csv("digits.csv", (wg_data_options){ .scale = 1.0 / 16 });
       wg_data *part[2];                                               // training, validation
       wg_data_split(all, (double[]){ 0.8, 0.2 }, 2, 7, part);
       wg_batch b = { .size = 32, .seed = epoch };
       while (wg_data_next(part[0], &b)) ...                           // b.x (32, 64), b.y (32)

   A set and the batches it hands out are one thread's. Sets share memory that none of them writes:
   for a second thread give it one of its own, wg_data_first(d, wg_data_size(d)). */
#ifndef WG_TRAIN_DATA_H
#define WG_TRAIN_DATA_H

#include "io/io.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sets: data.c data_load.c ---------------------------------------------------------------- */

/* Samples with their labels: x (N, ...), y (N, ...). The set shares the tensors' memory. */
typedef struct wg_data wg_data;
typedef struct wg_data_options {
    double scale;      // batches hold x * scale; 0: 1
    wg_dtype dtype;    // of a batch's x: f32 unless said
    int label_column;  // CSV: which column is the class, from 1; 0: the last
    int targets;       // CSV: the last so many columns are numbers to predict; 0: there is a class
    wg_csv_options csv;
} wg_data_options;
WG_API wg_data *wg_data_new(wg_tensor *x, wg_tensor *y, wg_data_options o);
/* x (N, columns - 1) and y (N) i64 from a table. It is read in o.csv.dtype, and a label too large
   to be exact there is refused: from 2^24 on in f32, from 2^53 on in f64. With o.targets = k
   x (N, columns - k) and y (N, k) of that dtype. */
WG_API wg_data *wg_data_csv(const char *path, wg_data_options o);
/* x (N, rows * columns) and y (N) i64 from a pair of IDX files. */
WG_API wg_data *wg_data_idx(const char *images, const char *labels, wg_data_options o);
/* x (N, ...) and y (N, ...) from a pair of .npy files; labels (N) of any integer type become i64,
   and must not be negative. */
WG_API wg_data *wg_data_npy(const char *x, const char *y, wg_data_options o);

/* Samples that a function of yours makes or fetches when a batch wants them. fill writes sample i,
   0 <= i < size, to x and y in C order, and gives the same each time it is asked for the same i;
   false, after wg_fail(), ends the pass. Splitting and counting classes asks for every sample once.
   The shapes are those of one sample; a class label is WG_SCALAR of WG_I64. */
typedef bool wg_data_fill(void *user, int64_t i, void *x, void *y);
typedef struct wg_data_source {
    wg_data_fill *fill;
    void *user;
    int64_t size;
    wg_shape x_shape, y_shape;
    wg_dtype x_dtype, y_dtype;
} wg_data_source;
WG_API wg_data *wg_data_from(wg_data_source s, wg_data_options o);

WG_API void wg_data_free(wg_data *d);           // NULL is fine
WG_API int64_t wg_data_size(const wg_data *d);  // samples; 0 for NULL
/* 1 + the largest label, where labels are integers (N) and none is negative; 0 for an empty set and
   -1, with an error, otherwise. */
WG_API int64_t wg_data_classes(wg_data *d);

/* ---- parts: data_split.c --------------------------------------------------------------------- */

/* Parts share d's memory and outlive it, and hold their samples in d's order. With integer labels
   of rank 1 each class is shared out alike (stratified). On an error all parts are NULL. */

/* Cuts d into n parts of the given shares (which sum to at most 1), drawn at random by seed. Too
   few samples for a part whose share is not 0 are an error; those of an empty set are empty. */
WG_API bool wg_data_split(const wg_data *d, const double share[], int n, uint64_t seed,
                          wg_data *part[]);
/* Fold i of k (2 <= k <= N): of the k folds that seed draws, the i-th to validate on, 0 <= i < k,
   and all others to train on. Sizes of the folds, and of each class in them, differ by one at
   most. */
typedef struct wg_fold_options {
    int k, i;
    uint64_t seed;
} wg_fold_options;
WG_API bool wg_data_fold(const wg_data *d, wg_fold_options f, wg_data **train,
                         wg_data **validation);
/* The first n samples (all of them where there are fewer): for error against training-set size. */
WG_API wg_data *wg_data_first(const wg_data *d, int64_t n);

/* ---- standardising: standard.c --------------------------------------------------------------- */

/* Mean and standard deviation (divisor N) of each element of a sample: f64, shaped like a sample,
   in the innermost scope, so that wg_io_save_npy can keep them. An element that is the same in all
   samples has mean 0 and deviation 1: it stays as it is. */
typedef struct wg_standard {
    wg_tensor *mean, *deviation;
    bool targets;  // of y, not of x
} wg_standard;
typedef struct wg_standard_options {
    bool targets;      // of y, not of x
    bool per_channel;  // one number for each first index of a sample (C, H, W), not each element
} wg_standard_options;
/* Of the samples of d, as batches have them: the training set's, to be used on the others as well.
   NULLs after an error: no samples, one that is not finite, integers (labels). */
WG_API wg_standard wg_standard_of(wg_data *d, wg_standard_options o);
/* From now on batches of d, and parts cut from it later, hold (x - mean) / deviation (or y). An
   error where d is standardised already, a mean is not finite or a deviation not a number above
   0. */
WG_API bool wg_data_standardise(wg_data *d, wg_standard s);
/* The same of a tensor (..., as one sample), and back: operations, which gradients pass. */
WG_API wg_tensor *wg_standard_apply(wg_standard s, wg_tensor *x);
WG_API wg_tensor *wg_standard_invert(wg_standard s, wg_tensor *z);

/* ---- passes: batch.c augment.c --------------------------------------------------------------- */

/* Images moved a little, for a larger training set. Each sample x is an image (H, W) or (C, H, W),
   or a flat one of rows * columns elements. Unless, with probability `still`, it is not moved, it
   is moved by whole pixels, down and right each drawn from -shift ... shift, zeros filling what
   becomes free; and it is mirrored left to right with probability `flip`. The shift is less than
   the image's rows and its columns; `still`, rows and columns without shift or flip are an error.
   The draws follow from the batch's seed and the number that the sample has in the whole set,
   whatever the batches' size and order. Standardising comes afterwards. */
typedef struct wg_augment {
    int64_t shift;
    double still;
    double flip;
    int64_t rows, columns;  // of flat images
} wg_augment;

/* One pass over the set: start from { .size = 32, .seed = epoch } and call until false, which also
   comes at once on an error. x (B, ...) and y (B, ...) belong to the set and are overwritten by the
   next call; the last batch may be smaller. The order is a permutation given by seed. Another pass
   needs a new wg_batch: to go on with one that has ended is an error. */
typedef struct wg_batch {
    int64_t size;
    uint64_t seed;
    bool in_order;   // no shuffling
    bool drop_last;  // no smaller batch at the end
    wg_augment augment;
    wg_tensor *x, *y;
    int64_t at;  // samples handed out so far; -1: all, the pass has ended
} wg_batch;
WG_API bool wg_data_next(wg_data *d, wg_batch *b);
/* How many batches of `size` a pass has, ceil(N / size): times the epochs, the steps of a schedule.
   0 for NULL and for a size below 1. */
WG_API int64_t wg_data_batches(const wg_data *d, int64_t size);

#ifdef __cplusplus
}
#endif
#endif
