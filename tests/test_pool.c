// SPDX-License-Identifier: MIT
/* test_pool.c: pooling by numbers worked out by hand: which of equals has the gradient, where NaN,
   infinities and the padding go, how bins part an image, and what is refused. */
#include "tests/core_test.h"

static wg_tensor *counting(wg_dtype dtype, wg_shape shape) {  // 1, 2, 3, ... in C order
    return wg_reshape(wg_arange(dtype, 1, (double)wg_shape_numel(shape) + 1, 1), shape);
}

static wg_tensor *row(int64_t n, const double *values) {  // (1, 1, 1, n)
    return wg_from_f64(WG_F64, WG_SHAPE(1, 1, 1, n), values);
}
#define ROW(...) row(COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })

static const wg_pool_options plain = { .count_exclude_pad = false };
static const wg_pool_options by_one = { .stride = { 1, 1 } };

/* ---- the largest ----------------------------------------------------------------------------- */

START_TEST(the_largest_of_each_window_and_its_place) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = counting(dtype, WG_SHAPE(1, 2, 4, 4));
    EXPECT_VALUES(wg_max_pool2d(x, WG_SHAPE(2, 2), plain), 6, 8, 14, 16, 22, 24, 30, 32);
    wg_tensor *index = wg_max_pool2d_index(x, WG_SHAPE(2, 2), plain);
    ck_assert_int_eq(wg_dtype_of(index), WG_I64);
    EXPECT_VALUES(index, 5, 7, 13, 15, 5, 7, 13, 15);
    wg_pool_options o = { .stride = { 2, 1 }, .padding = { 1, 0 }, .dilation = { 1, 3 } };
    EXPECT_VALUES(wg_max_pool2d(x, WG_SHAPE(2, 2), o), 4, 12, 16, 20, 28, 32);
    EXPECT_VALUES(wg_max_pool1d(wg_reshape(x, WG_SHAPE(1, 2, 16)), 8, plain), 8, 16, 24, 32);
}
END_TEST

START_TEST(the_first_of_equals_has_the_whole_gradient) {
    wg_tensor *x = wg_variable(wg_full(WG_F32, WG_SHAPE(1, 1, 3, 3), 7));
    wg_tensor *y = wg_max_pool2d(x, WG_SHAPE(2, 2), by_one), *rule, *fused;
    EXPECT_VALUES(wg_max_pool2d_index(x, WG_SHAPE(2, 2), by_one), 0, 1, 3, 4);
    ck_assert(wg_grad(y, &x, 1, &rule, (wg_grad_options){ .constant = false }));
    ck_assert(wg_grad(y, &x, 1, &fused, (wg_grad_options){ .constant = true }));
    EXPECT_VALUES(rule, 1, 1, 0, 1, 1, 0, 0, 0, 0);
    EXPECT_VALUES(fused, 1, 1, 0, 1, 1, 0, 0, 0, 0);
}
END_TEST

START_TEST(overlapping_windows_add_their_gradients) {
    wg_tensor *x = wg_variable(ROW(1, 5, 2, 4));
    wg_tensor *y = wg_max_pool2d(x, WG_SHAPE(1, 2), by_one);
    EXPECT_VALUES(y, 5, 5, 4);
    EXPECT_VALUES(wg_derivative(y, x), 0, 2, 0, 1);
}
END_TEST

// sum y^2: 2 y where the largest stands, and 2 there along the diagonal.
START_TEST(the_second_derivative_goes_through_the_same_place) {
    wg_tensor *x = wg_variable(ROW(1, 5, 2, 4));
    wg_tensor *y = wg_max_pool2d(x, WG_SHAPE(1, 2), plain);
    wg_tensor *dy = wg_derivative(wg_sum(wg_square(y)), x);
    EXPECT_VALUES(dy, 0, 10, 0, 8);
    EXPECT_VALUES(wg_derivative(wg_sum(dy), x), 0, 2, 0, 2);
}
END_TEST

START_TEST(nan_beats_every_number) {
    wg_tensor *x = ROW(1, NAN, 3, INFINITY, NAN, NAN);
    double want[] = { NAN, NAN, INFINITY, NAN, NAN };
    expect_near(wg_max_pool2d(x, WG_SHAPE(1, 2), by_one), want, 5, 0, 0);
    EXPECT_VALUES(wg_max_pool2d_index(x, WG_SHAPE(1, 2), by_one), 1, 1, 3, 4, 4);
}
END_TEST

