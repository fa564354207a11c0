// SPDX-License-Identifier: MIT
/* test_reduce.c: reductions by numbers worked out by hand, and the one promise about sums that no
   single number shows: a result depends on the line's values and their order alone. Gradients are
   proven by test_ops; here are those at zeros, ties, infinities and NaN. */
#include "tests/core_test.h"

#include "tensor/kernels/kernels.h"

static const double INF = INFINITY;

/* Finite values to a unit or two in the last place of `dtype`, others exactly; NaN wants NaN. */
static void expect_rounded(const wg_tensor *x, wg_dtype dtype, const double *want, int64_t n) {
    ck_assert_int_eq(wg_dtype_of(x), dtype);
    expect_near(x, want, n, dtype == WG_F32 ? 0x1p-22 : 0x1p-51, 0);
}
#define EXPECT_NEAR(x, dtype, ...)                                                                 \
    expect_rounded(x, dtype, (double[]){ __VA_ARGS__ }, COUNT(((double[]){ __VA_ARGS__ })))

#define VECTOR(dtype, ...)                                                                         \
    wg_from_f64(dtype, WG_SHAPE((int64_t)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double))),    \
                (double[]){ __VA_ARGS__ })

static wg_tensor *counting(wg_dtype dtype, wg_shape shape) {  // 1, 2, 3, ... in C order
    return wg_reshape(wg_arange(dtype, 1, (double)wg_shape_numel(shape) + 1, 1), shape);
}

static const wg_dtype summable[] = { WG_F32, WG_F64, WG_I32, WG_I64, WG_U8 };
static wg_dtype total_of(wg_dtype dtype) { return wg_dtype_is_float(dtype) ? dtype : WG_I64; }

/* ---- which axes ------------------------------------------------------------------------------ */

START_TEST(a_sum_goes_over_the_axes_listed_and_no_others) {
    wg_dtype dtype = summable[_i];
    wg_tensor *x = counting(dtype, WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_sum(x), 21);
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(0), false), 5, 7, 9);
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(1), false), 6, 15);
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(-1), false), 6, 15);
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(1, 0), false), 21);
    x = counting(dtype, WG_SHAPE(2, 3, 2));
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(0, 2), false), 18, 26, 34);
    ck_assert_int_eq(wg_dtype_of(wg_sum(x)), total_of(dtype));
}
END_TEST

START_TEST(an_empty_list_of_axes_reduces_nothing) {
    wg_tensor *x = counting(WG_F64, WG_SHAPE(2, 2));
    wg_tensor *y = wg_sum_axes(x, WG_SCALAR, false);
    expect_shape(y, WG_SHAPE(2, 2));
    EXPECT_VALUES(y, 1, 2, 3, 4);
    EXPECT_VALUES(wg_max_axes(x, WG_SCALAR, true), 1, 2, 3, 4);
    EXPECT_VALUES(wg_var_axes(x, WG_SCALAR, false, 0), 0, 0, 0, 0);
}
END_TEST

START_TEST(keepdim_leaves_axes_of_size_one) {
    wg_tensor *x = counting(WG_F32, WG_SHAPE(2, 3, 4));
    expect_shape(wg_sum_axes(x, WG_AXES(1), true), WG_SHAPE(2, 1, 4));
    expect_shape(wg_mean_axes(x, WG_AXES(0, -1), true), WG_SHAPE(1, 3, 1));
    expect_shape(wg_mean_axes(x, WG_AXES(0, -1), false), WG_SHAPE(3));
    expect_shape(wg_argmax(x, -1, true), WG_SHAPE(2, 3, 1));
    expect_shape(wg_logsumexp(x, WG_AXES(0, 1, 2), false), WG_SCALAR);
}
END_TEST

START_TEST(axes_that_are_not_there_or_come_twice_are_refused) {
    wg_tensor *x = counting(WG_F64, WG_SHAPE(2, 3));
    ck_assert_ptr_null(wg_sum_axes(x, WG_AXES(2), false));
    expect_error(WG_ERROR_SHAPE, "sum: [2,3]: there is no axis 2");
    ck_assert_ptr_null(wg_max_axes(x, WG_AXES(0, -3), false));
    expect_error(WG_ERROR_SHAPE, "no axis -3");
    ck_assert_ptr_null(wg_mean_axes(x, WG_AXES(1, -1), false));
    expect_error(WG_ERROR_ARGUMENT, "axis 1 is listed twice");
    ck_assert_ptr_null(wg_logsumexp(wg_num(1), WG_AXES(0), false));
    expect_error(WG_ERROR_SHAPE, "no axis 0");
    ck_assert_ptr_null(wg_sum_axes(x, (wg_shape){ .rank = 9 }, false));
    expect_error(WG_ERROR_ARGUMENT, "9 axes");
}
END_TEST

START_TEST(what_needs_floats_refuses_integers) {
    ck_assert_ptr_null(wg_mean(wg_ones(WG_I64, WG_SHAPE(3))));
    expect_error(WG_ERROR_DTYPE, "i64");
    ck_assert_ptr_null(wg_var(wg_ones(WG_F32, WG_SHAPE(3)), NAN));
    expect_error(WG_ERROR_ARGUMENT, "correction");
}
END_TEST

