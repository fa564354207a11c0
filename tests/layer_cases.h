// SPDX-License-Identifier: MIT
/* layer_cases.h: every layer with two or three sets of options, by the names of
   golden_nn/make_layers.py, for whatever is tested of all of them. */
#ifndef WG_TESTS_LAYER_CASES_H
#define WG_TESTS_LAYER_CASES_H

#include "tests/nn_test.h"

typedef struct layer_case {
    const char *name;
    wg_tensor *(*layer)(wg_nn *m, wg_tensor *const x[]);
    wg_shape x[2];  // of rank 0: there is none
    int64_t below;  // x[0] are indices below this number; 0: floats
} layer_case;

static wg_dtype table_dtype = WG_F64;  // of embeddings, whose input does not tell

#define LAYER(name, call)                                                                          \
    static wg_tensor *name(wg_nn *m, wg_tensor *const x[]) { return call; }
#define PLAIN(name, call)                                                                          \
    static wg_tensor *name(wg_nn *m, wg_tensor *const x[]) {                                       \
        (void)m;                                                                                   \
        return call;                                                                               \
    }
#define LINEAR(...)                                                                                \
    (wg_linear_options) { __VA_ARGS__ }
#define NORM(...)                                                                                  \
    (wg_norm_options) { __VA_ARGS__ }
#define CONV(...)                                                                                  \
    (wg_conv_layer_options) { __VA_ARGS__ }
#define EMBEDDING(...)                                                                             \
    (wg_embedding_layer_options) { .dtype = table_dtype, __VA_ARGS__ }

LAYER(linear, wg_nn_linear(m, "layer", x[0], 4))
LAYER(linear_no_bias, wg_nn_linear_with(m, "layer", x[0], 4, LINEAR(.no_bias = true)))
LAYER(bilinear, wg_nn_bilinear(m, "layer", x[0], x[1], 4))
LAYER(bilinear_no_bias, wg_nn_bilinear_with(m, "layer", x[0], x[1], 2, LINEAR(.no_bias = true)))
LAYER(embedding, wg_nn_embedding_with(m, "layer", x[0], 5, 3, EMBEDDING(.padding = false)))
LAYER(embedding_padding,
      wg_nn_embedding_with(m, "layer", x[0], 5, 3, EMBEDDING(.padding = true, .padding_index = 1)))
LAYER(layer_norm, wg_nn_layer_norm(m, "layer", x[0]))
LAYER(layer_norm_axes, wg_nn_layer_norm_with(m, "layer", x[0], NORM(.axes = 2, .epsilon = 1e-2)))
LAYER(layer_norm_plain, wg_nn_layer_norm_with(m, "layer", x[0], NORM(.no_affine = true)))
LAYER(rms_norm, wg_nn_rms_norm(m, "layer", x[0]))
LAYER(rms_norm_axes, wg_nn_rms_norm_with(m, "layer", x[0], NORM(.axes = 2, .epsilon = 1e-3)))
LAYER(group_norm, wg_nn_group_norm(m, "layer", x[0], 2))
LAYER(group_norm_vectors, wg_nn_group_norm_with(m, "layer", x[0], 3, NORM(.epsilon = 0.1)))
LAYER(instance_norm, wg_nn_instance_norm(m, "layer", x[0]))
LAYER(instance_norm_plain,
      wg_nn_instance_norm_with(m, "layer", x[0], NORM(.no_affine = true, .epsilon = 0.01)))
LAYER(batch_norm, wg_nn_batch_norm(m, "layer", x[0]))
LAYER(batch_norm_epsilon, wg_nn_batch_norm_with(m, "layer", x[0], NORM(.epsilon = 0.1)))
LAYER(conv1d, wg_nn_conv1d(m, "layer", x[0], 3, 3))
LAYER(conv1d_options, wg_nn_conv1d_with(m, "layer", x[0], 6, 3,
                                        CONV(.stride = { 2 }, .padding = { 2 }, .dilation = { 2 },
                                             .groups = 2, .no_bias = true)))
LAYER(conv1d_same, wg_nn_conv1d_with(m, "layer", x[0], 2, 4, CONV(.same = true, .dilation = { 3 })))
LAYER(conv2d, wg_nn_conv2d(m, "layer", x[0], 3, 3))
LAYER(conv2d_options, wg_nn_conv2d_with(m, "layer", x[0], 2, 2,
                                        CONV(.width = 3, .stride = { 1, 2 }, .padding = { 1, 2 },
                                             .dilation = { 2, 1 }, .groups = 2)))
LAYER(conv2d_same,
      wg_nn_conv2d_with(m, "layer", x[0], 3, 3, CONV(.same = true, .width = 2, .no_bias = true)))
LAYER(conv1d_circular,
      wg_nn_conv1d_with(m, "layer", x[0], 2, 3,
                        CONV(.padding = { 2 }, .stride = { 2 }, .padding_mode = WG_PAD_CIRCULAR)))
LAYER(conv2d_reflect,
      wg_nn_conv2d_with(m, "layer", x[0], 2, 3,
                        CONV(.same = true, .width = 4, .padding_mode = WG_PAD_REFLECT)))
