// SPDX-License-Identifier: MIT
/* layer_impl.h: what layers share: how they refuse an input before a parameter is made for it. */
#ifndef WG_NN_LAYER_IMPL_H
#define WG_NN_LAYER_IMPL_H

#include "nn/nn_impl.h"

/* How many axes an input may have, and in words: "(B, C, ...)". */
typedef struct wg__takes {
    int least, most;
    const char *shape;
} wg__takes;

/* Whether the layer `what` can take x, called `input` in messages: f32 or f64, of such rank. */
bool wg__layer_takes(const char *what, const char *input, const wg_tensor *x, wg__takes takes);

/* Whether a bias of this shape can begin by `init`, which is not to be given where there is none;
   reports otherwise in the name of `what`. */
bool wg__bias_fits(const char *what, bool none, wg_init init, wg_dtype dtype, wg_shape shape);
bool wg__init_given(wg_init init);  // something in it is not 0

/* The probability is in [0, 1); reports otherwise. */
bool wg__probability_valid(const char *what, double p);

/* init, or `otherwise` where its kind is the default. */
static inline wg_init wg__init_or(wg_init init, wg_init otherwise) {
    if (init.kind != WG_INIT_DEFAULT) return init;
    otherwise.gain = init.gain;
    return otherwise;
}

#endif
