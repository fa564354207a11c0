// SPDX-License-Identifier: MIT
/* test_losses_edges.c: the losses of nn at extreme inputs, on nothing, with weights that leave out
   what is not finite, and with input that they refuse. */
#include "tests/nn_test.h"

static const double INF = INFINITY;
static const wg_dtype floats[] = { WG_F32, WG_F64 };

static wg_tensor *list(wg_dtype dtype, int64_t n, const double *values) {
    return wg_variable(wg_from_f64(dtype, WG_SHAPE(n), values));
}
#define LIST(dtype, ...) list(dtype, COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })
static wg_tensor *labels(int64_t n, const double *values) {
    return wg_from_f64(WG_I64, WG_SHAPE(n), values);
}
#define LABELS(...) labels(COUNT(((double[]){ __VA_ARGS__ })), (double[]){ __VA_ARGS__ })
static wg_tensor *table(wg_dtype dtype, int64_t rows, int64_t columns, const double *values) {
    return wg_variable(wg_from_f64(dtype, WG_SHAPE(rows, columns), values));
}
#define TABLE(dtype, rows, columns, ...) table(dtype, rows, columns, (double[]){ __VA_ARGS__ })
static const wg_loss_options each = { .reduction = WG_NONE };

/* ---- losses ---------------------------------------------------------------------------------- */

static wg_tensor *huber_at_1_5(wg_tensor *y, wg_tensor *t) {
    return wg_nn_huber_loss_with(y, t, (wg_loss_options){ .delta = 1.5 });
}
static wg_tensor *smooth_l1_at_1_5(wg_tensor *y, wg_tensor *t) {
    return wg_nn_smooth_l1_loss_with(y, t, (wg_loss_options){ .delta = 1.5 });
}

static double mse(double y, double t) { return (y - t) * (y - t); }
static double mse_slope(double y, double t) { return 2 * (y - t); }
static double l1(double y, double t) { return fabs(y - t); }
static double l1_slope(double y, double t) { return (y > t) - (y < t); }
static double huber(double y, double t) {
    double d = fabs(y - t);
    return d <= 1.5 ? d * d / 2 : 1.5 * (d - 0.75);
}
static double huber_slope(double y, double t) { return fmax(-1.5, fmin(1.5, y - t)); }
static double smooth(double y, double t) { return huber(y, t) / 1.5; }
static double smooth_slope(double y, double t) { return huber_slope(y, t) / 1.5; }
static double log_cosh(double y, double t) {
    double d = fabs(y - t);
    return d < 0.5 ? log1p(2 * pow(sinh(d / 2), 2)) : d + log1p(exp(-2 * d)) - log(2);
}
static double log_cosh_slope(double y, double t) { return tanh(y - t); }
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
    { "smooth_l1_loss", smooth_l1_at_1_5, smooth, smooth_slope },
    { "log_cosh_loss", wg_nn_log_cosh_loss, log_cosh, log_cosh_slope },
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

START_TEST(a_target_can_be_differentiated_too) {
    wg_tensor *y = normal(WG_F64, WG_SHAPE(5), 1);
    wg_tensor *t = wg_variable(wg_rand(WG_F64, WG_SHAPE(5), &(wg_random){ .seed = 2 }));
    wg_tensor *gt = wg_derivative(wg_nn_bce_with_logits(y, t), t);  // -y / n
    for (int64_t k = 0; k < 5; k++)
        expect_close(element(gt, k), -element(y, k) / 5, 1e-15,
                     "gt");  // two roundings of numbers < 1
}
END_TEST

/* ---- at the ends ----------------------------------------------------------------------------- */

START_TEST(probabilities_of_zero_and_one_have_their_limits) {
    wg_dtype dtype = floats[_i];
    wg_tensor *y = LIST(dtype, 0, 1, 0, 1), *t = LIST(dtype, 0, 1, 1, 0);
    wg_tensor *loss = wg_nn_bce_loss_with(y, t, each);
    EXPECT_VALUES(loss, 0, 0, INF, INF);
    EXPECT_VALUES(wg_derivative(loss, y), 1, -1, -INF, INF);  // (1 - t) / (1 - y) - t / y
    wg_tensor *log_p = LIST(dtype, -INF, 0, -INF), *q = LIST(dtype, 0, 1, 0.5);
    loss = wg_nn_kl_div_with(log_p, q, each);
    EXPECT_VALUES(loss, 0, 0, INF);
    EXPECT_VALUES(wg_derivative(loss, log_p), 0, -1, -0.5);
    wg_loss_options o = { .reduction = WG_NONE, .log_target = true };
    EXPECT_VALUES(wg_nn_kl_div_with(log_p, LIST(dtype, -INF, 0, 0), o), 0, 0, INF);
}
END_TEST