/* ---- sums ------------------------------------------------------------------------------------ */

START_TEST(the_sum_of_nothing_is_zero) {
    wg_dtype dtype = summable[_i];
    EXPECT_VALUES(wg_sum(wg_zeros(dtype, WG_SHAPE(0))), 0);
    EXPECT_VALUES(wg_sum_axes(wg_zeros(dtype, WG_SHAPE(2, 0)), WG_AXES(1), false), 0, 0);
    EXPECT_VALUES(wg_sum_axes(wg_zeros(dtype, WG_SHAPE(0, 3)), WG_AXES(0), false), 0, 0, 0);
    expect_shape(wg_sum_axes(wg_zeros(dtype, WG_SHAPE(0, 3)), WG_AXES(1), false), WG_SHAPE(0));
}
END_TEST

START_TEST(integers_are_summed_in_64_bits_which_wrap) {
    const int64_t large[] = { INT64_MAX, 1, 5, -5 };
    wg_tensor *y = wg_sum(wg_from(WG_I64, WG_SHAPE(4), large));
    ck_assert_int_eq(*(const int64_t *)wg_values(y, WG_I64), INT64_MIN);
    EXPECT_VALUES(wg_sum(wg_full(WG_I32, WG_SHAPE(1000), -3000000)), -3e9);
    EXPECT_VALUES(wg_sum(wg_full(WG_U8, WG_SHAPE(3, 500), 255)), 1500 * 255);
    wg_tensor *truth = wg_ones(WG_BOOL, WG_SHAPE(300, 20));
    wg_tensor *by_row = wg_sum_axes(truth, WG_AXES(0), false);
    ck_assert_int_eq(wg_dtype_of(by_row), WG_I64);
    for (int64_t k = 0; k < 20; k++) ck_assert(wg_at(by_row, &k) == 300);
}
END_TEST

/* Every block, lane and tail is added once: element k is 2^(k mod 43) and at most 2000 make a sum,
   so that is exact in any order, and one element more or less changes it. */
START_TEST(every_element_is_added_once) {
    static const int64_t lengths[] = {
        1, 7, 15, 16, 17, 31, 100, 127, 128, 129, 255, 256, 257, 1000
    };
    static const int64_t widths[] = { 1, 5, 8, 9, 63, 64, 65, 130 };
    int64_t n = lengths[_i];
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        int64_t m = widths[w];
        double *value = calloc((size_t)(n * m), sizeof *value),
               *want = calloc((size_t)m, sizeof *want);
        for (int64_t k = 0; k < n * m; k++) value[k] = ldexp(1, (int)(k % 43));
        for (int64_t k = 0; k < n * m; k++) want[k % m] += value[k];
        wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(n, m), value);
        expect_values(wg_sum_axes(x, WG_AXES(0), false), want, m);
        expect_values(wg_sum_axes(wg_transpose(x, 0, 1), WG_AXES(1), false), want, m);
        expect_values(wg_sum_axes(wg_contiguous(wg_transpose(x, 0, 1)), WG_AXES(1), false), want,
                      m);
        // Lines of two pieces that are not neighbours.
        x = wg_contiguous(wg_expand(wg_transpose(x, 0, 1), WG_SHAPE(2, m, n)));
        for (int64_t k = 0; k < m; k++) want[k] *= 2;
        expect_values(wg_sum_axes(x, WG_AXES(0, 2), false), want, m);
        free(value), free(want);
    }
}
END_TEST

static bool same_bits(const wg_tensor *a, const wg_tensor *b) {
    size_t bytes = (size_t)wg_numel(a) * wg_dtype_size(wg_dtype_of(a));
    return wg_numel(a) == wg_numel(b) &&
           memcmp(wg_values(a, wg_dtype_of(a)), wg_values(b, wg_dtype_of(b)), bytes) == 0;
}

static wg_shape random_axes(wg_random *r, int rank) {
    wg_shape axes = { .rank = 0 };
    for (int i = 0; i < rank; i++)
        if (between(r, 0, 1)) axes.dim[axes.rank++] = i;
    return axes;
}

/* The same numbers, dense and in any other layout, and with the axes that go moved to the end: bit
   for bit the same sums. The sizes reach over lanes, blocks and tiles. */
