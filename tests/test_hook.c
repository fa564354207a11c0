// SPDX-License-Identifier: MIT
/* test_hook.c: functions that see, and may replace, the gradient of a tensor. */
#include "nn/nn.h"
#include "tests/core_test.h"

typedef struct seen {
    int calls;
    double value[8];
    int *order, tag;  // writes its tag where the order is kept
    wg_tensor *give, *kept;
    double factor;  // not 0: gives the gradient times this
    bool fails, leaves_open, keeps;
} seen;

static wg_tensor *look(void *user, wg_tensor *x, wg_tensor *gx) {
    seen *s = user;
    ck_assert(x && gx);
    if (s->calls < 8) s->value[s->calls] = wg_item(wg_sum(gx));
    s->calls++;
    if (s->order) *s->order = 10 * *s->order + s->tag;
    if (s->fails) wg_fail(WG_ERROR_STATE, "on purpose");
    if (s->leaves_open) wg_scope_open();
    if (s->keeps) s->kept = wg_stop(gx);
    return s->factor != 0 ? wg_mul(gx, wg_num(s->factor)) : s->give;
}

START_TEST(a_leafs_hook_sees_the_whole_gradient_of_this_pass_once) {
    wg_tensor *x = leaf(3), *y = wg_add(wg_square(x), wg_mul(x, wg_num(10)));
    seen s = { 0 };
    ck_assert(wg_on_gradient(x, look, &s));
    for (int pass = 0; pass < 2; pass++) {
        ck_assert(wg_backward(y));
        ck_assert_int_eq(s.calls, pass + 1);
        ck_assert(s.value[pass] == 16);
        EXPECT_VALUES(wg_gradient(x), 16 * (pass + 1));
    }
}
END_TEST

START_TEST(an_inner_tensors_hook_sees_the_sum_over_its_uses) {
    wg_tensor *x = leaf(3), *a = wg_square(x), *y = wg_add(wg_mul(a, a), wg_mul(a, x)), *g;
    seen s = { 0 };
    ck_assert(wg_on_gradient(a, look, &s));
    ck_assert(wg_backward(y));
    ck_assert_int_eq(s.calls, 1);
    ck_assert(s.value[0] == 2 * 9 + 3);
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(wg_grad(y, &x, 1, &g, (wg_grad_options){ .constant = constant }));
        ck_assert_int_eq(s.calls, 2 + constant);
    }
    EXPECT_VALUES(g, 4 * 27 + 3 * 9);
    ck_assert(wg_grad(y, &(wg_tensor *){ leaf(1) }, 1, &g, (wg_grad_options){ 0 }));
    ck_assert_int_eq(s.calls, 3);  // no gradient passes it
}
END_TEST

START_TEST(a_replacement_takes_the_gradients_place_below) {
    wg_tensor *x = leaf(3), *a = wg_square(x), *y = wg_mul(a, wg_num(5)), *g[2];
    seen s = { .factor = -2 };
    ck_assert(wg_on_gradient(a, look, &s));
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), -10 * 6);
    for (int constant = 0; constant < 2; constant++) {
        ck_assert(
            wg_grad(y, (wg_tensor *[]){ x, a }, 2, g, (wg_grad_options){ .constant = constant }));
        EXPECT_VALUES(g[0], -60);
        EXPECT_VALUES(g[1], -10);
        ck_assert_int_eq(wg_is_tracked(g[0]), !constant);
    }
    EXPECT_VALUES(wg_derivative(wg_derivative(y, x), x), -2 * 10);
}
END_TEST

START_TEST(hooks_run_from_the_newest_tensor_down_and_on_one_in_order) {
    int order = 0;
    wg_tensor *x = leaf(3), *a = wg_square(x), *y = wg_mul(a, x);
    seen s[5] = { { .tag = 1, .order = &order },
                  { .tag = 2, .order = &order, .factor = 10 },
                  { .tag = 3, .order = &order, .factor = 2 },
                  { .tag = 4, .order = &order },
                  { .tag = 5, .order = &order } };
    ck_assert(wg_on_gradient(x, look, &s[0]) && wg_on_gradient(a, look, &s[1]));
    ck_assert(wg_on_gradient(a, look, &s[2]) && wg_on_gradient(a, look, &s[3]));
    ck_assert(wg_on_gradient(y, look, &s[4]));
    ck_assert(wg_backward(y));
    ck_assert_int_eq(order, 52341);
    ck_assert(s[1].value[0] == 3 && s[2].value[0] == 30 && s[3].value[0] == 60);
    EXPECT_VALUES(wg_gradient(x), 60 * 6 + 9);
    ck_assert(wg_on_gradient(a, NULL, NULL));
    order = 0;
    ck_assert(wg_backward(y));
    ck_assert_int_eq(order, 51);
}
END_TEST

