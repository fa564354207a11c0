// SPDX-License-Identifier: MIT
/* fit_test.h: what the tests of the training loop share: nets, costs, and sets that they learn. */
#ifndef WG_TESTS_FIT_TEST_H
#define WG_TESTS_FIT_TEST_H

#include "tests/nn_test.h"

enum { N = 60, FEATURES = 4, CLASSES = 3 };

/* ---- something to learn ---------------------------------------------------------------------- */

static inline wg_tensor *net(wg_nn *m, wg_tensor *x) {  // x (B, 4)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 6));       // (B, 6)
    x = wg_nn_dropout(m, "drop", x, 0.2);
    return wg_nn_linear(m, "out", x, CLASSES);  // (B, 3)
}
static inline wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *loss = wg_cross_entropy(net(m, x), y);
    return wg_add(loss, wg_nn_l2(m, NULL, 1e-3));
}

// Classes that overlap, so that no epoch is perfect.
static inline wg_data *sorts(uint64_t seed) {
    wg_tensor *x = normal(WG_F32, WG_SHAPE(N, FEATURES), seed);
    int64_t label[N];
    for (int64_t i = 0; i < N; i++) {
        double sum = element(x, 4 * i) + 0.5 * element(x, 4 * i + 1) + 0.3 * element(x, 4 * i + 2);
        label[i] = sum < -0.4 ? 0 : sum < 0.4 ? 1 : 2;
    }
    wg_data *d = wg_data_new(x, wg_from(WG_I64, WG_SHAPE(N), label), (wg_data_options){ 0 });
    ck_assert_msg(d != NULL, "%s", wg_error_message());
    return d;
}

static inline wg_tensor *line(wg_nn *m, wg_tensor *x) {
    return wg_nn_linear(m, "fc", x, 1);
}  // (B, 1)
static inline wg_tensor *squares(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    return wg_nn_mse_loss(line(m, x), y);
}
static inline wg_data *slope(uint64_t seed) {
    wg_tensor *x = normal(WG_F32, WG_SHAPE(N, FEATURES), seed);
    wg_tensor *y = wg_add(wg_sum_axes(x, WG_AXES(1), true), wg_num(0.5));  // (N, 1)
    return wg_data_new(x, y, (wg_data_options){ 0 });
}

static inline void expect_same_weights(const wg_nn *a, const wg_nn *b) {
    ck_assert_int_gt(wg_nn_params(a, NULL), 0);
    ck_assert_int_eq(wg_nn_params(a, NULL), wg_nn_params(b, NULL));
    for (int i = 0; i < wg_nn_params(a, NULL); i++)
        ck_assert(wg_equal(wg_nn_param_at(a, NULL, i), wg_nn_find(b, wg_nn_path_at(a, NULL, i))));
}

static inline wg_nn *fit(wg_data *train, wg_data *validation, wg_fit_options o, wg_fit_report *r) {
    wg_nn *m = wg_nn_fit(net, cost, train, validation, o, r);
    ck_assert_msg(m != NULL && wg_error() == WG_OK, "%s", wg_error_message());
    return m;
}

#endif
