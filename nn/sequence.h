// SPDX-License-Identifier: MIT
/* sequence.h: layers for sequences: recurrent ones, attention, transformer blocks, positions. A
   batch of sequences is (B, T, C): samples, steps, numbers. */
#ifndef WG_NN_SEQUENCE_H
#define WG_NN_SEQUENCE_H

#include "nn/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- recurrent layers: recurrent.c unroll.c --------------------------------------------------

   x_t (B, in) is the input of step t, h (B, H) the state, H = units; of x's dtype, f32 or f64.

   rnn   h' = tanh(W x + b + U h + d)                                         (Elman 1990)
   lstm  i = sigmoid(W_i x + b_i + U_i h + d_i), f and o likewise, g with tanh for sigmoid,
         c' = f c + i g,  h' = o tanh(c')                 (Hochreiter and Schmidhuber 1997; the
                                                          forget gate f: Gers et al. 2000)
   gru   r = sigmoid(W_r x + b_r + U_r h + d_r), z likewise,
         n = tanh(W_n x + b_n + r (U_n h + d_n)),  h' = (1 - z) n + z h   (Cho et al. 2014, in
                                                          PyTorch's and cuDNN's form)

   Parameters have PyTorch's shapes and order of gates, (i, f, g, o) and (r, z, n), G gates in all,
   so that a state dict of torch.nn.RNN, LSTM or GRU goes over name by name:

       weight_ih_l0   name/w_ih (G H, in)      bias_ih_l0   name/b_ih (G H)
       weight_hh_l0   name/w_hh (G H, H)       bias_hh_l0   name/b_hh (G H)
       ..._l0_reverse   name/reverse/...       ..._l1   name/layer1/...
       ..._l1_reverse   name/layer1/reverse/... */

/* Where a layer starts and, afterwards, where it ended: NULL members are zeros. c is of lstm alone.
   (B, H); with n = layers * directions > 1 (n, B, H), layer by layer, forward before backward. */
typedef struct wg_recurrent_state {
    wg_tensor *h, *c;
} wg_recurrent_state;

typedef struct wg_recurrent_options {
    wg_recurrent_state *state;  // in and out; NULL: from zeros, and not told
    wg_tensor *lengths;         // (B) i32 or i64, each 0 to T: sample b has lengths[b] steps
    bool reverse;               // from the last step to the first, y in the order of x
    bool bidirectional;         // both ways with parameters of their own, y (B, T, 2 H)
    int64_t layers;             // 0: 1; each on the y of the one below
    double dropout;             // of what goes from layer to layer
    bool relu;                  // of rnn: instead of tanh
    bool no_bias;
    wg_init w_ih, w_hh, b;  // default: uniform on +-1 / sqrt(H), as PyTorch
    double forget_bias;  // of lstm: b_ih of f starts there, its b_hh at 0 (Jozefowicz et al. 2015)
} wg_recurrent_options;

/* x (B, T, in) -> y (B, T, H): the h' of every step. Beyond a sample's length the state stays and y
   is 0, so that the last state is that at the sample's own end, or, backwards, at its start, having
   begun at its own end, as in PyTorch's packed sequences; what x holds there is not read. On an
   error the result is NULL and the state as it was.

   T steps are T times as many records. To learn from sequences without end, cut them (truncated
   backpropagation through time): the state goes on, its history ends.

       wg_recurrent_state s = { 0 };
       for (...) {
           wg_scope *step = wg_scope_open();
           wg_tensor *y = wg_nn_lstm_with(m, "lstm", x, 64, (wg_recurrent_options){ .state = &s });
           ...
           s.h = wg_keep(wg_stop(s.h)), s.c = wg_keep(wg_stop(s.c));    // outlive this scope
           wg_scope_close(step);
       }
   Each such pair stays with the outer scope, one of its own around a few of these steps frees them
   in time. */
WG_API wg_tensor *wg_nn_rnn(wg_nn *m, const char *name, wg_tensor *x, int64_t units);
WG_API wg_tensor *wg_nn_lstm(wg_nn *m, const char *name, wg_tensor *x, int64_t units);
WG_API wg_tensor *wg_nn_gru(wg_nn *m, const char *name, wg_tensor *x, int64_t units);
WG_API wg_tensor *wg_nn_rnn_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                 wg_recurrent_options o);
WG_API wg_tensor *wg_nn_lstm_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                  wg_recurrent_options o);
WG_API wg_tensor *wg_nn_gru_with(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                 wg_recurrent_options o);

/* One step, x (B, in) -> h' (B, H), which is o.state->h afterwards; the state is not to be NULL.
   The parameters are those of the layer of that name. Options of whole sequences are refused. */
WG_API wg_tensor *wg_nn_rnn_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                 wg_recurrent_options o);
WG_API wg_tensor *wg_nn_lstm_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                  wg_recurrent_options o);
WG_API wg_tensor *wg_nn_gru_step(wg_nn *m, const char *name, wg_tensor *x, int64_t units,
                                 wg_recurrent_options o);

#ifdef __cplusplus
}
#endif
#endif
