// SPDX-License-Identifier: MIT
/* test_layers.c: layers, losses, penalties and measures, each against its formula written out in
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

/* ---- losses ---------------------------------------------------------------------------------- */

static wg_tensor *huber_at_1_5(wg_tensor *y, wg_tensor *t) { return wg_nn_huber_loss(y, t, 1.5); }

static double mse(double y, double t) { return (y - t) * (y - t); }
static double mse_slope(double y, double t) { return 2 * (y - t); }
static double l1(double y, double t) { return fabs(y - t); }
static double l1_slope(double y, double t) { return (y > t) - (y < t); }
static double huber(double y, double t) {
    double d = fabs(y - t);
    return d <= 1.5 ? d * d / 2 : 1.5 * (d - 0.75);
}
static double huber_slope(double y, double t) { return fmax(-1.5, fmin(1.5, y - t)); }
static double bce(double y, double t) {
    // The header's formula, but with the part that cancels taken out: max(y, 0) - y t.
    return (y > 0 ? y * (1 - t) : -y * t) + log1p(exp(-fabs(y)));
}
static double bce_slope(double y, double t) {
    double e = exp(-fabs(y));
    return (y > 0 ? 1 - t : -t) + (y > 0 ? -e : e) / (1 + e);
}

static const struct {
    const char *name;
    wg_tensor *(*loss)(wg_tensor *, wg_tensor *);
    double (*formula)(double, double), (*slope)(double, double);
} losses[] = {
    { "mse_loss", wg_nn_mse_loss, mse, mse_slope },
    { "l1_loss", wg_nn_l1_loss, l1, l1_slope },
    { "huber_loss", huber_at_1_5, huber, huber_slope },
    { "bce_with_logits", wg_nn_bce_with_logits, bce, bce_slope },
};
enum { LOSSES = sizeof losses / sizeof *losses, POINTS = 10 };

static const double at_y[POINTS] = { -1000, 1000, -1000, 1000, 0, 0, 0.25, -3, 40, 2.5 };
static const double at_t[POINTS] = { 0, 1, 1, 0, 0, 1, 0.75, 0.5, 1, 1 };

START_TEST(losses_are_the_mean_of_their_formula) {
    wg_tensor *y = normal(WG_F64, WG_SHAPE(7, 3), 1);                           // (7, 3)
    wg_tensor *t = wg_rand(WG_F64, WG_SHAPE(7, 3), &(wg_random){ .seed = 2 });  // (7, 3)
    wg_tensor *loss = losses[_i].loss(y, t);
    double wanted = 0;
    for (int64_t k = 0; k < 21; k++)
        wanted += losses[_i].formula(element(y, k), element(t, k)) / 21;
    ck_assert_int_eq(wg_rank(loss), 0);
    expect_close(wg_item(loss), wanted, 1e-14, losses[_i].name);  // 21 terms about 1
}
END_TEST

START_TEST(losses_and_their_gradients_are_right_at_the_extremes) {
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int i = 0; i < POINTS; i++) {
            wg_scope *scope = wg_scope_open();
            wg_tensor *y = wg_variable(wg_full((wg_dtype)dtype, WG_SHAPE(1), at_y[i]));
            wg_tensor *t = wg_full((wg_dtype)dtype, WG_SHAPE(1), at_t[i]);
            wg_tensor *loss = losses[_i].loss(y, t);
            ck_assert_msg(wg_backward(loss), "%s", wg_error_message());
            double value = losses[_i].formula(at_y[i], at_t[i]);
            double slope = losses[_i].slope(at_y[i], at_t[i]);
            // Relative, for all that is not an exact zero: some ten roundings of 2^-24 or 2^-53.
            double unit = dtype == WG_F32 ? 0x1p-20 : 0x1p-49;
            double least = dtype == WG_F32 ? 0x1p-149 : 0x1p-1074;  // below are no numbers
            expect_close(wg_item(loss), value, unit * fabs(value) + least, losses[_i].name);
            expect_close(element(wg_gradient(y), 0), slope, unit * fabs(slope) + least,
                         losses[_i].name);
            wg_scope_close(scope);
        }
}
END_TEST

