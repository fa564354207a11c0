// SPDX-License-Identifier: MIT
/* test_scan.c: running sums, products, extremes and log-sum-exps, by numbers worked out by hand and
   against the plainest loop over random shapes, layouts and axes. Gradients are proven by test_ops;
   here are those at zeros, ties, infinities and NaN. */
#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static const double INF = INFINITY;

#define VECTOR(dtype, ...)                                                                         \
    wg_from_f64(dtype, WG_SHAPE(COUNT(((double[]){ __VA_ARGS__ }))), (double[]){ __VA_ARGS__ })
#define EXPECT_ROUNDED(x, ...)                                                                     \
    expect_near(x, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })), 0x1p-50, 0)

/* ---- values ---------------------------------------------------------------------------------- */

START_TEST(scans_go_along_their_axis) {
    wg_dtype dtype = (wg_dtype)_i, total = wg_dtype_is_float(dtype) ? dtype : WG_I64;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(2, 3), (double[]){ 1, 0, 1, 1, 1, 0 });
    EXPECT_VALUES(wg_cumsum(x, 1), 1, 1, 2, 1, 2, 2);
    EXPECT_VALUES(wg_cumsum(x, 0), 1, 0, 1, 2, 1, 1);
    EXPECT_VALUES(wg_cumprod(x, -1), 1, 0, 0, 1, 1, 0);
    EXPECT_VALUES(wg_cummax(x, 0), 1, 0, 1, 1, 1, 1);
    EXPECT_VALUES(wg_cummin(x, 1), 1, 0, 0, 1, 1, 0);
    ck_assert_int_eq(wg_dtype_of(wg_cumsum(x, 0)), total);
    ck_assert_int_eq(wg_dtype_of(wg_cumprod(x, 0)), total);
    ck_assert_int_eq(wg_dtype_of(wg_cummax(x, 0)), dtype);
    ck_assert_int_eq(wg_dtype_of(wg_cummin(x, 0)), dtype);
}
END_TEST

START_TEST(integers_are_gathered_in_64_bits_which_wrap) {
    EXPECT_VALUES(wg_cumsum(VECTOR(WG_I32, 2e9, 2e9, -1), 0), 2e9, 4e9, 4e9 - 1);
    EXPECT_VALUES(wg_cumprod(VECTOR(WG_U8, 200, 200, 200), 0), 200, 4e4, 8e6);
    const int64_t large[] = { INT64_MAX, 1, INT64_MIN };
    wg_tensor *x = wg_from(WG_I64, WG_SHAPE(3), large);
    const int64_t *sum = wg_values(wg_cumsum(x, 0), WG_I64);
    ck_assert(sum[0] == INT64_MAX && sum[1] == INT64_MIN && sum[2] == 0);
    const int64_t *most = wg_values(wg_cummax(x, 0), WG_I64);
    ck_assert(most[0] == INT64_MAX && most[2] == INT64_MAX);
    const int64_t *least = wg_values(wg_cummin(x, 0), WG_I64);
    ck_assert(least[0] == INT64_MAX && least[1] == 1 && least[2] == INT64_MIN);
}
END_TEST

/* Whole numbers below 2^24, so that f32 and f64 are exact whatever is gathered in what. Sizes reach
   over tiles and stretches. */