START_TEST(a_sum_depends_on_the_values_alone) {
    wg_random r = { .seed = 11, .stream = (uint64_t)_i };
    wg_dtype dtype = _i % 2 ? WG_F32 : WG_F64;
    wg_shape shape = random_shape(&r, 4, _i % 3 ? 9 : 20), axes = random_axes(&r, shape.rank);
    if (shape.rank > 0 && _i % 4 == 0)
        shape.dim[between(&r, 0, shape.rank - 1)] = between(&r, 1, 300);
    wg_tensor *dense = wg_randn(dtype, shape, &r);
    wg_tensor *other = random_layout(&r, dtype, shape, false);
    wg__copy_view(&other->view, &dense->view);
    wg_tensor *y = wg_sum_axes(dense, axes, false);
    ck_assert(same_bits(y, wg_sum_axes(other, axes, false)));

    wg_shape order = { .rank = shape.rank }, moved = { .rank = axes.rank };
    int at = 0;
    for (int i = 0; i < shape.rank; i++) {  // those that stay, then those that go
        bool goes = false;
        for (int k = 0; k < axes.rank; k++) goes = goes || axes.dim[k] == i;
        if (!goes) order.dim[at++] = i;
    }
    for (int k = 0; k < axes.rank; k++) moved.dim[k] = at, order.dim[at++] = axes.dim[k];
    wg_tensor *last = wg_contiguous(wg_permute(dense, order));
    ck_assert(same_bits(y, wg_sum_axes(last, moved, false)));
}
END_TEST

START_TEST(an_element_that_serves_a_whole_axis_counts_each_time) {
    wg_tensor *x = wg_expand(VECTOR(WG_F64, 1, 2, 4), WG_SHAPE(5, 3));
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(0), false), 5, 10, 20);
    EXPECT_VALUES(wg_sum_axes(x, WG_AXES(1), false), 7, 7, 7, 7, 7);
    EXPECT_VALUES(wg_sum(wg_expand(wg_full(WG_F32, WG_SCALAR, 3), WG_SHAPE(1000, 7))), 21000);
}
END_TEST

/* n = 2^20 times 0.1f. Adding one by one loses 1e-2 of it. In pairs an element goes through 8 + 4 +
   13 additions, lane, lanes and blocks, each off by 2^-24 of the sum at most. */
START_TEST(sums_are_taken_in_pairs) {
    int64_t n = 1 << 20;
    double want = (double)0.1F * (double)n, bound = 25 * 0x1p-24 * want;
    wg_tensor *x = wg_full(WG_F32, WG_SHAPE(n), (double)0.1F);
    double by_line = wg_item(wg_sum(x));
    double by_rows =
        wg_at(wg_sum_axes(wg_expand(wg_full(WG_F32, WG_SHAPE(9), (double)0.1F), WG_SHAPE(n, 9)),
                          WG_AXES(0), false),
              (int64_t[]){ 8 });
    ck_assert_msg(fabs(by_line - want) <= bound, "%.9g, not %.9g", by_line, want);
    ck_assert(by_rows == by_line);
}
END_TEST

/* ---- mean and variance ----------------------------------------------------------------------- */

START_TEST(means_and_variances_of_a_few_numbers) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(2, 4), (double[]){ 1, 2, 3, 4, 10, 10, 10, 14 });
    EXPECT_NEAR(wg_mean(x), dtype, 6.75);
    EXPECT_NEAR(wg_mean_axes(x, WG_AXES(1), false), dtype, 2.5, 11);
    EXPECT_NEAR(wg_var_axes(x, WG_AXES(1), false, 0), dtype, 1.25, 3);
    EXPECT_NEAR(wg_var_axes(x, WG_AXES(1), false, 1), dtype, 5.0 / 3, 4);
    EXPECT_NEAR(wg_var_axes(x, WG_AXES(0), true, 1), dtype, 40.5, 32, 24.5, 50);
    EXPECT_NEAR(wg_var(VECTOR(dtype, 1, 2, 3, 4), 0.5), dtype, 5 / 3.5);
    // Far from zero, where sum x^2 - (sum x)^2 / n has no correct digit left.
    EXPECT_VALUES(wg_var(VECTOR(WG_F64, 1e8 + 1, 1e8 + 2, 1e8 + 3, 1e8 + 4), 0), 1.25);
    EXPECT_VALUES(wg_var(VECTOR(WG_F32, 4097, 4098, 4099, 4100), 0), 1.25);
}
END_TEST

START_TEST(too_few_numbers_give_what_numpy_gives) {
    EXPECT_NEAR(wg_mean(wg_zeros(WG_F64, WG_SHAPE(0))), WG_F64, NAN);
    EXPECT_NEAR(wg_mean_axes(wg_zeros(WG_F32, WG_SHAPE(2, 0)), WG_AXES(1), false), WG_F32, NAN,
                NAN);
    expect_shape(wg_mean_axes(wg_zeros(WG_F32, WG_SHAPE(0, 2)), WG_AXES(1), false), WG_SHAPE(0));
    EXPECT_NEAR(wg_var(VECTOR(WG_F64, 5), 1), WG_F64, NAN);
    EXPECT_NEAR(wg_var(VECTOR(WG_F64, 1, 2), 3), WG_F64, INF);
    EXPECT_NEAR(wg_var(VECTOR(WG_F64, 1, 1), 3), WG_F64, NAN);
}
END_TEST

/* ---- products -------------------------------------------------------------------------------- */