START_TEST(losses_refuse_shapes_that_would_broadcast) {
    wg_tensor *y = wg_zeros(WG_F32, WG_SHAPE(4, 1)), *t = wg_zeros(WG_F32, WG_SHAPE(4));
    char words[80];
    ck_assert_ptr_null(losses[_i].loss(y, t));
    snprintf(words, sizeof words, "%s: y is [4,1] and the target [4]", losses[_i].name);
    expect_error(WG_ERROR_SHAPE, words);
    ck_assert_ptr_null(losses[_i].loss(NULL, t));
    snprintf(words, sizeof words, "%s: y is NULL", losses[_i].name);
    expect_error(WG_ERROR_ARGUMENT, words);
    ck_assert_ptr_null(losses[_i].loss(y, NULL));
    expect_error(WG_ERROR_ARGUMENT, "the target is NULL");
}
END_TEST

START_TEST(huber_wants_a_positive_delta) {
    wg_tensor *y = wg_zeros(WG_F32, WG_SHAPE(4));
    ck_assert_ptr_null(wg_nn_huber_loss(y, y, 0));
    expect_error(WG_ERROR_ARGUMENT, "delta is 0");
    ck_assert_ptr_null(wg_nn_huber_loss(y, y, NAN));
    expect_error(WG_ERROR_ARGUMENT, "delta is nan");
}
END_TEST

START_TEST(a_target_can_be_differentiated_too) {
    wg_tensor *y = normal(WG_F64, WG_SHAPE(5), 1);
    wg_tensor *t = wg_variable(wg_rand(WG_F64, WG_SHAPE(5), &(wg_random){ .seed = 2 }));
    wg_tensor *gt = wg_derivative(wg_nn_bce_with_logits(y, t), t);  // -y / n
    for (int64_t k = 0; k < 5; k++)
        expect_close(element(gt, k), -element(y, k) / 5, 1e-15,
                     "gt");  // two roundings of numbers < 1
}
END_TEST

/* ---- penalties ------------------------------------------------------------------------------- */

static wg_nn *two_layers(void) {
    wg_nn *m = wg_nn_new(4);
    const wg_init init = { .kind = WG_INIT_NORMAL, .b = 1 };
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

/* ---- measures -------------------------------------------------------------------------------- */

enum { SAMPLES = 600, CLASSES = 4 };

static bool saw_training, saw_recording;
static int64_t largest_batch;

// Logits are the input itself, made by a layer whose weights are the unit matrix.
static wg_tensor *identity(wg_nn *m, wg_tensor *x) {  // x (B, CLASSES)
    saw_training |= wg_nn_is_training(m);
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(CLASSES, CLASSES), (wg_init){ 0 });
    if (w) wg_copy(w, wg_eye(WG_F32, CLASSES));
    wg_tensor *y = wg_matmul(x, w);  // (B, CLASSES)
    saw_recording |= wg_is_tracked(y);
    if (wg_dim(x, 0) > largest_batch) largest_batch = wg_dim(x, 0);
    return wg_nn_dropout(m, "drop", y, 0.5);
}

// Sample i is of class i % 4; every fifth is made to look like the class after it.
static wg_data *labelled(wg_tensor **x) {
    *x = wg_zeros(WG_F32, WG_SHAPE(SAMPLES, CLASSES));
    wg_tensor *y = wg_arange(WG_I64, 0, SAMPLES, 1);
    float values[SAMPLES * CLASSES] = { 0 };
    int64_t labels[SAMPLES];
    for (int64_t i = 0; i < SAMPLES; i++) {
        labels[i] = i % CLASSES;
        values[i * CLASSES + (i + (i % 5 == 0)) % CLASSES] = 1;
    }
    wg_write(*x, values, SAMPLES * CLASSES), wg_write(y, labels, SAMPLES);
    return wg_data_new(*x, y, (wg_data_options){ .scale = 2 });
}

static void expect_state_untouched(const wg_nn *m) {
    ck_assert(wg_nn_is_training(m));
    bool recording = wg_recording(true);
    ck_assert(recording);
}

START_TEST(accuracy_is_the_share_of_right_classes) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(!saw_training && !saw_recording);
    ck_assert_int_le(largest_batch, 256);
    expect_state_untouched(m);
    wg_nn_train(m, false), wg_recording(false);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(!wg_nn_is_training(m));
    bool recording = wg_recording(true);
    ck_assert(!recording);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

// Of each sample the sum of squares, its logits being twice a unit vector; the mean over the batch.
static wg_tensor *mean_square(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_tensor *squares = wg_sum_axes(wg_square(identity(m, x)), WG_AXES(-1), false);  // (B)
    wg_tensor *weight = wg_add(wg_cast(y, WG_F32), wg_num(1));                        // (B)
    return wg_mean(wg_mul(squares, weight));                                          // ()
}
static wg_tensor *not_one_number(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)m, (void)y;
    return wg_nn_sub(m, "deep") ? x : NULL;
}
static wg_tensor *nothing(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)m, (void)x, (void)y;
    return NULL;
}