START_TEST(a_scan_is_what_the_plain_loop_gives_in_any_layout) {
    wg_random r = { .seed = 5, .stream = (uint64_t)_i };
    wg_dtype dtype = _i % 2 ? WG_F32 : WG_F64;
    wg_shape shape = { .rank = (int)between(&r, 1, 4) };
    for (int k = 0; k < shape.rank; k++) shape.dim[k] = between(&r, 1, 8);
    shape.dim[between(&r, 0, shape.rank - 1)] = between(&r, 1, 80);
    int axis = (int)between(&r, 0, shape.rank - 1);
    wg_tensor *x = random_layout(&r, dtype, shape, false);
    int64_t numel = wg_numel(x), step = 1, n = shape.dim[axis];
    for (int k = axis + 1; k < shape.rank; k++) step *= shape.dim[k];
    double *value = calloc((size_t)numel, sizeof *value), *sum = calloc((size_t)numel, sizeof *sum),
           *most = calloc((size_t)numel, sizeof *most);
    for (int64_t k = 0; k < numel; k++) value[k] = (double)between(&r, -999, 999);
    wg_copy(x, wg_from_f64(dtype, shape, value));
    for (int64_t k = 0; k < numel; k++) {
        bool first = k / step % n == 0;
        sum[k] = value[k] + (first ? 0 : sum[k - step]);
        most[k] = first || value[k] > most[k - step] ? value[k] : most[k - step];
    }
    expect_values(wg_cumsum(x, axis), sum, numel);
    expect_values(wg_cumsum(x, axis - shape.rank), sum, numel);
    expect_values(wg_cummax(x, axis), most, numel);
    wg_tensor *least = wg_neg(wg_cummin(wg_neg(x), axis));
    expect_values(least, most, numel);
    wg_tensor *ones = wg_ones(dtype, shape);
    expect_values(wg_linear_scan(ones, x, axis), sum, numel);
    free(value), free(sum), free(most);
}
END_TEST

// 2^20 times 0.1f: in f32 one after the other this is 1e-2 off, in f64 a unit of the f32 result.
START_TEST(long_sums_of_f32_are_gathered_in_f64) {
    int64_t n = 1 << 20, last = n - 1;
    wg_tensor *y = wg_cumsum(wg_full(WG_F32, WG_SHAPE(n), (double)0.1F), 0);
    double want = (double)0.1F * (double)n;
    expect_close(wg_at(y, &last), want, 0x1p-24 * want, "the last");
}
END_TEST

START_TEST(scans_of_nothing_and_of_one) {
    wg_tensor *none = wg_zeros(WG_F32, WG_SHAPE(2, 0)), *one = VECTOR(WG_F64, 7);
    expect_shape(wg_cumsum(none, 1), WG_SHAPE(2, 0));
    expect_shape(wg_cumprod(none, 0), WG_SHAPE(2, 0));
    expect_shape(wg_cummax(none, 1), WG_SHAPE(2, 0));
    expect_shape(wg_logcumsumexp(none, 0), WG_SHAPE(2, 0));
    EXPECT_VALUES(wg_cumsum(one, 0), 7);
    EXPECT_VALUES(wg_cumprod(one, 0), 7);
    EXPECT_VALUES(wg_cummin(one, 0), 7);
    EXPECT_VALUES(wg_logcumsumexp(one, 0), 7);
    ck_assert_ptr_null(wg_cumsum(wg_num(1), 0));
    expect_error(WG_ERROR_SHAPE, "cumsum: []: there is no axis 0 among 0");
    ck_assert_ptr_null(wg_cummax(none, 2));
    expect_error(WG_ERROR_SHAPE, "cummax: [2,0]: there is no axis 2 among 2");
    ck_assert_ptr_null(wg_logcumsumexp(wg_ones(WG_I64, WG_SHAPE(2)), 0));
    expect_error(WG_ERROR_DTYPE, "i64");
    ck_assert_ptr_null(wg_linear_scan(one, wg_ones(WG_F64, WG_SHAPE(2)), 0));
    expect_error(WG_ERROR_SHAPE, "linear_scan: [1] x [2]");
}
END_TEST

START_TEST(nan_and_infinity_stay) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = VECTOR(dtype, 1, -INF, 2, INF, NAN, 5);
    EXPECT_ROUNDED(wg_cumsum(x, 0), 1, -INF, -INF, NAN, NAN, NAN);
    EXPECT_ROUNDED(wg_cumprod(x, 0), 1, -INF, -INF, -INF, NAN, NAN);
    EXPECT_ROUNDED(wg_cummax(x, 0), 1, 1, 2, INF, NAN, NAN);
    EXPECT_ROUNDED(wg_cummin(x, 0), 1, -INF, -INF, -INF, NAN, NAN);
    EXPECT_ROUNDED(wg_cummax(VECTOR(dtype, -INF, -INF), 0), -INF, -INF);
    EXPECT_ROUNDED(wg_cumprod(VECTOR(dtype, INF, 0, 1), 0), INF, NAN, NAN);
}
END_TEST