START_TEST(padding_is_never_the_largest) {
    wg_pool_options o = { .stride = { 1, 1 }, .padding = { 0, 1 } };
    wg_tensor *x = ROW(-INFINITY, -3, -2, -INFINITY);
    EXPECT_VALUES(wg_max_pool2d(x, WG_SHAPE(1, 2), o), -INFINITY, -3, -2, -2, -INFINITY);
    EXPECT_VALUES(wg_max_pool2d_index(x, WG_SHAPE(1, 2), o), 0, 1, 2, 2, 3);
}
END_TEST

/* ---- averages -------------------------------------------------------------------------------- */

START_TEST(padding_counts_as_zeros_unless_it_is_left_out) {
    wg_pool_options o = { .stride = { 1, 2 }, .padding = { 0, 1 } };
    wg_tensor *x = ROW(6, 12, 18);
    EXPECT_VALUES(wg_avg_pool2d(x, WG_SHAPE(1, 3), o), 6, 10);
    EXPECT_VALUES(wg_avg_pool1d(wg_reshape(x, WG_SHAPE(1, 1, 3)), 3,
                                (wg_pool_options){ .stride = { 2 }, .padding = { 1 } }),
                  6, 10);
    o.count_exclude_pad = true;
    EXPECT_VALUES(wg_avg_pool2d(x, WG_SHAPE(1, 3), o), 9, 15);
}
END_TEST

// 49 times 1/49 is less than 1 in double.
START_TEST(the_mean_of_ones_is_one) {
    for (int64_t k = 1; k < 60; k++) {
        wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(1, 1, 7, k));
        EXPECT_VALUES(wg_avg_pool2d(x, WG_SHAPE(7, k), plain), 1);
        EXPECT_VALUES(wg_adaptive_avg_pool2d(x, WG_SHAPE(1, 1)), 1);
    }
}
END_TEST

START_TEST(bins_part_an_axis_as_evenly_as_can_be_and_overlap_where_they_must) {
    wg_tensor *x = ROW(1, 2, 4, 8, 16);  // bins 0 ... 1, 1 ... 3, 3 ... 4
    EXPECT_VALUES(wg_adaptive_avg_pool2d(x, WG_SHAPE(1, 3)), 1.5, 14. / 3, 12);
    EXPECT_VALUES(wg_adaptive_avg_pool2d(x, WG_SHAPE(2, 1)), 31. / 5, 31. / 5);
    x = wg_variable(wg_reshape(wg_arange(WG_F64, 0, 2, 1), WG_SHAPE(1, 1, 2)));
    wg_tensor *y = wg_adaptive_avg_pool1d(x, 3);
    EXPECT_VALUES(y, 0, 0.5, 1);
    EXPECT_VALUES(wg_derivative(y, x), 1.5, 1.5);
    expect_shape(wg_adaptive_avg_pool1d(x, 0), WG_SHAPE(1, 1, 0));
}
END_TEST

// A million times 0.1f, whose mean an f32 sum in order would miss in the third digit.
START_TEST(a_long_mean_keeps_its_digits) {
    wg_tensor *x = wg_full(WG_F32, WG_SHAPE(1, 1, 1000000), (double)0.1F);
    EXPECT_VALUES(wg_adaptive_avg_pool1d(x, 1), (double)0.1F);
}
END_TEST

START_TEST(pooling_an_empty_batch_is_empty) {
    wg_tensor *x = wg_variable(wg_zeros(WG_F32, WG_SHAPE(0, 3, 4, 4)));
    wg_tensor *y = wg_max_pool2d(x, WG_SHAPE(2, 2), plain);
    expect_shape(y, WG_SHAPE(0, 3, 2, 2));
    expect_shape(wg_derivative(y, x), WG_SHAPE(0, 3, 4, 4));
    expect_shape(wg_avg_pool2d(x, WG_SHAPE(3, 3), plain), WG_SHAPE(0, 3, 1, 1));
    expect_shape(wg_adaptive_avg_pool2d(x, WG_SHAPE(5, 1)), WG_SHAPE(0, 3, 5, 1));
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------------- */

START_TEST(pooling_refuses_with_its_numbers) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 2, 3, 4));
    wg_max_pool2d(x, WG_SHAPE(4, 2), plain);
    expect_error(WG_ERROR_SHAPE, "max_pool2d: [1,2,3,4]: the kernel covers 4x2, the padded image "
                                 "is 3x4");
    wg_max_pool2d(x, WG_SHAPE(2, 2), (wg_pool_options){ .padding = { 2, 0 } });
    expect_error(WG_ERROR_ARGUMENT, "padding 2 exceeds 1, half the kernel");
    wg_pool_options o = { .padding = { 2, 0 }, .dilation = { 4, 1 } };
    wg_max_pool2d(x, WG_SHAPE(2, 2), o);
    expect_error(WG_ERROR_ARGUMENT, "with dilation 4 on size 3");
    wg_avg_pool2d(x, WG_SHAPE(2, 2), o);
    expect_error(WG_ERROR_ARGUMENT, "avg_pool2d: dilation 4x1: it has none");
    wg_max_pool2d(x, WG_SHAPE(2, 2), (wg_pool_options){ .count_exclude_pad = true });
    expect_error(WG_ERROR_ARGUMENT, "count_exclude_pad is for averages");
    wg_max_pool2d(x, WG_SHAPE(0, 2), plain);
    expect_error(WG_ERROR_SHAPE, "the kernel is 0x2");
    wg_max_pool2d(x, WG_SHAPE(2), plain);
    expect_error(WG_ERROR_ARGUMENT, "max_pool2d: the kernel has 1 number, not 2");
    wg_adaptive_avg_pool2d(x, WG_SHAPE(-1, 2));
    expect_error(WG_ERROR_SHAPE, "from 3x4 to -1x2 is no size");
    wg_max_pool1d(x, 2, plain);
    expect_error(WG_ERROR_SHAPE, "max_pool1d: [1,2,3,4]: input 0 has 4 dimensions, not 3");
    wg_avg_pool1d(wg_ones(WG_I64, WG_SHAPE(1, 2, 3)), 2, plain);
    expect_error(WG_ERROR_DTYPE, "i64");
}
END_TEST