START_TEST(products_of_a_few_numbers) {
    wg_dtype dtype = summable[_i];
    wg_tensor *x = counting(dtype, WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_prod(x), 720);
    EXPECT_VALUES(wg_prod_axes(x, WG_AXES(0), false), 4, 10, 18);
    EXPECT_VALUES(wg_prod_axes(x, WG_AXES(-1), true), 6, 120);
    EXPECT_VALUES(wg_prod(wg_zeros(dtype, WG_SHAPE(0))), 1);
    EXPECT_VALUES(wg_prod_axes(wg_zeros(dtype, WG_SHAPE(2, 0)), WG_AXES(1), false), 1, 1);
    ck_assert_int_eq(wg_dtype_of(wg_prod(x)), total_of(dtype));
    EXPECT_VALUES(wg_prod(wg_full(WG_I32, WG_SHAPE(3), 100000)), 1e15);
}
END_TEST

// The slope by each element is the product of all others, however many of them are zero.
START_TEST(the_gradient_of_a_product_is_exact_at_zeros) {
    const double value[] = { 2, 3, 5, 2, 0, 5, 0, 3, 0, 0, 0, 0 };
    wg_tensor *x = wg_variable(wg_from_f64(WG_F64, WG_SHAPE(4, 3), value));
    wg_tensor *gx = wg_derivative(wg_prod_axes(x, WG_AXES(1), false), x);
    EXPECT_VALUES(gx, 15, 10, 6, 0, 10, 0, 0, 0, 0, 0, 0, 0);
    // d^2 / dx_0 dx_j is the product of those that are left.
    wg_tensor *first = wg_slice(gx, 1, 0, 1, 1);  // (4, 1)
    EXPECT_VALUES(wg_derivative(first, x), 0, 5, 3, 0, 5, 0, 0, 0, 3, 0, 0, 0);
    wg_tensor *third = wg_derivative(wg_slice(wg_derivative(first, x), 1, 1, 2, 1), x);
    EXPECT_VALUES(third, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1);
}
END_TEST

START_TEST(a_product_carries_nan_and_infinity) {
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ NAN, 0, INF, 0, INF, -2 });
    EXPECT_NEAR(wg_prod_axes(x, WG_AXES(1), false), WG_F64, NAN, NAN, -INF);
}
END_TEST

/* ---- standard deviation ---------------------------------------------------------------------- */

START_TEST(the_standard_deviation_is_the_root_of_the_variance) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(2, 4), (double[]){ 1, 2, 3, 4, 10, 10, 10, 14 });
    EXPECT_NEAR(wg_std_axes(x, WG_AXES(1), false, 0), dtype, sqrt(1.25), sqrt(3));
    EXPECT_NEAR(wg_std_axes(x, WG_AXES(1), true, 1), dtype, sqrt(5.0 / 3), 2);
    EXPECT_NEAR(wg_std(VECTOR(dtype, 5), 1), dtype, NAN);
    EXPECT_NEAR(wg_std(VECTOR(dtype, 1, 2), 3), dtype, INF);
    EXPECT_NEAR(wg_std(wg_zeros(dtype, WG_SHAPE(0)), 0), dtype, NAN);
    EXPECT_NEAR(wg_std(VECTOR(dtype, 1, NAN), 0), dtype, NAN);
    EXPECT_NEAR(wg_std(VECTOR(WG_F64, 1e200, 3e200), 0), WG_F64, 1e200);
    EXPECT_NEAR(wg_std(VECTOR(WG_F64, 1e-200, 3e-200), 0), WG_F64, 1e-200);
}
END_TEST

START_TEST(where_nothing_varies_the_slope_of_std_is_zero_in_every_order) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 7, 7, 7));
    wg_tensor *gx = wg_derivative(wg_std(x, 1), x);
    EXPECT_VALUES(gx, 0, 0, 0);
    EXPECT_VALUES(wg_derivative(gx, x), 0, 0, 0);
    EXPECT_VALUES(wg_derivative(wg_std_axes(x, WG_SCALAR, false, 0), x), 0, 0, 0);
}
END_TEST

/* ---- norms ----------------------------------------------------------------------------------- */

START_TEST(norms_of_a_few_numbers) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(2, 3), (double[]){ 3, -4, 0, 1, 2, -2 });
    EXPECT_NEAR(wg_norm_axes(x, 2, WG_AXES(1), false), dtype, 5, 3);
    EXPECT_NEAR(wg_norm_axes(x, 1, WG_AXES(1), true), dtype, 7, 5);
    EXPECT_NEAR(wg_norm_axes(x, 0, WG_AXES(1), false), dtype, 2, 3);
    EXPECT_NEAR(wg_norm_axes(x, INF, WG_AXES(1), false), dtype, 4, 2);
    EXPECT_NEAR(wg_norm_axes(x, -INF, WG_AXES(1), false), dtype, 0, 1);
    EXPECT_NEAR(wg_norm_axes(x, -1, WG_AXES(1), false), dtype, 0, 0.5);
    EXPECT_NEAR(wg_norm_axes(x, 3, WG_AXES(1), false), dtype, cbrt(91), cbrt(17));
    EXPECT_NEAR(wg_norm(x, 2), dtype, sqrt(34));
    EXPECT_NEAR(wg_norm(wg_ones(dtype, WG_SHAPE(100, 9)), 2), dtype, 30);
    EXPECT_NEAR(wg_norm(wg_transpose(wg_ones(dtype, WG_SHAPE(100, 9)), 0, 1), 1), dtype, 900);
}
END_TEST