START_TEST(the_loss_of_a_set_is_the_mean_over_its_samples) {
    enum { ODD = 300 };  // a batch of 256 and one of 44, whose labels have other means
    float values[ODD * CLASSES] = { 0 };
    int64_t labels[ODD];
    for (int64_t i = 0; i < ODD; i++) {
        labels[i] = i < 256 ? 0 : 4;
        values[i * CLASSES] = 2;
    }
    wg_data *d = wg_data_new(wg_from(WG_F32, WG_SHAPE(ODD, CLASSES), values),
                             wg_from(WG_I64, WG_SHAPE(ODD), labels), (wg_data_options){ 0 });
    wg_nn *m = wg_nn_new(1);
    saw_training = saw_recording = false;
    // 4 (label + 1) each: 4 for 256 of them and 20 for 44. Exact but for the division.
    double wanted = (256 * 4 + 44 * 20) / 300.0;
    expect_close(wg_nn_loss(m, mean_square, d), wanted, 1e-14, "loss");
    ck_assert(!saw_training && !saw_recording);
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(the_loss_of_a_set_refuses_what_is_no_loss) {
    wg_tensor *x;
    wg_data *d = labelled(&x), *empty;
    wg_nn *m = wg_nn_new(1);
    empty =
        wg_data_new(wg_slice(x, 0, 0, 0, 1), wg_zeros(WG_I64, WG_SHAPE(0)), (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_loss(m, not_one_number, d)));
    expect_message_begins("nn_loss: the cost is [256,4], wanted is one number");
    expect_state_untouched(m);
    ck_assert(isnan(wg_nn_loss(m, nothing, d)));
    expect_message_begins("nn_loss: the cost returned NULL");
    expect_state_untouched(m);
    ck_assert(isnan(wg_nn_loss(m, mean_square, empty)));
    expect_message_begins("nn_loss: the set is empty");
    ck_assert_ptr_nonnull(wg_nn_sub(m, "block3"));
    ck_assert(isnan(wg_nn_loss(NULL, mean_square, d)));
    expect_message_begins("nn_loss: the model is NULL");
    ck_assert(isnan(wg_nn_loss(m, NULL, d)));
    expect_message_begins("nn_loss: the cost is NULL");
    ck_assert(isnan(wg_nn_loss(m, mean_square, NULL)));
    expect_message_begins("nn_loss: the data is NULL");
    wg_nn_free(m), wg_data_free(d), wg_data_free(empty);
}
END_TEST

START_TEST(confusion_counts_each_class_taken_for_each) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *c = wg_nn_confusion(m, identity, d, CLASSES);  // (CLASSES, CLASSES)
    for (int64_t row = 0; row < CLASSES; row++)
        for (int64_t column = 0; column < CLASSES; column++) {
            double wanted = column == row ? 120 : column == (row + 1) % CLASSES ? 30 : 0;
            ck_assert_double_eq(element(c, row * CLASSES + column), wanted);
        }
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_confusion(m, identity, d, 3));
    expect_error(WG_ERROR_INDEX, "class 3, of 3 classes");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_confusion(m, identity, d, 0));
    expect_error(WG_ERROR_ARGUMENT, "0 classes");
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(predictions_are_the_classes_of_all_samples) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *y = wg_nn_predict(m, identity, x);  // (SAMPLES)
    ck_assert_int_eq(wg_dtype_of(y), WG_I64);
    ck_assert_int_eq(wg_numel(y), SAMPLES);
    for (int64_t i = 0; i < SAMPLES; i++)
        ck_assert_double_eq(element(y, i), (double)((i + (i % 5 == 0)) % CLASSES));
    ck_assert_int_le(largest_batch, 256);
    ck_assert_int_eq(wg_numel(wg_nn_predict(m, identity, wg_slice(x, 0, 0, 0, 1))), 0);
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(measuring_in_a_pass_leaves_its_batch_alone) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    wg_batch b = { .size = 10, .seed = 3 };
    ck_assert(wg_data_next(d, &b));
    wg_tensor *old = wg_zeros_like(b.x);
    wg_copy(old, b.x);
    ck_assert_double_eq(wg_nn_accuracy(m, identity, d), 0.8);
    ck_assert(wg_equal(b.x, old));
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

static wg_tensor *broken(wg_nn *m, wg_tensor *x) {
    return wg_matmul(wg_nn_linear(m, "fc", x, 3), x);
}
static wg_tensor *flat(wg_nn *m, wg_tensor *x) {
    (void)m;
    return wg_reshape(x, WG_SHAPE(WG_REST));
}

