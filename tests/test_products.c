// SPDX-License-Identifier: MIT
/* test_products.c: products of vectors and layers, traces, diagonals and triangles by numbers
   worked out by hand; what zero factors, NaN and empty axes give; and what is refused, with which
   words. */
#include "tests/core_test.h"

static wg_tensor *counting(wg_shape shape) {  // 1, 2, 3, ... in C order
    return wg_reshape(wg_arange(WG_F64, 1, (double)wg_shape_numel(shape) + 1, 1), shape);
}

/* ---- products -------------------------------------------------------------------------------- */

START_TEST(a_linear_layer_takes_any_leading_axes) {
    wg_tensor *x = counting(WG_SHAPE(2, 1, 3)), *b = LIST(10, 20);
    wg_tensor *w = wg_from_f64(WG_F64, WG_SHAPE(2, 3), (double[]){ 1, 0, -1, 2, 1, 0 });
    wg_tensor *y = wg_linear(x, w, b);
    expect_shape(y, WG_SHAPE(2, 1, 2));
    EXPECT_VALUES(y, 8, 24, 8, 33);
    EXPECT_VALUES(wg_linear(x, w, NULL), -2, 4, -2, 13);
    EXPECT_VALUES(wg_linear(LIST(1, 2, 3), w, b), 8, 24);
    wg_tensor *nothing = wg_zeros(WG_F64, WG_SHAPE(2, 0));
    EXPECT_VALUES(wg_linear(nothing, nothing, b), 10, 20, 10, 20);
}
END_TEST

START_TEST(a_layer_that_does_not_fit_is_refused_with_its_numbers) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(8, 64)), *w = wg_zeros(WG_F32, WG_SHAPE(10, 32));
    ck_assert_ptr_null(wg_linear(x, w, NULL));
    expect_error(WG_ERROR_SHAPE, "linear: [8,64] x [10,32]: x has 64 features, w takes 32");
    ck_assert_ptr_null(wg_linear(x, wg_transpose(x, 0, 1), wg_zeros(WG_F32, WG_SHAPE(3))));
    expect_error(WG_ERROR_SHAPE, "x has 64 features, w takes 8");
    ck_assert_ptr_null(
        wg_linear(x, wg_zeros(WG_F32, WG_SHAPE(5, 64)), wg_zeros(WG_F32, WG_SHAPE(4))));
    expect_error(WG_ERROR_SHAPE, "each of w's 5 rows");
    ck_assert_ptr_null(wg_linear(x, NULL, NULL));
    expect_error(WG_ERROR_ARGUMENT, "linear: input 1 is NULL");
    ck_assert_ptr_null(wg_linear(x, wg_zeros(WG_F64, WG_SHAPE(5, 64)), NULL));
    expect_error(WG_ERROR_DTYPE, "linear: [8,64] x [5,64]: f32 and f64 do not mix");
}
END_TEST

START_TEST(a_factor_of_zero_leaves_its_term_out_nan_and_all) {
    wg_tensor *c = wg_full(WG_F64, WG_SHAPE(2, 2), NAN), *one = wg_eye(WG_F64, 2);
    EXPECT_VALUES(wg_addmm(c, one, one, 0, 3), 3, 0, 0, 3);
    EXPECT_VALUES(wg_addmm(one, c, one, 2, 0), 2, 0, 0, 2);
    double got[4];
    ck_assert(wg_read(wg_addmm(c, one, one, 1, 1), got, 4));
    for (int i = 0; i < 4; i++) ck_assert(isnan(got[i]));
}
END_TEST

START_TEST(addmm_broadcasts_what_is_added_and_never_the_product) {
    wg_tensor *a = counting(WG_SHAPE(2, 2)), *one = wg_eye(WG_F64, 2);
    EXPECT_VALUES(wg_addmm(LIST(1, 2), a, one, 10, 2), 12, 24, 16, 28);
    EXPECT_VALUES(wg_addmm(scalar(1), a, one, 1, 1), 2, 3, 4, 5);
    ck_assert_ptr_null(wg_addmm(wg_zeros(WG_F64, WG_SHAPE(3, 2, 2)), a, one, 1, 1));
    expect_error(WG_ERROR_SHAPE, "addmm: [3,2,2] x [2,2] x [2,2]: the first does not broadcast");
    ck_assert_ptr_null(wg_addmm(a, a, wg_zeros(WG_F64, WG_SHAPE(3, 2)), 1, 1));
    expect_error(WG_ERROR_SHAPE, "inner sizes 2 and 3 differ");
}
END_TEST

