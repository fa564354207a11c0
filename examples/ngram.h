// SPDX-License-Identifier: MIT
/* ngram.h: how well text can be foretold by counting. P_k(c | h) of a letter after k - 1 others
   mixes what was counted there with P_k-1 of the letter after one less,

       Witten-Bell (1991)   (count(h c) + types(h) P_k-1(c)) / (total(h) + types(h))
       Kneser-Ney (1995)    (max(count(h c) - d, 0) + d types(h) P_k-1(c)) / total(h)

   where for Kneser and Ney only the longest grams count as often as they occur, and a shorter one
   once for each longer one that it ends. A gram is known by a hash of 64 bits alone. */
#ifndef WG_EXAMPLES_NGRAM_H
#define WG_EXAMPLES_NGRAM_H

#include <math.h>

#include "text.h"

typedef struct gram {
    uint64_t key;  // 0: nobody is here
    double count;
    double total, types;  // of what follows: the sum of its counts, and how many different
} gram;

typedef enum smoothing { WITTEN_BELL, KNESER_NEY } smoothing;
typedef struct ngram {
    smoothing how;
    int n;            // bytes in the longest gram
    int64_t letters;  // different bytes, and one for all others
    size_t mask;      // slots - 1
    gram *slot;
} ngram;

// Where the gram is, or is to be.
static inline gram *ngram_at(const ngram *g, const uint8_t *bytes, int length, uint64_t *key) {
    *key = 14695981039346656037u;  // Fowler, Noll and Vo's, and a mixing after it
    for (int i = 0; i < length; i++) *key = (*key ^ bytes[i]) * 1099511628211u;
    *key = (*key ^ (*key >> 29) ^ (uint64_t)length) * 0x9E3779B97F4A7C15u | 1;
    size_t at = (size_t)(*key >> 24) & g->mask;
    while (g->slot[at].key && g->slot[at].key != *key) at = (at + 1) & g->mask;
    return &g->slot[at];
}

static inline gram *ngram_make(ngram *g, const uint8_t *bytes, int length) {
    uint64_t key;
    gram *found = ngram_at(g, bytes, length, &key);
    found->key = key;
    return found;
}

static inline void ngram_count(ngram *g, const uint8_t *last, int most) {
    for (int k = most; k > 0; k--) {
        gram *context = ngram_make(g, last - k + 1, k - 1), *whole = ngram_make(g, last - k + 1, k);
        bool seen = whole->count++ > 0;
        context->total++, context->types += !seen;
        if (seen && g->how == KNESER_NEY) return;
    }
}

/* slot is NULL if there is no memory; to be freed by the caller. */
static inline ngram ngram_new(const letters *t, int n, smoothing how) {
    bool seen[256] = { false };
    ngram g = { .how = how, .n = n, .letters = 1, .mask = 1 };
    while (g.mask < (size_t)(t->length * n)) g.mask *= 2;  // at most so many grams
    g.slot = calloc(2 * g.mask, sizeof *g.slot);
    g.mask = 2 * g.mask - 1;
    for (int64_t i = 0; g.slot && i < t->length; i++) {
        ngram_count(&g, t->letter + i, i + 1 < n ? (int)i + 1 : n);
        g.letters += !seen[t->letter[i]];
        seen[t->letter[i]] = true;
    }
    return g;
}

// The probability of the letter at `last`, most - 1 before it being known.
static inline double ngram_p(const ngram *g, const uint8_t *last, int most, double discount) {
    double p = 1.0 / (double)g->letters;
    uint64_t key;
    for (int k = 1; k <= most; k++) {
        const gram *h = ngram_at(g, last - k + 1, k - 1, &key);
        if (!h->key || h->total == 0) break;
        double count = ngram_at(g, last - k + 1, k, &key)->count, types = h->types;
        if (g->how == WITTEN_BELL)
            p = (count + types * p) / (h->total + types);
        else
            p = (fmax(count - discount, 0) + discount * types * p) / h->total;
    }
    return p;
}

/* The mean of -log P over letters first ... end - 1. */
static inline double ngram_loss(const ngram *g, const letters *t, const int64_t part[2],
                                double discount) {
    double sum = 0;
    for (int64_t i = part[0]; i < part[1]; i++)
        sum -= log(ngram_p(g, t->letter + i, i < g->n ? (int)i + 1 : g->n, discount));
    return sum / (double)(part[1] - part[0]);
}

/* The least loss on letters part[0] ... part[1] - 1 of t[1], by counting t[0], of all lengths up to
   9, which goes to *n, and discounts; NaN if there is no memory. */
static inline double ngram_best(const letters t[2], const int64_t part[2], smoothing how, int *n) {
    double best = NAN;
    for (int k = 2; k <= 9; k++) {
        ngram g = ngram_new(&t[0], k, how);
        double step = how == KNESER_NEY ? 0.05 : 1;
        for (double discount = 0.5; g.slot && discount < 1; discount += step) {
            double loss = ngram_loss(&g, &t[1], part, discount);
            if (loss >= best) continue;
            best = loss, *n = k;
        }
        free(g.slot);
    }
    return best;
}

#endif
