// SPDX-License-Identifier: MIT
/* optim_test.h: what the tests of optimisers share: parameters, gradients, copies. */
#ifndef WG_TESTS_OPTIM_TEST_H
#define WG_TESTS_OPTIM_TEST_H

#include "tests/nn_test.h"

static inline wg_tensor *param(wg_nn *m, const char *name, wg_dtype dtype, wg_shape shape) {
    wg_tensor *w = wg_nn_param(m, name, dtype, shape, (wg_init){ .kind = WG_INIT_NORMAL, .b = 1 });
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

// Adds g to w's gradient, by way of a loss whose gradient it is.
static inline void give(wg_tensor *w, wg_tensor *g) {
    ck_assert_msg(wg_backward(wg_sum(wg_mul(w, g))), "%s", wg_error_message());
}

static inline wg_tensor *copy_of(wg_tensor *x) {
    wg_tensor *y = wg_zeros_like(x);
    ck_assert(wg_copy(y, x));
    return y;
}

#endif
