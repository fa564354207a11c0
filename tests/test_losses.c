// SPDX-License-Identifier: MIT
/* test_losses.c: the negative log-likelihood, and class weights in it and in cross-entropy, against
   formulas spelled out in operations; samples that are left out, impossible classes, no samples. */
#include "tests/core_test.h"

static const wg_dtype floats[] = { WG_F32, WG_F64 };
static const double INF = INFINITY;

// A few roundings of numbers up to 10.
static double few(wg_dtype dtype) { return dtype == WG_F32 ? 4e-6 : 1e-14; }
#define EXPECT_CLOSE(x, ...)                                                                       \
    expect_near(x, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })), 0,               \
                few(wg_dtype_of(x)))

static wg_tensor *classes(int64_t n, const double *index) {
    return wg_from_f64(WG_I64, WG_SHAPE(n), index);
}
#define CLASSES(...) classes(COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })

static wg_tensor *normal(wg_shape shape, uint64_t stream) {
    return wg_variable(wg_randn(WG_F64, shape, &(wg_random){ .seed = 6, .stream = stream }));
}

// Values and gradients by rules and fused: 1e-12, some ten roundings in numbers of size 1 to 10.
static void expect_same(wg_tensor *y, wg_tensor *want, wg_tensor *const leaf[], int leaves) {
    expect_no_error();
    ck_assert(wg_allclose(y, want, 1e-12, 1e-12));
    for (int i = 0; i < leaves; i++) {
        wg_tensor *fused = NULL, *again = wg_derivative(want, leaf[i]);
        ck_assert(wg_grad(y, &leaf[i], 1, &fused, (wg_grad_options){ .constant = true }));
        ck_assert_msg(wg_allclose(fused, again, 1e-12, 1e-12), "gradient of leaf %d, fused", i);
        ck_assert_msg(wg_allclose(wg_derivative(y, leaf[i]), again, 1e-12, 1e-12),
                      "gradient of leaf %d, by the rule", i);
    }
}

/* ---- nll ------------------------------------------------------------------------------------- */

START_TEST(nll_picks_the_class) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(
        wg_from_f64(dtype, WG_SHAPE(3, 3), (double[]){ -1, -2, -3, -4, -5, -6, -7, -8, -9 }));
    EXPECT_VALUES(wg_nll_each(x, CLASSES(2, 0, 1), (wg_nll_options){ 0 }), 3, 4, 8);
    EXPECT_VALUES(wg_nll(x, CLASSES(2, 0, 1)), 5);
    EXPECT_VALUES(wg_nll(x, wg_cast(CLASSES(2, 0, 1), WG_I32)), 5);
    wg_tensor *weight = wg_variable(wg_from_f64(dtype, WG_SHAPE(3), (double[]){ 1, 0.5, 2 }));
    wg_nll_options o = { .weight = weight };
    EXPECT_VALUES(wg_nll_each(x, CLASSES(2, 0, 1), o), 6, 4, 4);
    EXPECT_VALUES(wg_nll_with(x, CLASSES(2, 0, 1), o), 4);  // 14 / 3.5
    EXPECT_VALUES(wg_derivative(wg_nll_each(x, CLASSES(2, 0, 1), o), x), 0, 0, -2, -1, 0, 0, 0,
                  -0.5, 0);
    EXPECT_VALUES(wg_derivative(wg_nll_each(x, CLASSES(2, 2, 1), o), weight), 0, 8, 9);
    EXPECT_VALUES(wg_nll(wg_select(x, 0, 0), wg_full(WG_I64, WG_SCALAR, 1)), 2);
}
END_TEST

START_TEST(nll_of_log_softmax_is_cross_entropy) {
    wg_tensor *x = normal(WG_SHAPE(2, 3, 4), 0), *w = wg_variable(wg_exp(normal(WG_SHAPE(4), 1)));
    wg_tensor *t = wg_from_f64(WG_I64, WG_SHAPE(2, 3), (double[]){ 0, 3, 1, -1, 2, 2 });
    wg_tensor *log_p = wg_log_softmax(x, -1), *leaf[] = { x, w };
    expect_same(
        wg_cross_entropy_with(
            x, t, (wg_cross_entropy_options){ .ignore = true, .ignore_index = -1, .weight = w }),
        wg_nll_with(log_p, t, (wg_nll_options){ .ignore = true, .ignore_index = -1, .weight = w }),
        leaf, 2);
    expect_same(wg_cross_entropy_with(
                    x, t, (wg_cross_entropy_options){ .ignore = true, .ignore_index = -1 }),
                wg_nll_with(log_p, t, (wg_nll_options){ .ignore = true, .ignore_index = -1 }), leaf,
                1);
}
END_TEST