START_TEST(logits_of_any_size_have_their_limits) {
    wg_dtype dtype = floats[_i];
    wg_tensor *y = LIST(dtype, 1e4, -1e4, 1e4, -1e4, INF, -INF), *t = LIST(dtype, 1, 0, 0, 1, 1, 0);
    wg_tensor *loss = wg_nn_bce_with_logits_with(y, t, each);
    EXPECT_VALUES(loss, 0, 0, 1e4, 1e4, 0, 0);
    EXPECT_VALUES(wg_derivative(loss, y), 0, 0, 1, -1, 0, 0);
    wg_tensor *x = TABLE(dtype, 3, 3, 1e4, -1e4, 0, 1e4, -1e4, 0, 1e4, 1e4, -INF);
    loss = wg_nn_cross_entropy_with(x, LABELS(0, 1, 0), each);
    double log_2 = dtype == WG_F32 ? (float)log(2) : log(2);
    EXPECT_VALUES(loss, 0, 2e4, log_2);
    EXPECT_VALUES(wg_derivative(loss, x), 0, 0, 0, 1, -1, 0, -0.5, 0.5, 0);
    wg_tensor *sign = LIST(dtype, 1, -1, -1, 1, 1, -1);
    EXPECT_VALUES(wg_nn_hinge_loss_with(y, sign, each), 0, 0, 10001, 10001, 0, 0);
    // e^y is inf in f32 from 89 on, whatever is taken from it
    loss = wg_nn_poisson_nll_loss_with(y, LIST(dtype, 1, 1, 0, 0, 0, 0), each);
    EXPECT_VALUES(loss, INF, 1e4, INF, 0, INF, 0);
}
END_TEST

START_TEST(large_differences_do_not_overflow_where_the_loss_is_a_line) {
    wg_dtype dtype = floats[_i];
    double large = dtype == WG_F32 ? 0x1p127 : 0x1p1023;
    wg_tensor *y = LIST(dtype, large, -large, 1e-18), *t = LIST(dtype, 0, 0, 0);
    wg_tensor *loss = wg_nn_log_cosh_loss_with(y, t, each);
    // d^2 / 2 to the last places: a log of 1 + d^2 would be 0
    double want[] = { large, large, 5e-37 };
    expect_near(loss, want, 3, dtype == WG_F32 ? 0x1p-21 : 0x1p-50, 0);
    EXPECT_VALUES(wg_nn_huber_loss_with(y, t, each), large, large, element(loss, 2));
    wg_tensor *slope = wg_derivative(loss, y);
    EXPECT_VALUES(slope, 1, -1, element(y, 2));
    EXPECT_VALUES(wg_derivative(slope, y), 0, 0, 1);
}
END_TEST

START_TEST(a_variance_of_zero_is_eps) {
    wg_dtype dtype = floats[_i];
    wg_tensor *y = LIST(dtype, 1, 1), *t = LIST(dtype, 1, 3), *v = LIST(dtype, 0, 4);
    wg_loss_options o = { .reduction = WG_NONE, .epsilon = 0.25 };
    wg_tensor *loss = wg_nn_gaussian_nll_loss_with(y, t, v, o);
    double unit = dtype == WG_F32 ? 1e-6 : 1e-15;  // a few roundings of numbers about 1
    expect_near(loss, (double[]){ log(0.25) / 2, (log(4) + 1) / 2 }, 2, 0, unit);
    EXPECT_VALUES(wg_derivative(loss, v), 0, 0);  // at 4: (1 / 4 - 4 / 16) / 2
}
END_TEST

