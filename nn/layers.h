// SPDX-License-Identifier: MIT
/* layers.h: layers. Each is a function of the model, a name and its input; its parameters are found
   below the name, or made there on first use, of the dtype of x: f32 or f64.

       x = wg_nn_conv2d(m, "conv1", x, 16, 3);             // x (B, 1, 28, 28) -> (B, 16, 26, 26)
       x = wg_relu(wg_nn_batch_norm(m, "norm1", x));
       x = wg_nn_max_pool2d(x, 2);                         // (B, 16, 13, 13)
       x = wg_nn_linear(m, "out", wg_flatten(x, 1), 10);   // (B, 10)

   wg_flatten(x, 1) is (B, ...) as (B, N); activations are operations: wg_relu(x), wg_gelu(x), ...

   B counts samples, C channels; L, H and W are places. Function and function_with differ in their
   options, of which 0 is the default: { 0 } is the function without. Initial values are wg_init;
   where an option says nothing else, weights begin by Xavier's uniform law, biases at 0.

   All return NULL after an error, whose message begins with the layer's path. A layer that refuses
   a rank, a dtype, an option or an initialiser has made no parameter; one whose operation refuses,
   as it does a kernel larger than the image, may have made some, which the next call finds. Options
   that contradict each other are refused, such as no_bias with an initialiser of the bias. */
#ifndef WG_NN_LAYERS_H
#define WG_NN_LAYERS_H

#include "nn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- dense layers: linear.c ------------------------------------------------------------------ */

typedef struct wg_linear_options {
    wg_init w, b;
    bool no_bias;
} wg_linear_options;
/* y = x w' + b: x (..., in), w = name/w (units, in), b = name/b (units) -> (..., units); of x's
   dtype. */
WG_API wg_tensor *wg_nn_linear(wg_nn *m, const char *name, wg_tensor *x, int64_t units);
WG_API wg_tensor *wg_nn_linear_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                    wg_linear_options o);

/* y_o = a' w_o b + bias_o: a (..., I), b (..., J), w = name/w (units, I, J), bias = name/b (units)
   -> (..., units). Leading axes and dtypes are the same. */
WG_API wg_tensor *wg_nn_bilinear(wg_nn *m, const char *name, wg_tensor *a, wg_tensor *b,
                                 int64_t units);
WG_API wg_tensor *wg_nn_bilinear_with(wg_nn *m, const char *name, wg_tensor *a, wg_tensor *b,
                                      int64_t units, wg_linear_options o);

/* A stack of dense layers as a table: each is linear, then activation (NULL: none), then
   dropout. */
typedef struct wg_nn_dense {
    const char *name;
    int64_t units;
    wg_tensor *(*activation)(wg_tensor *);
    double dropout;
} wg_nn_dense;
WG_API wg_tensor *wg_nn_sequential(wg_nn *m, wg_tensor *x, const wg_nn_dense layers[], int n);

/* ---- embedding: embedding.c ------------------------------------------------------------------ */

typedef struct wg_embedding_layer_options {
    wg_dtype dtype;         // of the table, which an index cannot tell: 0 is f32
    wg_init w;              // 0: normal, mean 0 and deviation 1, as in PyTorch
    bool padding;           // row padding_index begins at 0 and gets no gradient
    int64_t padding_index;  // from the end if negative
} wg_embedding_layer_options;
/* y[i, :] = w[index[i], :]: index (...) of i64, i32 or u8, w = name/w (count, width) ->
   (..., width). A number out of range is an error with the number and its place. For weights of
   about the size that a transformer wants say .w = { .kind = WG_INIT_NORMAL, .b = 0.02 }. */
WG_API wg_tensor *wg_nn_embedding(wg_nn *m, const char *name, wg_tensor *index, int64_t count,
                                  int64_t width);
WG_API wg_tensor *wg_nn_embedding_with(wg_nn *m, const char *name, wg_tensor *index, int64_t count,
                                       int64_t width, wg_embedding_layer_options o);

/* ---- normalisation: norm.c batch_norm.c ------------------------------------------------------ */

/* Each is y = (x - mean) / sqrt(var + epsilon) * w + b, with mean and var (divisor n) over some of
   the axes, w = name/w beginning at 1 and b = name/b at 0. An option of another layer is an
   error, and so is .b for rms_norm. */
