// SPDX-License-Identifier: MIT
/* test_model_average.c: averages of models are the sums of their weights that the formula says, and
   one that fails changes nothing. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { 0 };

static wg_tensor *param(wg_nn *m, const char *name, wg_dtype dtype, double value) {
    wg_init init = { .kind = WG_INIT_CONSTANT, .a = value };
    wg_tensor *w = wg_nn_param(m, name, dtype, WG_SHAPE(2), init);
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

static wg_tensor *buffer(wg_nn *m, const char *name, double value) {
    wg_init init = { .kind = WG_INIT_CONSTANT, .a = value };
    wg_tensor *b = wg_nn_buffer(m, name, WG_I64, WG_SHAPE(2), init);
    ck_assert_msg(b != NULL, "%s", wg_error_message());
    return b;
}

START_TEST(an_average_moves_parameters_and_copies_the_rest) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_tensor *w = param(to, "w", WG_F64, 8);
    param(from, "w", WG_F64, 16), param(from, "new", WG_F64, 5), buffer(from, "steps", 7);
    ck_assert(wg_nn_average(to, from, 0.75));
    EXPECT_VALUES(w, 10, 10);
    EXPECT_VALUES(wg_nn_find(to, "new"), 5, 5);
    EXPECT_VALUES(wg_nn_find(to, "steps"), 7, 7);
    wg_fill(wg_nn_find(from, "steps"), 9);
    ck_assert(wg_nn_average(to, from, 0.5));
    EXPECT_VALUES(w, 13, 13);
    EXPECT_VALUES(wg_nn_find(to, "new"), 5, 5);
    EXPECT_VALUES(wg_nn_find(to, "steps"), 9, 9);
    EXPECT_VALUES(wg_nn_find(from, "w"), 16, 16);
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

START_TEST(decay_0_copies_and_decay_1_keeps) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_tensor *w = param(to, "w", WG_F32, 3), *v = param(from, "w", WG_F32, 4);
    wg_fill(v, INFINITY);  // which times 0 would be NaN
    ck_assert(wg_nn_average(to, from, 1));
    EXPECT_VALUES(w, 3, 3);
    wg_fill(v, 4), wg_fill(w, NAN);
    ck_assert(wg_nn_average(to, from, 0));
    EXPECT_VALUES(w, 4, 4);
    ck_assert(wg_nn_average(to, to, 0.5));
    EXPECT_VALUES(w, 4, 4);
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

START_TEST(the_average_of_f32_is_computed_in_double) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_tensor *w = param(to, "w", WG_F32, 1);
    param(from, "w", WG_F32, 2);
    ck_assert(wg_nn_average(to, from, 0.999));
    double wanted = (double)(float)(1 + (1 - 0.999));
    EXPECT_VALUES(w, wanted, wanted);
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

START_TEST(a_model_is_the_average_of_its_copies_to_the_last_bit) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_init drawn = { .kind = WG_INIT_NORMAL, .b = 1 };
    wg_tensor *v = wg_nn_param(from, "w", WG_F32, WG_SHAPE(100), drawn);
    for (int k = 1; k < 50; k++) ck_assert(wg_nn_average(to, from, 1 - 1.0 / k));
    ck_assert(wg_equal(wg_nn_find(to, "w"), v));
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

START_TEST(decays_of_1_minus_1_over_k_give_the_plain_mean) {
    wg_nn *mean = wg_nn_new(1), *m = wg_nn_new(2);
    wg_tensor *w = param(m, "w", WG_F64, 0);
    double sum = 0;
    for (int k = 1; k <= 40; k++) {
        double value = k * k % 17;
        sum += value;
        wg_fill(w, value);
        ck_assert(wg_nn_average(mean, m, 1 - 1.0 / k));
        // Each call rounds a number below 17 three times, and shrinks what was there.
        expect_close(element(wg_nn_find(mean, "w"), 0), sum / k, 3 * k * 17 * 0x1p-53, "mean");
    }
    wg_nn_free(mean), wg_nn_free(m);
}
END_TEST

START_TEST(the_moving_average_is_the_geometric_sum) {
    wg_nn *ema = wg_nn_new(1), *m = wg_nn_new(2);
    wg_tensor *w = param(m, "w", WG_F64, 0);
    double wanted = 0;  // of values 0, 1, 2, ... with decay 1/2, exact in double
    for (int k = 0; k < 20; k++) {
        wg_fill(w, k);
        wanted = k == 0 ? 0 : 0.5 * wanted + 0.5 * k;
        ck_assert(wg_nn_average(ema, m, 0.5));
        EXPECT_VALUES(wg_nn_find(ema, "w"), wanted, wanted);
    }
    wg_nn_free(ema), wg_nn_free(m);
}
END_TEST

START_TEST(a_tied_parameter_is_averaged_once_and_a_frozen_one_too) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    param(from, "in", WG_F64, 8);
    ck_assert(wg_nn_tie(from, "out", "in"));
    ck_assert(wg_nn_average(to, from, 0.5));
    wg_tensor *w = wg_nn_find(to, "out");
    ck_assert_ptr_eq(w, wg_nn_find(to, "in"));
    ck_assert_int_eq(wg_nn_freeze(to, NULL), 1);
    wg_fill(wg_nn_find(from, "in"), 16);
    ck_assert(wg_nn_average(to, from, 0.5));
    EXPECT_VALUES(w, 12, 12);
    ck_assert(!wg_is_tracked(w));
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

START_TEST(an_averaged_parameter_is_noticed_by_a_backward_pass) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_tensor *loss = wg_sum(wg_square(param(to, "w", WG_F64, 1)));  // ()
    param(from, "w", WG_F64, 2);
    ck_assert(wg_nn_average(to, from, 0.5));
    ck_assert(!wg_backward(loss));
    expect_error(WG_ERROR_STATE, "square");
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

static const double bad_decays[] = { -0.1, 1.1, NAN, INFINITY };

START_TEST(an_average_that_fails_changes_nothing) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    wg_tensor *w = param(to, "w", WG_F64, 1);
    param(from, "w", WG_F64, 2), param(from, "new", WG_F64, 2), param(from, "last", WG_F64, 2);
    ck_assert(!wg_nn_average(to, from, bad_decays[_i]));
    expect_error(WG_ERROR_ARGUMENT, "nn_average: the decay");
    ck_assert(!wg_nn_average(to, NULL, 0.5));
    expect_error(WG_ERROR_ARGUMENT, "nn_average: from is NULL");
    ck_assert(!wg_nn_average(NULL, from, 0.5));
    expect_error(WG_ERROR_ARGUMENT, "nn_average: to is NULL");
    param(to, "last", WG_F32, 1);
    ck_assert(!wg_nn_average(to, from, 0.5));
    expect_error(WG_ERROR_DTYPE, "\"last\" is f32 [2], asked for as f64 [2]");
    wg_nn *part = wg_nn_sub(to, "part");
    ck_assert(!wg_nn_average(part, to, 0.5));
    expect_error(WG_ERROR_ARGUMENT, "nn_average: one of \"part\" and \"\" contains the other");
    EXPECT_VALUES(w, 1, 1);
    ck_assert_int_eq(wg_nn_params(to, NULL), 2);
    wg_nn_free(to), wg_nn_free(from);
}
END_TEST

static bool average_twice(void) {
    wg_nn *to = wg_nn_new(1), *from = wg_nn_new(2);
    char name[8];
    bool done = to && from && wg_nn_param(to, "w0", WG_F64, WG_SHAPE(2), DEFAULT);
    if (done) wg_fill(wg_nn_find(to, "w0"), 5);
    for (int i = 0; done && i < 20; i++) {
        snprintf(name, sizeof name, "w%d", i);
        done = wg_nn_param(from, name, WG_F64, WG_SHAPE(2), DEFAULT) != NULL;
    }
    if (done && !wg_nn_average(to, from, 0.5)) {
        done = false;
        ck_assert_int_eq(wg_nn_params(to, NULL), 1);
        ck_assert_double_eq(element(wg_nn_find(to, "w0"), 0), 5);
    }
    wg_nn_free(to), wg_nn_free(from);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(average_twice); }
END_TEST

int main(void) {
    Suite *suite = suite_create("model_average");
    TCase *t = add_cases(suite, "model_average");
    tcase_add_test(t, an_average_moves_parameters_and_copies_the_rest);
    tcase_add_test(t, decay_0_copies_and_decay_1_keeps);
    tcase_add_test(t, the_average_of_f32_is_computed_in_double);
    tcase_add_test(t, a_model_is_the_average_of_its_copies_to_the_last_bit);
    tcase_add_test(t, decays_of_1_minus_1_over_k_give_the_plain_mean);
    tcase_add_test(t, the_moving_average_is_the_geometric_sum);
    tcase_add_test(t, a_tied_parameter_is_averaged_once_and_a_frozen_one_too);
    tcase_add_test(t, an_averaged_parameter_is_noticed_by_a_backward_pass);
    ADD_TABLE(t, an_average_that_fails_changes_nothing, bad_decays);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
