// SPDX-License-Identifier: MIT
/* test_init.c: what parameters start from. Each kind follows its law, which does not depend on the
   dtype, and depends on seed and path alone. */
#include "tests/nn_test.h"

static const wg_init DEFAULT = { 0 };

static wg_tensor *param(wg_nn *m, const char *name, wg_shape shape) {
    wg_tensor *w = wg_nn_param(m, name, WG_F32, shape, DEFAULT);
    ck_assert_msg(w != NULL, "%s", wg_error_message());
    return w;
}

/* ---- laws ------------------------------------------------------------------------------------ */

START_TEST(initial_values_depend_on_seed_and_path_alone) {
    wg_nn *a = wg_nn_new(5), *b = wg_nn_new(5), *c = wg_nn_new(6);
    const wg_shape s = WG_SHAPE(4, 3);
    wg_tensor *first = param(a, "one/w", s), *second = param(a, "two/w", s);
    ck_assert(wg_equal(param(wg_nn_sub(b, "two"), "w", s), second));  // in the other order
    ck_assert(wg_equal(param(b, "one/w", s), first));
    ck_assert(!wg_equal(first, second));
    ck_assert(!wg_equal(param(c, "one/w", s), first));
    wg_nn_free(a), wg_nn_free(b), wg_nn_free(c);
}
END_TEST

static const wg_init_kind kinds[] = {
    WG_INIT_HE_UNIFORM, WG_INIT_XAVIER_NORMAL, WG_INIT_TRUNCATED_NORMAL,
    WG_INIT_ORTHOGONAL, WG_INIT_SPARSE,        WG_INIT_IDENTITY,
};

START_TEST(both_dtypes_start_from_the_same_numbers) {
    wg_nn *m = wg_nn_new(3), *d = wg_nn_new(3);
    wg_init init = { .kind = kinds[_i], .a = 0.25, .b = 0.5 };
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(50, 20), init);
    wg_tensor *v = wg_nn_param(d, "w", WG_F64, WG_SHAPE(50, 20), init);
    // Rounding to float: half a unit in 24 bits.
    for (int64_t k = 0; k < 1000; k++)
        expect_close(element(w, k), element(v, k), ldexp(fabs(element(v, k)), -24), "f32, f64");
    wg_nn_free(m), wg_nn_free(d);
}
END_TEST

enum { IN = 200, OUT = 300, N = IN * OUT };

/* The law that each kind is to follow for a matrix (IN, OUT). */
static const struct {
    wg_init init;
    double low, high;  // bounds; 0, 0 for none
    double mean, variance, kurtosis;
} laws[] = {
    { { .kind = WG_INIT_UNIFORM, .a = -1, .b = 3 }, -1, 3, 1, 16 / 12.0, 1.8 },
    { { .kind = WG_INIT_NORMAL, .a = 2, .b = 0.5 }, 0, 0, 2, 0.25, 3 },
    { { .kind = WG_INIT_XAVIER_UNIFORM },
      -0.10954451150103323,
      0.10954451150103323,
      0,
      0.004,
      1.8 },
    { { .kind = WG_INIT_DEFAULT }, -0.10954451150103323, 0.10954451150103323, 0, 0.004, 1.8 },
    { { .kind = WG_INIT_XAVIER_NORMAL }, 0, 0, 0, 0.004, 3 },
    { { .kind = WG_INIT_HE_UNIFORM }, -0.17320508075688773, 0.17320508075688773, 0, 0.01, 1.8 },
    { { .kind = WG_INIT_HE_NORMAL }, 0, 0, 0, 0.01, 3 },
    { { .kind = WG_INIT_LECUN_UNIFORM }, -0.12247448713915891, 0.12247448713915891, 0, 0.005, 1.8 },
    { { .kind = WG_INIT_LECUN_NORMAL }, 0, 0, 0, 0.005, 3 },
    { { .kind = WG_INIT_LECUN_NORMAL, .gain = 3 }, 0, 0, 0, 0.045, 3 },
    { { .kind = WG_INIT_UNIFORM, .a = -1, .b = 3, .gain = 2 }, -2, 6, 2, 64 / 12.0, 1.8 },
    { { .kind = WG_INIT_XAVIER_NORMAL, .fan_in = 7, .fan_out = 1 }, 0, 0, 0, 0.25, 3 },
    { { .kind = WG_INIT_HE_NORMAL, .fan_in = 50, .fan_out = 1 }, 0, 0, 0, 0.04, 3 },
};

