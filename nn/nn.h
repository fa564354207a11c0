// SPDX-License-Identifier: MIT
/* nn.h: networks. A model is a function of the caller's; this folder keeps its parameters, by path.

       static wg_tensor *net(wg_nn *m, wg_tensor *x) {                  // x (B, 64)
           x = wg_relu(wg_nn_linear(m, "hidden", x, 32));               // (B, 32)
           return wg_nn_linear(m, "out", x, 10);                        // (B, 10)
       }

   wg_nn_linear(m, "hidden", x, 32) finds the parameters "hidden/w" and "hidden/b", or makes them on
   first use. What they start from depends on the model's seed and their path alone. Once an
   optimiser has made a step the model is frozen: no new parameter can appear, so a misspelt layer
   is an error and not a new weight. Names without parameters, of parts and of dropout, may still be
   new; each distinct one costs a small entry. Parameters belong to the model and live until
   wg_nn_free().

   Messages begin with a path, "block3/gate: matmul: ...": the part of a model that was last
   entered, by wg_nn_sub, wg_nn_param or a layer. What fails after it has been left, before another
   is entered, still has its path; wg_scope_close puts back the one from when the scope was opened,
   and what is wrong with a file is told without any. */
#ifndef WG_NN_H
#define WG_NN_H

#include "autograd/autograd.h"
#include "io/io.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wg_nn wg_nn;
typedef wg_tensor *wg_net(wg_nn *m, wg_tensor *x);  // a model: inputs (B, ...) to outputs (B, ...)
typedef wg_tensor *wg_cost(wg_nn *m, wg_tensor *x, wg_tensor *y);  // one number for samples, labels

/* ---- models: model.c ------------------------------------------------------------------------- */

WG_API wg_nn *wg_nn_new(uint64_t seed);
WG_API void wg_nn_free(wg_nn *m);  // the whole model, also when given a part of it; NULL is fine
/* The same model seen from a deeper path: wg_nn_sub(m, "block%d", i). Belongs to the model. */
WG_API wg_nn *wg_nn_sub(wg_nn *m, const char *format, ...) WG_PRINTF(2, 3);

/* Dropout and its like act while training, which is how a model starts. Returns what it was. */
WG_API bool wg_nn_train(wg_nn *m, bool on);
WG_API bool wg_nn_is_training(const wg_nn *m);  // false for NULL
WG_API void wg_nn_freeze(wg_nn *m);             // no new parameters from now on
WG_API bool wg_nn_is_frozen(const wg_nn *m);    // false for NULL

/* The parameters below m that match, in the order in which they were made. `pattern` is held
   against the full path: '*' stands for any characters or none, also '/', every other one for
   itself: "hidden*", "block[0]/w". NULL matches every parameter. For a dense layer of 3 inputs
   and 2 units wg_nn_params is 2 (w and b) and wg_nn_count 8 (3 * 2 + 2). */
WG_API int wg_nn_params(const wg_nn *m, const char *pattern);     // how many tensors
WG_API int64_t wg_nn_count(const wg_nn *m, const char *pattern);  // how many numbers in all of them
WG_API wg_tensor *wg_nn_param_at(const wg_nn *m, const char *pattern, int i);  // NULL out of range
WG_API const char *wg_nn_path_at(const wg_nn *m, const char *pattern, int i);  // NULL out of range
/* By path relative to m; NULL, without an error, if there is none. */
WG_API wg_tensor *wg_nn_find(const wg_nn *m, const char *path);

/* Copies all parameters of `from` into `to` by path, making those that are not there yet. Nothing
   is changed on an error (a shape differs, `to` is frozen and lacks one). */
WG_API bool wg_nn_copy(wg_nn *to, const wg_nn *from);

/* ---- what a loss does not reach: unreached.c ------------------------------------------------- */

typedef struct wg_nn_visitor {
    void (*visit)(void *user, const char *path, wg_tensor *param);  // NULL: nothing is called
    void *user;
} wg_nn_visitor;
/* Calls the visitor with each parameter below m that the loss does not depend on, as it was
   recorded, in the order in which they were made, and returns how many there are: training by this
   loss would leave them as they are. -1 on an error. A loss that is not tracked reaches none. */
WG_API int wg_nn_unreached(const wg_nn *m, wg_tensor *loss, wg_nn_visitor visitor);
/* The same as text, "block1/gate/w f32 [64,64]" a line: at most `size` bytes with the closing 0;
   returns the length that the whole text has, 0 if every parameter is reached or on an error. */
