// SPDX-License-Identifier: MIT
/* test_anomaly.c: the first value that is not finite is named, with what it came of and where. */
#include "nn/nn.h"
#include "tests/core_test.h"

static void begin_anomaly(void) {
    begin_counted();
    ck_assert(!wg_anomaly(true));
}
static void end_anomaly(void) {
    ck_assert(wg_anomaly(false));
    end_counted();
}

/* ---- what is found --------------------------------------------------------------------------- */

START_TEST(a_result_that_is_not_finite_is_named_with_its_inputs_and_ranges) {
    ck_assert_ptr_null(wg_div(LIST(1, -2, 0), LIST(4, 5, 0)));
    expect_error(WG_ERROR_NUMERIC, "div: the result, f64 [3], is nan at [2]; its input 0, f64 [3], "
                                   "lies in -2 .. 1; its input 1, f64 [3], lies in 0 .. 5");
    ck_assert_ptr_null(wg_div(LIST(1, -2, 3), LIST(4, 5, 0)));
    expect_error(WG_ERROR_NUMERIC, "div: the result, f64 [3], is inf at [2]; its input 0, f64 [3], "
                                   "lies in -2 .. 3");
    ck_assert_ptr_null(wg_log(scalar(-1)));  // of either sign, as the processor has it
    expect_error(WG_ERROR_NUMERIC,
                 "log: the result, f64 [], is nan; its input 0, f64 [], lies in -1 .. -1");
}
END_TEST

START_TEST(what_was_not_finite_before_is_nobodys_fault) {
    wg_tensor *bad = LIST(INFINITY, NAN, 1), *x = wg_variable(LIST(0, 2, 3)), *g;
    ck_assert_ptr_nonnull(wg_exp(bad));
    ck_assert_ptr_nonnull(wg_sub(bad, bad));
    ck_assert_ptr_nonnull(wg_mul(x, wg_num(INFINITY)));
    ck_assert_ptr_nonnull(wg_log(wg_num(-INFINITY)));
    ck_assert_ptr_nonnull(wg_clamp(x, -INFINITY, 2));
    ck_assert_ptr_nonnull(wg_full(WG_F64, WG_SHAPE(2), NAN));
    wg_tensor *y = wg_square(x), *seed = LIST(1, INFINITY, 1);
    ck_assert(wg_grad(y, &x, 1, &g, (wg_grad_options){ .seed = seed }));
    expect_no_error();
}
END_TEST

START_TEST(a_gradient_that_is_not_finite_is_named_by_what_it_is_the_gradient_of) {
    wg_tensor *x = wg_variable(LIST(4, 0)), *y = wg_sum(wg_sqrt(x)), *g;
    ck_assert_ptr_nonnull(y);
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_NUMERIC,
                 "sqrt: the gradient for input 0, f64 [2], is inf at [1]; that of "
                 "the result, f64 [2], lies in 1 .. 1; its input 0, f64 [2], lies "
                 "in 0 .. 4");
    ck_assert_ptr_null(wg_gradient(x));
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ .constant = constant }));
        expect_error(WG_ERROR_NUMERIC, "sqrt: the gradient for input 0, f64 [2], is inf");
    }
    ck_assert_ptr_null(wg_jvp(y, &x, 1, (wg_tensor *[]){ LIST(1, 1) }));
    expect_error(WG_ERROR_NUMERIC, "sqrt: the tangent, f64 [2], is inf at [1]; the tangent of "
                                   "input 0, f64 [2], lies in 1 .. 1; its input 0, ");
}
END_TEST

START_TEST(gradients_that_overflow_only_together_are_named_too) {
    wg_tensor *x = leaf(1), *big = scalar(1.5e308), *g;
    wg_tensor *y = wg_sub(wg_mul(x, big), wg_mul(x, wg_neg(big)));
    expect_error(WG_ERROR_NUMERIC, "sub: the result, f64 [], is inf");
    wg_tensor *a = wg_mul(x, big), *b = wg_mul(x, wg_neg(big));
    wg_tensor *v[] = { scalar(1), scalar(-1) };
    y = wg_add(wg_mul(a, wg_num(0.5)), wg_mul(b, wg_num(0.5)));
    ck_assert(y && v[0]);
    wg_tensor *seeded = wg_cat((wg_tensor *[]){ wg_unsqueeze(a, 0), wg_unsqueeze(b, 0) }, 2, 0);
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(!wg_grad(seeded, &x, 1, &g,
                           (wg_grad_options){ .seed = LIST(1, -1), .constant = constant }));
        expect_error(WG_ERROR_NUMERIC, "a variable: the sum of its gradients, f64 [], is inf");
    }
}
END_TEST

