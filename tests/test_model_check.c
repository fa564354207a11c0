// SPDX-License-Identifier: MIT
/* test_model_check.c: wg_nn_check_gradient, as one uses it who writes a layer of one's own: by
   public means alone. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { .kind = WG_INIT_DEFAULT };
static wg_check_report report;

static bool check(wg_nn *m, wg_nn_objective *f) {
    wg_check_options o = { .name = "cost", .order = 2 };
    bool right = wg_nn_check_gradient(m, f, m, o, &report);
    ck_assert(right == (report.failures == 0));
    expect_no_error();
    return right;
}
static void expect_words(const char *words) {
    ck_assert_msg(strstr(report.text, words) != NULL, "'%s' lacks '%s'", report.text, words);
}

static wg_tensor *weight(wg_nn *m) { return wg_nn_param(m, "w", WG_F64, WG_SHAPE(2, 3), DEFAULT); }
static wg_tensor *input(wg_nn *m) { return wg_nn_param(m, "x", WG_F64, WG_SHAPE(4, 3), DEFAULT); }

static wg_tensor *right(void *m) {
    return wg_mean(wg_square(wg_tanh(wg_linear(input(m), weight(m), NULL))));
}

START_TEST(a_right_layer_passes_by_its_parameters_which_stay_as_they_are) {
    wg_nn *m = wg_nn_new(1), *before = wg_nn_new(2);
    ck_assert_msg(check(m, right), "%s", report.text);  // makes them
    ck_assert_int_gt(report.checks, 2);
    ck_assert_int_eq(wg_nn_params(m, NULL), 2);
    ck_assert(wg_nn_copy(before, m));
    ck_assert(wg_backward(right(m)));
    wg_tensor *w = wg_nn_find(m, "w"), *g = wg_gradient(w);
    wg_nn_seal(m);
    int64_t tensors = wg_memory_now().tensors;
    ck_assert(check(m, right));
    ck_assert_int_eq(wg_memory_now().tensors, tensors);
    ck_assert(wg_nn_find(m, "w") == w && wg_gradient(w) == g);
    ck_assert(wg_equal(w, wg_nn_find(before, "w")));
    ck_assert(wg_nn_check_gradient(m, right, m, (wg_check_options){ 0 }, NULL));
    wg_nn_free(m), wg_nn_free(before);
}
END_TEST

static wg_tensor *stopped(void *m) {
    return wg_sum(wg_square(wg_mul(input(m), wg_stop(wg_sum_axes(weight(m), WG_AXES(0), false)))));
}
static wg_tensor *partly(void *m) { return wg_sum(wg_mul(weight(m), wg_stop(wg_exp(weight(m))))); }
static wg_tensor *unread(void *m) {
    weight(m);
    return wg_sum(wg_square(input(m)));
}
static wg_tensor *single(void *m) {
    return wg_sum(wg_square(wg_nn_param(m, "f", WG_F32, WG_SHAPE(2), DEFAULT)));
}
static wg_tensor *singly(void *m) {
    wg_tensor *w = wg_nn_param(m, "f", WG_F32, WG_SHAPE(2), (wg_init){ .kind = WG_INIT_ZEROS });
    return wg_sum(wg_mul(w, wg_ones(WG_F32, WG_SHAPE(2))));
}
static wg_tensor *dropping(void *m) {
    return wg_sum(wg_nn_dropout(m, "drop", wg_square(weight(m)), 0.5));
}
static wg_tensor *no_number(void *m) {
    (void)m;
    return NULL;
}
static wg_tensor *failing(void *m) { return wg_matmul(weight(m), weight(m)); }
static wg_tensor *of_nothing(void *m) {
    (void)m;
    return wg_ones(WG_F64, WG_SCALAR);
}

START_TEST(a_layer_whose_parameter_gradient_is_wrong_fails_by_its_path) {
    static const struct {
        wg_nn_objective *f;
        const char *words;
    } wrong[] = {
        { stopped, "cost: what depends on what: \"w\" is cut off" },
        { partly, "d/d\"w\" at [0,0]: backward " },
        { unread, "\"w\" does not reach the result" },
        { single, "f64" },
        { singly, "f64" },
        { dropping, "the same inputs give another result the second time" },
        { no_number, "cost: the function failed: NULL came back" },
        { failing, "cost: the function failed: " },
        { of_nothing, "cost: there is no parameter that is trained" },
        { NULL, "cost: the function is NULL" },
    };
    for (int i = 0; i < COUNT(wrong); i++) {
        wg_nn *m = wg_nn_new(1);
        ck_assert_msg(!check(m, wrong[i].f), "%d: nobody noticed", i);
        expect_words(wrong[i].words);
        wg_nn_free(m);
    }
    ck_assert(!check(NULL, right));
    expect_words("cost: the model is NULL");
}
END_TEST

START_TEST(a_frozen_parameter_is_not_checked) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_nonnull(unread(m));
    ck_assert_int_eq(wg_nn_freeze(m, "w"), 1);
    ck_assert_msg(check(m, unread), "%s", report.text);
    ck_assert_int_eq(wg_nn_unfreeze(m, "w"), 1);
    ck_assert(!check(m, unread));
    wg_nn_free(m);
}
END_TEST

enum { MANY = 70 };  // more than a function may have inputs
static wg_tensor *many(void *m) {
    wg_tensor *sum = wg_num(0);
    for (int i = 0; i < MANY; i++) {
        char name[8];
        snprintf(name, sizeof name, "w%d", i);
        wg_tensor *w =
            wg_nn_param(m, name, WG_F64, WG_SCALAR, (wg_init){ .kind = WG_INIT_NORMAL, .b = 1 });
        sum = wg_add(sum, wg_sin(i == MANY - 1 && wg_nn_is_training(m) ? wg_stop(w) : w));
    }
    return sum;
}

START_TEST(of_more_than_64_parameters_the_last_is_checked_as_well) {
    wg_nn *m = wg_nn_new(1);
    ck_assert(!check(m, many));
    expect_words("\"w69\" is cut off");
    wg_nn_train(m, false);
    ck_assert_msg(check(m, many), "%s", report.text);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_pending_error_is_left_alone) {
    wg_nn *m = wg_nn_new(1);
    wg_fail(WG_ERROR_FILE, "before");
    ck_assert(!wg_nn_check_gradient(m, right, m, (wg_check_options){ 0 }, &report));
    expect_words("an error is pending");
    expect_error(WG_ERROR_FILE, "before");
    wg_nn_free(m);
}
END_TEST

static bool check_with_few_allocations(void) {
    wg_nn *m = wg_nn_new(1);
    bool passed = m && wg_nn_check_gradient(m, right, m, (wg_check_options){ 0 }, &report);
    ck_assert(!m || passed || report.failures > 0);
    wg_nn_free(m);
    return passed;
}
START_TEST(a_check_survives_any_failing_allocation) {
    bool passed = false;
    for (int64_t n = 0; !passed; n = n < 40 ? n + 1 : n + n / 4) {
        count_allocations(n);
        passed = check_with_few_allocations();
        wg_error_clear();
        expect_all_released();
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("model_check");
    TCase *t = add_cases(suite, "gradients by parameters");
    tcase_add_test(t, a_right_layer_passes_by_its_parameters_which_stay_as_they_are);
    tcase_add_test(t, a_layer_whose_parameter_gradient_is_wrong_fails_by_its_path);
    tcase_add_test(t, a_frozen_parameter_is_not_checked);
    tcase_add_test(t, of_more_than_64_parameters_the_last_is_checked_as_well);
    tcase_add_test(t, a_pending_error_is_left_alone);
    tcase_add_test(t, a_check_survives_any_failing_allocation);
    return run_suite(suite);
}