// Squares of 1e200 and of 1e-200 are out of range in f64, cubes of 1e30 and 1e-30 in f32.
START_TEST(a_norm_neither_overflows_nor_underflows) {
    static const double powers[] = { 1, 2, 3, 0.5, -1, -2.5, 40 };
    double p = powers[_i], scale = pow(4, 1 / p);
    static const double sizes[] = { 1e200, 1e-200, 1e300, 5e-324 };
    for (int k = 0; k < COUNT(sizes); k++) {
        double want = sizes[k] * scale, size = sizes[k];
        wg_tensor *y = wg_norm(VECTOR(WG_F64, size, -size, size, -size), p);
        // pow twice, each to a unit in the last place, the first error times 1/p; 5e-324 is coarse.
        expect_near(y, &want, 1, 0x1p-48, 5e-324);
    }
    for (int k = 0; k < 2; k++) {
        float size = k ? 1e30F : 1e-30F;
        double want = (double)size * scale;
        wg_tensor *x = wg_full(WG_F32, WG_SHAPE(4), (double)size);
        expect_near(wg_norm(x, p), &want, 1, 0x1p-22, 0);
    }
}
END_TEST

START_TEST(the_norm_of_nothing_and_of_what_is_no_number) {
    wg_tensor *none = wg_zeros(WG_F64, WG_SHAPE(0));
    for (double p = -2; p <= 3; p += 0.5) EXPECT_NEAR(wg_norm(none, p), WG_F64, p < 0 ? INF : 0);
    EXPECT_NEAR(wg_norm(none, INF), WG_F64, 0);
    EXPECT_NEAR(wg_norm(none, -INF), WG_F64, INF);
    static const double powers[] = { -INF, -1, 0, 0.5, 1, 2, 3, INF };
    for (int k = 0; k < COUNT(powers); k++) {
        double p = powers[k];
        EXPECT_NEAR(wg_norm(VECTOR(WG_F64, 1, NAN, 0), p), WG_F64, NAN);
        EXPECT_NEAR(wg_norm(VECTOR(WG_F64, 2, -INF), p), WG_F64, p < 0 ? 2 : p == 0 ? 2 : INF);
    }
    ck_assert_ptr_null(wg_norm(wg_ones(WG_F64, WG_SHAPE(2)), NAN));
    expect_error(WG_ERROR_ARGUMENT, "norm: [2]: p is NaN");
}
END_TEST

START_TEST(the_slope_of_a_norm_at_the_zero_vector_is_zero) {
    static const double powers[] = { -INF, -1, 0, 0.5, 1, 1.5, 2, 3, INF };
    wg_tensor *x = wg_variable(wg_zeros(WG_F64, WG_SHAPE(3)));
    wg_tensor *gx = wg_derivative(wg_norm(x, powers[_i]), x);
    EXPECT_VALUES(gx, 0, 0, 0);
    EXPECT_VALUES(wg_derivative(gx, x), 0, 0, 0);
}
END_TEST

START_TEST(an_infinite_norm_shares_its_slope_among_equals) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 3, -3, 1, -1, 3));
    EXPECT_NEAR(wg_derivative(wg_norm(x, INF), x), WG_F64, 1.0 / 3, -1.0 / 3, 0, 0, 1.0 / 3);
    EXPECT_VALUES(wg_derivative(wg_norm(x, -INF), x), 0, 0, 0.5, -0.5, 0);
}
END_TEST

// Where one element is 0 a norm with p < 0 is 0 and has a kink in that element, none in the others.
START_TEST(a_negative_norm_with_a_zero_has_slope_zero) {
    wg_tensor *x = wg_variable(VECTOR(WG_F64, 3, 0, 1));
    EXPECT_VALUES(wg_derivative(wg_norm(x, -1), x), 0, 0, 0);
}
END_TEST

/* ---- truth ----------------------------------------------------------------------------------- */

START_TEST(any_and_all_of_every_dtype) {
    wg_dtype dtype = (wg_dtype)_i;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(3, 2), (double[]){ 0, 0, 0, 1, 1, 1 });
    EXPECT_VALUES(wg_any_axes(x, WG_AXES(1), false), 0, 1, 1);
    EXPECT_VALUES(wg_all_axes(x, WG_AXES(1), true), 0, 0, 1);
    EXPECT_VALUES(wg_any_axes(x, WG_AXES(0), false), 1, 1);
    EXPECT_VALUES(wg_all(x), 0);
    ck_assert_int_eq(wg_dtype_of(wg_any(x)), WG_BOOL);
    EXPECT_VALUES(wg_any(wg_zeros(dtype, WG_SHAPE(0))), 0);
    EXPECT_VALUES(wg_all_axes(wg_zeros(dtype, WG_SHAPE(2, 0)), WG_AXES(1), false), 1, 1);
    wg_tensor *many = wg_zeros(dtype, WG_SHAPE(1000));
    EXPECT_VALUES(wg_any(many), 0);
    const double one = 1;
    ck_assert(wg_copy(wg_slice(many, 0, 997, 998, 1), wg_from_f64(dtype, WG_SHAPE(1), &one)));
    EXPECT_VALUES(wg_any(many), 1);
    EXPECT_VALUES(wg_all(wg_logical_not(many)), 0);
}
END_TEST