START_TEST(equal_and_zero_vectors_have_a_loss_and_a_gradient) {
    wg_dtype dtype = floats[_i];
    wg_tensor *a = TABLE(dtype, 2, 2, 0, 0, 3, 4), *b = TABLE(dtype, 2, 2, 1, 2, 3, 4);
    wg_tensor *loss = wg_nn_triplet_margin_loss_with(b, b, b, each);
    EXPECT_VALUES(loss, 1, 1);
    EXPECT_VALUES(wg_derivative(loss, b), 0, 0, 0, 0);
    EXPECT_VALUES(wg_nn_triplet_margin_loss_with(a, a, b, each), 0, 1);
    loss = wg_nn_cosine_embedding_loss_with(a, b, LIST(dtype, 1, -1), each);
    // cos = 25 / (5 * 5), rounded three times; a vector of length 0 has cos 0
    expect_near(loss, (double[]){ 1, 1 }, 2, 0, dtype == WG_F32 ? 4e-7 : 1e-15);
    ck_assert(wg_item(wg_all(wg_isfinite(wg_derivative(loss, b)))) == 1);
}
END_TEST

/* ---- nothing, and what is left out ----------------------------------------------------------- */

typedef wg_tensor *loss_of_pair(wg_tensor *y, wg_tensor *target, wg_loss_options o);
static loss_of_pair *const pairs[] = { wg_nn_mse_loss_with,           wg_nn_l1_loss_with,
                                       wg_nn_huber_loss_with,         wg_nn_smooth_l1_loss_with,
                                       wg_nn_log_cosh_loss_with,      wg_nn_bce_loss_with,
                                       wg_nn_bce_with_logits_with,    wg_nn_hinge_loss_with,
                                       wg_nn_squared_hinge_loss_with, wg_nn_kl_div_with,
                                       wg_nn_poisson_nll_loss_with };

START_TEST(the_mean_over_nothing_is_zero_with_gradient_zero) {
    for (int dtype = WG_F32; dtype <= WG_F64; dtype++)
        for (int reduction = WG_MEAN; reduction < WG_NONE; reduction++) {
            wg_loss_options o = { .reduction = (wg_reduction)reduction };
            wg_tensor *y = wg_variable(wg_ones((wg_dtype)dtype, WG_SHAPE(0, 3)));
            wg_tensor *loss = pairs[_i](y, wg_ones((wg_dtype)dtype, WG_SHAPE(0, 3)), o);
            EXPECT_VALUES(loss, 0);
            expect_shape(wg_derivative(loss, y), WG_SHAPE(0, 3));
            y = wg_variable(wg_ones((wg_dtype)dtype, WG_SHAPE(2)));
            o.weight = wg_zeros((wg_dtype)dtype, WG_SCALAR);
            loss = pairs[_i](y, wg_ones((wg_dtype)dtype, WG_SHAPE(2)), o);
            EXPECT_VALUES(loss, 0);
            EXPECT_VALUES(wg_derivative(loss, y), 0, 0);
        }
}
END_TEST

START_TEST(a_batch_of_ignored_samples_has_loss_and_gradient_zero) {
    wg_dtype dtype = floats[_i];
    wg_tensor *y = TABLE(dtype, 2, 3, 1, 2, 3, NAN, INF, -INF), *t = LABELS(7, 7);
    for (int weights = 0; weights < 2; weights++) {
        wg_loss_options o = { .ignore = true, .ignore_index = 7 };
        if (weights) o.weight = LIST(dtype, 1, 2, 3);
        wg_tensor *both[] = { wg_nn_cross_entropy_with(y, t, o), wg_nn_nll_loss_with(y, t, o) };
        for (int k = 0; k < 2; k++) {
            EXPECT_VALUES(both[k], 0);
            EXPECT_VALUES(wg_derivative(both[k], y), 0, 0, 0, 0, 0, 0);
        }
    }
    wg_tensor *none = wg_variable(wg_zeros(dtype, WG_SHAPE(0, 3)));
    EXPECT_VALUES(wg_nn_cross_entropy(none, wg_zeros(WG_I64, WG_SHAPE(0))), 0);
    EXPECT_VALUES(wg_nn_nll_loss(none, wg_zeros(WG_I64, WG_SHAPE(0))), 0);
}
END_TEST