START_TEST(in_a_recorded_sweep_too_a_hook_sees_what_the_one_before_left) {
    wg_tensor *x = leaf(3), *a = wg_square(x), *y = wg_mul(a, x), *g;
    seen s[3] = { { .factor = 10 }, { .factor = 2 }, { 0 } };
    for (int i = 0; i < 3; i++) ck_assert(wg_on_gradient(a, look, &s[i]));
    for (int constant = 1; constant >= 0; constant--) {
        ck_assert(wg_grad(y, &x, 1, &g, (wg_grad_options){ .constant = constant }));
        for (int i = 0; i < 3; i++) ck_assert_int_eq(s[i].calls, 2 - constant);
        for (int pass = 0; pass < 2 - constant; pass++)
            ck_assert(s[0].value[pass] == 3 && s[1].value[pass] == 30 && s[2].value[pass] == 60);
        EXPECT_VALUES(g, 20 * 3 * 6 + 9);
    }
}
END_TEST

START_TEST(a_handle_of_the_gradient_outlives_the_call_and_keeps_its_value) {
    wg_tensor *x = wg_variable(LIST(1, 2)), *a = wg_exp(x), *y = wg_sum(wg_square(wg_mul(a, a)));
    seen s = { .keeps = true }, t = { .keeps = true };
    ck_assert(wg_on_gradient(x, look, &s) && wg_on_gradient(a, look, &t));
    ck_assert(wg_backward(y));
    wg_tensor *first = s.kept, *copy = wg_mul(first, wg_num(1)), *inner = wg_mul(t.kept, wg_num(1));
    ck_assert(wg_backward(y) && wg_backward(y));
    ck_assert(wg_equal(first, copy));
    ck_assert(wg_item(wg_sum(t.kept)) == wg_item(wg_sum(inner)));
    ck_assert(wg_equal(wg_gradient(x), wg_mul(copy, wg_num(3))));
}
END_TEST

START_TEST(a_hook_goes_with_its_tensor) {
    wg_tensor *x = leaf(3);
    seen s = { 0 };
    for (int i = 0; i < 3; i++) {
        wg_scope *scope = wg_scope_open();
        wg_tensor *y = wg_square(x);
        ck_assert(wg_on_gradient(y, look, &s) && wg_on_gradient(y, look, &s));
        ck_assert(wg_backward(y));
        wg_scope_close(scope);
        ck_assert_int_eq(s.calls, 2 * i + 2);
    }
    wg_nn *m = wg_nn_new(1);  // a parameter's lasts as long as the model
    wg_tensor *w =
        wg_nn_param(m, "w", WG_F64, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_CONSTANT, .a = 1 });
    seen p = { .factor = 0.5 };
    ck_assert(wg_on_gradient(w, look, &p));
    for (int i = 0; i < 3; i++) {
        wg_scope *scope = wg_scope_open();
        ck_assert(wg_backward(wg_sum(wg_square(w))));
        wg_scope_close(scope);
    }
    ck_assert_int_eq(p.calls, 3);
    EXPECT_VALUES(wg_gradient(w), 3, 3);
    wg_nn_free(m);
}
END_TEST

START_TEST(an_error_in_a_hook_fails_the_sweep_and_changes_nothing) {
    wg_tensor *x = leaf(3), *z = leaf(2), *a = wg_square(x), *y = wg_mul(z, a), *g;
    wg_tensor *other = leaf(1);
    static const struct {
        bool fails, open, shape, dtype;
        const char *words;
    } row[] = { { .fails = true, .words = "on purpose" },
                { .open = true, .words = "wg_on_gradient: its hook left a scope open" },
                { .shape = true, .words = "a hook gives f64 [2] for a gradient of f64 []" },
                { .dtype = true, .words = "a hook gives f32 [] for a gradient of f64 []" } };
    ck_assert(wg_backward(wg_mul(x, other)));
    for (int i = 0; i < COUNT(row); i++) {
        seen s = { .fails = row[i].fails, .leaves_open = row[i].open };
        if (row[i].shape) s.give = LIST(1, 2);
        if (row[i].dtype) s.give = wg_full(WG_F32, WG_SCALAR, 1);
        ck_assert(wg_on_gradient(x, look, &s));
        ck_assert(!wg_backward(y));
        ck_assert_msg(strstr(wg_error_message(), row[i].words) != NULL, "%s", wg_error_message());
        wg_error_clear();
        ck_assert(!wg_grad(y, &x, 1, &g, (wg_grad_options){ 0 }));
        wg_error_clear();
        EXPECT_VALUES(wg_gradient(x), 1);
        ck_assert_ptr_null(wg_gradient(z));
        ck_assert(wg_recording(true));
        ck_assert(wg_on_gradient(x, NULL, NULL));
    }
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 1 + 12);
}
END_TEST