/* ---- gradients ------------------------------------------------------------------------------- */

// d (y_0 + ... + y_3) / dx for x = 2, 0, 3, 0: every product with one factor left out, by hand.
START_TEST(the_gradient_of_cumprod_is_exact_at_zeros) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 2, 0, 3, 0));
    wg_tensor *gx = wg_derivative(wg_cumprod(x, 0), x);
    EXPECT_VALUES(gx, 1, 2 + 2 * 3, 0, 0);
    // By x_1: 1 + x_2 + x_2 x_3 times x_0, so its own slopes are known as well.
    EXPECT_VALUES(wg_derivative(wg_slice(gx, 0, 1, 2, 1), x), 4, 0, 2, 6);
}
END_TEST

// As in max; PyTorch gives all to the latest. y = 1, 1, 2, 2, 2: x_1 and x_0 tie, x_2 and x_4.
START_TEST(equals_share_the_gradient_of_a_running_extreme) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 1, 1, 2, 0, 2));
    EXPECT_VALUES(wg_derivative(wg_cummax(x, 0), x), 1.5, 0.5, 2.5, 0, 0.5);
    wg_tensor *z = wg_neg(x);
    EXPECT_VALUES(wg_derivative(wg_cummin(z, 0), x), -1.5, -0.5, -2.5, 0, -0.5);
    wg_tensor *dx = VECTOR(WG_F64, 8, 4, 6, 100, 2);
    EXPECT_VALUES(wg_jvp(wg_cummax(x, 0), &x, 1, &dx), 8, 6, 6, 6, 4);
    EXPECT_VALUES(wg_derivative(wg_cummax(x, 0), x), 1.5, 0.5, 2.5, 0, 0.5);
}
END_TEST

START_TEST(before_a_nan_the_gradient_of_a_running_extreme_is_a_number) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 1, 3, NAN, 2)), *gx;
    wg_tensor *y = wg_cummax(x, 0);
    wg_tensor *seed = VECTOR(WG_F64, 1, 1, 0, 0);
    ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .seed = seed }));
    EXPECT_VALUES(gx, 1, 1, 0, 0);
    EXPECT_ROUNDED(wg_derivative(y, x), 1, 1, NAN, NAN);
}
END_TEST

/* ---- logcumsumexp ---------------------------------------------------------------------------- */

START_TEST(logcumsumexp_neither_overflows_nor_loses_the_small) {
    EXPECT_ROUNDED(wg_logcumsumexp(VECTOR(WG_F64, 1e4, 1e4, -1e4), 0), 1e4, 1e4 + log(2),
                   1e4 + log(2));
    EXPECT_ROUNDED(wg_logcumsumexp(VECTOR(WG_F64, -1e4, -1e4, 5), 0), -1e4, -1e4 + log(2), 5);
    EXPECT_ROUNDED(wg_logcumsumexp(VECTOR(WG_F64, -INF, 0, -INF, INF, 0), 0), -INF, 0, 0, INF, INF);
    EXPECT_ROUNDED(wg_logcumsumexp(VECTOR(WG_F64, INF, -INF, NAN, 0), 0), INF, INF, NAN, NAN);
    wg_tensor *y = wg_logcumsumexp(wg_zeros(WG_F64, WG_SHAPE(1000)), 0);
    for (int64_t k = 0; k < 1000; k += 37)  // each step is off by a unit or so of a number below 7
        expect_close(wg_at(y, &k), log((double)k + 1), (double)(k + 1) * 0x1p-50, "log k");
}
END_TEST