START_TEST(products_of_vectors) {
    wg_tensor *a = LIST(1, 2, 3), *b = LIST(4, -5, 6), *none = wg_zeros(WG_F64, WG_SHAPE(0));
    expect_shape(wg_dot(a, b), WG_SCALAR);
    EXPECT_VALUES(wg_dot(a, b), 12);
    EXPECT_VALUES(wg_dot(none, none), 0);
    expect_shape(wg_outer(a, none), WG_SHAPE(3, 0));
    expect_shape(wg_outer(a, LIST(1, 2)), WG_SHAPE(3, 2));
    EXPECT_VALUES(wg_outer(a, LIST(1, 10)), 1, 10, 2, 20, 3, 30);
    ck_assert(isnan(wg_item(wg_dot(LIST(0, 1), LIST(INFINITY, 1)))));  // 0 * inf
    ck_assert_ptr_null(wg_dot(a, LIST(1)));
    expect_error(WG_ERROR_SHAPE, "dot: [3] x [1]: the sizes 3 and 1 differ");
    ck_assert_ptr_null(wg_dot(counting(WG_SHAPE(1, 3)), a));
    expect_error(WG_ERROR_SHAPE, "exactly 1 dimension");
}
END_TEST

START_TEST(a_bilinear_form_by_hand) {
    wg_tensor *a = LIST(1, 2), *b = LIST(3, 4, 5), *w = counting(WG_SHAPE(2, 2, 3));
    // (1,2) W (3,4,5)', W = [1 2 3; 4 5 6] and [7 8 9; 10 11 12]
    EXPECT_VALUES(wg_bilinear(a, w, b, NULL), 26 + 2 * 62, 98 + 2 * 134);
    EXPECT_VALUES(wg_bilinear(a, w, b, LIST(1, -1)), 151, 365);
    ck_assert_ptr_null(wg_bilinear(b, w, a, NULL));
    expect_error(WG_ERROR_SHAPE, "a and b have 3 and 2 features, w takes 2 and 3");
}
END_TEST

START_TEST(zero_times_infinity_is_nan_in_a_product_as_in_the_plain_sum) {
    wg_dtype dtype = _i & 1 ? WG_F64 : WG_F32;
    int64_t n = _i & 2 ? 3 : 40;
    wg_tensor *a = wg_zeros(dtype, WG_SHAPE(n, n)), *b = wg_ones(dtype, WG_SHAPE(n, n));
    const double inf = INFINITY, nan = NAN;
    ck_assert(wg_copy(wg_select(wg_select(b, 0, 1), 0, 2), scalar(inf)));
    ck_assert(wg_copy(wg_select(wg_select(a, 0, 0), 0, 0), scalar(nan)));
    wg_tensor *y = wg_matmul(a, b);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            ck_assert_int_eq(isnan(wg_at(y, (int64_t[]){ i, j })) != 0, i == 0 || j == 2);
}
END_TEST

/* ---- diagonals and triangles ----------------------------------------------------------------- */

START_TEST(a_diagonal_is_a_view_whose_last_axis_it_is) {
    wg_tensor *x = counting(WG_SHAPE(2, 3));
    EXPECT_VALUES(wg_diagonal(x, 0, 0, 1), 1, 5);
    EXPECT_VALUES(wg_diagonal(x, 1, 0, 1), 2, 6);
    EXPECT_VALUES(wg_diagonal(x, -1, 0, 1), 4);
    EXPECT_VALUES(wg_diagonal(x, 1, -1, -2), 4);
    expect_shape(wg_diagonal(x, 3, 0, 1), WG_SHAPE(0));
    expect_shape(wg_diagonal(x, INT64_MIN, 0, 1), WG_SHAPE(0));
    expect_shape(wg_diagonal(x, INT64_MAX, 0, 1), WG_SHAPE(0));
    ck_assert(wg_fill(wg_diagonal(x, 0, 0, 1), 9));
    EXPECT_VALUES(x, 9, 2, 3, 4, 9, 6);
    wg_tensor *stack = wg_diagonal(counting(WG_SHAPE(2, 3, 2)), 0, 0, 2);
    expect_shape(stack, WG_SHAPE(3, 2));
    EXPECT_VALUES(stack, 1, 8, 3, 10, 5, 12);
    ck_assert_ptr_null(wg_diagonal(x, 0, 1, -1));
    expect_error(WG_ERROR_SHAPE, "diagonal: [2,3]: axis 1 is given twice");
}
END_TEST

