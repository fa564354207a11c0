// SPDX-License-Identifier: MIT
/* test_layers.c: dense layers and dropout, each against its formula written out in
   double. */
#include "tests/nn_test.h"

/* ---- linear ---------------------------------------------------------------------------------- */

enum { IN = 3, UNITS = 4 };

static const wg_shape leading[] = {
    { 1, { IN } }, { 2, { 5, IN } }, { 3, { 2, 5, IN } }, { 4, { 2, 1, 3, IN } }, { 2, { 0, IN } },
};

START_TEST(linear_is_x_w_transposed_plus_b_over_any_leading_axes) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, leading[_i], 7);
    wg_linear_options o = { .b = { .kind = WG_INIT_NORMAL, .b = 1 } };
    wg_tensor *y = wg_nn_linear_with(m, "fc", x, UNITS, o);
    ck_assert_msg(y != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_rank(y), wg_rank(x));
    ck_assert_int_eq(wg_dim(y, -1), UNITS);
    for (int i = 0; i < wg_rank(x) - 1; i++) ck_assert_int_eq(wg_dim(y, i), wg_dim(x, i));
    const wg_tensor *w = wg_nn_find(m, "fc/w"), *b = wg_nn_find(m, "fc/b");
    for (int64_t k = 0; k < wg_numel(y); k++) {
        int64_t row = k / UNITS, unit = k % UNITS;
        double wanted = element(b, unit);
        for (int64_t i = 0; i < IN; i++)
            wanted += element(x, row * IN + i) * element(w, unit * IN + i);
        expect_close(element(y, k), wanted, 1e-14, "y");  // four products of numbers about 1
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(linear_hands_gradients_to_weights_and_bias) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 5, IN), 7);  // (2, 5, IN)
    ck_assert(wg_backward(wg_sum(wg_nn_linear(m, "fc", x, UNITS))));
    const wg_tensor *gw = wg_gradient(wg_nn_find(m, "fc/w"));  // (UNITS, IN): sums of x
    const wg_tensor *gb = wg_gradient(wg_nn_find(m, "fc/b"));  // (UNITS): how many rows
    for (int64_t unit = 0; unit < UNITS; unit++) {
        ck_assert_double_eq(element(gb, unit), 10);
        for (int64_t i = 0; i < IN; i++) {
            double wanted = 0;
            for (int64_t row = 0; row < 10; row++) wanted += element(x, row * IN + i);
            expect_close(element(gw, unit * IN + i), wanted, 1e-14, "gw");  // ten terms about 1
        }
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(linear_without_bias_has_none) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, IN));
    ck_assert_ptr_nonnull(wg_nn_linear_with(m, "fc", x, 4, (wg_linear_options){ .no_bias = true }));
    ck_assert_int_eq(wg_nn_params(m, NULL), 1);
    wg_nn_free(m);
}
END_TEST

START_TEST(linear_refuses_what_does_not_fit) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_linear(m, "fc", NULL, 4));
    expect_error(WG_ERROR_ARGUMENT, "fc: nn_linear: x is NULL");
    ck_assert_ptr_null(wg_nn_linear(m, "fc", wg_zeros(WG_F32, WG_SCALAR), 4));
    expect_error(WG_ERROR_SHAPE, "fc: nn_linear: x is f32 []");
    ck_assert_ptr_null(wg_nn_linear(m, "fc", wg_zeros(WG_I64, WG_SHAPE(2, 3)), 4));
    expect_error(WG_ERROR_DTYPE, "fc: nn_linear: x is i64 [2,3]");
    ck_assert_ptr_null(wg_nn_linear(m, "fc", wg_zeros(WG_F32, WG_SHAPE(2, 3)), 0));
    expect_error(WG_ERROR_ARGUMENT, "fc: nn_linear: 0 units");
    ck_assert_ptr_null(wg_nn_linear(NULL, "fc", wg_zeros(WG_F32, WG_SHAPE(2, 3)), 4));
    expect_error(WG_ERROR_ARGUMENT, "linear: the model is NULL");
    ck_assert_ptr_null(wg_nn_linear(m, NULL, wg_zeros(WG_F32, WG_SHAPE(2, 3)), 4));
    expect_error(WG_ERROR_ARGUMENT, "linear: the name is NULL");
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_linear(m, "fc", wg_zeros(WG_F32, WG_SHAPE(2, 3)), 4);
    ck_assert_ptr_null(wg_nn_linear(m, "fc", wg_zeros(WG_F32, WG_SHAPE(2, 5)), 4));
    expect_error(WG_ERROR_SHAPE, "fc: the parameter \"fc/w\" is f32 [4,3], asked for as f32 [4,5]");
    wg_nn_free(m);
}
END_TEST

