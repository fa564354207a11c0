// SPDX-License-Identifier: MIT
/* layers.h: layers. Each is a function of the model, a name and its input; its parameters are found
   below the name, of the dtype of x. */
#ifndef WG_NN_LAYERS_H
#define WG_NN_LAYERS_H

#include "nn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- layers: linear.c dropout.c -------------------------------------------------------------- */

typedef struct wg_linear_options {
    wg_init w, b;
    bool no_bias;
} wg_linear_options;
/* y = x w' + b: x (..., in), w = name/w (units, in), b = name/b (units) -> (..., units); of x's
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

#ifdef __cplusplus
}
#endif
#endif
