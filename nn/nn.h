// SPDX-License-Identifier: MIT
/* nn.h: networks. A model is a function of the caller's; this folder keeps its parameters, by path.

       static wg_tensor *net(wg_nn *m, wg_tensor *x) {                  // x (B, 64)
           x = wg_relu(wg_nn_linear(m, "hidden", x, 32));               // (B, 32)
           return wg_nn_linear(m, "out", x, 10);                        // (B, 10)
       }

   wg_nn_linear(m, "hidden", x, 32) finds the parameters "hidden/w" and "hidden/b", or makes them on
   first use. What they start from depends on the model's seed and their path alone. Once an
   optimiser has made a step the model is sealed: no new parameter can appear, so a misspelt layer
   is an error and not a new weight. Names without parameters, of parts and of dropout, may still be
   new; each distinct one costs a small entry. Parameters belong to the model and live until
   wg_nn_free().

   Messages begin with a path, "block3/gate: matmul: ...": the part of a model that was last
   entered, by wg_nn_sub, wg_nn_param or a layer. What fails after it has been left, before another
   is entered, still has its path; wg_scope_close puts back the one from when the scope was opened,
   and what is wrong with a file is told without any. */
#ifndef WG_NN_H
#define WG_NN_H

#include "nn/layers.h"    // functions of a model, a name and x
#include "nn/losses.h"    // losses and regularisers
#include "nn/model.h"     // models and their parameters
#include "nn/sequence.h"  // layers for sequences

#endif
