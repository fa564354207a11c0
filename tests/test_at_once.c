// SPDX-License-Identifier: MIT
/* test_at_once.c: operations whose rule gives the gradients of all inputs in one call. */
#include "tests/core_test.h"

static int all_calls;
static enum { NONE, SHAPE, NOT_ITS_OWN, ZERO, FAILS, SCOPE_LEFT } all_does;
static bool times_infer(const wg_call *c, wg_spec *out) {
    return wg_spec_set(out, wg_call_dtype(c, 0), wg_shape_of(c->in[0]));
}
static bool times_forward(const wg_call *c, const wg_view *const in[], wg_view *out) {
    (void)c;
    for (int64_t k = 0; k < wg_view_numel(out); k++)
        wg_view_set(out, k, wg_view_get(in[0], k) * wg_view_get(in[1], k));
    return true;
}
static bool times_all(const wg_call *c, wg_tensor *gy, const bool wanted[], wg_tensor *gx[]) {
    all_calls++;
    for (int i = 0; i < 2; i++)
        if (wanted[i]) gx[i] = all_does == ZERO ? NULL : wg_mul(gy, c->in[1 - i]);
    if (all_does == SHAPE && gx[1]) gx[1] = wg_unsqueeze(gx[1], 0);
    if (all_does == SCOPE_LEFT) wg_scope_open();
    if (all_does == NOT_ITS_OWN) gx[0] = gx[1] = gy;  // of the right form, and not of its making
    return all_does != FAILS || wg_fail(WG_ERROR_STATE, "on purpose");
}
static wg_tensor *times_jvp(const wg_call *c, wg_tensor *const dx[]) {
    wg_tensor *a = dx[0] ? wg_mul(dx[0], c->in[1]) : NULL;
    return wg_add_maybe(a, dx[1] ? wg_mul(dx[1], c->in[0]) : NULL);
}
static bool times_reference(const wg_call *c, const wg_zview in[], wg_zview *out) {
    (void)c;
    for (int64_t k = 0; k < wg_shape_numel(out->shape); k++)
        out->data[k] = in[0].data[k] * in[1].data[k];
    return true;
}
static const wg_op times_op = { .abi = WG_OP_ABI,
                                .name = "times",
                                .doc = "a b",
                                .inputs = 2,
                                .infer = times_infer,
                                .forward = times_forward,
                                .vjp_all = times_all,
                                .jvp = times_jvp,
                                .reference = times_reference,
                                .samples = { "3 3", "2,3 2,3", "() ()", "0 0" } };
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
    tcase_add_test(t, whichever_allocation_fails_such_a_rule_loses_nothing);
    return run_suite(suite);
}