START_TEST(initialisers_follow_their_law) {
    wg_nn *m = wg_nn_new(11);
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(OUT, IN), laws[_i].init);
    const double *x = wg_values(w, WG_F64);
    double sum = 0, squares = 0, least = x[0], most = x[0];
    for (int k = 0; k < N; k++) {
        sum += x[k], squares += (x[k] - laws[_i].mean) * (x[k] - laws[_i].mean);
        least = fmin(least, x[k]), most = fmax(most, x[k]);
    }
    // Five standard errors, which chance exceeds once in two million: of a mean sqrt(var / n), of a
    // variance var sqrt((kurtosis - 1) / n).
    double v = laws[_i].variance;
    expect_close(sum / N, laws[_i].mean, 5 * sqrt(v / N), "mean");
    expect_close(squares / N, v, 5 * v * sqrt((laws[_i].kurtosis - 1) / N), "variance");
    double width = laws[_i].high - laws[_i].low;
    if (width > 0) {
        ck_assert(least >= laws[_i].low && most < laws[_i].high);
        // The largest of n is within 20 / n of the end but for a chance of exp(-20).
        expect_close(least, laws[_i].low, 20 * width / N, "least");
        expect_close(most, laws[_i].high, 20 * width / N, "most");
    } else {  // normal: P(|z| < 1) = 0.6827, with five standard errors again
        int inside = 0;
        for (int k = 0; k < N; k++) inside += fabs(x[k] - laws[_i].mean) < sqrt(v);
        expect_close((double)inside / N, 0.682689492, 5 * sqrt(0.683 * 0.317 / N), "inside");
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(fans_count_inputs_and_outputs_with_the_field) {
    wg_nn *m = wg_nn_new(1);
    wg_init he = { .kind = WG_INIT_HE_UNIFORM }, xavier = { .kind = WG_INIT_XAVIER_UNIFORM };
    const struct {
        wg_tensor *w;
        double bound;
    } cases[] = {
        { wg_nn_param(m, "a", WG_F64, WG_SHAPE(5, 6, 100), he), sqrt(6 / 600.0) },
        { wg_nn_param(m, "b", WG_F64, WG_SHAPE(5, 6, 100), xavier), sqrt(6 / 1100.0) },
        { wg_nn_param(m, "c", WG_F64, WG_SHAPE(3000), he), sqrt(6) },
        { wg_nn_param(m, "d", WG_F64, WG_SHAPE(3000), xavier), sqrt(6 / 3001.0) },
    };
    for (int i = 0; i < 4; i++) {
        double most = 0;
        for (int64_t k = 0; k < 3000; k++) most = fmax(most, fabs(element(cases[i].w, k)));
        // The largest of 3000 is within 20 / 3000 of the bound but for a chance of exp(-20).
        ck_assert(most <= cases[i].bound && most > cases[i].bound * (1 - 20 / 3000.0));
    }
    wg_nn_free(m);
}
END_TEST

START_TEST(constants_are_exact_and_biases_start_at_zero) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *c =
        wg_nn_param(m, "c", WG_F32, WG_SHAPE(3), (wg_init){ .kind = WG_INIT_CONSTANT, .a = 0.1 });
    wg_tensor *z = wg_nn_param(m, "z", WG_F32, WG_SHAPE(3, 3),
                               (wg_init){ .kind = WG_INIT_ZEROS, .a = 5, .b = 5 });
    wg_tensor *b = param(m, "b", WG_SHAPE(4)), *s = param(m, "s", WG_SCALAR);
    for (int64_t k = 0; k < 3; k++) ck_assert_double_eq(element(c, k), (double)0.1f);
    ck_assert(wg_equal(z, wg_zeros_like(z)) && wg_equal(b, wg_zeros_like(b)));
    ck_assert_double_eq(wg_item(s), 0);
    ck_assert_int_eq(wg_numel(param(m, "none", WG_SHAPE(0, 4))), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_uniform_interval_stays_open_after_rounding_to_float) {
    wg_nn *m = wg_nn_new(1);
    wg_init init = { .kind = WG_INIT_UNIFORM, .a = 1, .b = 1 + 0x1p-22 };  // two floats
    wg_tensor *w = wg_nn_param(m, "w", WG_F32, WG_SHAPE(1000), init);
    int64_t first = 0;
    for (int64_t k = 0; k < 1000; k++) {
        ck_assert(element(w, k) >= 1 && element(w, k) < 1 + 0x1p-22);
        first += element(w, k) == 1;
    }
    ck_assert(first > 0 && first < 1000);
    wg_nn_free(m);
}
END_TEST

static const struct {
    wg_init init;
    const char *words;
} bad_inits[] = {
    { { .kind = WG_INIT_UNIFORM, .a = 1, .b = 1 }, "uniform on [1, 1) is empty" },
    { { .kind = WG_INIT_UNIFORM, .b = NAN }, "b is nan" },
    { { .kind = WG_INIT_NORMAL, .b = -2 }, "deviation -2 is negative" },
    { { .kind = WG_INIT_CONSTANT, .a = INFINITY }, "a is inf" },
    { { .kind = (wg_init_kind)99 }, "no kind 99" },
    { { .kind = WG_INIT_KINDS }, "no kind 15" },
    { { .gain = -1 }, "the gain -1 is negative" },
    { { .gain = NAN }, "the gain nan is" },
    { { .fan_in = -3 }, "fan_in is -3 and fan_out 0" },
    { { .kind = WG_INIT_TRUNCATED_NORMAL, .b = 1, .cut = -1 }, "the cut -1 is negative" },
    { { .kind = WG_INIT_TRUNCATED_NORMAL, .b = 1, .cut = INFINITY }, "the cut inf is" },
    { { .kind = WG_INIT_TRUNCATED_NORMAL, .b = -1 }, "deviation -1 is negative" },
    { { .kind = WG_INIT_SPARSE, .a = 1.5 }, "the share of zeros 1.5 is not in [0, 1]" },
};

START_TEST(a_bad_initialiser_is_refused_and_makes_nothing) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_param(m, "w", WG_F32, WG_SHAPE(2), bad_inits[_i].init));
    expect_error(WG_ERROR_ARGUMENT, bad_inits[_i].words);
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    ck_assert_ptr_nonnull(param(m, "w", WG_SHAPE(2)));  // the path is not spoilt
    wg_nn_free(m);
}
END_TEST