START_TEST(ignored_samples_count_for_nothing_whatever_they_hold) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(wg_from_f64(dtype, WG_SHAPE(2, 2), (double[]){ NAN, INF, -1, -2 }));
    wg_nll_options o = { .ignore = true, .ignore_index = -100 };
    wg_tensor *t = CLASSES(-100, 1);
    EXPECT_VALUES(wg_nll_each(x, t, o), 0, 2);
    EXPECT_VALUES(wg_nll_with(x, t, o), 2);
    EXPECT_VALUES(wg_derivative(wg_nll_with(x, t, o), x), 0, 0, 0, -1);
    o.weight = wg_variable(wg_from_f64(dtype, WG_SHAPE(2), (double[]){ INF, 4 }));
    EXPECT_VALUES(wg_nll_with(x, t, o), 2);
    EXPECT_VALUES(wg_derivative(wg_nll_each(x, t, o), o.weight), 0, 2);
    EXPECT_CLOSE(wg_nll_with(x, CLASSES(-100, -100), o), NAN);
}
END_TEST

START_TEST(a_class_of_weight_zero_counts_zero_even_where_it_is_impossible) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(wg_from_f64(dtype, WG_SHAPE(2, 2), (double[]){ 0, -INF, 0, -1 }));
    wg_tensor *weight = wg_from_f64(dtype, WG_SHAPE(2), (double[]){ 1, 0 });
    wg_nll_options o = { .weight = weight };
    EXPECT_VALUES(wg_nll_each(x, CLASSES(1, 0), o), 0, 0);
    EXPECT_VALUES(wg_nll_each(x, CLASSES(1, 0), (wg_nll_options){ 0 }), INF, 0);
    wg_cross_entropy_options c = { .weight = weight };
    EXPECT_VALUES(wg_cross_entropy_each(wg_slice(x, 0, 0, 1, 1), CLASSES(1), c), 0);
    c.smoothing = 0.5;
    EXPECT_VALUES(wg_cross_entropy_each(wg_slice(x, 0, 0, 1, 1), CLASSES(1), c), 0);
}
END_TEST

START_TEST(no_samples_have_no_mean_but_a_gradient) {
    wg_dtype dtype = floats[_i];
    wg_tensor *x = wg_variable(wg_zeros(dtype, WG_SHAPE(0, 3))), *w = wg_ones(dtype, WG_SHAPE(3)),
              *t = wg_zeros(WG_I64, WG_SHAPE(0));
    EXPECT_CLOSE(wg_nll(x, t), NAN);
    EXPECT_CLOSE(wg_nll_with(x, t, (wg_nll_options){ .weight = w }), NAN);
    EXPECT_CLOSE(wg_cross_entropy_with(x, t, (wg_cross_entropy_options){ .weight = w }), NAN);
    expect_shape(wg_derivative(wg_nll(x, t), x), WG_SHAPE(0, 3));
    expect_shape(wg_nll_each(wg_zeros(dtype, WG_SHAPE(2, 0, 3)), wg_zeros(WG_I64, WG_SHAPE(2, 0)),
                             (wg_nll_options){ .weight = w }),
                 WG_SHAPE(2, 0));
}
END_TEST

START_TEST(nll_refuses_by_number) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_nll(x, CLASSES(2, 3)));
    expect_error(WG_ERROR_INDEX, "3");
    ck_assert_ptr_null(wg_nll(x, CLASSES(0, 1, 2)));
    expect_error(WG_ERROR_SHAPE, "nll: [2,3] x [3]");
    wg_nll_options o = { .weight = wg_ones(WG_F32, WG_SHAPE(2)) };
    ck_assert_ptr_null(wg_nll_with(x, CLASSES(0, 1), o));
    expect_error(WG_ERROR_SHAPE, "the class weights must be [3]");
    ck_assert_ptr_null(wg_nll_with(NULL, CLASSES(0, 1), o));
    expect_error(WG_ERROR_ARGUMENT, "nll: input 0 is NULL");
    ck_assert_ptr_null(wg_nll_with(x, NULL, (wg_nll_options){ .ignore = true }));
    expect_error(WG_ERROR_ARGUMENT, "nll: input 1 is NULL");
}
END_TEST