START_TEST(the_last_of_logcumsumexp_is_logsumexp) {
    wg_random r = { .seed = 3 };
    wg_tensor *x = wg_variable(wg_mul(wg_num(30), wg_randn(WG_F64, WG_SHAPE(3, 50), &r)));
    wg_tensor *last = wg_select(wg_logcumsumexp(x, 1), 1, 49);
    wg_tensor *whole = wg_logsumexp(x, WG_AXES(1), false);
    ck_assert(wg_allclose(last, whole, 1e-13, 0));
    // y is good to 1e-14 of 100, and stands in an exponent.
    ck_assert(wg_allclose(wg_derivative(last, x), wg_derivative(whole, x), 1e-11, 1e-14));
}
END_TEST

START_TEST(logcumsumexp_of_minus_infinities_has_gradient_zero) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, -INF, -INF, 2, -INF));
    wg_tensor *gx = wg_derivative(wg_logcumsumexp(x, 0), x);
    EXPECT_VALUES(gx, 0, 0, 2, 0);
    EXPECT_VALUES(wg_derivative(gx, x), 0, 0, 0, 0);
}
END_TEST

/* ---- linear_scan ----------------------------------------------------------------------------- */

START_TEST(a_recurrence_by_hand) {
    wg_tensor *a = wg_variable(VECTOR(WG_F64, 9, 2, 0.5, 0)),
              *b = wg_variable(VECTOR(WG_F64, 1, 3, 1, 4));
    wg_tensor *h = wg_linear_scan(a, b, 0);
    EXPECT_VALUES(h, 1, 5, 3.5, 4);
    EXPECT_VALUES(wg_derivative(h, b), 1 + 2 * 1.5, 1.5, 1, 1);
    EXPECT_VALUES(wg_derivative(h, a), 0, 1 * 1.5, 5, 3.5);
}
END_TEST

START_TEST(what_a_zero_multiplies_is_gone) {
    wg_tensor *a = VECTOR(WG_F64, NAN, INF, 0, 1), *b = VECTOR(WG_F64, 0, 0, 2, 1);
    EXPECT_VALUES(wg_linear_scan(a, b, 0), 0, 0, 2, 3);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool some_scans(void) {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(20, 30), 0.5));
    wg_tensor *y = wg_add(wg_cumsum(x, 0), wg_add(wg_cumprod(x, 1), wg_cummax(x, 0)));
    return wg_backward(wg_sum(wg_mul(y, wg_logcumsumexp(x, 0))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_scans);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scan");
    TCase *values = add_cases(suite, "values");
    tcase_add_loop_test(values, scans_go_along_their_axis, 0, WG_DTYPES);
    tcase_add_test(values, integers_are_gathered_in_64_bits_which_wrap);
    tcase_add_loop_test(values, a_scan_is_what_the_plain_loop_gives_in_any_layout, 0, 150);
    tcase_add_test(values, long_sums_of_f32_are_gathered_in_f64);
    tcase_add_test(values, scans_of_nothing_and_of_one);
    tcase_add_loop_test(values, nan_and_infinity_stay, 0, 2);
    TCase *gradients = add_cases(suite, "gradients");
    tcase_add_test(gradients, the_gradient_of_cumprod_is_exact_at_zeros);
    tcase_add_test(gradients, equals_share_the_gradient_of_a_running_extreme);
    tcase_add_test(gradients, before_a_nan_the_gradient_of_a_running_extreme_is_a_number);
    TCase *exponentials = add_cases(suite, "logcumsumexp");
    tcase_add_test(exponentials, logcumsumexp_neither_overflows_nor_loses_the_small);
    tcase_add_test(exponentials, the_last_of_logcumsumexp_is_logsumexp);
    tcase_add_test(exponentials, logcumsumexp_of_minus_infinities_has_gradient_zero);
    TCase *recurrence = add_cases(suite, "recurrence");
    tcase_add_test(recurrence, a_recurrence_by_hand);
    tcase_add_test(recurrence, what_a_zero_multiplies_is_gone);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