/* ---- truncated normal ------------------------------------------------------------------------ */

static const double cuts[] = { 0, 0.3, 1.2, 1.3, 2.5 };

START_TEST(a_truncated_normal_has_its_bounds_and_variance) {
    wg_nn *m = wg_nn_new(17);
    wg_init init = { .kind = WG_INIT_TRUNCATED_NORMAL, .a = 5, .b = 3, .cut = cuts[_i] };
    double c = cuts[_i] == 0 ? 2 : cuts[_i];
    const double *x = wg_values(wg_nn_param(m, "w", WG_F64, WG_SHAPE(N), init), WG_F64);
    double sum = 0, squares = 0, most = 0;
    for (int k = 0; k < N; k++) {
        double z = (x[k] - 5) / 3;
        sum += z, squares += z * z, most = fmax(most, fabs(z));
    }
    // Of the law cut at c: with density phi, inside = P(|z| < c), var = 1 - 2 c phi(c) / inside.
    double phi = exp(-c * c / 2) / sqrt(2 * acos(-1.0)), inside = erf(c / sqrt(2));
    double variance = 1 - 2 * c * phi / inside;
    // Five standard errors; the kurtosis is between 1.8 (uniform) and 3 (normal).
    expect_close(sum / N, 0, 5 * sqrt(variance / N), "mean");
    expect_close(squares / N, variance, 5 * variance * sqrt(2.0 / N), "variance");
    ck_assert(most <= c * (1 + 4e-16));  // undoing a and b rounds twice
    // None of n falls into the outermost 20 / n of the law with a chance of exp(-20).
    ck_assert(most >= c - 20.0 / N * inside / (2 * phi));
    wg_nn_free(m);
}
END_TEST

/* ---- orthogonal ------------------------------------------------------------------------------ */

static const wg_shape matrices[] = {
    { 2, { 50, 20 } }, { 2, { 20, 50 } },     { 2, { 64, 64 } },   { 2, { 1, 7 } },
    { 2, { 7, 1 } },   { 4, { 6, 2, 3, 3 } }, { 3, { 30, 2, 3 } }, { 2, { 0, 3 } },
};

