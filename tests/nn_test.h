// SPDX-License-Identifier: MIT
/* nn_test.h: what the tests of nn and optim share: one element, and normal values, in few words. */
#ifndef WG_TESTS_NN_TEST_H
#define WG_TESTS_NN_TEST_H

#include "train/train.h"
#include "tests/testing.h"

/* One element, by its place in C order. */
static inline double element(const wg_tensor *x, int64_t flat) {
    int64_t index[WG_MAX_RANK] = { 0 };
    for (int i = wg_rank(x) - 1; i >= 0; i--) {
        index[i] = flat % wg_dim(x, i);
        flat /= wg_dim(x, i);
    }
    return wg_at(x, index);
}

/* A tensor of normal values. */
static inline wg_tensor *normal(wg_dtype dtype, wg_shape shape, uint64_t seed) {
    return wg_randn(dtype, shape, &(wg_random){ .seed = seed });
}

#endif