static wg_tensor *net(wg_nn *m, wg_tensor *x) {
    x = wg_nn_linear(m, "in", x, 3);
    wg_nn *deep = wg_nn_sub(m, "deep");
    return wg_log(wg_mul(wg_nn_linear(deep, "out", x, 2), wg_num(0)));
}

START_TEST(the_models_path_is_named_forward_and_backward) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(net(m, wg_ones(WG_F64, WG_SHAPE(2, 4))));
    expect_error(WG_ERROR_NUMERIC, "log: the result, f64 [2,2], is -inf at [0,0]");
    wg_nn *block = wg_nn_sub(m, "block");
    wg_nn_linear(block, "first", wg_ones(WG_F64, WG_SHAPE(2)), 1);
    wg_tensor *w = wg_nn_param(block, "w", WG_F64, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_ZEROS });
    wg_tensor *y = wg_sum(wg_sqrt(w));
    wg_nn_linear(m, "later", wg_ones(WG_F64, WG_SHAPE(2)), 1);
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_NUMERIC, "block: sqrt: the gradient for input 0, f64 [2], is inf");
    wg_nn_free(m);
}
END_TEST

START_TEST(what_an_infinite_constant_does_to_a_gradient_is_nobodys_fault) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y = wg_sum(wg_mul(x, LIST(INFINITY, 1))), *g;
    ck_assert(wg_grad(y, &x, 1, &g, (wg_grad_options){ 0 }));
    ck_assert(wg_backward(y));
    ck_assert_ptr_nonnull(wg_jvp(y, &x, 1, (wg_tensor *[]){ LIST(1, 1) }));
    expect_no_error();
    EXPECT_VALUES(wg_gradient(x), INFINITY, 1);
}
END_TEST

START_TEST(the_path_of_a_record_does_not_stay_with_later_messages) {
    wg_nn *m = wg_nn_new(1), *block = wg_nn_sub(m, "block");
    wg_tensor *w = wg_nn_param(block, "w", WG_F64, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_ZEROS });
    wg_tensor *y = wg_sum(wg_sqrt(w));
    wg_nn_sub(m, "later");
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_NUMERIC, "block: sqrt: the gradient");
    ck_assert(!wg_backward(NULL));
    expect_error(WG_ERROR_ARGUMENT, "later: wg_backward: the loss is NULL");
    wg_nn_free(m);
}
END_TEST

/* ---- where ----------------------------------------------------------------------------------- */

static int failing_line;
static wg_tensor *bad_root(wg_tensor *x) {
    failing_line = __LINE__ + 1;
    return wg_sqrt(x);
}

// Line and file where libdw was there when the library was built; else at least nothing wrong.
static void expect_place(const char *words) {
    char place[64];
    snprintf(place, sizeof place, "test_anomaly.c:%d", failing_line);
    ck_assert_msg(strstr(wg_error_message(), words) != NULL, "%s", wg_error_message());
    bool told = strstr(wg_error_message(), place) != NULL;
#ifdef WENGERT_TEST_LINES
    ck_assert_msg(told, "%s lacks %s", wg_error_message(), place);
#else
    ck_assert_msg(told || !strstr(wg_error_message(), ".c:"), "%s", wg_error_message());
#endif
    wg_error_clear();
}

START_TEST(the_callers_line_is_told_of_a_result_and_of_a_gradient) {
    ck_assert_ptr_null(bad_root(LIST(-1, 2)));
    expect_place("sqrt: the result");
    wg_tensor *x = wg_variable(LIST(0, 2)), *y = wg_sum(bad_root(x));
    ck_assert(!wg_backward(y));
    expect_place("sqrt: the gradient");
    wg_tensor *c = LIST(1, 2), *z;
    failing_line = __LINE__ + 1;
    z = wg_sum(wg_mul(wg_variable(c), wg_variable(c)));
    ck_assert(wg_fill(c, 3));
    ck_assert(!wg_backward(z));
    expect_place("a value that it saved for its gradient, input 0, f64 [2], was overwritten");
}
END_TEST

/* ---- the mode -------------------------------------------------------------------------------- */

START_TEST(it_is_off_at_first_and_can_be_turned_off) {
    ck_assert(wg_anomaly(false));
    ck_assert_ptr_nonnull(wg_log(scalar(0)));
    wg_tensor *x = leaf(0);
    ck_assert(wg_backward(wg_sqrt(x)));
    ck_assert(isinf(wg_item(wg_gradient(x))));
    ck_assert(!wg_anomaly(true));
}
END_TEST

