// SPDX-License-Identifier: MIT
/* norm_impl.h: what the normalising layers share: options, weight and bias. */
#ifndef WG_NN_NORM_IMPL_H
#define WG_NN_NORM_IMPL_H

#include <math.h>

#include "nn/layers/layer_impl.h"

typedef struct wg__norm_layer {
    const char *what;  // the function, for messages
    wg_nn *layer;
    wg_tensor *x;
    wg_norm_options o;
    wg_tensor *w, *b;  // NULL: 1 and 0
} wg__norm_layer;

/* The layer m/name, with defaults in its options; false after reporting. */
bool wg__norm_enter(wg__norm_layer *n, wg_nn *m, const char *name);
/* Whether options are in their ranges, and given only to a layer that has `axes` or `momentum`. */
bool wg__norm_options_valid(const wg__norm_layer *n, bool axes, bool momentum);
/* Finds or makes weight and bias of this shape, as the options say; false after reporting. */
bool wg__norm_affine(wg__norm_layer *n, wg_shape shape);

#endif