typedef struct wg_norm_options {
    int axes;         // layer_norm and rms_norm: how many of the last axes; 0: 1
    double epsilon;   // 0: 1e-5, for all of them
    double momentum;  // batch_norm: in (0, 1]; 0: 0.1
    bool no_running;  // batch_norm: no running statistics, the batch's own also when evaluating
    bool no_affine;   // neither w nor b
    bool no_bias;     // no b
    wg_init w, b;
} wg_norm_options;

/* Over the last axis of x (..., C), or over several, whose sizes w and b have (Ba, Kiros and Hinton
   2016). */
WG_API wg_tensor *wg_nn_layer_norm(wg_nn *m, const char *name, wg_tensor *x);
WG_API wg_tensor *wg_nn_layer_norm_with(wg_nn *m, const char *name, wg_tensor *x,
                                        wg_norm_options o);
/* x / sqrt(mean x^2 + epsilon) * w, over the same axes; there is no b (Zhang and Sennrich 2019). */
WG_API wg_tensor *wg_nn_rms_norm(wg_nn *m, const char *name, wg_tensor *x);
WG_API wg_tensor *wg_nn_rms_norm_with(wg_nn *m, const char *name, wg_tensor *x, wg_norm_options o);

/* x (B, C, ...), w and b (C): over each of `groups` groups of C / groups neighbouring channels of
   each sample, with all their places (Wu and He 2018). */
WG_API wg_tensor *wg_nn_group_norm(wg_nn *m, const char *name, wg_tensor *x, int64_t groups);
WG_API wg_tensor *wg_nn_group_norm_with(wg_nn *m, const char *name, wg_tensor *x, int64_t groups,
                                        wg_norm_options o);
/* x (B, C, L, ...): over each channel of each sample (Ulyanov, Vedaldi and Lempitsky 2016). It has
   w and b like the others, where PyTorch's has them only if asked. */
WG_API wg_tensor *wg_nn_instance_norm(wg_nn *m, const char *name, wg_tensor *x);
WG_API wg_tensor *wg_nn_instance_norm_with(wg_nn *m, const char *name, wg_tensor *x,
                                           wg_norm_options o);

/* x (B, C), (B, C, L), (B, C, H, W), ...: over each channel of the whole batch, with all its places
   (Ioffe and Szegedy 2015). While training, statistics are the batch's, which must have two values
   to a channel at least, and the buffers name/running_mean (C), from 0, and name/running_var (C),
   from 1, move towards them:

       running = (1 - momentum) running + momentum batch,    var here with divisor n - 1.

   When evaluating, statistics are the buffers'. Within wg_checkpoint a batch is noted once. A net
   that is shown several batches in one step notes each of them; one whose w and b are frozen goes
   on noting while it trains. */
WG_API wg_tensor *wg_nn_batch_norm(wg_nn *m, const char *name, wg_tensor *x);
WG_API wg_tensor *wg_nn_batch_norm_with(wg_nn *m, const char *name, wg_tensor *x,
                                        wg_norm_options o);

/* ---- convolution: conv.c --------------------------------------------------------------------- */

/* Pairs are (down, across), of which lines take the first; a stride, dilation or number of groups
   of 0 is 1. */
typedef struct wg_conv_layer_options {
    int64_t stride[2], padding[2], dilation[2];
    int64_t output_padding[2];  // of the transposed ones: more rows and columns at the end
    int64_t groups;             // group g of the outputs sees group g of the channels alone
    int64_t width;              // of images' kernels, across; 0: as they are high
    bool same;                  // padding that keeps H and W, for stride 1, as in PyTorch
    wg_pad_mode padding_mode;   // what the padding holds; 0: zeros. Not of the transposed ones
    bool no_bias;
    wg_init w, b;
} wg_conv_layer_options;

