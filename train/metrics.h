// SPDX-License-Identifier: MIT
/* metrics.h: measures of how good a network is. */
#ifndef WG_TRAIN_METRICS_H
#define WG_TRAIN_METRICS_H

#include "nn/nn.h"
#include "train/data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of a model on a set: evaluate.c --------------------------------------------------------- */

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
