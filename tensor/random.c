// SPDX-License-Identifier: MIT
/* random.c: Philox4x32-10, "Parallel Random Numbers: As Easy as 1, 2, 3" (Salmon, Moraes, Dror,
   Shaw 2011). A block of four words is a bijection of a 128-bit counter under a 64-bit key: here
   the key is the seed, the upper half of the counter the stream, the lower half the position. No
   state to hand on, so any part of a sequence can be made anywhere. */
#include <math.h>

#include "tensor/tensor_impl.h"

// The keys walk along Weyl sequences: the golden ratio's and that of sqrt(3) - 1.
#define WEYL_0 0x9E3779B9u
#define WEYL_1 0xBB67AE85u

static void philox_round(uint32_t x[4], uint32_t k0, uint32_t k1) {
    uint64_t p0 = (uint64_t)0xD2511F53u * x[0], p1 = (uint64_t)0xCD9E8D57u * x[2];
    uint32_t y0 = (uint32_t)(p1 >> 32) ^ x[1] ^ k0, y2 = (uint32_t)(p0 >> 32) ^ x[3] ^ k1;
    x[0] = y0, x[1] = (uint32_t)p1, x[2] = y2, x[3] = (uint32_t)p0;
}

void wg__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t k0 = key[0], k1 = key[1];
    for (int i = 0; i < 4; i++) out[i] = counter[i];
    for (int round = 0; round < 10; round++) {
        philox_round(out, k0, k1);
        k0 += WEYL_0, k1 += WEYL_1;
    }
}

void wg__random_block(const wg_random *r, uint64_t block, uint32_t out[4]) {
    uint32_t counter[4] = { (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)r->stream,
                            (uint32_t)(r->stream >> 32) };
    uint32_t key[2] = { (uint32_t)r->seed, (uint32_t)(r->seed >> 32) };
    wg__philox(counter, key, out);
}

/* One round of many blocks side by side: the rounds of one block wait for each other, those of
   LANES blocks do not, and vectorise. */
enum { LANES = 16 };
typedef uint32_t lanes[LANES];
static void philox_lanes(lanes *restrict x, lanes *restrict y, uint32_t k0, uint32_t k1) {
    for (int i = 0; i < LANES; i++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * x[0][i], p1 = (uint64_t)0xCD9E8D57u * x[2][i];
        y[0][i] = (uint32_t)(p1 >> 32) ^ x[1][i] ^ k0;
        y[2][i] = (uint32_t)(p0 >> 32) ^ x[3][i] ^ k1;
        y[1][i] = (uint32_t)p1;
        y[3][i] = (uint32_t)p0;
    }
}

void wg__random_words(const wg_random *r, uint64_t block, uint32_t *out, int64_t blocks) {
    for (int64_t done = 0; done < blocks; done += LANES) {
        lanes x[4], y[4];
        for (int i = 0; i < LANES; i++) {
            uint64_t position = block + (uint64_t)(done + i);
            x[0][i] = (uint32_t)position, x[1][i] = (uint32_t)(position >> 32);
            x[2][i] = (uint32_t)r->stream, x[3][i] = (uint32_t)(r->stream >> 32);
        }
        uint32_t k0 = (uint32_t)r->seed, k1 = (uint32_t)(r->seed >> 32);
        for (int round = 0; round < 10; round += 2, k0 += 2 * WEYL_0, k1 += 2 * WEYL_1) {
            philox_lanes(x, y, k0, k1);
            philox_lanes(y, x, k0 + WEYL_0, k1 + WEYL_1);
        }
        for (int i = 0; i < LANES && done + i < blocks; i++)
            for (int word = 0; word < 4; word++) out[4 * (done + i) + word] = x[word][i];
    }
}

/* ---- journals -------------------------------------------------------------------------------- */

void wg__journal_open(wg__journal *j) {
    j->outer = wg__ctx()->journal;
    wg__ctx()->journal = j;
}
void wg__journal_close(const wg__journal *j) { wg__ctx()->journal = j->outer; }

static bool reserve(wg__journal *j) {
    if (j->count < j->room) return true;
    size_t room = j->room ? 2 * j->room : 8;
    uint64_t *at = wg__resize(j->at, j->count * sizeof *at, room * sizeof *at);
    if (at) j->at = at, j->room = room;
    return at != NULL;
}

