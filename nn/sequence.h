// SPDX-License-Identifier: MIT
/* sequence.h: layers for sequences: recurrent ones, attention, transformer blocks, positions. A
   batch of sequences is (B, T, C): samples, steps, numbers. */
#ifndef WG_NN_SEQUENCE_H
#define WG_NN_SEQUENCE_H

#include "nn/layers.h"

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
       ..._l1_reverse   name/layer1/reverse/...

   { .w_hh = { .kind = WG_INIT_ORTHOGONAL } } makes the H columns of all of w_hh orthonormal. */

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
    int64_t layers;             // 0: 1; at most 1000; each on the y of the one below
    double dropout;             // of what goes from layer to layer
    bool relu;                  // of rnn: instead of tanh
    bool no_bias;
    wg_init w_ih, w_hh, b;  // default: uniform on +-1 / sqrt(H), as PyTorch; fan_out is H
    double forget_bias;  // of lstm: b_ih of f starts there, its b_hh at 0 (Jozefowicz et al. 2015)
} wg_recurrent_options;

/* x (B, T, in) -> y (B, T, H): the h' of every step. Beyond a sample's length the state stays and y
   is 0, so that the last state is that at the sample's own end, or, backwards, at its start, having
   begun at its own end, as in PyTorch's packed sequences; what x holds there is not read. On an
   error the result is NULL and the state as it was.

   T steps are T times as many records. To learn from sequences without end, cut them (truncated
   backpropagation through time, Williams and Peng 1990): the values of the state go on, its history
   ends, by wg_stop(s.h) within a scope, or by copying where each piece has a scope of its own:

       wg_tensor *h = wg_zeros(WG_F32, WG_SHAPE(B, 64)), *c = wg_zeros_like(h);
       for (...) {
           wg_scope *piece = wg_scope_open();
           wg_recurrent_state s = { h, c };
           wg_tensor *y = wg_nn_lstm_with(m, "lstm", x, 64, (wg_recurrent_options){ .state = &s });
           wg_optim_minimize(adam, ...);
           wg_copy(h, s.h), wg_copy(c, s.c);  // after the gradients
           wg_scope_close(piece);
       } */
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

/* ---- keys and values kept: kv_cache.c --------------------------------------------------------

   To make a sequence step by step, attention needs the keys and values of all steps before. A cache
   keeps them, for every layer that is given it, and each call adds its own: so the net is called
   with the new steps alone, in evaluation and without recording, as on the whole sequence but for
   the order of sums (the results agree within rounding, not bit by bit).

       wg_nn_train(m, false), wg_recording(false);
       wg_kv_cache *cache = wg_kv_cache_new(256);
       y = net(m, prompt, cache);                        // (1, 20) tokens: keeps 20 steps
       y = net(m, next, cache);                          // (1, 1): the 21st
*/
typedef struct wg_kv_cache wg_kv_cache;
WG_API wg_kv_cache *wg_kv_cache_new(int64_t capacity);  // steps; room is taken at first use
WG_API void wg_kv_cache_free(wg_kv_cache *cache);       // NULL is fine; before or after the model
/* The steps that every layer has that was given the cache, but for those of freed models; it is
   where the next one stands: the offset for wg_nn_positions; ask before the first layer. 0 for
   NULL. A layer that fails, and a transformer block, leave all layers of the model with the steps
   that it had before. */
WG_API int64_t wg_kv_cache_length(const wg_kv_cache *cache);
/* Forgets all but the first steps: 0 to begin anew, perhaps with a batch of another size, or
   the length from before a call that failed between two layers. */
WG_API bool wg_kv_cache_cut(wg_kv_cache *cache, int64_t length);

/* ---- attention: attention.c ------------------------------------------------------------------ */

typedef struct wg_multi_head_options {
    wg_tensor *key;      // (B, S, Ck): what is looked at; NULL: the query itself
    wg_tensor *value;    // (B, S, Cv); NULL: the key
    bool causal;         // step t sees steps up to t
    wg_tensor *mask;     // broadcasts to (B, heads, T, S): bool, true is seen, or added to scores
    wg_tensor *lengths;  // (B) i32 or i64, each 0 to S: keys from there on are not seen
    double dropout;      // of the weights
    int64_t
        kv_heads;  // 0: heads. Fewer: each serves heads / kv_heads queries (Ainslie et al. 2023)
    bool rotary;   // queries and keys are turned by wg_rotary
    double rotary_base;  // 0: 10000
    wg_kv_cache *cache;  // S counts what it has before these steps
    bool no_bias;
    wg_init w;  // of all four
} wg_multi_head_options;
/* Of each head h, q = query w_q' + b_q and so on cut into heads of D = C / heads numbers,

       y_h = softmax(q_h k_h' / sqrt(D) + mask) v_h,    y = (y_1 ... y_heads) w_o' + b_o

   (Vaswani et al. 2017): query (B, T, C) -> (B, T, C). The parameters are those of dense layers,
   name/query/w (C, C) and /b (C), name/key, name/value (kv_heads D, ...), and name/out; PyTorch's
   in_proj_weight is the first three of w on top of each other. A query that may see nothing gets
   b_o. Padding beyond the lengths must be finite numbers, since it passes the dense layers. */
