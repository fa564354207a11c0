// SPDX-License-Identifier: MIT
/* dropout.c: the layer. The mask is a function of the model's seed, the path and the number of the
   call, kept in the path's node: no generator is shared, so no other layer or model changes what is
   dropped here. */
#include "nn/nn_impl.h"

static wg_tensor *drop(wg_nn *layer, wg_tensor *x, double p) {
    if (!x) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_dropout: x is NULL");
    if (!(p >= 0 && p < 1))
        return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "nn_dropout: the probability %g is not in [0, 1)",
                             p);
    if (p == 0 || !layer->model->training) return x;
    wg_random r = { layer->model->seed, layer->stream, 0 };
    if (!wg__draw_begin(&layer->calls, &r.counter)) return NULL;
    wg_tensor *y = wg_dropout(x, p, r);
    if (y) wg__draw_end(&layer->calls, r.counter, 1);
    return y;
}

wg_tensor *wg_nn_dropout(wg_nn *m, const char *name, wg_tensor *x, double p) {
    wg_nn *layer = wg__nn_enter(m, name, "nn_dropout");
    if (!layer) return NULL;
    wg_tensor *y = drop(layer, x, p);
    wg__where(m->path);
    return y;
}
