// SPDX-License-Identifier: MIT
/* deep_graph.h: graphs of many records, for the test that they need little stack and the benchmark
   that they take linear time. */
#ifndef WG_TESTS_DEEP_GRAPH_H
#define WG_TESTS_DEEP_GRAPH_H

#include "autograd/autograd.h"

/* Each takes a leaf of one element and gives a result of about n records. */
typedef wg_tensor *deep_graph(wg_tensor *x, int n);

/* One after another: the derivative is slope by slope. */
static inline wg_tensor *deep_chain(wg_tensor *x, int n) {
    wg_tensor *y = x;
    for (int i = 0; i < n; i++) y = i % 2 ? wg_neg(y) : wg_sin(y);
    return y;
}

/* Two strands that cross at every step, 2^(n/2) paths. */
static inline wg_tensor *deep_ladder(wg_tensor *x, int n) {
    wg_tensor *a = x, *b = wg_sin(x);
    for (int i = 0; i < n / 2; i++) {
        wg_tensor *next = wg_sub(a, b);
        b = wg_mul(a, b);
        a = next;
    }
    return wg_add(a, b);
}

/* One leaf that all read, and a sum of all. */
static inline wg_tensor *deep_fan(wg_tensor *x, int n) {
    wg_tensor *y = wg_square(x);
    for (int i = 0; i < n / 2; i++) y = wg_add(y, wg_mul(x, x));
    return y;
}

enum { DEEP_GRAPHS = 3 };
static deep_graph *const deep_graphs[DEEP_GRAPHS] = { deep_chain, deep_ladder, deep_fan };
static const char *const deep_names[DEEP_GRAPHS] = { "chain", "ladder", "fan" };

#endif