static wg_tensor *remove_itself(void *user, wg_tensor *x, wg_tensor *gx) {
    (void)user, (void)gx;
    wg_on_gradient(x, NULL, NULL);
    return NULL;
}
// Differentiates something else on the way.
static wg_tensor *derive_again(void *user, wg_tensor *x, wg_tensor *gx) {
    (void)user, (void)x;
    bool was = wg_recording(true);
    wg_tensor *v = leaf(4), *g = wg_derivative(wg_square(v), v);
    bool done = wg_backward(wg_square(v));
    wg_recording(was);
    return done ? wg_mul(gx, g) : NULL;
}

START_TEST(a_hook_may_differentiate_but_not_remove_hooks) {
    wg_tensor *x = leaf(3), *y = wg_square(x);
    ck_assert(wg_on_gradient(x, derive_again, NULL));
    ck_assert(wg_backward(y));
    EXPECT_VALUES(wg_gradient(x), 6 * 8);
    ck_assert(wg_on_gradient(y, remove_itself, NULL));
    ck_assert(!wg_backward(y));
    expect_error(WG_ERROR_STATE, "no hook can be removed while one runs");
}
END_TEST

START_TEST(what_gets_no_gradient_takes_no_hook) {
    ck_assert(!wg_on_gradient(scalar(1), look, NULL));
    expect_error(WG_ERROR_STATE, "not tracked");
    ck_assert(!wg_on_gradient(NULL, look, NULL));
    expect_error(WG_ERROR_ARGUMENT, "NULL");
    ck_assert(wg_on_gradient(scalar(1), NULL, NULL));  // there is none to remove
}
END_TEST

static wg_tensor *square_of(void *user, wg_tensor *const x[], int n) {
    (void)n;
    wg_tensor *a = wg_exp(x[0]);
    return wg_on_gradient(a, look, user) ? wg_square(a) : NULL;
}

START_TEST(in_a_checkpoint_inner_hooks_run_once_a_sweep_and_outer_ones_once_in_all) {
    wg_tensor *x = leaf(0), *a = wg_mul(x, wg_num(2));
    seen inner = { .factor = 3 }, outer = { 0 };
    ck_assert(wg_on_gradient(a, look, &outer));
    wg_tensor *y = wg_checkpoint(square_of, &inner, (wg_tensor *[]){ a }, 1);
    ck_assert(wg_backward(wg_add(y, a)));
    ck_assert_int_eq(inner.calls, 1);
    ck_assert_int_eq(outer.calls, 1);
    ck_assert(inner.value[0] == 2 && outer.value[0] == 2 * 3 + 1);
    EXPECT_VALUES(wg_gradient(x), 14);
}
END_TEST

static bool hook_and_sweep(void) {
    wg_tensor *x = leaf(3), *a = x ? wg_square(x) : NULL, *g;
    seen s = { .factor = 2 };
    bool done = a && wg_on_gradient(a, look, &s) && wg_on_gradient(x, look, &s);
    bool swept = done && wg_backward(a);
    ck_assert(!x || swept || !wg_gradient(x));
    return swept && wg_grad(a, &x, 1, &g, (wg_grad_options){ 0 });
}

START_TEST(whichever_allocation_fails_it_is_told_and_nothing_leaks) {
    ck_assert_int_gt(fail_every_allocation(hook_and_sweep), 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hook");
    TCase *t = add_cases(suite, "hook");
    tcase_add_test(t, a_leafs_hook_sees_the_whole_gradient_of_this_pass_once);
    tcase_add_test(t, an_inner_tensors_hook_sees_the_sum_over_its_uses);
    tcase_add_test(t, a_replacement_takes_the_gradients_place_below);
    tcase_add_test(t, hooks_run_from_the_newest_tensor_down_and_on_one_in_order);
    tcase_add_test(t, in_a_recorded_sweep_too_a_hook_sees_what_the_one_before_left);
    tcase_add_test(t, a_handle_of_the_gradient_outlives_the_call_and_keeps_its_value);
    tcase_add_test(t, a_hook_goes_with_its_tensor);
    tcase_add_test(t, an_error_in_a_hook_fails_the_sweep_and_changes_nothing);
    tcase_add_test(t, a_hook_may_differentiate_but_not_remove_hooks);
    tcase_add_test(t, what_gets_no_gradient_takes_no_hook);
    tcase_add_test(t, in_a_checkpoint_inner_hooks_run_once_a_sweep_and_outer_ones_once_in_all);
    tcase_add_test(t, whichever_allocation_fails_it_is_told_and_nothing_leaks);
    return run_suite(suite);
}