START_TEST(orthogonal_rows_or_columns_are_orthonormal) {
    wg_nn *m = wg_nn_new(3);
    wg_init init = { .kind = WG_INIT_ORTHOGONAL, .gain = 2 };
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, matrices[_i], init);  // (out, in, ...)
    wg_tensor *a =
        wg_reshape(w, WG_SHAPE(wg_dim(w, 0), wg_numel(w) / (wg_dim(w, 0) + !wg_dim(w, 0))));
    if (wg_dim(a, 0) > wg_dim(a, 1)) a = wg_transpose(a, 0, 1);
    wg_tensor *product = wg_matmul(a, wg_transpose(a, 0, 1));  // (n, n): 2 2 times the identity
    wg_tensor *wanted = wg_mul(wg_eye(WG_F64, wg_dim(a, 0)), wg_num(4));
    ck_assert(wg_allclose(product, wanted, 0, 4e-12));  // what the header promises, 1e-12
    expect_no_error();
    wg_nn_free(m);
}
END_TEST

START_TEST(orthogonal_matrices_are_uniform_among_all) {
    enum { SEEDS = 4000 };
    int positive = 0, rotations = 0;
    double squares = 0, fourths = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wg_nn *m = wg_nn_new(seed);
        wg_init init = { .kind = WG_INIT_ORTHOGONAL };
        const double *q = wg_values(wg_nn_param(m, "w", WG_F64, WG_SHAPE(2, 2), init), WG_F64);
        positive += q[0] > 0, rotations += q[0] * q[3] - q[1] * q[2] > 0;
        squares += q[0] * q[0], fourths += pow(q[0], 4);
        // Among so many some begin nearly parallel, where once would not be enough: the product of
        // two unit vectors, right up to their last places.
        ck_assert(fabs(q[0] * q[2] + q[1] * q[3]) <= 4 * 0x1p-52);
        wg_nn_free(m);
    }
    // Five standard errors each. q[0] is the cosine of a uniform angle: its square has mean 1/2 and
    // variance 1/8, its fourth power mean 3/8 and variance 35/128 - 9/64 = 17/128.
    expect_close((double)positive / SEEDS, 0.5, 5 * sqrt(0.25 / SEEDS), "sign");
    expect_close((double)rotations / SEEDS, 0.5, 5 * sqrt(0.25 / SEEDS), "determinant");
    expect_close(squares / SEEDS, 0.5, 5 * sqrt(0.125 / SEEDS), "square");
    expect_close(fourths / SEEDS, 0.375, 5 * sqrt(17 / 128.0 / SEEDS), "fourth power");
}
END_TEST

/* ---- sparse ---------------------------------------------------------------------------------- */

static const struct {
    double share;
    int zeros;  // of 40
} shares[] = { { 0, 0 }, { 0.1, 4 }, { 0.11, 5 }, { 0.9, 36 }, { 1, 40 } };

START_TEST(a_sparse_weight_has_its_share_of_zeros_in_each_row) {
    enum { ROWS = 3000, COLUMNS = 40 };
    wg_nn *m = wg_nn_new(3);
    wg_init init = { .kind = WG_INIT_SPARSE, .a = shares[_i].share };
    wg_tensor *w = wg_nn_param(m, "w", WG_F64, WG_SHAPE(ROWS, 20, 2), init);
    const double *x = wg_values(w, WG_F64);
    int column[COLUMNS] = { 0 };
    double squares = 0;
    for (int i = 0; i < ROWS; i++) {
        int zeros = 0;
        for (int j = 0; j < COLUMNS; j++) {
            double value = x[i * COLUMNS + j];
            zeros += value == 0, column[j] += value == 0, squares += value * value;
        }
        ck_assert_int_eq(zeros, shares[_i].zeros);
    }
    double p = shares[_i].zeros / (double)COLUMNS, n = ROWS * (double)COLUMNS * (1 - p);
    // Five standard errors: each place is as likely as any other, the rest is of deviation 0.01.
    for (int j = 0; j < COLUMNS; j++)
        expect_close((double)column[j] / ROWS, p, 5 * sqrt(p * (1 - p) / ROWS), "place");
    if (n > 0) expect_close(squares / n, 1e-4, 5e-4 * sqrt(2 / n), "variance");
    wg_nn_free(m);
}
END_TEST

/* ---- identity -------------------------------------------------------------------------------- */

