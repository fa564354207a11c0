// SPDX-License-Identifier: MIT
/* test_activation.c: prelu and glu: channels, halves, kinks, and what they refuse. */
#include "tests/slope_test.h"

/* ---- prelu ----------------------------------------------------------------------------------- */

START_TEST(prelu_has_one_slope_for_each_channel) {
    // (2, 2, 3): the channels are the rows
    wg_tensor *x = LIST(-1, 2, -3, -1, 2, -3, 4, -5, 6, 4, -5, 6);
    wg_tensor *w = wg_variable(wg_cast(LIST(0.5, 0.25), floats[_i])), *gw = NULL;
    x = wg_reshape(wg_cast(x, floats[_i]), WG_SHAPE(2, 2, 3));
    wg_tensor *y = wg_prelu(x, w);
    EXPECT_VALUES(y, -0.5, 2, -1.5, -0.25, 2, -0.75, 4, -2.5, 6, 4, -1.25, 6);
    ck_assert(wg_grad(y, &w, 1, &gw, (wg_grad_options){ .constant = true }));
    EXPECT_VALUES(gw, -9, -9);
    wg_tensor *half = wg_full(floats[_i], WG_SCALAR, 0.5), *slopes = wg_prelu(x, half);
    EXPECT_VALUES(wg_sub(slopes, wg_leaky_relu(x, 0.5)), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(prelu_takes_the_left_slope_at_zero_and_nan_at_nan) {
    wg_tensor *x = wg_variable(wg_cast(LIST(-1, 0, 2, NAN, INFINITY, -INFINITY), floats[_i]));
    wg_tensor *w = wg_full(floats[_i], WG_SHAPE(1), 0.25), *y = wg_prelu(x, w);
    expect_near(y, (double[]){ -0.25, 0, 2, NAN, INFINITY, -INFINITY }, 6, 0, 0);
    expect_near(wg_derivative(y, x), (double[]){ 0.25, 0.25, 1, NAN, 1, 0.25 }, 6, 0, 0);
}
END_TEST

START_TEST(prelu_of_an_empty_batch_has_a_gradient_of_zero) {
    wg_tensor *w = wg_variable(wg_ones(floats[_i], WG_SHAPE(3)));
    wg_tensor *y = wg_prelu(wg_zeros(floats[_i], WG_SHAPE(0, 3)), w);
    expect_shape(y, WG_SHAPE(0, 3));
    EXPECT_VALUES(wg_derivative(y, w), 0, 0, 0);
}
END_TEST

START_TEST(prelu_refuses_weights_that_are_not_one_for_each_channel) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 3, 4));
    ck_assert_ptr_null(wg_prelu(x, wg_zeros(WG_F32, WG_SHAPE(4))));
    expect_error(WG_ERROR_SHAPE, "prelu: [2,3,4] x [4]: the weight must be of rank 0, or of rank 1 "
                                 "and size 1 or 3");
    ck_assert_ptr_null(wg_prelu(x, wg_zeros(WG_F64, WG_SHAPE(3))));
    expect_error(WG_ERROR_DTYPE, "f32 and f64 do not mix");
}
END_TEST

/* ---- glu ------------------------------------------------------------------------------------- */

START_TEST(glu_gates_the_first_half_by_the_second) {
    wg_tensor *x = wg_cast(LIST(1, 2, 0, 800, 3, 4, -800, log(3)), floats[_i]);
    x = wg_reshape(x, WG_SHAPE(2, 4));
    double few_ulp = few(floats[_i]);
    expect_near(wg_glu(x, 1), (double[]){ 0.5, 2, 0, 3 }, 4, few_ulp, few_ulp);
    expect_near(wg_glu(x, -1), (double[]){ 0.5, 2, 0, 3 }, 4, few_ulp, few_ulp);
    double down[] = { 1 / (1 + exp(-3)), 2 / (1 + exp(-4)), 0, 600 };
    expect_near(wg_glu(x, 0), down, 4, few_ulp, few_ulp);
}
END_TEST

START_TEST(glu_refuses_an_odd_axis_with_its_size) {
    ck_assert_ptr_null(wg_glu(wg_zeros(WG_F32, WG_SHAPE(2, 5)), 1));
    expect_error(WG_ERROR_SHAPE, "glu: [2,5]: axis 1 has size 5, which is odd");
    ck_assert_ptr_null(wg_glu(wg_zeros(WG_F32, WG_SHAPE(2, 4)), 2));
    expect_error(WG_ERROR_SHAPE, "glu: [2,4]: there is no axis 2 among 2");
    ck_assert_ptr_null(wg_glu(wg_zeros(WG_I64, WG_SHAPE(4)), 0));
    expect_error(WG_ERROR_DTYPE, "glu: [4]: input 0 is i64, not f32 or f64");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("activation");
    TCase *p = add_cases(suite, "prelu");
    ADD_TABLE(p, prelu_has_one_slope_for_each_channel, floats);
    ADD_TABLE(p, prelu_takes_the_left_slope_at_zero_and_nan_at_nan, floats);
    ADD_TABLE(p, prelu_of_an_empty_batch_has_a_gradient_of_zero, floats);
    tcase_add_test(p, prelu_refuses_weights_that_are_not_one_for_each_channel);
    TCase *g = add_cases(suite, "glu");
    ADD_TABLE(g, glu_gates_the_first_half_by_the_second, floats);
    tcase_add_test(g, glu_refuses_an_odd_axis_with_its_size);
    return run_suite(suite);
}