START_TEST(it_changes_no_number) {
    double kept[2][3];
    for (int on = 0; on < 2; on++) {
        wg_anomaly(on);
        wg_tensor *x = wg_variable(LIST(0.3, 2, -1));
        wg_tensor *y = wg_sum(wg_softmax(wg_mul(wg_tanh(x), wg_exp(x)), 0));
        wg_tensor *g = wg_derivative(wg_sum(wg_square(wg_derivative(wg_square(y), x))), x);
        ck_assert(g && wg_read(g, kept[on], 3));
    }
    ck_assert_mem_eq(kept[0], kept[1], sizeof kept[0]);
}
END_TEST

static wg_tensor *log_inside(void *user, wg_tensor *const x[], int n) {
    (void)user, (void)n;
    return wg_sqrt(wg_mul(x[0], wg_num(2)));
}

START_TEST(it_looks_into_checkpoints) {
    wg_tensor *x = leaf(0), *y = wg_checkpoint(log_inside, NULL, &x, 1);
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_NUMERIC, "sqrt: the gradient for input 0, f64 [], is inf");
}
END_TEST

static bool watched_sweep(void) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *y = x ? wg_sum(wg_log(x)) : NULL;
    return y && wg_backward(y);
}

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(watched_sweep), 5);
}
END_TEST

/* ---- what a loss does not reach -------------------------------------------------------------- */

START_TEST(parameters_that_a_loss_does_not_reach_are_told_by_path) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2, 4)), *h = wg_nn_linear(m, "used", x, 3);
    wg_nn_linear(wg_nn_sub(m, "lost"), "gate", x, 5);
    wg_tensor *stopped = wg_stop(wg_nn_linear(m, "stopped", h, 2));
    wg_tensor *loss = wg_sum(wg_mul(wg_slice(h, 1, 0, 2, 1), stopped));
    char text[200], little[10];
    ck_assert_int_eq(wg_nn_unreached(m, loss, (wg_nn_visitor){ 0 }), 4);
    ck_assert_uint_eq(wg_nn_unreached_text(m, loss, text, sizeof text), strlen(text));
    ck_assert_str_eq(text, "lost/gate/w f32 [5,4]\nlost/gate/b f32 [5]\n"
                           "stopped/w f32 [2,3]\nstopped/b f32 [2]\n");
    ck_assert_uint_eq(wg_nn_unreached_text(m, loss, little, sizeof little), strlen(text));
    ck_assert_str_eq(little, "lost/gate");
    ck_assert_int_eq(wg_nn_unreached(wg_nn_sub(m, "lost"), loss, (wg_nn_visitor){ 0 }), 2);
    ck_assert_int_eq(wg_nn_unreached(wg_nn_sub(m, "used"), loss, (wg_nn_visitor){ 0 }), 0);
    ck_assert_int_eq(wg_nn_unreached(m, stopped, (wg_nn_visitor){ 0 }), 6);
    ck_assert_int_eq(wg_nn_unreached(NULL, loss, (wg_nn_visitor){ 0 }), -1);
    expect_error(WG_ERROR_ARGUMENT, "the model is NULL");
    ck_assert_uint_eq(wg_nn_unreached_text(m, NULL, text, sizeof text), 0);
    expect_error(WG_ERROR_ARGUMENT, "the loss is NULL");
    ck_assert_str_eq(text, "");
    wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("anomaly");
    TCase *t = tcase_create("anomaly");
    suite_add_tcase(suite, t);
    tcase_add_checked_fixture(t, begin_anomaly, end_anomaly);
    tcase_set_timeout(t, 300);
    tcase_add_test(t, a_result_that_is_not_finite_is_named_with_its_inputs_and_ranges);
    tcase_add_test(t, what_was_not_finite_before_is_nobodys_fault);
    tcase_add_test(t, a_gradient_that_is_not_finite_is_named_by_what_it_is_the_gradient_of);
    tcase_add_test(t, gradients_that_overflow_only_together_are_named_too);
    tcase_add_test(t, the_models_path_is_named_forward_and_backward);
    tcase_add_test(t, what_an_infinite_constant_does_to_a_gradient_is_nobodys_fault);
    tcase_add_test(t, the_path_of_a_record_does_not_stay_with_later_messages);
    tcase_add_test(t, the_callers_line_is_told_of_a_result_and_of_a_gradient);
    tcase_add_test(t, it_is_off_at_first_and_can_be_turned_off);
    tcase_add_test(t, it_changes_no_number);
    tcase_add_test(t, it_looks_into_checkpoints);
    tcase_add_test(t, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    TCase *reach = add_cases(suite, "reach");
    tcase_add_test(reach, parameters_that_a_loss_does_not_reach_are_told_by_path);
    return run_suite(suite);
}
