// SPDX-License-Identifier: MIT
/* test_fence.c: what a function of the caller's must not do while one of ours runs it: close scopes
   that were open before, which we hold tensors in, or leave scopes of its own open. Both are errors
   and lose nothing. */
#include "tests/core_test.h"

static wg_scope *outer;  // the test's
static bool reset;       // whether the function resets the thread instead

static void close_what_is_not_ours(void) {
    if (reset)
        wg_reset();
    else
        wg_scope_close(outer);
}

static wg_tensor *closing(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    wg_tensor *y = wg_sum(wg_square(x[0]));
    close_what_is_not_ours();
    return y;
}
static wg_tensor *closing_hook(void *user, wg_tensor *x, wg_tensor *gx) {
    (void)user, (void)x, (void)gx;
    close_what_is_not_ours();
    return NULL;
}
static wg_tensor *closing_compose(const wg_call *c) { return closing(NULL, c->in, 1); }

static const wg_op closing_op = { .abi = WG_OP_ABI,
                                  .name = "closing",
                                  .doc = "sum x^2, and what it must not do",
                                  .inputs = 1,
                                  .compose = closing_compose,
                                  .samples = { "2" } };

/* ---- who calls it ---------------------------------------------------------------------------- */

static void by_checkpoint(wg_tensor *x) { wg_checkpoint(closing, NULL, &x, 1); }
static void by_hook(wg_tensor *x) {
    wg_tensor *y = wg_sum(wg_square(x));
    wg_on_gradient(x, closing_hook, NULL);
    wg_backward(y);
}
static void by_samples(wg_tensor *x) {
    wg_tensor *gx, *batch = wg_ones(WG_F64, WG_SHAPE(2, 3));
    wg_samples of = { closing, NULL, &batch, 1 };
    wg_grad_each(of, &x, 1, &gx);
}
static void by_compose(wg_tensor *x) { wg_apply(&closing_op, &x, 1, NULL); }

static void (*const callers[])(wg_tensor *x) = { by_checkpoint, by_hook, by_samples, by_compose };

static void expect_refusal(int which, bool resets) {
    wg_scope *whole = outer = wg_scope_open();
    reset = resets;
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(2), 3));
    wg_scope *inner = wg_scope_open();
    callers[which](x);
    expect_error(WG_ERROR_STATE, "closes a scope of its caller's");
    wg_scope_close(inner);
    EXPECT_VALUES(x, 3, 3);  // all that was there is still there
    wg_scope_close(whole);
    expect_no_error();
}

START_TEST(a_function_cannot_close_its_callers_scope) { expect_refusal(_i, false); }
END_TEST
START_TEST(a_function_cannot_reset_the_thread_that_runs_it) { expect_refusal(_i, true); }
END_TEST

START_TEST(the_checker_reports_a_function_that_closes_its_scope) {
    wg_check_report r;
    wg_scope *whole = outer = wg_scope_open();
    reset = false;
    wg_tensor *x = wg_full(WG_F64, WG_SHAPE(2), 3);
    ck_assert(!wg_check_gradient(closing, NULL, &x, 1, (wg_check_options){ 0 }, &r));
    ck_assert_msg(strstr(r.text, "closes a scope") != NULL, "%s", r.text);
    wg_scope_close(whole);
}
END_TEST

static wg_tensor *leaving_compose(const wg_call *c) {
    wg_scope_open();
    return wg_square(c->in[0]);
}

START_TEST(a_formula_that_leaves_a_scope_open_is_an_error) {
    wg_op leaving = closing_op;
    leaving.compose = leaving_compose;
    wg_tensor *x = wg_ones(WG_F64, WG_SHAPE(2));
    ck_assert_ptr_null(wg_apply(&leaving, &x, 1, NULL));
    expect_error(WG_ERROR_STATE, "closing: its compose left a scope open");
    wg_selftest_report r;
    ck_assert(!wg_op_selftest(&leaving, &r));
}
END_TEST

static double factor;
static wg_tensor *scaled(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_mul(wg_square(x[0]), wg_num(factor));
}

START_TEST(a_checkpoint_that_computes_something_else_again_is_an_error) {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(2), 3));
    factor = 1;
    wg_tensor *y = wg_checkpoint(scaled, NULL, &x, 1);
    factor = 2;
    ck_assert(!wg_backward(wg_sum(y)));
    expect_error(WG_ERROR_STATE, "run again, the function gave other values");
    factor = 1;
    ck_assert(wg_backward(wg_sum(y)));
    EXPECT_VALUES(wg_gradient(x), 6, 6);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("fence");
    TCase *fence = add_cases(suite, "fence");
    ADD_TABLE(fence, a_function_cannot_close_its_callers_scope, callers);
    ADD_TABLE(fence, a_function_cannot_reset_the_thread_that_runs_it, callers);
    tcase_add_test(fence, the_checker_reports_a_function_that_closes_its_scope);
    tcase_add_test(fence, a_formula_that_leaves_a_scope_open_is_an_error);
    tcase_add_test(fence, a_checkpoint_that_computes_something_else_again_is_an_error);
    return run_suite(suite);
}
