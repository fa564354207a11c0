// SPDX-License-Identifier: MIT
/* ngram.h: how well text can be foretold by counting: interpolated Kneser-Ney n-grams
   (Kneser and Ney 1995). The longest grams count as often as they occur, a shorter one once for
   each longer one that it ends. Of every count a discount d goes to shorter contexts:

       P_k(c | h) = (max(count(h c) - d, 0) + d types(h) P_k-1(c | h without its first)) / total(h)

   A gram is known by a hash of 64 bits alone, in a table with open addressing. */
#ifndef WG_EXAMPLES_NGRAM_H
#define WG_EXAMPLES_NGRAM_H

#include <math.h>

#include "text.h"

typedef struct gram {
    uint64_t key;  // 0: nobody is here
    float count;
    float total, types;  // of what follows: the sum of its counts, and how many different
} gram;

typedef struct ngram {
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

// A longer gram that was seen before has been counted below already.
static inline void ngram_count(ngram *g, const uint8_t *last, int most) {
    for (int k = most; k > 0; k--) {
        gram *context = ngram_make(g, last - k + 1, k - 1), *whole = ngram_make(g, last - k + 1, k);
        context->total++;
        if (whole->count++ > 0) return;
        context->types++;
    }
}

/* slot is NULL if there is no memory; to be freed by the caller. */
static inline ngram ngram_new(const text *t, int n) {
    bool seen[256] = { false };
    ngram g = { .n = n, .letters = 1, .mask = 1 };
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
        double count = (double)ngram_at(g, last - k + 1, k, &key)->count;
        p = (fmax(count - discount, 0) + discount * (double)h->types * p) / (double)h->total;
    }
    return p;
}

/* The least mean of -log P over letters first ... end - 1 of `test`, of all lengths up to 9, which
   goes to *n, and discounts; NaN if there is no memory. */
static inline double ngram_best(const text *training, const text *test, int64_t first, int64_t end,
                                int *n) {
    double best = NAN;
    for (int k = 2; k <= 9; k++) {
        ngram g = ngram_new(training, k);
        for (double discount = 0.5; g.slot && discount < 1; discount += 0.05) {
            double sum = 0;
            for (int64_t i = first; i < end; i++)
                sum -= log(ngram_p(&g, test->letter + i, i < k ? (int)i + 1 : k, discount));
            if (sum / (double)(end - first) >= best) continue;
            best = sum / (double)(end - first), *n = k;
        }
        free(g.slot);
    }
    return best;
}

#endif
