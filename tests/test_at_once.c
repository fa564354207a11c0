// SPDX-License-Identifier: MIT
/* test_at_once.c: operations whose rule gives the gradients of all inputs in one call. */
#include "tests/core_test.h"
#include "tests/op_test.h"
#include "tests/times_op.h"

static int all_calls;
static enum { NONE, SHAPE, NOT_ITS_OWN, ZERO, FAILS, SCOPE_LEFT, SILENT, ALWAYS_BOTH } all_does;
static bool times_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    all_calls++;
    for (int i = 0; i < 2; i++)
        if (wanted[i] || all_does == ALWAYS_BOTH)
            gx[i] = all_does == ZERO ? NULL : wg_mul(gy, c->in[1 - i]);
    if (all_does == SHAPE && gx[1]) gx[1] = wg_unsqueeze(gx[1], 0);
    if (all_does == SCOPE_LEFT) wg_scope_open();
    if (all_does == NOT_ITS_OWN) gx[0] = gx[1] = gy;  // of the right form, and not of its making
    if (all_does == SILENT) return false;
    return all_does != FAILS || wg_fail(WG_ERROR_STATE, "on purpose");
}
static const wg_op times_op = TIMES_OP("times", times_all);
static wg_tensor *times(wg_tensor *a, wg_tensor *b) {
    return wg_apply(&times_op, (wg_tensor *[]){ a, b }, 2, NULL);
}

START_TEST(all_gradients_can_come_from_one_call) {
    wg_tensor *a = leaf(3), *b = leaf(5), *y = wg_square(times(a, b)), *g[2];
    all_calls = 0;
    all_does = NONE;
    ck_assert(wg_backward(y));
    ck_assert_int_eq(all_calls, 1);
    EXPECT_VALUES(wg_gradient(a), 2 * 15 * 5);
    EXPECT_VALUES(wg_gradient(b), 2 * 15 * 3);
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(
            wg_grad(y, (wg_tensor *[]){ a, b }, 2, g, (wg_grad_options){ .constant = constant }));
        EXPECT_VALUES(g[0], 150);
        EXPECT_VALUES(g[1], 90);
    }
    ck_assert_int_eq(all_calls, 3);
    EXPECT_VALUES(wg_derivative(wg_derivative(y, a), b), 4 * 15);
    EXPECT_VALUES(wg_derivative(times(a, a), a), 6);
    all_does = ZERO;
    EXPECT_VALUES(wg_derivative(y, a), 0);
    all_does = NOT_ITS_OWN;
    ck_assert(
        wg_grad(times(a, b), (wg_tensor *[]){ a, b }, 2, g, (wg_grad_options){ .constant = true }));
    EXPECT_VALUES(g[0], 1);
    EXPECT_VALUES(g[1], 1);
    all_does = NONE;
    wg_selftest_report r;
    ck_assert_msg(wg_op_selftest(&times_op, &r), "%s", r.text);
}
END_TEST

START_TEST(what_such_a_rule_does_wrong_is_told_and_changes_no_gradient) {
    static const struct {
        int f;
        const char *words;
    } row[] = { { SHAPE, "times: its vjp for input 1 gives f64 [1,2], the input is f64 [2]" },
                { FAILS, "on purpose" },
                { SCOPE_LEFT, "times: its vjp_all left a scope open" } };
    wg_tensor *a = wg_variable(LIST(1, 2)), *b = wg_variable(LIST(3, 4)), *g;
    wg_tensor *y = wg_sum(times(a, b));
    for (int i = 0; i < COUNT(row); i++) {
        wg_scope *s = wg_scope_open();
        all_does = (unsigned)row[i].f;
        ck_assert(!wg_backward(y));
        ck_assert_msg(strstr(wg_error_message(), row[i].words) != NULL, "%s", wg_error_message());
        wg_error_clear();
        if (row[i].f != SHAPE) ck_assert(!wg_grad(y, &a, 1, &g, (wg_grad_options){ 0 }));
        wg_error_clear();
        ck_assert(wg_recording(true));
        wg_scope_close(s);
        ck_assert(!wg_gradient(a) && !wg_gradient(b));
    }
    all_does = NONE;
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(a), 3, 4);
}
END_TEST

