// SPDX-License-Identifier: MIT
/* test_order.c: what must hold at every order of derivative, and of leaves and handles at their
   end. */
#include "autograd/autograd_impl.h"
#include "tests/core_test.h"

static wg_tensor *one_over(wg_tensor *x) { return wg_div(wg_num(1), x); }
static wg_tensor *log_squared(wg_tensor *x) { return wg_square(wg_log(x)); }
static wg_tensor *exp_of_reciprocal(wg_tensor *x) { return wg_exp(wg_reciprocal(x)); }
static wg_tensor *const_zero_to(wg_tensor *x) { return wg_pow(wg_num(0), x); }
START_TEST(a_tensor_used_after_its_scope_is_reported_while_its_memory_says_so) {
    wg_scope *s = wg_scope_open();
    wg_tensor *x = scalar(1);
    wg_scope_close(s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)  // AddressSanitizer reports it itself
    ck_assert(isnan(wg_item(x)));
    expect_error(WG_ERROR_STATE, "after its scope was closed");
    ck_assert_ptr_null(wg_exp(x));
    expect_error(WG_ERROR_STATE, "exp: a tensor is used after its scope");
#else
    (void)x;
#endif
}
END_TEST

START_TEST(backward_to_some_leaves_leaves_the_others_alone) {
    wg_tensor *x = leaf(3), *w = leaf(2), *y = wg_mul(x, w), *z = leaf(1);
    bool reached = false;
    ck_assert(wg__backward_to(y, (wg_tensor *[]){ w, z }, 2, &reached));
    ck_assert(reached);
    EXPECT_VALUES(wg_gradient(w), 3);
    ck_assert_ptr_null(wg_gradient(x));
    ck_assert_ptr_null(wg_gradient(z));
    ck_assert(wg__backward_to(y, &z, 1, &reached));
    ck_assert(!reached);
}
END_TEST

// 0 * inf from either side, at any order: exp and all its derivatives are 1 at 0.
START_TEST(a_branch_not_taken_stays_out_of_higher_derivatives) {
    wg_tensor *(*const untaken[])(wg_tensor *) = { wg_sqrt,          wg_rsqrt, wg_log,
                                                   wg_reciprocal,    one_over, log_squared,
                                                   exp_of_reciprocal };
    wg_tensor *x = leaf(0), *taken = wg_gt(x, wg_num(0));
    wg_tensor *d = wg_where(taken, untaken[_i](x), wg_exp(x));
    for (int order = 1; order <= 4; order++) EXPECT_VALUES(d = wg_derivative(d, x), 1);
}
END_TEST

START_TEST(zero_to_a_power_is_flat_in_all_orders) {
    wg_tensor *x = leaf(2), *d = const_zero_to(x);
    for (int order = 1; order <= 4; order++) EXPECT_VALUES(d = wg_derivative(d, x), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("order");
    TCase *t = add_cases(suite, "order");
    tcase_add_loop_test(t, a_branch_not_taken_stays_out_of_higher_derivatives, 0, 7);
    tcase_add_test(t, zero_to_a_power_is_flat_in_all_orders);
    tcase_add_test(t, backward_to_some_leaves_leaves_the_others_alone);
    tcase_add_test(t, a_tensor_used_after_its_scope_is_reported_while_its_memory_says_so);
    return run_suite(suite);
}