START_TEST(an_identity_gives_back_its_input) {
    wg_nn *m = wg_nn_new(3);
    wg_init init = { .kind = WG_INIT_IDENTITY };
    EXPECT_VALUES(wg_nn_param(m, "wide", WG_F32, WG_SHAPE(2, 3), init), 1, 0, 0, 0, 1, 0);
    EXPECT_VALUES(wg_nn_param(m, "high", WG_F32, WG_SHAPE(3, 2), init), 1, 0, 0, 1, 0, 0);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 3, 5, 6), 1);
    wg_tensor *w = wg_nn_param(m, "conv", WG_F64, WG_SHAPE(3, 3, 3, 5), init);
    wg_conv_options same = { .padding = { 1, 2 } };
    ck_assert(wg_equal(wg_conv2d(x, w, NULL, same), x));
    ck_assert_double_eq(wg_item(wg_sum(wg_abs(w))), 3);
    init.gain = 0.5;
    wg_tensor *half = wg_nn_param(m, "half", WG_F64, WG_SHAPE(3, 3, 3, 5), init);
    ck_assert(wg_equal(half, wg_mul(w, wg_num(0.5))));
    wg_nn_param(m, "none", WG_F64, WG_SHAPE(3, 3, 0), init);
    expect_no_error();
    wg_nn_free(m);
}
END_TEST

START_TEST(an_identity_of_groups_gives_back_its_input) {
    wg_nn *m = wg_nn_new(3);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(2, 6, 5, 5), 1);
    for (int64_t groups = 1; groups <= 6; groups++) {
        if (6 % groups) continue;
        wg_init init = { .kind = WG_INIT_IDENTITY, .fan_in = 54 / groups, .fan_out = 54 / groups };
        wg_nn *net = wg_nn_sub(m, "%lld", (long long)groups);
        wg_tensor *w = wg_nn_param(net, "w", WG_F64, WG_SHAPE(6, 6 / groups, 3, 3), init);
        wg_conv_options same = { .padding = { 1, 1 }, .groups = groups };
        ck_assert(wg_equal(wg_conv2d(x, w, NULL, same), x));
        ck_assert(wg_equal(wg_conv_transpose2d(x, w, NULL, same), x));
    }
    wg_init gates = { .kind = WG_INIT_IDENTITY, .fan_out = 2 };
    EXPECT_VALUES(wg_nn_param(m, "gates", WG_F64, WG_SHAPE(4, 2), gates), 1, 0, 0, 1, 1, 0, 0, 1);
    // A transpose of 4 channels to 2, and of 2 to 4, in one group each.
    wg_init few = { .kind = WG_INIT_IDENTITY, .fan_in = 4, .fan_out = 2 };
    EXPECT_VALUES(wg_nn_param(m, "few", WG_F64, WG_SHAPE(4, 2, 1), few), 1, 0, 0, 1, 0, 0, 0, 0);
    wg_init many = { .kind = WG_INIT_IDENTITY, .fan_in = 2, .fan_out = 4 };
    EXPECT_VALUES(wg_nn_param(m, "many", WG_F64, WG_SHAPE(2, 4, 1), many), 1, 0, 0, 0, 0, 1, 0, 0);
    wg_init odd = { .kind = WG_INIT_IDENTITY, .fan_out = 3 };  // no 3 rows make 4
    EXPECT_VALUES(wg_nn_param(m, "odd", WG_F64, WG_SHAPE(4, 2), odd), 1, 0, 0, 1, 0, 0, 0, 0);
    wg_init huge = { .kind = WG_INIT_IDENTITY, .fan_in = INT64_MAX, .fan_out = INT64_MAX };
    EXPECT_VALUES(wg_nn_param(m, "huge", WG_F64, WG_SHAPE(2, 2), huge), 1, 0, 0, 1);
    wg_nn_free(m);
}
END_TEST

static const wg_init_kind of_matrices[] = { WG_INIT_ORTHOGONAL, WG_INIT_SPARSE, WG_INIT_IDENTITY };

START_TEST(the_order_of_making_changes_no_kind) {
    wg_nn *a = wg_nn_new(5), *b = wg_nn_new(5);
    char name[8];
    for (int i = 0; i < 2 * WG_INIT_KINDS; i++) {
        int kind = i < WG_INIT_KINDS ? i : 2 * WG_INIT_KINDS - 1 - i;  // upwards, then downwards
        wg_init init = { .kind = (wg_init_kind)kind, .a = 0.25, .b = 0.5 };
        snprintf(name, sizeof name, "%d", kind);
        wg_nn *m = i < WG_INIT_KINDS ? a : b;
        ck_assert_ptr_nonnull(wg_nn_param(m, name, WG_F32, WG_SHAPE(7, 5), init));
    }
    for (int i = 0; i < WG_INIT_KINDS; i++)
        ck_assert(wg_equal(wg_nn_param_at(a, NULL, i), wg_nn_find(b, wg_nn_path_at(a, NULL, i))));
    wg_nn_free(a), wg_nn_free(b);
}
END_TEST