WG_API size_t wg_nn_unreached_text(const wg_nn *m, wg_tensor *loss, char *text, size_t size);

/* ---- initial values: init.c ------------------------------------------------------------------ */

/* fan_in is the product of all dimensions but the last, fan_out the last: weights are (in, out). */
typedef enum wg_init_kind {
    WG_INIT_DEFAULT,  // Xavier uniform for weights, zeros for biases
    WG_INIT_ZEROS,
    WG_INIT_CONSTANT,        // a
    WG_INIT_UNIFORM,         // on [a, b)
    WG_INIT_NORMAL,          // mean a, standard deviation b
    WG_INIT_XAVIER_UNIFORM,  // on +-sqrt(6 / (fan_in + fan_out))  (Glorot and Bengio 2010)
    WG_INIT_XAVIER_NORMAL,   // deviation sqrt(2 / (fan_in + fan_out))
    WG_INIT_HE_UNIFORM,      // on +-sqrt(6 / fan_in)              (He et al. 2015), for ReLU
    WG_INIT_HE_NORMAL        // deviation sqrt(2 / fan_in)
} wg_init_kind;
typedef struct wg_init {
    wg_init_kind kind;
    double a, b;
} wg_init;

/* The parameter m/name, made on first use. Asking again with another shape or dtype is an error. */
WG_API wg_tensor *wg_nn_param(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape,
                              wg_init init);

/* ---- layers: linear.c dropout.c -------------------------------------------------------------- */

typedef struct wg_linear_options {
    wg_init w, b;
    bool no_bias;
} wg_linear_options;
/* y = x w + b: x (..., in), w = name/w (in, units), b = name/b (units) -> (..., units); of x's
   dtype. */
WG_API wg_tensor *wg_nn_linear(wg_nn *m, const char *name, wg_tensor *x, int64_t units);
WG_API wg_tensor *wg_nn_linear_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                    wg_linear_options o);

/* While training: 0 with probability p, else x / (1 - p), a fresh mask each call, drawn from the
   model's seed, the path and how often it was called (Srivastava et al. 2014). Otherwise x
   itself. */
WG_API wg_tensor *wg_nn_dropout(wg_nn *m, const char *name, wg_tensor *x, double p);

/* A stack of dense layers as a table: each is linear, then activation (NULL: none), then
   dropout. */
typedef struct wg_nn_dense {
    const char *name;
    int64_t units;
    wg_tensor *(*activation)(wg_tensor *);
    double dropout;
} wg_nn_dense;
WG_API wg_tensor *wg_nn_sequential(wg_nn *m, wg_tensor *x, const wg_nn_dense layers[], int n);

/* ---- losses: loss.c -------------------------------------------------------------------------- */

/* The mean over all elements, y and target of one shape. wg_cross_entropy is an operation. */

WG_API wg_tensor *wg_nn_mse_loss(wg_tensor *y, wg_tensor *target);  // (y - t)^2
WG_API wg_tensor *wg_nn_l1_loss(wg_tensor *y, wg_tensor *target);   // |y - t|
/* d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2), for d = y - t (Huber 1964). */
WG_API wg_tensor *wg_nn_huber_loss(wg_tensor *y, wg_tensor *target, double delta);
/* max(y, 0) - y t + log(1 + exp(-|y|)): cross-entropy of sigmoid(y) against t in [0, 1], stable. */
WG_API wg_tensor *wg_nn_bce_with_logits(wg_tensor *y, wg_tensor *target);

/* ---- regularisers: regularise.c -------------------------------------------------------------- */

/* Terms to add to the loss: strength * sum |w| and strength * sum w^2 over the parameters whose
   path matches. pattern NULL: the weights, which are those of rank 2 and more, not the biases. An
   error if nothing matches. Parameters exist once the network has run, and C may evaluate arguments
   in any order: let the network run in a statement before the one with the penalty.

       wg_tensor *loss = wg_cross_entropy(net(m, x), y);
       return wg_add(loss, wg_nn_l2(m, NULL, 1e-4)); */
WG_API wg_tensor *wg_nn_l1(wg_nn *m, const char *pattern, double strength);
WG_API wg_tensor *wg_nn_l2(wg_nn *m, const char *pattern, double strength);

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
