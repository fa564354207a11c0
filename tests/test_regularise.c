// SPDX-License-Identifier: MIT
/* test_regularise.c: penalties on parameters and activities, each against its sum written out in
   double, and against differences. */
#include "tests/nn_test.h"

/* ---- penalties ------------------------------------------------------------------------------- */

static wg_nn *two_layers(void) {
    wg_nn *m = wg_nn_new(4);
    const wg_init init = { .kind = WG_INIT_NORMAL, .a = 0, .b = 1 };
    wg_nn_param(m, "one/w", WG_F64, WG_SHAPE(3, 4), init);
    wg_nn_param(m, "one/b", WG_F64, WG_SHAPE(4), init);
    wg_nn_param(m, "two/w", WG_F64, WG_SHAPE(4, 2), init);
    return m;
}

static double sum_over(const wg_nn *m, const char *pattern, double power) {
    double sum = 0;
    for (int i = 0; i < wg_nn_params(m, pattern); i++) {
        const wg_tensor *w = wg_nn_param_at(m, pattern, i);
        for (int64_t k = 0; k < wg_numel(w); k++) sum += pow(fabs(element(w, k)), power);
    }
    return sum;
}

START_TEST(penalties_are_sums_over_what_matches) {
    wg_nn *m = two_layers();
    // Some 24 terms about 1, so sums about 24.
    expect_close(wg_item(wg_nn_l2(m, NULL, 0.5)), 0.5 * sum_over(m, "*/w", 2), 1e-13, "l2");
    expect_close(wg_item(wg_nn_l1(m, NULL, 0.5)), 0.5 * sum_over(m, "*/w", 1), 1e-13, "l1");
    expect_close(wg_item(wg_nn_l2(m, "*", 3)), 3 * sum_over(m, "*", 2), 1e-12, "l2 of all");
    expect_close(wg_item(wg_nn_l1(m, "*/b", 2)), 2 * sum_over(m, "one/b", 1), 1e-13, "l1 of b");
    wg_nn *one = wg_nn_sub(m, "one");
    expect_close(wg_item(wg_nn_l2(one, NULL, 1)), sum_over(m, "one/w", 2), 1e-13, "l2 of a part");
    ck_assert_double_eq(wg_item(wg_nn_l2(m, NULL, 0)), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(penalties_pull_on_what_matches_alone) {
    wg_nn *m = two_layers();
    wg_tensor *w = wg_nn_find(m, "one/w");
    ck_assert(wg_backward(wg_nn_l2(m, NULL, 0.5)));
    for (int64_t k = 0; k < 12; k++)  // 2 * 0.5 * w: exact
        ck_assert_double_eq(element(wg_gradient(w), k), element(w, k));
    ck_assert_ptr_null(wg_gradient(wg_nn_find(m, "one/b")));
    wg_clear_gradient(w);
    ck_assert(wg_backward(wg_nn_l1(m, "one/w", 0.25)));
    for (int64_t k = 0; k < 12; k++)
        ck_assert_double_eq(element(wg_gradient(w), k), copysign(0.25, element(w, k)));
    wg_nn_free(m);
}
END_TEST

START_TEST(penalties_on_nothing_are_errors) {
    wg_nn *m = wg_nn_new(1);
    wg_nn_param(m, "b", WG_F32, WG_SHAPE(3), (wg_init){ 0 });
    ck_assert_ptr_null(wg_nn_l2(m, NULL, 1));
    expect_error(WG_ERROR_ARGUMENT,
                 "l2: none of the 1 parameters so far below \"\" matches (weights)");
    ck_assert_ptr_null(wg_nn_l1(wg_nn_sub(m, "x"), "*/w", 1));
    expect_error(WG_ERROR_ARGUMENT, "l1: none of the 0 parameters so far below \"x\" matches */w");
    ck_assert_ptr_null(wg_nn_l1(m, "b", -1));
    expect_error(WG_ERROR_ARGUMENT, "strength -1");
    ck_assert_ptr_null(wg_nn_l2(NULL, "b", 1));
    expect_error(WG_ERROR_ARGUMENT, "model is NULL");
    wg_nn_free(m);
}
END_TEST

static double element_of(const char *path, const wg_nn *m, int64_t k) {
    return element(wg_nn_find(m, path), k);
}

START_TEST(elastic_net_is_both) {
    wg_nn *m = two_layers();
    double want = 0.25 * sum_over(m, "*/w", 1) + 0.5 * sum_over(m, "*/w", 2);
    expect_close(wg_item(wg_nn_elastic_net(m, NULL, 0.25, 0.5)), want, 1e-13, "elastic net");
    ck_assert(wg_equal(wg_nn_elastic_net(m, "*", 0.25, 0), wg_nn_l1(m, "*", 0.25)));
    ck_assert(wg_equal(wg_nn_elastic_net(m, "*", 0, 0.5), wg_nn_l2(m, "*", 0.5)));
    ck_assert_double_eq(wg_item(wg_nn_elastic_net(m, "*", 0, 0)), 0);
    wg_nn_free(m);
}
END_TEST

// The norm of group k along an axis of "one/w", (3, 4).
static double group_norm(const wg_nn *m, int axis, int64_t k) {
    double square = 0;
    for (int64_t i = 0; i < 12; i++)
        if ((axis == 0 ? i / 4 : i % 4) == k) square += pow(element_of("one/w", m, i), 2);
    return sqrt(square);
}

START_TEST(groups_are_what_belongs_to_one_place_of_an_axis) {
    wg_nn *m = two_layers();
    for (int axis = 0; axis < 2; axis++) {
        double lasso = 0, over = 0;
        for (int64_t k = 0; k < (axis == 0 ? 3 : 4); k++) {
            double norm = group_norm(m, axis, k);
            lasso += 0.5 * sqrt(axis == 0 ? 4 : 3) * norm;
            over += 2 * pow(fmax(0, norm - 1.5), 2);
        }
        ck_assert_double_gt(over, 0);
        // Four groups about 2: some ten roundings.
        expect_close(wg_item(wg_nn_group_lasso(m, "one/w", 0.5, axis)), lasso, 1e-14, "lasso");
        expect_close(wg_item(wg_nn_group_lasso(m, "one/w", 0.5, axis - 2)), lasso, 1e-14,
                     "from the end");
        expect_close(wg_item(wg_nn_max_norm(m, "one/w", 2, 1.5, axis)), over, 1e-13, "max norm");
    }
    // groups of one number: the lasso is L1
    expect_close(wg_item(wg_nn_group_lasso(m, "one/b", 2, 0)), 2 * sum_over(m, "one/b", 1), 1e-14,
                 "b");
    ck_assert_double_eq(wg_item(wg_nn_max_norm(m, NULL, 2, 100, 0)), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_group_of_zeros_stays_where_it_is) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(2, 4),
                               (wg_init){ .kind = WG_INIT_CONSTANT, .a = 2, .b = 0 });
    wg_copy(wg_select(w, 0, 0), wg_zeros(WG_F32, WG_SHAPE(4)));
    ck_assert(wg_backward(wg_nn_group_lasso(m, NULL, 3, 0)));
    EXPECT_VALUES(wg_gradient(w), 0, 0, 0, 0, 3, 3, 3, 3);  // 3 sqrt(4) 2 / 4
    wg_clear_gradient(w);
    ck_assert(wg_backward(wg_nn_max_norm(m, NULL, 3, 0, 0)));
    EXPECT_VALUES(wg_gradient(w), 0, 0, 0, 0, 12, 12, 12, 12);  // 3 w^2: 2 * 3 * 2
    wg_nn_free(m);
}
END_TEST

START_TEST(activity_is_the_mean_over_samples) {
    wg_tensor *x =
        wg_variable(wg_from_f64(WG_F32, WG_SHAPE(2, 3), (double[]){ 1, -2, 3, 0, 4, -6 }));
    EXPECT_VALUES(wg_nn_activity(x, 1, 0), 8);       // 16 / 2
    EXPECT_VALUES(wg_nn_activity(x, 0, 0.5), 16.5);  // 66 / 4
    EXPECT_VALUES(wg_nn_activity(x, 1, 0.5), 24.5);
    EXPECT_VALUES(wg_derivative(wg_nn_activity(x, 1, 0.5), x), 1, -1.5, 2, 0, 2.5, -3.5);
    wg_tensor *none = wg_variable(wg_zeros(WG_F32, WG_SHAPE(0, 3)));
    EXPECT_VALUES(wg_nn_activity(none, 1, 1), 0);
    ck_assert_ptr_null(wg_nn_activity(NULL, 1, 1));
    expect_error(WG_ERROR_ARGUMENT, "nn_activity: x is NULL");
    ck_assert_ptr_null(wg_nn_activity(wg_num(1), 1, 1));
    expect_error(WG_ERROR_SHAPE, "no axis of samples");
    ck_assert_ptr_null(wg_nn_activity(x, 1, NAN));
    expect_error(WG_ERROR_ARGUMENT, "nn_activity: the strength nan");
}
END_TEST

START_TEST(groups_without_their_axis_are_errors) {
    wg_nn *m = two_layers();
    ck_assert_ptr_null(wg_nn_group_lasso(m, "*", 1, 1));
    expect_error(WG_ERROR_SHAPE, "nn_group_lasso: \"one/b\" is [4], which has no axis 1");
    ck_assert_ptr_null(wg_nn_max_norm(m, NULL, 1, -1, 0));
    expect_error(WG_ERROR_ARGUMENT, "nn_max_norm: the norm -1");
    ck_assert_ptr_null(wg_nn_max_norm(m, NULL, -1, 1, 0));
    expect_error(WG_ERROR_ARGUMENT, "nn_max_norm: the strength -1");
    ck_assert_ptr_null(wg_nn_elastic_net(m, NULL, 1, INFINITY));
    expect_error(WG_ERROR_ARGUMENT, "nn_elastic_net: the strength inf");
    ck_assert_ptr_null(wg_nn_max_norm(NULL, NULL, 1, 1, 0));
    expect_error(WG_ERROR_ARGUMENT, "nn_max_norm: the model is NULL");
    ck_assert_ptr_null(wg_nn_group_lasso(m, "none", 1, 0));
    expect_error(WG_ERROR_ARGUMENT, "matches none");
    wg_nn_free(m);
}
END_TEST

// Penalties of w, (2, 3): the model's parameter takes its values, and hands them its gradient.
static wg_tensor *penalties(void *user, wg_tensor *const x[], int n) {
    (void)n;
    wg_nn *m = user;
    wg_tensor *w = wg_nn_find(m, "w");
    if (!w || !wg_copy(w, x[0])) return NULL;
    wg_tensor *sum =
        wg_add(wg_nn_elastic_net(m, NULL, 0.5, 0.25), wg_nn_group_lasso(m, NULL, 2, 0));
    sum = wg_add(sum, wg_nn_max_norm(m, NULL, 3, 0.5, 1));
    return wg_add(sum, wg_nn_activity(w, 1, 1));
}

START_TEST(penalties_have_the_slopes_of_their_differences) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(2, 3),
                               (wg_init){ .kind = WG_INIT_NORMAL, .a = 0, .b = 1 });
    wg_tensor *x = wg_from(WG_F64, WG_SHAPE(2, 3), wg_values(w, WG_F64));
    ck_assert(wg_backward(penalties(m, &x, 1)));
    for (int64_t k = 0; k < 6; k++) {
        const double h = 1e-6;
        double at[2];
        for (int side = 0; side < 2; side++) {
            double v[6];
            ck_assert(wg_read_f64(x, v, 6));
            v[k] += side ? h : -h;
            wg_tensor *moved = wg_from_f64(WG_F64, WG_SHAPE(2, 3), v);
            at[side] = wg_item(penalties(m, &moved, 1));
        }
        // h^2 of the third derivative, about 10, and the rounding of sums about 20 divided by h
        expect_close(element(wg_gradient(w), k), (at[1] - at[0]) / (2 * h), 1e-8, "slope");
    }
    wg_nn_free(m);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("regularisers");
    TCase *t = add_cases(suite, "penalties");
    tcase_add_test(t, penalties_are_sums_over_what_matches);
    tcase_add_test(t, penalties_pull_on_what_matches_alone);
    tcase_add_test(t, penalties_on_nothing_are_errors);
    tcase_add_test(t, elastic_net_is_both);
    tcase_add_test(t, groups_are_what_belongs_to_one_place_of_an_axis);
    tcase_add_test(t, a_group_of_zeros_stays_where_it_is);
    tcase_add_test(t, activity_is_the_mean_over_samples);
    tcase_add_test(t, groups_without_their_axis_are_errors);
    tcase_add_test(t, penalties_have_the_slopes_of_their_differences);
    return run_suite(suite);
}