START_TEST(such_a_rule_that_refuses_without_a_word_is_named) {
    wg_tensor *a = wg_variable(LIST(1, 2)), *b = wg_variable(LIST(3, 4)), *g;
    wg_tensor *y = wg_sum(times(a, b));
    all_does = SILENT;
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "times: [2] x [2]: its vjp_all refused without a reason");
    ck_assert(!wg_grad(y, &a, 1, &g, (wg_grad_options){ 0 }));
    expect_error(WG_ERROR_STATE, "its vjp_all refused without a reason");
    expect_caught(&times_op, "it returns false", "its vjp_all refused without a reason");
    all_does = NONE;
}
END_TEST

START_TEST(a_gradient_for_an_input_that_is_not_wanted_is_refused) {
    wg_tensor *a = wg_variable(LIST(1, 2)), *b = LIST(3, 4), *c = wg_variable(LIST(3, 4)), *g;
    all_does = ALWAYS_BOTH;
    ck_assert(!wg_backward(wg_sum(times(a, b))));  // b is not tracked
    expect_error(WG_ERROR_STATE, "times: [2] x [2]: its vjp_all gives a gradient for input 1");
    ck_assert(!wg_backward(wg_sum(times(b, a))));
    expect_error(WG_ERROR_STATE, "its vjp_all gives a gradient for input 0");
    for (int constant = 0; constant < 2; constant++) {  // c is, but nobody asks
        ck_assert(
            !wg_grad(times(a, c), &a, 1, &g, (wg_grad_options){ .seed = b, .constant = constant }));
        expect_error(WG_ERROR_STATE, "its vjp_all gives a gradient for input 1");
    }
    ck_assert(wg_backward(wg_sum(times(a, c))));
    EXPECT_VALUES(wg_gradient(a), 3, 4);
    expect_caught(&times_op, "both are always given", "its vjp_all gives a gradient for input");
    all_does = NONE;
}
END_TEST

static bool sum3_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool sum3_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, wg_view_get(in[0], k) + wg_view_get(in[1], k) + wg_view_get(in[2], k));
    return true;
}
// Gives input 1 nothing where inputs 1 and 2 alone are wanted.
static bool sum3_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    (void)c;
    for (int i = 0; i < 3; i++)
        if (wanted[i]) gx[i] = gy;
    if (!wanted[0] && wanted[1] && wanted[2]) gx[1] = NULL;
    return true;
}

START_TEST(a_rule_that_is_wrong_for_one_subset_of_inputs_is_caught) {
    const wg_op sum3 = { .abi = WG_OP_ABI,
                         .name = "sum3",
                         .doc = "a + b + c",
                         .inputs = 3,
                         .flags = WG_OP_LINEAR,
                         .saves = WG_SAVES_NOTHING,
                         .infer = sum3_infer,
                         .forward = sum3_forward,
                         .vjp_all = sum3_all,
                         .jvp = wg_op_jvp_linear,
                         .samples = { "2,3 2,3 2,3" } };
    expect_caught(&sum3, "inputs 1 and 2 without 0", "reverse against forward mode");
}
END_TEST

static bool sweep_at_once(void) {
    wg_tensor *a = leaf(3), *b = a ? leaf(5) : NULL, *y = b ? wg_square(times(a, b)) : NULL, *g;
    bool done = y && wg_backward(y);
    ck_assert(done || !a || !wg_gradient(a));
    return done && wg_grad(y, &a, 1, &g, (wg_grad_options){ 0 });
}

START_TEST(whichever_allocation_fails_such_a_rule_loses_nothing) {
    all_does = NONE;
    ck_assert_int_gt(fail_every_allocation(sweep_at_once), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("at_once");
    TCase *t = add_cases(suite, "at once");
    tcase_add_test(t, all_gradients_can_come_from_one_call);
    tcase_add_test(t, what_such_a_rule_does_wrong_is_told_and_changes_no_gradient);
    tcase_add_test(t, such_a_rule_that_refuses_without_a_word_is_named);
    tcase_add_test(t, a_gradient_for_an_input_that_is_not_wanted_is_refused);
    tcase_add_test(t, a_rule_that_is_wrong_for_one_subset_of_inputs_is_caught);
    tcase_add_test(t, whichever_allocation_fails_such_a_rule_loses_nothing);
    return run_suite(suite);
}