START_TEST(a_trace_is_that_of_each_matrix) {
    EXPECT_VALUES(wg_trace(counting(WG_SHAPE(2, 3))), 6);
    EXPECT_VALUES(wg_trace(counting(WG_SHAPE(2, 2, 2))), 5, 13);
    EXPECT_VALUES(wg_trace(wg_zeros(WG_F64, WG_SHAPE(0, 3))), 0);
    ck_assert_ptr_null(wg_trace(LIST(1, 2)));
    expect_error(WG_ERROR_SHAPE, "trace: [2]");
}
END_TEST

START_TEST(what_a_triangle_leaves_out_is_exactly_zero) {
    const double nan = NAN, inf = INFINITY;
    wg_tensor *x = wg_from_f64(WG_F64, WG_SHAPE(2, 2), (double[]){ 1, nan, inf, 2 });
    EXPECT_VALUES(wg_slice(wg_tril(x, 0), 0, 0, 1, 1), 1, 0);
    EXPECT_VALUES(wg_slice(wg_triu(x, 0), 0, 1, 2, 1), 0, 2);
    EXPECT_VALUES(wg_tril(x, -2), 0, 0, 0, 0);
    wg_tensor *v = wg_variable(x);
    EXPECT_VALUES(wg_derivative(wg_tril(v, 0), v), 1, 0, 1, 1);
    wg_tensor *y = counting(WG_SHAPE(2, 4));
    EXPECT_VALUES(wg_tril(y, 1), 1, 2, 0, 0, 5, 6, 7, 0);
    EXPECT_VALUES(wg_triu(y, 1), 0, 2, 3, 4, 0, 0, 7, 8);
    EXPECT_VALUES(wg_triu(wg_transpose(y, 0, 1), -1), 1, 5, 2, 6, 0, 7, 0, 0);
    EXPECT_VALUES(wg_tril(y, INT64_MAX), 1, 2, 3, 4, 5, 6, 7, 8);
    EXPECT_VALUES(wg_triu(y, INT64_MAX), 0, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(lower_and_upper_triangle_make_the_whole) {
    wg_random r = { .seed = 5 };
    for (int trial = 0; trial < 50; trial++) {
        wg_shape s = WG_SHAPE(between(&r, 1, 2), between(&r, 0, 5), between(&r, 0, 5));
        wg_tensor *x = random_layout(&r, WG_F32, s, true);
        int64_t k = between(&r, -6, 6);
        for (int64_t e = 0; e < wg_numel(x); e++)
            wg_view_set(&x->view, e, (double)between(&r, -4, 4));
        ck_assert(wg_equal(wg_add(wg_tril(x, k), wg_triu(x, k + 1)), x));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("products");
    TCase *products = add_cases(suite, "products");
    tcase_add_test(products, a_linear_layer_takes_any_leading_axes);
    tcase_add_test(products, a_layer_that_does_not_fit_is_refused_with_its_numbers);
    tcase_add_test(products, a_factor_of_zero_leaves_its_term_out_nan_and_all);
    tcase_add_test(products, addmm_broadcasts_what_is_added_and_never_the_product);
    tcase_add_test(products, products_of_vectors);
    tcase_add_test(products, a_bilinear_form_by_hand);
    tcase_add_loop_test(products, zero_times_infinity_is_nan_in_a_product_as_in_the_plain_sum, 0,
                        4);
    TCase *parts = add_cases(suite, "parts");
    tcase_add_test(parts, a_diagonal_is_a_view_whose_last_axis_it_is);
    tcase_add_test(parts, a_trace_is_that_of_each_matrix);
    tcase_add_test(parts, what_a_triangle_leaves_out_is_exactly_zero);
    tcase_add_test(parts, lower_and_upper_triangle_make_the_whole);
    return run_suite(suite);
}