/* ---- cross-entropy with class weights -------------------------------------------------------- */

// -sum_c w_c t_c log p_c, with t smoothed, and w differentiable as well.
START_TEST(class_weights_multiply_the_target) {
    double smoothing = _i ? 0.25 : 0;
    wg_tensor *x = normal(WG_SHAPE(3, 4), 0), *w = wg_variable(wg_exp(normal(WG_SHAPE(4), 1))),
              *t = wg_variable(wg_exp(normal(WG_SHAPE(3, 4), 2))), *leaf[] = { x, w, t };
    wg_tensor *log_p = wg_log_softmax(x, -1);
    wg_tensor *even = wg_mul(wg_sum_axes(t, WG_AXES(-1), true), wg_num(smoothing / 4));
    wg_tensor *smooth = wg_add(wg_mul(t, wg_num(1 - smoothing)), even);
    wg_tensor *want = wg_neg(wg_sum_axes(wg_mul(wg_mul(smooth, w), log_p), WG_AXES(-1), false));
    wg_cross_entropy_options o = { .smoothing = smoothing, .weight = w };
    expect_same(wg_cross_entropy_each(x, t, o), want, leaf, 3);
    expect_same(wg_cross_entropy_with(x, t, o), wg_mean(want), leaf, 3);
    // Indices are weights of one class; their mean is over the weights of these classes.
    wg_tensor *index = CLASSES(2, 0, 2), *hot = wg_one_hot(index, 4, WG_F64);
    expect_same(wg_cross_entropy_each(x, index, o), wg_cross_entropy_each(x, hot, o), leaf, 2);
    wg_tensor *total = wg_sum(wg_mul(hot, w));
    expect_same(wg_cross_entropy_with(x, index, o),
                wg_div(wg_sum(wg_cross_entropy_each(x, hot, o)), total), leaf, 2);
}
END_TEST

START_TEST(smoothing_class_weights_and_ignoring_go_together) {
    wg_tensor *x =
        wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 3), (double[]){ 1, 2, 3, NAN, INF, -INF }));
    wg_tensor *w = LIST(1, 2, 4), *kept = wg_slice(x, 0, 0, 1, 1);
    wg_cross_entropy_options o = {
        .smoothing = 0.3, .ignore = true, .ignore_index = 9, .weight = w
    };
    wg_tensor *one = wg_cross_entropy_each(kept, CLASSES(1), o);
    // log p = x - 3.4076059644443806; t = 0.1, 0.8, 0.1 times w
    double lse = 3.4076059644443806;
    EXPECT_CLOSE(one, 0.1 * (lse - 1) + 1.6 * (lse - 2) + 0.4 * (lse - 3));
    EXPECT_CLOSE(wg_cross_entropy_each(x, CLASSES(1, 9), o), wg_item(one), 0);
    EXPECT_CLOSE(wg_cross_entropy_with(x, CLASSES(1, 9), o), wg_item(one) / 2);
    wg_tensor *gx = wg_derivative(wg_cross_entropy_with(x, CLASSES(1, 9), o), x);
    EXPECT_VALUES(wg_select(gx, 0, 1), 0, 0, 0);
}
END_TEST

START_TEST(class_weights_that_do_not_fit_are_refused) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3));
    wg_cross_entropy_options o = { .weight = wg_ones(WG_F32, WG_SHAPE(4)) };
    ck_assert_ptr_null(wg_cross_entropy_with(x, CLASSES(0, 1), o));
    expect_error(WG_ERROR_SHAPE, "cross_entropy: the class weights are [4], not [3]");
    o.weight = wg_ones(WG_F64, WG_SHAPE(3));
    ck_assert_ptr_null(wg_cross_entropy_with(x, CLASSES(0, 1), o));
    expect_error(WG_ERROR_DTYPE, "the class weights are f64, not f32");
    o.weight = wg_ones(WG_F32, WG_SHAPE(3));
    ck_assert_ptr_null(wg_cross_entropy_with(x, CLASSES(0, 3), o));
    expect_error(WG_ERROR_INDEX, "sample 1 has class 3, not one of 0 to 2");
    ck_assert_ptr_null(wg_cross_entropy_with(NULL, CLASSES(0, 1), o));
    expect_error(WG_ERROR_ARGUMENT, "input 0 is NULL");
}
END_TEST

