// SPDX-License-Identifier: MIT
/* span.c: which part of the tape a sweep goes over. */
#include <stdlib.h>

#include "autograd/autograd_impl.h"

uint32_t wg__lowest(wg_tensor *const x[], int n, uint32_t top) {
    for (int i = 0; i < n; i++)
        if (x[i]->node < top) top = x[i]->node;
    return top;
}

static int by_node(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t wg__sort_unique(uint32_t *node, uint32_t n) {
    uint32_t kept = 0;
    qsort(node, n, sizeof *node, by_node);
    for (uint32_t i = 0; i < n; i++)
        if (kept == 0 || node[i] != node[kept - 1]) node[kept++] = node[i];
    return kept;
}

bool wg__span_open(wg__span *s, uint32_t floor, uint32_t top, wg_tensor *const x[], int n) {
    *s = (wg__span){ .floor = floor, .top = top };
    uint32_t count = 0;
    for (int i = 0; i < n; i++) count += x[i]->node < floor;
    if (count == 0) return true;
    s->low = wg__alloc(count * sizeof *s->low);
    if (!s->low) return false;
    for (int i = 0; i < n; i++)
        if (x[i]->node < floor) s->low[s->lows++] = x[i]->node;
    s->lows = wg__sort_unique(s->low, s->lows);
    return true;
}

void wg__span_close(wg__span *s) { wg__free(s->low); }

uint32_t wg__span_low(const wg__span *s, uint32_t node) {
    uint32_t begin = 0, end = s->lows;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (s->low[middle] == node) return s->top - s->floor + 1 + middle;
        if (s->low[middle] < node)
            begin = middle + 1;
        else
            end = middle;
    }
    return WG__NO_NODE;
}

uint8_t *wg__leading(uint32_t top) {
    const wg__tape *t = wg__tape_now();
    uint32_t size = top == WG__NO_NODE ? 0 : top + 1;
    uint8_t *leads = wg__alloc_zero(size);
    if (!leads || size == 0) return leads;
    leads[top] = 1;
    for (uint32_t k = size; k-- > 0;) {
        const wg__payload *p = t->payload[k];
        for (uint32_t i = 0; p && leads[k] && i < p->inputs; i++) {
            uint32_t node = wg__source_of(p->in[i], k, t);
            if (node != WG__NO_NODE) leads[node] = 1;
        }
    }
    return leads;
}