START_TEST(nan_is_true_and_minus_zero_is_false) {
    EXPECT_VALUES(wg_any(VECTOR(WG_F64, NAN)), 1);
    EXPECT_VALUES(wg_all(VECTOR(WG_F32, NAN, 1)), 1);
    EXPECT_VALUES(wg_any(VECTOR(WG_F64, -0.0)), 0);
}
END_TEST

/* ---- extremes -------------------------------------------------------------------------------- */

START_TEST(extremes_of_every_dtype) {
    wg_dtype dtype = (wg_dtype)_i;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(2, 3), (double[]){ 0, 1, 0, 1, 1, 1 });
    EXPECT_VALUES(wg_max_axes(x, WG_AXES(1), false), 1, 1);
    EXPECT_VALUES(wg_min_axes(x, WG_AXES(1), false), 0, 1);
    EXPECT_VALUES(wg_max_axes(x, WG_AXES(0), true), 1, 1, 1);
    EXPECT_VALUES(wg_min_axes(x, WG_AXES(0), true), 0, 1, 0);
    EXPECT_VALUES(wg_argmax(x, 1, false), 1, 0);
    EXPECT_VALUES(wg_argmin(x, 1, false), 0, 0);
    EXPECT_VALUES(wg_argmin(x, 0, true), 0, 0, 0);
    EXPECT_VALUES(wg_amax(x, WG_AXES(0, 1), false), 1);
    EXPECT_VALUES(wg_amin(x, WG_AXES(1), true), 0, 1);
    ck_assert_int_eq(wg_dtype_of(wg_max(x)), dtype);
    ck_assert_int_eq(wg_dtype_of(wg_argmax(x, 0, false)), WG_I64);
}
END_TEST

START_TEST(extremes_of_large_integers_are_exact) {
    const int64_t x[] = { INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN + 1 };
    wg_tensor *t = wg_from(WG_I64, WG_SHAPE(4), x);
    ck_assert_int_eq(*(const int64_t *)wg_values(wg_max(t), WG_I64), INT64_MAX);
    ck_assert_int_eq(*(const int64_t *)wg_values(wg_min(t), WG_I64), INT64_MIN);
}
END_TEST

START_TEST(nan_beats_everything_and_the_first_of_equals_wins) {
    wg_tensor *x = wg_from_f64(_i ? WG_F64 : WG_F32, WG_SHAPE(3, 4),
                               (double[]){ 1, NAN, INF, NAN, -INF, 7, -INF, 7, 2, 1, 0, -1 });
    EXPECT_NEAR(wg_max_axes(x, WG_AXES(1), false), wg_dtype_of(x), NAN, 7, 2);
    EXPECT_NEAR(wg_min_axes(x, WG_AXES(1), false), wg_dtype_of(x), NAN, -INF, -1);
    EXPECT_VALUES(wg_argmax(x, 1, false), 1, 1, 0);
    EXPECT_VALUES(wg_argmax(wg_flip(x, 1), 1, false), 0, 0, 3);
    EXPECT_VALUES(wg_argmin(x, 1, false), 1, 0, 3);
    EXPECT_VALUES(wg_argmax(wg_transpose(x, 0, 1), 0, false), 1, 1, 0);
    EXPECT_VALUES(wg_argmax(wg_expand(wg_ones(WG_F32, WG_SHAPE(2, 1)), WG_SHAPE(2, 5)), 1, false),
                  0, 0);
}
END_TEST

// 16 lanes, and a rest: the extreme is found in each place, and so is a NaN.
START_TEST(extremes_are_found_in_every_place) {
    for (int64_t at = 0; at < 53; at++) {
        wg_tensor *x = wg_zeros(_i ? WG_F64 : WG_F32, WG_SHAPE(53)), *one;
        one = wg_slice(x, 0, at, at + 1, 1);
        wg_fill(one, 2);
        EXPECT_VALUES(wg_max(x), 2);
        EXPECT_VALUES(wg_min(x), 0);
        wg_fill(one, -2);
        EXPECT_VALUES(wg_max(x), 0);
        EXPECT_VALUES(wg_min(x), -2);
        EXPECT_VALUES(wg_argmin(x, 0, false), (double)at);
        wg_fill(one, NAN);
        EXPECT_NEAR(wg_max(x), wg_dtype_of(x), NAN);
        EXPECT_NEAR(wg_min(x), wg_dtype_of(x), NAN);
    }
}
END_TEST

