// SPDX-License-Identifier: MIT
/* sweep_impl.h: one pass of reverse mode, as backward.c runs it and grad.c asks for it. */
#ifndef WG_SWEEP_IMPL_H
#define WG_SWEEP_IMPL_H

#include "autograd/autograd_impl.h"

typedef struct wg__sweep {
    wg__context *ctx;
    const wg__tape *tape;
    wg__span span;
    wg_tensor **slot;  // per record: the gradient gathered so far
    uint8_t *needed;   // per record: whether anyone asks for it; NULL: all of them
    uint8_t *asked;    // per record: whether its own gradient is asked for
    bool recorded;
    bool watching;  // anomaly mode
} wg__sweep;

/* Opened; then told what is wanted: everything, or the gradients of the tracked x alone, over the
   records from `floor` on; seeded, run, and closed in any case. They return false after
   reporting. */
void wg__sweep_open(wg__sweep *s, const wg_tensor *y, bool recorded);
bool wg__sweep_all(wg__sweep *s);
bool wg__sweep_towards(wg__sweep *s, uint32_t floor, wg_tensor *const x[], int n);
/* A seed of ones, or the caller's. */
bool wg__sweep_seed(wg__sweep *s, wg_tensor *y, wg_tensor *seed);
bool wg__sweep_run(wg__sweep *s);
void wg__sweep_close(wg__sweep *s);

/* The gradient gathered for a tracked x; NULL if there is none. */
static inline wg_tensor *wg__sweep_result(const wg__sweep *s, const wg_tensor *x) {
    uint32_t at = wg__span_at(&s->span, x->node);
    return at == WG__NO_NODE ? NULL : s->slot[at];
}

/* Whether nobody else sees this memory, so that it may be added to in place; and a copy that is
   so. */
static inline bool wg__is_exclusive(const wg_tensor *g) {
    return g->storage && !wg__has_overlap(&g->view) &&
           atomic_load_explicit(&wg__block_of(g->storage)->refs, memory_order_acquire) == 1;
}
wg_tensor *wg__exclusive_copy(const wg_tensor *g);

#endif