static bool some_losses(void) {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(2, 3), 2));
    wg_tensor *t = wg_zeros(WG_I64, WG_SHAPE(2)), *w = wg_ones(WG_F64, WG_SHAPE(3));
    wg_cross_entropy_options o = {
        .smoothing = 0.5, .ignore = true, .ignore_index = 7, .weight = w
    };
    wg_nll_options n = { .ignore = true, .ignore_index = 7, .weight = w };
    return wg_backward(wg_add(wg_cross_entropy_with(x, t, o), wg_nll_with(x, t, n)));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_losses);
}
END_TEST

/* ---- dropout --------------------------------------------------------------------------------- */

START_TEST(dropout_close_to_its_ends) {
    wg_dtype dtype = floats[_i];
    wg_random r = { .seed = 4 };
    wg_tensor *x = wg_full(dtype, WG_SHAPE(1000), 3);
    ck_assert(wg_equal(wg_dropout(x, 0, r), x));
    // 1 in 2^32 is kept, of a thousand none; and one in 1e12 dropped, none again.
    ck_assert(wg_equal(wg_dropout(x, 1 - 1e-12, r), wg_zeros_like(x)));
    ck_assert(wg_allclose(wg_dropout(x, 1e-12, r), x, 2e-12, 0));
    expect_shape(wg_dropout(wg_zeros(dtype, WG_SHAPE(0, 3)), 0.5, r), WG_SHAPE(0, 3));
    ck_assert_ptr_null(wg_dropout(x, 1, r));
    expect_error(WG_ERROR_ARGUMENT, "p = 1 is not in [0, 1)");
}
END_TEST

START_TEST(what_is_dropped_is_zero_even_nan) {
    wg_dtype dtype = floats[_i];
    wg_random r = { .seed = 4 };
    wg_tensor *x = wg_variable(wg_full(dtype, WG_SHAPE(64), NAN)), *y = wg_dropout(x, 0.5, r);
    wg_tensor *mask = wg_dropout(wg_ones(dtype, WG_SHAPE(64)), 0.5, r);
    ck_assert(wg_equal(wg_derivative(y, x), mask));
    for (int64_t k = 0; k < 64; k++)
        ck_assert(wg_view_get(&mask->view, k) == 0 ? wg_view_get(&y->view, k) == 0
                                                   : isnan(wg_view_get(&y->view, k)));
    double kept = wg_item(wg_sum(mask)) / 2;
    ck_assert(kept > 0 && kept < 64);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("losses");
    TCase *nll = add_cases(suite, "nll");
    tcase_add_loop_test(nll, nll_picks_the_class, 0, 2);
    tcase_add_test(nll, nll_of_log_softmax_is_cross_entropy);
    tcase_add_loop_test(nll, ignored_samples_count_for_nothing_whatever_they_hold, 0, 2);
    tcase_add_loop_test(nll, a_class_of_weight_zero_counts_zero_even_where_it_is_impossible, 0, 2);
    tcase_add_loop_test(nll, no_samples_have_no_mean_but_a_gradient, 0, 2);
    tcase_add_test(nll, nll_refuses_by_number);
    TCase *weights = add_cases(suite, "class weights");
    tcase_add_loop_test(weights, class_weights_multiply_the_target, 0, 2);
    tcase_add_test(weights, smoothing_class_weights_and_ignoring_go_together);
    tcase_add_test(weights, class_weights_that_do_not_fit_are_refused);
    tcase_add_test(weights, an_allocation_that_fails_is_reported_and_leaks_nothing);
    TCase *dropout = add_cases(suite, "dropout");
    tcase_add_loop_test(dropout, dropout_close_to_its_ends, 0, 2);
    tcase_add_loop_test(dropout, what_is_dropped_is_zero_even_nan, 0, 2);
    return run_suite(suite);
}