START_TEST(there_is_no_extreme_of_nothing) {
    ck_assert_ptr_null(wg_max(wg_zeros(WG_F64, WG_SHAPE(0))));
    expect_error(WG_ERROR_SHAPE, "max: [0]");
    ck_assert_ptr_null(wg_min_axes(wg_zeros(WG_F64, WG_SHAPE(2, 0)), WG_AXES(1), false));
    expect_error(WG_ERROR_SHAPE, "0 elements");
    ck_assert_ptr_null(wg_argmax(wg_zeros(WG_F64, WG_SHAPE(2, 0)), 1, false));
    expect_error(WG_ERROR_SHAPE, "0 elements");
    expect_shape(wg_max_axes(wg_zeros(WG_F64, WG_SHAPE(0, 3)), WG_AXES(1), false), WG_SHAPE(0));
    expect_shape(wg_argmax(wg_zeros(WG_F64, WG_SHAPE(0, 3)), 1, false), WG_SHAPE(0));
}
END_TEST

START_TEST(equals_share_the_gradient_evenly) {
    wg_tensor *x =
        wg_variable(wg_from_f64(WG_F64, WG_SHAPE(2, 4), (double[]){ 3, 1, 3, 0, 2, 2, 2, 2 }));
    EXPECT_VALUES(wg_derivative(wg_max_axes(x, WG_AXES(1), false), x), 0.5, 0, 0.5, 0, 0.25, 0.25,
                  0.25, 0.25);
    EXPECT_VALUES(wg_derivative(wg_min_axes(x, WG_AXES(0), true), x), 0, 1, 0, 1, 1, 0, 1, 0);
    EXPECT_VALUES(wg_derivative(wg_max(x), x), 0.5, 0, 0.5, 0, 0, 0, 0, 0);
}
END_TEST

/* ---- logsumexp ------------------------------------------------------------------------------- */

START_TEST(logsumexp_neither_overflows_nor_loses_the_small) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(3, 2), (double[]){ 0, 0, 1e4, -1e4, -1e4, -1e4 });
    EXPECT_NEAR(wg_logsumexp(x, WG_AXES(1), false), dtype, log(2), 1e4, -1e4 + log(2));
    EXPECT_NEAR(wg_logsumexp(x, WG_AXES(0, 1), false), dtype, 1e4);
    EXPECT_NEAR(wg_logsumexp(wg_zeros(dtype, WG_SHAPE(1000)), WG_AXES(0), false), dtype, log(1000));
    EXPECT_NEAR(wg_logsumexp(wg_zeros(dtype, WG_SHAPE(40, 2, 25)), WG_AXES(2, 0), false), dtype,
                log(1000), log(1000));
}
END_TEST

// A softmax at any height: the bound on y that -inf needs must not be met by numbers.
START_TEST(logsumexp_of_tiny_numbers_has_the_slope_of_a_softmax) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    static const double heights[] = { -1e3, -1001, -1e5, -1e30 };
    for (int k = 0; k < COUNT(heights); k++) {
        wg_tensor *x = wg_variable(wg_full(dtype, WG_SHAPE(4), heights[k])), *gx;
        wg_tensor *y = wg_logsumexp(x, WG_AXES(0), false);
        double share = exp(wg_item(wg_max(x)) - wg_item(y));
        // y is rounded by half a unit in the last place of 1e5; at 1e30 all of log 4 is lost.
        double off = dtype == WG_F32 ? 0x1p-8 : 0x1p-37;
        if (k < 3) expect_close(share, 0.25, 0.25 * off, "share");
        ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .constant = true }));
        EXPECT_NEAR(gx, dtype, share, share, share, share);
        EXPECT_NEAR(wg_derivative(y, x), dtype, share, share, share, share);
    }
}
END_TEST

START_TEST(logsumexp_of_infinities) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x = wg_from_f64(dtype, WG_SHAPE(5, 2),
                               (double[]){ -INF, -INF, -INF, 3, INF, 0, NAN, 0, INF, NAN });
    EXPECT_NEAR(wg_logsumexp(x, WG_AXES(1), false), dtype, -INF, 3, INF, NAN, NAN);
    EXPECT_NEAR(wg_logsumexp(wg_zeros(dtype, WG_SHAPE(1, 0)), WG_AXES(1), false), dtype, -INF);
}
END_TEST