START_TEST(pooling_of_lines_refuses_in_words_of_lines) {
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(1, 2, 3));
    wg_avg_pool1d(x, 2, (wg_pool_options){ .dilation = { 3 } });
    expect_error(WG_ERROR_ARGUMENT, "avg_pool1d: [1,2,3]: dilation 3: it has none");
    wg_max_pool1d(x, 2, (wg_pool_options){ .dilation = { 3 } });
    expect_error(WG_ERROR_SHAPE, "max_pool1d: [1,2,3]: the kernel covers 4, the padded line has 3");
    wg_max_pool1d(x, 2, (wg_pool_options){ .stride = { 2, 2 } });
    expect_error(WG_ERROR_ARGUMENT, "stride[1] is 2");
    wg_avg_pool1d(x, 2, (wg_pool_options){ .padding = { 0, 1 } });
    expect_error(WG_ERROR_ARGUMENT, "padding[1] is 1");
    wg_avg_pool1d(x, 2, (wg_pool_options){ .dilation = { 0, 1 } });
    expect_error(WG_ERROR_ARGUMENT, "dilation[1] is 1");
    wg_max_pool1d(x, 2, (wg_pool_options){ .count_exclude_pad = true });
    expect_error(WG_ERROR_ARGUMENT, "max_pool1d: [1,2,3]: count_exclude_pad is for averages");
}
END_TEST

static bool attempt(void) {
    wg_tensor *x = wg_variable(wg_transpose(wg_ones(WG_F32, WG_SHAPE(2, 2, 6, 5)), 2, 3));
    wg_tensor *y = wg_max_pool2d(x, WG_SHAPE(2, 2), by_one);
    return wg_backward(wg_sum(wg_avg_pool2d(y, WG_SHAPE(2, 2), plain)));
}
START_TEST(any_allocation_may_fail) { ck_assert_int_gt(fail_every_allocation(attempt), 8); }
END_TEST

int main(void) {
    Suite *suite = suite_create("pool");
    TCase *most = add_cases(suite, "the largest"), *means = add_cases(suite, "averages"),
          *refusals = add_cases(suite, "refusals");
    tcase_add_loop_test(most, the_largest_of_each_window_and_its_place, 0, 2);
    tcase_add_test(most, the_first_of_equals_has_the_whole_gradient);
    tcase_add_test(most, overlapping_windows_add_their_gradients);
    tcase_add_test(most, the_second_derivative_goes_through_the_same_place);
    tcase_add_test(most, nan_beats_every_number);
    tcase_add_test(most, padding_is_never_the_largest);
    tcase_add_test(means, padding_counts_as_zeros_unless_it_is_left_out);
    tcase_add_test(means, the_mean_of_ones_is_one);
    tcase_add_test(means, bins_part_an_axis_as_evenly_as_can_be_and_overlap_where_they_must);
    tcase_add_test(means, a_long_mean_keeps_its_digits);
    tcase_add_test(means, pooling_an_empty_batch_is_empty);
    tcase_add_test(refusals, pooling_refuses_with_its_numbers);
    tcase_add_test(refusals, pooling_of_lines_refuses_in_words_of_lines);
    tcase_add_test(refusals, any_allocation_may_fail);
    return run_suite(suite);
}