START_TEST(measures_put_everything_back_when_the_net_fails) {
    wg_tensor *x;
    wg_data *d = labelled(&x);
    wg_nn *m = wg_nn_new(1);
    ck_assert(isnan(wg_nn_accuracy(m, broken, d)));
    expect_error(WG_ERROR_SHAPE, "matmul");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_predict(m, broken, x));
    expect_error(WG_ERROR_SHAPE, "matmul");
    expect_state_untouched(m);
    ck_assert_ptr_null(wg_nn_predict(m, flat, x));
    expect_error(WG_ERROR_SHAPE, "predict: the classes are [] for 256 samples");
    ck_assert(isnan(wg_nn_accuracy(m, flat, d)));
    expect_error(WG_ERROR_SHAPE, "the classes are [] for labels [256]");
    expect_state_untouched(m);
    wg_nn_free(m), wg_data_free(d);
}
END_TEST

START_TEST(measures_refuse_what_they_cannot_measure) {
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(0, CLASSES)), *y = wg_zeros(WG_I64, WG_SHAPE(0));
    wg_nn *m = wg_nn_new(1);
    wg_data *empty = wg_data_new(x, y, (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_accuracy(m, identity, empty)));
    expect_error(WG_ERROR_ARGUMENT, "the set is empty");
    ck_assert(isnan(wg_nn_accuracy(m, NULL, empty)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the net is NULL");
    ck_assert(isnan(wg_nn_accuracy(NULL, identity, empty)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the model is NULL");
    ck_assert(isnan(wg_nn_accuracy(m, identity, NULL)));
    expect_error(WG_ERROR_ARGUMENT, "accuracy: the data is NULL");
    ck_assert_ptr_null(wg_nn_predict(m, identity, wg_zeros(WG_F32, WG_SCALAR)));
    expect_error(WG_ERROR_SHAPE, "predict: x is []");
    wg_tensor *z = wg_zeros(WG_F32, WG_SHAPE(3, CLASSES));
    wg_data *real = wg_data_new(z, z, (wg_data_options){ 0 });
    ck_assert(isnan(wg_nn_accuracy(m, identity, real)));
    expect_error(WG_ERROR_DTYPE, "the labels are f32");
    wg_nn_free(m), wg_data_free(empty), wg_data_free(real);
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

static bool use_measures(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(6, CLASSES), 1), *y = wg_zeros(WG_I64, WG_SHAPE(6));
    wg_data *d = wg_data_new(x, y, (wg_data_options){ 0 });
    bool done = m && d && !isnan(wg_nn_accuracy(m, identity, d)) &&
                !isnan(wg_nn_loss(m, mean_square, d)) && wg_nn_confusion(m, identity, d, CLASSES) &&
                wg_nn_predict(m, identity, x);
    bool recording = wg_recording(true);
    ck_assert(recording && (!m || wg_nn_is_training(m)));
    wg_nn_free(m), wg_data_free(d);
    return done;
}

START_TEST(every_allocation_may_fail) {
    fail_every_allocation(use_layers);
    fail_every_allocation(use_measures);
}
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
    tcase_add_loop_test(t, losses_are_the_mean_of_their_formula, 0, LOSSES);
    tcase_add_loop_test(t, losses_and_their_gradients_are_right_at_the_extremes, 0, LOSSES);
    tcase_add_loop_test(t, losses_refuse_shapes_that_would_broadcast, 0, LOSSES);
    tcase_add_test(t, huber_wants_a_positive_delta);
    tcase_add_test(t, a_target_can_be_differentiated_too);
    tcase_add_test(t, penalties_are_sums_over_what_matches);
    tcase_add_test(t, penalties_pull_on_what_matches_alone);
    tcase_add_test(t, penalties_on_nothing_are_errors);
    tcase_add_test(t, accuracy_is_the_share_of_right_classes);
    tcase_add_test(t, the_loss_of_a_set_is_the_mean_over_its_samples);
    tcase_add_test(t, the_loss_of_a_set_refuses_what_is_no_loss);
    tcase_add_test(t, confusion_counts_each_class_taken_for_each);
    tcase_add_test(t, predictions_are_the_classes_of_all_samples);
    tcase_add_test(t, measuring_in_a_pass_leaves_its_batch_alone);
    tcase_add_test(t, measures_put_everything_back_when_the_net_fails);
    tcase_add_test(t, measures_refuse_what_they_cannot_measure);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