START_TEST(logsumexp_of_minus_infinities_has_gradient_zero) {
    wg_dtype dtype = _i ? WG_F64 : WG_F32;
    wg_tensor *x =
        wg_variable(wg_from_f64(dtype, WG_SHAPE(2, 2), (double[]){ -INF, -INF, 2, -INF }));
    wg_tensor *y = wg_logsumexp(x, WG_AXES(1), false), *gx;
    EXPECT_VALUES(wg_derivative(y, x), 0, 0, 1, 0);
    ck_assert(wg_grad(y, &x, 1, &gx, (wg_grad_options){ .constant = true }));
    EXPECT_VALUES(gx, 0, 0, 1, 0);
    EXPECT_VALUES(wg_derivative(wg_derivative(y, x), x), 0, 0, 0, 0);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

// Lines of 300 elements that are spread out: gathering them, and the squares of var, take memory.
static bool some_reductions(void) {
    wg_tensor *x = wg_transpose(wg_variable(wg_full(WG_F64, WG_SHAPE(300, 2), 2)), 0, 1);
    wg_tensor *spread = wg_logsumexp(x, WG_AXES(1), false),
              *square = wg_mul(wg_var_axes(x, WG_AXES(1), true, 1), wg_norm(x, 3));
    spread = wg_add(spread, wg_add(wg_prod_axes(x, WG_AXES(1), false), wg_std(x, 1)));
    return wg_backward(
        wg_add(wg_sum(wg_max_axes(x, WG_AXES(0), false)), wg_add(wg_sum(spread), wg_mean(square))));
}

START_TEST(an_allocation_that_fails_is_reported_and_leaks_nothing) {
    fail_every_allocation(some_reductions);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reduce");
    TCase *axes = add_cases(suite, "axes");
    tcase_add_loop_test(axes, a_sum_goes_over_the_axes_listed_and_no_others, 0, COUNT(summable));
    tcase_add_test(axes, an_empty_list_of_axes_reduces_nothing);
    tcase_add_test(axes, keepdim_leaves_axes_of_size_one);
    tcase_add_test(axes, axes_that_are_not_there_or_come_twice_are_refused);
    tcase_add_test(axes, what_needs_floats_refuses_integers);
    TCase *sums = add_cases(suite, "sums");
    tcase_add_loop_test(sums, the_sum_of_nothing_is_zero, 0, COUNT(summable));
    tcase_add_test(sums, integers_are_summed_in_64_bits_which_wrap);
    tcase_add_loop_test(sums, every_element_is_added_once, 0, 14);
    tcase_add_loop_test(sums, a_sum_depends_on_the_values_alone, 0, 200);
    tcase_add_test(sums, an_element_that_serves_a_whole_axis_counts_each_time);
    tcase_add_test(sums, sums_are_taken_in_pairs);
    TCase *moments = add_cases(suite, "moments");
    tcase_add_loop_test(moments, means_and_variances_of_a_few_numbers, 0, 2);
    tcase_add_test(moments, too_few_numbers_give_what_numpy_gives);
    tcase_add_loop_test(moments, the_standard_deviation_is_the_root_of_the_variance, 0, 2);
    tcase_add_test(moments, where_nothing_varies_the_slope_of_std_is_zero_in_every_order);
    TCase *products = add_cases(suite, "products");
    tcase_add_loop_test(products, products_of_a_few_numbers, 0, COUNT(summable));
    tcase_add_test(products, the_gradient_of_a_product_is_exact_at_zeros);
    tcase_add_test(products, a_product_carries_nan_and_infinity);
    TCase *norms = add_cases(suite, "norms");
    tcase_add_loop_test(norms, norms_of_a_few_numbers, 0, 2);
    tcase_add_loop_test(norms, a_norm_neither_overflows_nor_underflows, 0, 7);
    tcase_add_test(norms, the_norm_of_nothing_and_of_what_is_no_number);
    tcase_add_loop_test(norms, the_slope_of_a_norm_at_the_zero_vector_is_zero, 0, 9);
    tcase_add_test(norms, an_infinite_norm_shares_its_slope_among_equals);
    tcase_add_test(norms, a_negative_norm_with_a_zero_has_slope_zero);
    TCase *truth = add_cases(suite, "truth");
    tcase_add_loop_test(truth, any_and_all_of_every_dtype, 0, WG_DTYPES);
    tcase_add_test(truth, nan_is_true_and_minus_zero_is_false);
    TCase *extremes = add_cases(suite, "extremes");
    tcase_add_loop_test(extremes, extremes_of_every_dtype, 0, WG_DTYPES);
    tcase_add_test(extremes, extremes_of_large_integers_are_exact);
    tcase_add_loop_test(extremes, nan_beats_everything_and_the_first_of_equals_wins, 0, 2);
    tcase_add_loop_test(extremes, extremes_are_found_in_every_place, 0, 2);
    tcase_add_test(extremes, there_is_no_extreme_of_nothing);
    tcase_add_test(extremes, equals_share_the_gradient_evenly);
    TCase *exponentials = add_cases(suite, "logsumexp");
    tcase_add_loop_test(exponentials, logsumexp_neither_overflows_nor_loses_the_small, 0, 2);
    tcase_add_loop_test(exponentials, logsumexp_of_tiny_numbers_has_the_slope_of_a_softmax, 0, 2);
    tcase_add_loop_test(exponentials, logsumexp_of_infinities, 0, 2);
    tcase_add_loop_test(exponentials, logsumexp_of_minus_infinities_has_gradient_zero, 0, 2);
    TCase *memory = add_cases(suite, "memory");
    tcase_add_test(memory, an_allocation_that_fails_is_reported_and_leaks_nothing);
    return run_suite(suite);
}
