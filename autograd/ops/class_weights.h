// SPDX-License-Identifier: MIT
/* class_weights.h: what losses over class indices share: which samples count, how much, and the
   mean over them. index (...), kept (...) bool or NULL for all, weight (C). */
#ifndef WG_OPS_CLASS_WEIGHTS_H
#define WG_OPS_CLASS_WEIGHTS_H

#include "autograd/autograd.h"

wg_tensor *wg__kept_samples(wg_tensor *index, int64_t ignored);
/* The index, 0 where the sample is left out. */
wg_tensor *wg__known_classes(wg_tensor *index, wg_tensor *kept);
/* (...) weight[index], 0 where the sample is left out. */
wg_tensor *wg__weight_of_samples(wg_tensor *weight, wg_tensor *index, wg_tensor *kept);
/* sum(each) over the weights of the samples, or over their number if weight is NULL. */
wg_tensor *wg__mean_of_samples(wg_tensor *each, wg_tensor *weight, wg_tensor *index,
                               wg_tensor *kept);

/* -sum_c w_c t_c log softmax(logits)_c per sample, t smoothed, w = o.weight, which is not NULL. */
wg_tensor *wg__weighted_cross_entropy(wg_tensor *logits, wg_tensor *target,
                                      wg_cross_entropy_options o);

#endif