/* Cross-correlation with kernels of `size` places (LeCun et al. 1989): x (B, C, L) or (B, C, H, W)
   -> (B, channels, L') or (B, channels, H', W'),

       y[n, o, p] = b[o] + sum over c, k of w[o, c, k] x[n, c, p stride - padding + k dilation],
       L' = floor((L + 2 padding - dilation (size - 1) - 1) / stride) + 1,

   w = name/w (channels, C / groups, size) or (channels, C / groups, size, width), b = name/b
   (channels). For initial values fan_in is C / groups times the kernel's places, fan_out is
   channels / groups times them, unless w.fan_in or w.fan_out say otherwise. With `same` an odd
   element of padding stands behind. */
WG_API wg_tensor *wg_nn_conv1d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                               int64_t size);
WG_API wg_tensor *wg_nn_conv1d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                    int64_t size, wg_conv_layer_options o);
WG_API wg_tensor *wg_nn_conv2d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                               int64_t size);
WG_API wg_tensor *wg_nn_conv2d_with(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                    int64_t size, wg_conv_layer_options o);

/* The transposes, which widen (Zeiler et al. 2010): what a convolution of `channels` to C channels
   with the same options makes of a gradient.

       y[n, o, p stride - padding + k dilation] = b[o] + the sum of w[c, o, k] x[n, c, p]
       L' = (L - 1) stride - 2 padding + dilation (size - 1) + 1 + output_padding,

   w = name/w (C, channels / groups, size) or (C, channels / groups, size, width), b = name/b
   (channels); fans as above, by what the layer computes. */
WG_API wg_tensor *wg_nn_conv_transpose1d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                         int64_t size);
WG_API wg_tensor *wg_nn_conv_transpose1d_with(wg_nn *m, const char *name, wg_tensor *x,
                                              int64_t channels, int64_t size,
                                              wg_conv_layer_options o);
WG_API wg_tensor *wg_nn_conv_transpose2d(wg_nn *m, const char *name, wg_tensor *x, int64_t channels,
                                         int64_t size);
WG_API wg_tensor *wg_nn_conv_transpose2d_with(wg_nn *m, const char *name, wg_tensor *x,
                                              int64_t channels, int64_t size,
                                              wg_conv_layer_options o);

/* ---- pooling: pool.c ------------------------------------------------------------------------- */

/* These have no parameters, so no name: the largest element, or the mean, of each of the windows of
   `size` (and by `size`) places that lie side by side; places that fill no window are left out.
   The operations wg_max_pool2d and so on have stride, padding and dilation besides, and
   wg_adaptive_avg_pool2d asks for the size of the result. */
WG_API wg_tensor *wg_nn_max_pool1d(wg_tensor *x, int64_t size);  // (B, C, L) -> (B, C, L / size)
WG_API wg_tensor *wg_nn_avg_pool1d(wg_tensor *x, int64_t size);
WG_API wg_tensor *wg_nn_max_pool2d(wg_tensor *x, int64_t size);  // (B, C, H, W) -> (B, C, H', W')
WG_API wg_tensor *wg_nn_avg_pool2d(wg_tensor *x, int64_t size);
/* Over all places at once, x (B, C, L, ...) -> (B, C) (Lin, Chen and Yan 2013). */
WG_API wg_tensor *wg_nn_global_avg_pool(wg_tensor *x);
WG_API wg_tensor *wg_nn_global_max_pool(wg_tensor *x);

/* ---- dropout: dropout.c ---------------------------------------------------------------------- */

/* While training: 0 with probability p, else x / (1 - p), a fresh mask each call, drawn from the
   model's seed, the path and how often it was called (Srivastava et al. 2014). Otherwise x
   itself. */
WG_API wg_tensor *wg_nn_dropout(wg_nn *m, const char *name, wg_tensor *x, double p);
/* The same, by whole channels of each sample of x (B, C, ...), where neighbouring places tell what
   one of them held (Tompson et al. 2015): PyTorch's Dropout1d to 3d, Keras' SpatialDropout. */
WG_API wg_tensor *wg_nn_channel_dropout(wg_nn *m, const char *name, wg_tensor *x, double p);
/* For networks of wg_selu: drops to the lowest value of selu, then scales and moves everything so
   that mean 0 and variance 1 stay so (Klambauer et al. 2017). */
WG_API wg_tensor *wg_nn_alpha_dropout(wg_nn *m, const char *name, wg_tensor *x, double p);

#ifdef __cplusplus
}
#endif
#endif