WG_API wg_tensor *wg_nn_multi_head_attention(wg_nn *m, const char *name, wg_tensor *query,
                                             int64_t heads, wg_multi_head_options o);

/* ---- transformers: transformer.c ------------------------------------------------------------- */

typedef struct wg_transformer_options {
    int64_t hidden;                         // 0: 4 C
    wg_tensor *(*activation)(wg_tensor *);  // NULL: wg_gelu
    double dropout;                         // everywhere PyTorch has one
    bool post_norm;
    bool rms_norm;   // instead of layer_norm
    double epsilon;  // of the norms; 0: 1e-5
    bool no_bias;    // neither in dense layers nor in norms
    /* causal, mask, rotary, cache ...; dropout and no_bias are those above: others are refused. */
    wg_multi_head_options attention;
    wg_tensor *memory;  // (B, S, Cm) of an encoder, looked at by a part of its own
    wg_tensor *memory_mask, *memory_lengths;  // as mask and lengths of attention; with memory alone
} wg_transformer_options;
/* One block, x (B, T, C) -> (B, T, C), norms before (Xiong et al. 2020) or, post_norm, after
   (Vaswani et al. 2017):

       x = x + a(norm1(x))                      x = norm1(x + a(x))
       x = x + c(norm_cross(x), memory)         x = norm_cross(x + c(x, memory))    with memory
       x = x + f(norm2(x))                      x = norm2(x + f(x))

   a and c are attention, name/attention and name/cross; f is name/down of activation of name/up.
   Dropout acts on a, c, f, on the weights within attention and on the activation's result. A stack
   with norms before wants one more at its end. A language model, in whose head the table of the
   tokens (vocabulary, width) serves again (wg_nn_tie would give it a second name):

       static wg_tensor *net(wg_nn *m, wg_tensor *x, wg_kv_cache *cache) {       // x (B, T) tokens
           wg_transformer_options o = { .attention = { .causal = true, .cache = cache } };
           int64_t at = wg_kv_cache_length(cache);
           wg_tensor *h = wg_nn_embedding(m, "token", x, VOCABULARY, WIDTH);     // (B, T, WIDTH)
           h = wg_nn_positions(m, "position", h, CONTEXT, at);
           for (int i = 0; i < BLOCKS; i++)
               h = wg_nn_transformer_block(wg_nn_sub(m, "block%d", i), "t", h, HEADS, o);
           h = wg_nn_layer_norm(m, "norm", h);
           return wg_linear(h, wg_nn_find(m, "token/w"), NULL);             // (B, T, VOCABULARY)
       }
*/
WG_API wg_tensor *wg_nn_transformer_block(wg_nn *m, const char *name, wg_tensor *x, int64_t heads,
                                          wg_transformer_options o);

/* ---- positions: positions.c ------------------------------------------------------------------ */

/* A constant (count, width) for steps t = first, first + 1, ...: p(t, 2 i) is the sine of
   t / 10000^(2 i / width), p(t, 2 i + 1) its cosine (Vaswani et al. 2017). To be added to
   (B, count, width). Here and below, steps are numbers from 0 to 2^53; others are an error. */
WG_API wg_tensor *wg_sinusoidal_positions(wg_dtype dtype, int64_t first, int64_t count,
                                          int64_t width);
/* x + w[offset + t], learned: x (..., T, C), w = name/w (capacity, C), which starts normal with
   deviation 0.02 (Radford et al. 2019). Steps beyond the capacity are an error. */
WG_API wg_tensor *wg_nn_positions(wg_nn *m, const char *name, wg_tensor *x, int64_t capacity,
                                  int64_t offset);
/* Rotary positions (Su et al. 2021): of x (..., T, D), D even, the pair of numbers i and i + D / 2
   (the halves, as in GPT-NeoX and LLaMA, not neighbours as in the paper) is turned by the angle
   (offset + t) base^(-2 i / D), so that products of queries and keys depend on distances alone.
   base 0: 10000. */
WG_API wg_tensor *wg_rotary(wg_tensor *x, int64_t offset, double base);

#ifdef __cplusplus
}
#endif
#endif