/* ---- messages begin with the path of the model ----------------------------------------------- */

static void expect_message_begins(const char *words) {
    ck_assert_msg(strncmp(wg_error_message(), words, strlen(words)) == 0,
                  "'%s' does not begin '%s'", wg_error_message(), words);
    wg_error_clear();
}

START_TEST(an_error_names_the_path_where_it_happened) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(8, 64, 32)), *bad = wg_zeros(WG_F32, WG_SHAPE(16, 64));
    wg_nn *block = wg_nn_sub(wg_nn_sub(m, "gpt"), "block%d", 3);
    (void)wg_nn_sub(block, "attn");
    ck_assert_ptr_null(wg_matmul(x, bad));
    expect_message_begins("gpt/block3/attn: matmul: ");
    wg_nn_linear(block, "up", x, 8);  // puts back the path of its model
    ck_assert_ptr_null(wg_matmul(x, bad));
    expect_message_begins("gpt/block3: matmul: ");
    wg_nn_dropout(m, "drop", x, 0.5);
    ck_assert_ptr_null(wg_matmul(x, bad));
    expect_message_begins("matmul: ");
    ck_assert_ptr_null(wg_nn_linear(block, "up", bad, 8));
    expect_message_begins("gpt/block3/up: the parameter");
    (void)wg_nn_sub(m, "gpt");
    wg_nn *other = wg_nn_new(2);
    ck_assert_ptr_null(wg_matmul(x, bad));
    expect_message_begins("matmul: ");
    wg_nn_free(m), wg_nn_free(other);
}
END_TEST

/* ---- dropout --------------------------------------------------------------------------------- */

enum { DROPS = 20000 };

static wg_tensor *drop_ones(wg_nn *m, const char *name, double p) {
    return wg_nn_dropout(m, name, wg_ones(WG_F64, WG_SHAPE(DROPS)), p);  // (DROPS)
}

START_TEST(dropout_zeroes_a_share_and_scales_the_rest) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *y = drop_ones(m, "drop", 0.2);
    int64_t zeros = 0;
    for (int64_t k = 0; k < DROPS; k++) {
        ck_assert(element(y, k) == 0 || element(y, k) == 1 / 0.8);
        zeros += element(y, k) == 0;
    }
    // Five standard errors of a share.
    expect_close((double)zeros / DROPS, 0.2, 5 * sqrt(0.2 * 0.8 / DROPS), "share");
    wg_nn_free(m);
}
END_TEST

START_TEST(dropout_does_nothing_when_evaluating_or_at_zero) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(10));
    ck_assert_ptr_eq(wg_nn_dropout(m, "drop", x, 0), x);
    ck_assert(wg_nn_train(m, false));
    ck_assert_ptr_eq(wg_nn_dropout(m, "drop", x, 0.9), x);
    ck_assert(!wg_nn_train(m, true));
    ck_assert_ptr_ne(wg_nn_dropout(m, "drop", x, 0.9), x);
    wg_nn_free(m);
}
END_TEST

// The share of places in which a[k] and b[k + shift] are dropped alike.
static double agreement(const wg_tensor *a, const wg_tensor *b, int64_t shift) {
    int64_t same = 0, n = DROPS - llabs(shift), from = shift < 0 ? -shift : 0;
    const double *x = wg_values(a, WG_F64), *y = wg_values(b, WG_F64);
    for (int64_t k = from; k < from + n; k++) same += x[k] == y[k + shift];
    return (double)same / (double)n;
}

START_TEST(dropout_masks_are_fresh_each_call_and_independent) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *mask[] = { drop_ones(m, "a", 0.5), drop_ones(m, "a", 0.5), drop_ones(m, "b", 0.5),
                          drop_ones(m, "a", 0.5) };
    for (int i = 0; i < 4; i++)
        for (int j = i + 1; j < 4; j++)
            for (int64_t shift = -70; shift <= 70; shift++)  // no two calls read one sequence
                // 846 comparisons: six standard errors, which chance exceeds once in 600,000
                // suites.
                expect_close(agreement(mask[i], mask[j], shift), 0.5, 6 * 0.5 / sqrt(DROPS - 70.0),
                             "agreement");
    wg_nn_free(m);
}
END_TEST