START_TEST(a_weight_of_zero_leaves_out_even_what_is_not_finite) {
    wg_dtype dtype = floats[_i];
    wg_tensor *y = TABLE(dtype, 2, 2, 3, INF, 5, NAN), *t = wg_zeros(dtype, WG_SHAPE(2, 2));
    wg_loss_options o = { .weight = LIST(dtype, 0.5, 0) };  // of columns
    EXPECT_VALUES(wg_nn_mse_loss_with(y, t, o), 17);        // (4.5 + 12.5) / (0.5 + 0.5)
    EXPECT_VALUES(wg_derivative(wg_nn_l1_loss_with(y, t, o), y), 0.5, 0, 0.5, 0);
    o.reduction = WG_SUM;
    EXPECT_VALUES(wg_nn_mse_loss_with(y, t, o), 17);
    o.reduction = WG_BATCHMEAN;
    EXPECT_VALUES(wg_nn_mse_loss_with(y, t, o), 8.5);
    o.reduction = WG_NONE;
    EXPECT_VALUES(wg_nn_mse_loss_with(y, t, o), 4.5, 0, 12.5, 0);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

static void expect_refused(const wg_tensor *loss, wg_status status, const char *words) {
    ck_assert_ptr_null(loss);
    expect_error(status, words);
}

START_TEST(an_option_that_a_loss_does_not_have_is_an_error) {
    wg_tensor *y = wg_ones(WG_F32, WG_SHAPE(2)), *x = wg_ones(WG_F32, WG_SHAPE(2, 2));
    const struct {
        wg_loss_options o;
        const char *words;
    } row[] = {
        { { .delta = 1 }, "nn_mse_loss: delta is no option of this loss" },
        { { .margin = 1 }, "margin is no option" },
        { { .p = 1 }, "p is no option" },
        { { .swap = true }, "swap is no option" },
        { { .smoothing = 0.1 }, "smoothing is no option" },
        { { .ignore = true }, "ignore is no option" },
        { { .ignore_index = 3 }, "ignore is no option" },
        { { .pos_weight = y }, "pos_weight is no option" },
        { { .log_target = true }, "log_target is no option" },
        { { .rates = true }, "rates is no option" },
        { { .full = true }, "full is no option" },
        { { .epsilon = 1 }, "epsilon is no option" },
        { { .reduction = (wg_reduction)9 }, "there is no reduction 9" },
        { { .reduction = (wg_reduction)-1 }, "there is no reduction -1" },
    };
    for (int i = 0; i < COUNT(row); i++)
        expect_refused(wg_nn_mse_loss_with(y, y, row[i].o), WG_ERROR_ARGUMENT, row[i].words);
    wg_loss_options o = { .delta = 1 };
    expect_refused(wg_nn_cross_entropy_with(x, LABELS(0, 1), o), WG_ERROR_ARGUMENT,
                   "nn_cross_entropy: delta is no option");
    expect_refused(wg_nn_nll_loss_with(x, LABELS(0, 1), o), WG_ERROR_ARGUMENT,
                   "nn_nll_loss: delta");
    wg_loss_options lone = { .ignore_index = 1 };
    expect_refused(wg_nn_cross_entropy_with(x, LABELS(0, 1), lone), WG_ERROR_ARGUMENT,
                   "nn_cross_entropy: ignore_index is 1, but ignore is not set");
    expect_refused(wg_nn_nll_loss_with(x, LABELS(0, 1), lone), WG_ERROR_ARGUMENT,
                   "nn_nll_loss: ignore_index is 1, but ignore is not set");
    expect_refused(wg_nn_gaussian_nll_loss_with(y, y, y, o), WG_ERROR_ARGUMENT, "delta is no");
    expect_refused(wg_nn_triplet_margin_loss_with(x, x, x, o), WG_ERROR_ARGUMENT, "delta is no");
    expect_refused(wg_nn_cosine_embedding_loss_with(x, x, y, o), WG_ERROR_ARGUMENT, "delta is no");
}
END_TEST

START_TEST(options_out_of_range_are_refused_by_number) {
    wg_tensor *y = wg_ones(WG_F32, WG_SHAPE(2)), *x = wg_ones(WG_F32, WG_SHAPE(2, 2));
#define O(...) ((wg_loss_options){ __VA_ARGS__ })
    expect_refused(wg_nn_huber_loss_with(y, y, O(.delta = -1)), WG_ERROR_ARGUMENT,
                   "nn_huber_loss: delta is -1, wanted is more than 0");
    expect_refused(wg_nn_smooth_l1_loss_with(y, y, O(.delta = NAN)), WG_ERROR_ARGUMENT,
                   "delta is nan");
    expect_refused(wg_nn_hinge_loss_with(y, y, O(.margin = INF)), WG_ERROR_ARGUMENT,
                   "margin is inf, wanted is finite");
    expect_refused(wg_nn_triplet_margin_loss_with(x, x, x, O(.p = 0.5)), WG_ERROR_ARGUMENT,
                   "p is 0.5, wanted is at least 1");
    expect_refused(wg_nn_gaussian_nll_loss_with(y, y, y, O(.epsilon = -1)), WG_ERROR_ARGUMENT,
                   "epsilon is -1");
    expect_refused(wg_nn_cross_entropy_with(x, LABELS(0, 1), O(.smoothing = 1)), WG_ERROR_ARGUMENT,
                   "smoothing 1 is not within [0, 1)");
    expect_refused(wg_nn_cross_entropy_with(x, LABELS(0, 2), O(0)), WG_ERROR_INDEX, "class 2");
    expect_refused(wg_nn_nll_loss_with(x, NULL, O(.ignore = true)), WG_ERROR_ARGUMENT, "NULL");
}
END_TEST

START_TEST(values_that_mean_something_else_are_refused) {
    wg_tensor *y = LIST(WG_F32, 0.5, -3), *half = LIST(WG_F32, 1, 0);
    wg_tensor *x = wg_ones(WG_F32, WG_SHAPE(2, 2));
    expect_refused(wg_nn_bce_loss(y, half), WG_ERROR_ARGUMENT,
                   "nn_bce_loss: element 1 of y is -3, wanted is a probability; nn_bce_with_logits "
                   "takes logits");
    expect_refused(wg_nn_hinge_loss(y, half), WG_ERROR_ARGUMENT,
                   "nn_hinge_loss: element 1 of the target is 0, wanted is -1 or 1");
    expect_refused(wg_nn_squared_hinge_loss(y, half), WG_ERROR_ARGUMENT, "wanted is -1 or 1");
    expect_refused(wg_nn_cosine_embedding_loss(x, x, half), WG_ERROR_ARGUMENT, "element 1 of the");
    expect_refused(wg_nn_gaussian_nll_loss(y, y, y), WG_ERROR_ARGUMENT,
                   "element 1 of the variance is -3, wanted is 0 or more");
    // what a view skips is not looked at, and NaN is for anomaly mode to name
    wg_tensor *third = wg_slice(LIST(WG_F32, 0.5, 7, 1), 0, 0, 3, 2);
    EXPECT_VALUES(wg_nn_bce_loss_with(third, LIST(WG_F32, 1, 1), each), (float)log(2), 0);
    ck_assert(isnan(wg_item(wg_nn_bce_loss(LIST(WG_F32, NAN), LIST(WG_F32, 1)))));
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    wg_tensor *y = wg_ones(WG_F32, WG_SHAPE(4, 2)), *d = wg_ones(WG_F64, WG_SHAPE(4, 2));
    wg_tensor *i = wg_ones(WG_I64, WG_SHAPE(4, 2)), *one = wg_ones(WG_F32, WG_SCALAR);
    wg_tensor *column = wg_ones(WG_F32, WG_SHAPE(4, 1)), *four = wg_ones(WG_F32, WG_SHAPE(4));
    expect_refused(wg_nn_mse_loss(y, d), WG_ERROR_DTYPE, "y is f32 and the target f64");
    expect_refused(wg_nn_mse_loss(i, i), WG_ERROR_DTYPE, "y is i64");
    expect_refused(wg_nn_mse_loss_with(y, y, O(.weight = d)), WG_ERROR_DTYPE, "the weight f64");
    expect_refused(wg_nn_mse_loss_with(column, column, O(.weight = y)), WG_ERROR_SHAPE,
                   "the loss is [4,1] and the weight [4,2], which does not broadcast to that");
    expect_refused(wg_nn_bce_with_logits_with(y, y, O(.pos_weight = four)), WG_ERROR_SHAPE,
                   "pos_weight [4], which does not broadcast");
    expect_refused(wg_nn_mse_loss_with(one, one, O(.reduction = WG_BATCHMEAN)), WG_ERROR_SHAPE,
                   "no axis of samples");
    expect_refused(wg_nn_gaussian_nll_loss(column, column, y), WG_ERROR_SHAPE,
                   "the variance [4,2]");
    expect_refused(wg_nn_gaussian_nll_loss(y, y, NULL), WG_ERROR_ARGUMENT, "the variance is NULL");
    expect_refused(wg_nn_triplet_margin_loss(y, y, column), WG_ERROR_SHAPE, "the negative [4,1]");
    expect_refused(wg_nn_triplet_margin_loss(one, one, one), WG_ERROR_SHAPE, "not (..., D)");
    expect_refused(wg_nn_triplet_margin_loss(NULL, y, y), WG_ERROR_ARGUMENT, "anchor is NULL");
    expect_refused(wg_nn_cosine_embedding_loss(y, y, column), WG_ERROR_SHAPE,
                   "the target is [4,1], wanted is [4]");
    expect_refused(wg_nn_cosine_embedding_loss(y, y, wg_ones(WG_I64, WG_SHAPE(4))), WG_ERROR_DTYPE,
                   "the target is i64");
    expect_refused(wg_nn_cosine_embedding_loss(y, y, NULL), WG_ERROR_ARGUMENT, "target is NULL");
    expect_refused(wg_nn_nll_loss_with(y, LABELS(0, 1, 0, 1), O(.weight = four)), WG_ERROR_SHAPE,
                   "the class weights must be [2]");
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static bool use_losses(void) {
    wg_tensor *y = wg_variable(wg_full(WG_F64, WG_SHAPE(2, 3), 0.5)),
              *t = wg_ones(WG_F64, WG_SHAPE(2, 3));
    wg_loss_options o = { .weight = wg_ones(WG_F64, WG_SHAPE(3)) };
    wg_tensor *sum = wg_num(0);  // ()
    for (int i = 0; i < COUNT(pairs); i++) sum = wg_add(sum, pairs[i](y, t, o));
    o.ignore = true;
    sum = wg_add(sum, wg_nn_cross_entropy_with(y, wg_zeros(WG_I64, WG_SHAPE(2)), o));
    sum = wg_add(sum, wg_nn_gaussian_nll_loss(y, t, t));
    sum = wg_add(sum, wg_nn_triplet_margin_loss(y, t, y));
    sum = wg_add(sum, wg_nn_cosine_embedding_loss(y, t, wg_ones(WG_F64, WG_SHAPE(2))));
    return wg_backward(sum);
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(use_losses); }
END_TEST

int main(void) {
    Suite *suite = suite_create("edges of losses");
    TCase *t = add_cases(suite, "formulas");
    tcase_add_loop_test(t, losses_are_the_mean_of_their_formula, 0, LOSSES);
    tcase_add_loop_test(t, losses_and_their_gradients_are_right_at_the_extremes, 0, LOSSES);
    tcase_add_loop_test(t, losses_refuse_shapes_that_would_broadcast, 0, LOSSES);
    tcase_add_test(t, a_target_can_be_differentiated_too);
    t = add_cases(suite, "ends");
    tcase_add_loop_test(t, probabilities_of_zero_and_one_have_their_limits, 0, 2);
    tcase_add_loop_test(t, logits_of_any_size_have_their_limits, 0, 2);
    tcase_add_loop_test(t, large_differences_do_not_overflow_where_the_loss_is_a_line, 0, 2);
    tcase_add_loop_test(t, a_variance_of_zero_is_eps, 0, 2);
    tcase_add_loop_test(t, equal_and_zero_vectors_have_a_loss_and_a_gradient, 0, 2);
    t = add_cases(suite, "nothing");
    ADD_TABLE(t, the_mean_over_nothing_is_zero_with_gradient_zero, pairs);
    tcase_add_loop_test(t, a_batch_of_ignored_samples_has_loss_and_gradient_zero, 0, 2);
    tcase_add_loop_test(t, a_weight_of_zero_leaves_out_even_what_is_not_finite, 0, 2);
    t = add_cases(suite, "refused");
    tcase_add_test(t, an_option_that_a_loss_does_not_have_is_an_error);
    tcase_add_test(t, options_out_of_range_are_refused_by_number);
    tcase_add_test(t, values_that_mean_something_else_are_refused);
    tcase_add_test(t, what_does_not_fit_is_refused);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