START_TEST(a_vector_is_no_matrix) {
    wg_nn *m = wg_nn_new(3);
    wg_init init = { .kind = of_matrices[_i] };
    ck_assert_ptr_null(wg_nn_param(m, "b", WG_F64, WG_SHAPE(3), init));
    expect_error(WG_ERROR_SHAPE, "init: [3] is no matrix");
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

/* ---- gains ----------------------------------------------------------------------------------- */

START_TEST(gains_are_those_of_the_table) {
    ck_assert_double_eq(wg_init_gain(WG_GAIN_LINEAR, 0), 1);
    ck_assert_double_eq(wg_init_gain(WG_GAIN_SIGMOID, 0), 1);
    ck_assert_double_eq(wg_init_gain(WG_GAIN_TANH, 0), 5.0 / 3);
    ck_assert_double_eq(wg_init_gain(WG_GAIN_RELU, 0), sqrt(2));
    ck_assert_double_eq(wg_init_gain(WG_GAIN_SELU, 0), 0.75);
    ck_assert_double_eq(wg_init_gain(WG_GAIN_LEAKY_RELU, 0), sqrt(2));
    ck_assert_double_eq(wg_init_gain(WG_GAIN_LEAKY_RELU, 1), 1);
    ck_assert_double_eq(wg_init_gain(WG_GAIN_LEAKY_RELU, 0.01), sqrt(2 / 1.0001));
    ck_assert(isnan(wg_init_gain((wg_gain)17, 0)));
    expect_error(WG_ERROR_ARGUMENT, "init_gain: kind 17");
}
END_TEST

START_TEST(he_is_lecun_with_the_gain_of_relu) {
    wg_nn *m = wg_nn_new(3), *n = wg_nn_new(3);
    wg_init he = { .kind = WG_INIT_HE_NORMAL };
    wg_init lecun = { .kind = WG_INIT_LECUN_NORMAL, .gain = wg_init_gain(WG_GAIN_RELU, 0) };
    wg_tensor *a = wg_nn_param(m, "w", WG_F64, WG_SHAPE(20, 30), he);
    wg_tensor *b = wg_nn_param(n, "w", WG_F64, WG_SHAPE(20, 30), lecun);
    ck_assert(wg_allclose(a, b, 4e-16, 0));  // a root of 2 / n against one of 2 and one of 1 / n
    wg_nn_free(m), wg_nn_free(n);
}
END_TEST

static bool make_orthogonal(void) {
    wg_nn *m = wg_nn_new(1);
    wg_init init = { .kind = WG_INIT_ORTHOGONAL };
    bool done = m && wg_nn_param(m, "w", WG_F32, WG_SHAPE(40, 30), init);
    ck_assert_int_eq(wg_nn_params(m, NULL), done);
    wg_nn_free(m);
    return done;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(make_orthogonal); }
END_TEST

int main(void) {
    Suite *suite = suite_create("init");
    TCase *t = add_cases(suite, "init");
    tcase_add_test(t, initial_values_depend_on_seed_and_path_alone);
    ADD_TABLE(t, both_dtypes_start_from_the_same_numbers, kinds);
    ADD_TABLE(t, initialisers_follow_their_law, laws);
    tcase_add_test(t, fans_count_inputs_and_outputs_with_the_field);
    tcase_add_test(t, constants_are_exact_and_biases_start_at_zero);
    tcase_add_test(t, a_uniform_interval_stays_open_after_rounding_to_float);
    ADD_TABLE(t, a_bad_initialiser_is_refused_and_makes_nothing, bad_inits);
    ADD_TABLE(t, a_truncated_normal_has_its_bounds_and_variance, cuts);
    ADD_TABLE(t, orthogonal_rows_or_columns_are_orthonormal, matrices);
    tcase_add_test(t, orthogonal_matrices_are_uniform_among_all);
    ADD_TABLE(t, a_sparse_weight_has_its_share_of_zeros_in_each_row, shares);
    tcase_add_test(t, an_identity_gives_back_its_input);
    tcase_add_test(t, an_identity_of_groups_gives_back_its_input);
    tcase_add_test(t, the_order_of_making_changes_no_kind);
    ADD_TABLE(t, a_vector_is_no_matrix, of_matrices);
    tcase_add_test(t, gains_are_those_of_the_table);
    tcase_add_test(t, he_is_lecun_with_the_gain_of_relu);
    tcase_add_test(t, every_allocation_may_fail);
    return run_suite(suite);
}