LAYER(conv_transpose1d, wg_nn_conv_transpose1d(m, "layer", x[0], 2, 3))
LAYER(conv_transpose1d_options,
      wg_nn_conv_transpose1d_with(m, "layer", x[0], 6, 3,
                                  CONV(.stride = { 3 }, .padding = { 1 }, .output_padding = { 2 },
                                       .groups = 2, .dilation = { 2 })))
LAYER(conv_transpose2d, wg_nn_conv_transpose2d(m, "layer", x[0], 3, 2))
LAYER(conv_transpose2d_options,
      wg_nn_conv_transpose2d_with(m, "layer", x[0], 2, 3,
                                  CONV(.width = 2, .stride = { 2, 3 }, .padding = { 1, 0 },
                                       .output_padding = { 1, 2 }, .groups = 2, .no_bias = true)))
PLAIN(max_pool1d, wg_nn_max_pool1d(x[0], 2))
PLAIN(avg_pool1d, wg_nn_avg_pool1d(x[0], 3))
PLAIN(max_pool2d, wg_nn_max_pool2d(x[0], 2))
PLAIN(avg_pool2d, wg_nn_avg_pool2d(x[0], 2))
PLAIN(global_avg_pool, wg_nn_global_avg_pool(x[0]))
PLAIN(global_max_pool, wg_nn_global_max_pool(x[0]))

static const layer_case layer_cases[] = {
    { "linear", linear, { { 3, { 2, 5, 3 } } }, 0 },
    { "linear_no_bias", linear_no_bias, { { 2, { 5, 3 } } }, 0 },
    { "bilinear", bilinear, { { 2, { 5, 3 } }, { 2, { 5, 2 } } }, 0 },
    { "bilinear_no_bias", bilinear_no_bias, { { 3, { 2, 3, 2 } }, { 3, { 2, 3, 3 } } }, 0 },
    { "embedding", embedding, { { 2, { 2, 4 } } }, 5 },
    { "embedding_padding", embedding_padding, { { 2, { 3, 5 } } }, 5 },
    { "layer_norm", layer_norm, { { 3, { 2, 3, 5 } } }, 0 },
    { "layer_norm_axes", layer_norm_axes, { { 3, { 2, 3, 4 } } }, 0 },
    { "layer_norm_plain", layer_norm_plain, { { 2, { 3, 6 } } }, 0 },
    { "rms_norm", rms_norm, { { 3, { 2, 3, 5 } } }, 0 },
    { "rms_norm_axes", rms_norm_axes, { { 3, { 4, 2, 3 } } }, 0 },
    { "group_norm", group_norm, { { 4, { 3, 4, 2, 3 } } }, 0 },
    { "group_norm_vectors", group_norm_vectors, { { 2, { 4, 6 } } }, 0 },
    { "instance_norm", instance_norm, { { 3, { 2, 3, 5 } } }, 0 },
    { "instance_norm_plain", instance_norm_plain, { { 4, { 2, 2, 3, 3 } } }, 0 },
    { "batch_norm_dense", batch_norm, { { 2, { 5, 3 } } }, 0 },
    { "batch_norm_lines", batch_norm_epsilon, { { 3, { 2, 3, 4 } } }, 0 },
    { "batch_norm_images", batch_norm, { { 4, { 3, 2, 3, 2 } } }, 0 },
    { "conv1d", conv1d, { { 3, { 2, 2, 6 } } }, 0 },
    { "conv1d_options", conv1d_options, { { 3, { 1, 4, 9 } } }, 0 },
    { "conv1d_same", conv1d_same, { { 3, { 2, 2, 7 } } }, 0 },
    { "conv2d", conv2d, { { 4, { 2, 2, 4, 5 } } }, 0 },
    { "conv2d_options", conv2d_options, { { 4, { 2, 4, 4, 5 } } }, 0 },
    { "conv2d_same", conv2d_same, { { 4, { 1, 2, 4, 5 } } }, 0 },
    { "conv1d_circular", conv1d_circular, { { 3, { 2, 2, 5 } } }, 0 },
    { "conv2d_reflect", conv2d_reflect, { { 4, { 2, 2, 4, 5 } } }, 0 },
    { "conv_transpose1d", conv_transpose1d, { { 3, { 2, 3, 4 } } }, 0 },
    { "conv_transpose1d_options", conv_transpose1d_options, { { 3, { 1, 4, 3 } } }, 0 },
    { "conv_transpose2d", conv_transpose2d, { { 4, { 2, 2, 3, 2 } } }, 0 },
    { "conv_transpose2d_options", conv_transpose2d_options, { { 4, { 1, 4, 2, 3 } } }, 0 },
    { "max_pool1d", max_pool1d, { { 3, { 2, 2, 7 } } }, 0 },
    { "avg_pool1d", avg_pool1d, { { 3, { 2, 2, 7 } } }, 0 },
    { "max_pool2d", max_pool2d, { { 4, { 2, 2, 4, 5 } } }, 0 },
    { "avg_pool2d", avg_pool2d, { { 4, { 2, 2, 5, 4 } } }, 0 },
    { "global_avg_pool", global_avg_pool, { { 4, { 2, 3, 3, 4 } } }, 0 },
    { "global_max_pool", global_max_pool, { { 4, { 2, 3, 3, 4 } } }, 0 },
};

#endif