START_TEST(dropout_depends_on_seed_path_and_call_alone) {
    wg_nn *m = wg_nn_new(1), *n = wg_nn_new(1), *other = wg_nn_new(2);
    wg_tensor *first = drop_ones(m, "a/drop", 0.5), *second = drop_ones(m, "a/drop", 0.5);
    (void)drop_ones(n, "b", 0.5);  // what others draw does not matter
    ck_assert(wg_equal(drop_ones(wg_nn_sub(n, "a"), "drop", 0.5), first));
    ck_assert(wg_equal(drop_ones(n, "a/drop", 0.5), second));
    ck_assert(!wg_equal(first, second));
    ck_assert(!wg_equal(drop_ones(other, "a/drop", 0.5), first));
    wg_nn_free(m), wg_nn_free(n), wg_nn_free(other);
}
END_TEST

START_TEST(dropout_refuses_a_probability_out_of_range) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(10));
    wg_nn_train(m, false);  // also when it would do nothing
    const double bad[] = { 1, -0.1, 1.5, NAN };
    const char *words[] = { "probability 1 ", "probability -0.1 ", "probability 1.5 ", "nan" };
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(wg_nn_dropout(m, "drop", x, bad[i]));
        expect_error(WG_ERROR_ARGUMENT, words[i]);
    }
    ck_assert_ptr_null(wg_nn_dropout(m, "drop", NULL, 0.5));
    expect_error(WG_ERROR_ARGUMENT, "drop: nn_dropout: x is NULL");
    wg_nn_free(m);
}
END_TEST

START_TEST(sequential_is_its_layers_one_after_the_other) {
    wg_nn *a = wg_nn_new(1), *b = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, 5), 3);  // (6, 5)
    const wg_nn_dense layers[] = { { "one", 8, wg_tanh, 0.5 }, { "two", 3, NULL, 0 } };
    wg_tensor *y = wg_nn_sequential(a, x, layers, 2);                                    // (6, 3)
    wg_tensor *h = wg_nn_dropout(b, "one", wg_tanh(wg_nn_linear(b, "one", x, 8)), 0.5);  // (6, 8)
    ck_assert(wg_equal(y, wg_nn_linear(b, "two", h, 3)));
    ck_assert_ptr_null(wg_nn_sequential(a, x, layers, 0));
    expect_error(WG_ERROR_ARGUMENT, "0 layers");
    ck_assert_ptr_null(wg_nn_sequential(a, NULL, layers, 2));
    expect_error(WG_ERROR_ARGUMENT, "one: nn_linear: x is NULL");
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool use_layers(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, 2, 4), 1);     // (6, 2, 4)
    wg_tensor *h = m ? wg_nn_linear(m, "one", x, 5) : NULL;  // (6, 2, 5)
    h = m ? wg_nn_dropout(m, "drop", wg_relu(h), 0.5) : NULL;
    wg_tensor *loss = wg_nn_mse_loss(h, wg_zeros(WG_F32, WG_SHAPE(6, 2, 5)));  // ()
    if (m) loss = wg_add(loss, wg_nn_l2(m, NULL, 0.1));
    bool done = loss && wg_backward(loss);
    wg_nn_free(m);
    return done && wg_error() == WG_OK;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(use_layers); }
END_TEST

int main(void) {
    Suite *suite = suite_create("layers");
    TCase *t = add_cases(suite, "layers");
    ADD_TABLE(t, linear_is_x_w_transposed_plus_b_over_any_leading_axes, leading);
    tcase_add_test(t, linear_hands_gradients_to_weights_and_bias);
    tcase_add_test(t, linear_without_bias_has_none);
    tcase_add_test(t, linear_refuses_what_does_not_fit);
    tcase_add_test(t, an_error_names_the_path_where_it_happened);
    tcase_add_test(t, dropout_zeroes_a_share_and_scales_the_rest);
    tcase_add_test(t, dropout_does_nothing_when_evaluating_or_at_zero);
    tcase_add_test(t, dropout_masks_are_fresh_each_call_and_independent);
    tcase_add_test(t, dropout_depends_on_seed_path_and_call_alone);
    tcase_add_test(t, dropout_refuses_a_probability_out_of_range);
    tcase_add_test(t, sequential_is_its_layers_one_after_the_other);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