bool wg__draw_begin(const uint64_t *counter, uint64_t *at) {
    wg__journal *j = wg__ctx()->journal;
    *at = *counter;
    for (; j && !j->replay; j = j->outer)
        if (!reserve(j)) return false;
    if (!j) return true;
    if (j->next == j->count)
        return wg_fail(WG_ERROR_STATE,
                       "a function that runs again draws more random numbers than the first time");
    *at = j->at[j->next];
    return true;
}

void wg__draw_end(uint64_t *counter, uint64_t at, uint64_t n) {
    wg__journal *j = wg__ctx()->journal;
    for (; j && !j->replay; j = j->outer) j->at[j->count++] = at;
    if (j) j->next++;
    // In a replay a counter of the function's own starts where it did; any other has moved on.
    if (!j || *counter == at) *counter = at + n;
}

/* ---- drawing --------------------------------------------------------------------------------- */

uint64_t wg_random_u64(wg_random *r) {
    if (!r) return wg_fail(WG_ERROR_ARGUMENT, "wg_random: the generator is NULL"), 0;
    uint32_t w[4];
    uint64_t at;
    if (!wg__draw_begin(&r->counter, &at)) return 0;
    wg__random_block(r, at, w);
    wg__draw_end(&r->counter, at, 1);
    return (uint64_t)w[1] << 32 | w[0];
}

static double unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

double wg_random_uniform(wg_random *r) { return unit(wg_random_u64(r)); }

int64_t wg_random_below(wg_random *r, int64_t n) {
    if (n < 1) return 0;
    uint64_t limit = UINT64_MAX - UINT64_MAX % (uint64_t)n, u;
    do u = wg_random_u64(r);
    while (u >= limit);  // the last, incomplete run of n values would favour the small ones
    return (int64_t)(u % (uint64_t)n);
}

/* Every element takes one block of its own, so that element k is the same in any shape and any
   dtype. */
static double uniform_at(const wg_random *r, int64_t k) {
    uint32_t w[4];
    wg__random_block(r, r->counter + (uint64_t)k, w);
    return unit((uint64_t)w[1] << 32 | w[0]);
}

// Box and Muller (1958); 1 - u keeps the logarithm finite.
static double normal_at(const wg_random *r, int64_t k) {
    uint32_t w[4];
    wg__random_block(r, r->counter + (uint64_t)k, w);
    double u = 1 - unit((uint64_t)w[1] << 32 | w[0]), v = unit((uint64_t)w[3] << 32 | w[2]);
    return sqrt(-2 * log(u)) * cos(6.283185307179586477 * v);
}

static wg_tensor *draw(wg_dtype dtype, wg_shape shape, wg_random *r,
                       double (*at)(const wg_random *, int64_t)) {
    if (wg__pending()) return NULL;
    if (!r) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_rand: the generator is NULL");
    if (!wg_dtype_is_float(dtype))
        return WG__FAIL_NULL(WG_ERROR_DTYPE, "wg_rand: %s is not f32 or f64", wg_dtype_name(dtype));
    wg_random start = *r;
    wg_tensor *x =
        wg__draw_begin(&r->counter, &start.counter) ? wg__tensor_new(dtype, shape) : NULL;
    if (!x) return NULL;
    int64_t n = wg__numel(&shape);
    for (int64_t k = 0; k < n; k++) {
        double value = at(&start, k);
        // Rounding to float must not turn the largest value below 1 into 1.
        if (dtype == WG_F32 && at == uniform_at) value = floor(value * 0x1p24) * 0x1p-24;
        wg__store(dtype, wg__at(&x->view, k), value);
    }
    wg__draw_end(&r->counter, start.counter, (uint64_t)n);
    return x;
}
wg_tensor *wg_rand(wg_dtype dtype, wg_shape shape, wg_random *r) {
    return draw(dtype, shape, r, uniform_at);
}
wg_tensor *wg_randn(wg_dtype dtype, wg_shape shape, wg_random *r) {
    return draw(dtype, shape, r, normal_at);
}

wg_tensor *wg_permutation(int64_t n, wg_random *r) {
    if (!r) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_permutation: the generator is NULL");
    if (n < 0) return WG__FAIL_NULL(WG_ERROR_ARGUMENT, "wg_permutation: %lld values", (long long)n);
    wg_tensor *x = wg_arange(WG_I64, 0, (double)n, 1);
    if (!x) return NULL;
    int64_t *p = x->view.data;
    for (int64_t i = n - 1; i > 0; i--) {  // Fisher and Yates
        int64_t j = wg_random_below(r, i + 1), swap = p[i];
        p[i] = p[j], p[j] = swap;
    }
    return wg__pending() ? NULL : x;
}
