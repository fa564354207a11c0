// SPDX-License-Identifier: MIT
/* losses.h: losses, which compare, and regularisers, which are added to them. */
#ifndef WG_NN_LOSSES_H
#define WG_NN_LOSSES_H

#include "nn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
