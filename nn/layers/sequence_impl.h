// SPDX-License-Identifier: MIT
/* sequence_impl.h: what the files of sequence.h share. A recurrent cell is, to the loop over a
   sequence, a row of a table and its parameters. */
#ifndef WG_SEQUENCE_IMPL_H
#define WG_SEQUENCE_IMPL_H

#include "nn/layers/layer_impl.h"
#include "nn/sequence.h"

/* ---- lengths: lengths.c ---------------------------------------------------------------------- */

/* lengths is i32 or i64 (batch), each 0 ... steps; false after reporting in the name of `what`. */
bool wg__lengths_fit(const char *what, const wg_tensor *lengths, int64_t batch, int64_t steps);
/* (B, T) bool: step t is less than the length. */
wg_tensor *wg__within_lengths(wg_tensor *lengths, int64_t steps);

/* ---- recurrent cells: recurrent.c ------------------------------------------------------------ */

typedef struct wg__recurrence wg__recurrence;

typedef struct wg__cell {
    int gates;
    bool has_c;   // the state is (h, c)
    bool plain;   // both biases are only ever added to each other
    bool forget;  // gate 1 is a forget gate
    /* One step: gx (B, G H) is what comes from x. */
    void (*step)(const wg__recurrence *r, wg_tensor *gx, wg_recurrent_state *s);
} wg__cell;

extern const wg__cell wg__cell_rnn, wg__cell_lstm, wg__cell_gru;

/* A cell with its parameters. */
struct wg__recurrence {
    const wg__cell *cell;
    const wg_recurrent_options *o;
    wg_tensor *w;  // (G H, in)
    wg_tensor *b;  // (G H), added to W x; NULL: none
    wg_tensor *u;  // (H, G H): w_hh transposed
    wg_tensor *d;  // (G H), added to U h; NULL: none, or it is in b
};

/* What is asked for, as it is handed down. */
typedef struct wg__recurrent_call {
    const char *name;  // "nn_lstm"
    const wg__cell *cell;
    int64_t units;
    wg_recurrent_options o;
} wg__recurrent_call;

/* Finds or makes the parameters below `part` for inputs of this width; false after reporting. */
bool wg__recurrence_at(wg__recurrence *r, wg_nn *part, const wg_tensor *x,
                       const wg__recurrent_call *c);
/* x is f32 or f64 of this rank, and the units and the options are possible. */
bool wg__recurrent_check(const wg__recurrent_call *c, const wg_tensor *x, int rank);
/* The state given for n cells and B samples fits; zeros where it is NULL. */
bool wg__recurrent_start(const wg__recurrent_call *c, const wg_tensor *x, int64_t n,
                         wg_recurrent_state *s);

/* ---- positions: positions.c ------------------------------------------------------------------ */

/* 0 or a positive number; reports otherwise in the name of `what`. */
bool wg__rotary_base_valid(const char *what, double base);

/* ---- attention: attention.c ------------------------------------------------------------------ */

/* Whether the attention at `layer` takes x and these options; reports otherwise in its name. */
bool wg__attention_fits(wg_nn *layer, const wg_tensor *x, int64_t heads,
                        const wg_multi_head_options *o);

/* ---- keys and values kept: kv_cache.c -------------------------------------------------------- */

/* How many steps the cache has of this layer; 0 for NULL. */
int64_t wg__kv_cache_at(const wg_kv_cache *cache, const wg_nn *layer);
/* After a call that failed where the layer had `at` steps: no layer of its model keeps more, since
   those before it have appended already. A cache of NULL is fine. */
void wg__kv_cache_back(wg_kv_cache *cache, const wg_nn *layer, int64_t at);
/* Puts k and v (B, H, T, D), which must not be tracked, behind those that it has, and makes them
   all of them. On an error the cache is as it was. */
bool wg__kv_cache_append(wg_kv_cache *cache, wg_nn *layer, wg_tensor **k, wg_tensor **v);

#endif
