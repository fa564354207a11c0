// SPDX-License-Identifier: MIT
/* shuffle.c: a random permutation as a function. A Feistel network (Luby and Rackoff 1988) permutes
   the numbers of 2h bits whatever its round function is; walking on while the result is n or more
   leaves a permutation of 0 ... n-1 (Black and Rogaway 2002). So a pass over a data set keeps no
   list. */
#include "train/train_impl.h"

enum { ROUNDS = 8 };  // four would do for large n; small ones mix slower

wg__shuffle wg__shuffle_new(int64_t n, uint64_t seed, uint64_t stream) {
    wg__shuffle s = { .half = 1, .n = n };
    while (s.half < 31 && (int64_t)1 << 2 * s.half < n) s.half++;
    s.mask = ((uint64_t)1 << s.half) - 1;
    wg_random r = { .seed = seed, .stream = stream };
    for (int i = 0; i < ROUNDS; i++) s.key[i] = wg_random_u64(&r);
    return s;
}

// The finaliser of splitmix64 (Steele, Lea and Flood 2014).
static uint64_t mix(uint64_t x) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static uint64_t feistel(const wg__shuffle *s, uint64_t x) {
    uint64_t left = x >> s->half, right = x & s->mask;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t next = left ^ (mix(right + s->key[i]) & s->mask);
        left = right;
        right = next;
    }
    return left << s->half | right;
}

int64_t wg__shuffle_at(const wg__shuffle *s, int64_t i) {
    do i = (int64_t)feistel(s, (uint64_t)i);
    while (i >= s->n);
    return i;
}
