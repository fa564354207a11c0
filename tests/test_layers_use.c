// SPDX-License-Identifier: MIT
/* test_layers_use.c: what layers promise besides their values: what their parameters are called and
   begin with, what a batch normalisation notes and when, what dropout leaves out, and what each
   layer refuses, with its path. */
#include "tests/layer_cases.h"

/* ---- parameters ------------------------------------------------------------------------------ */

static const struct {
    const char *name;  // of a case
    int params;        // the first is layer/w, the second layer/b
    wg_shape w;
    wg_shape b;
} expected[] = {
    { "bilinear", 2, { 3, { 4, 3, 2 } }, { 1, { 4 } } },
    { "bilinear_no_bias", 1, { 3, { 2, 2, 3 } }, { 0 } },
    { "embedding", 1, { 2, { 5, 3 } }, { 0 } },
    { "layer_norm", 2, { 1, { 5 } }, { 1, { 5 } } },
    { "layer_norm_axes", 2, { 2, { 3, 4 } }, { 2, { 3, 4 } } },
    { "layer_norm_plain", 0, { 0 }, { 0 } },
    { "rms_norm", 1, { 1, { 5 } }, { 0 } },
    { "rms_norm_axes", 1, { 2, { 2, 3 } }, { 0 } },
    { "group_norm", 2, { 1, { 4 } }, { 1, { 4 } } },
    { "instance_norm", 2, { 1, { 3 } }, { 1, { 3 } } },
    { "instance_norm_plain", 0, { 0 }, { 0 } },
    { "batch_norm_images", 2, { 1, { 2 } }, { 1, { 2 } } },
    { "conv1d", 2, { 3, { 3, 2, 3 } }, { 1, { 3 } } },
    { "conv1d_options", 1, { 3, { 6, 2, 3 } }, { 0 } },
    { "conv2d", 2, { 4, { 3, 2, 3, 3 } }, { 1, { 3 } } },
    { "conv2d_options", 2, { 4, { 2, 2, 2, 3 } }, { 1, { 2 } } },
    { "conv_transpose1d", 2, { 3, { 3, 2, 3 } }, { 1, { 2 } } },
    { "conv_transpose1d_options", 2, { 3, { 4, 3, 3 } }, { 1, { 6 } } },
    { "conv_transpose2d", 2, { 4, { 2, 3, 2, 2 } }, { 1, { 3 } } },
    { "conv_transpose2d_options", 1, { 4, { 4, 1, 3, 2 } }, { 0 } },
    { "max_pool2d", 0, { 0 }, { 0 } },
};

static const layer_case *case_of(const char *name) {
    for (int i = 0; i < COUNT(layer_cases); i++)
        if (strcmp(layer_cases[i].name, name) == 0) return &layer_cases[i];
    ck_abort_msg("there is no case %s", name);
    return NULL;
}

static void inputs_of(const layer_case *c, wg_dtype dtype, wg_tensor *x[2]) {
    table_dtype = dtype;
    for (int i = 0; i < 2; i++)
        x[i] = c->below ? wg_zeros(WG_I64, c->x[i]) : normal(dtype, c->x[i], 5 + (uint64_t)i);
}

START_TEST(a_layers_parameters_are_w_and_b_below_its_name) {
    const layer_case *c = case_of(expected[_i].name);
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x[2];
    inputs_of(c, WG_F32, x);
    ck_assert_msg(c->layer(m, x) != NULL, "%s", wg_error_message());
    ck_assert_int_eq(wg_nn_params(m, NULL), expected[_i].params);
    if (expected[_i].params > 0) expect_shape(wg_nn_find(m, "layer/w"), expected[_i].w);
    if (expected[_i].params > 1) expect_shape(wg_nn_find(m, "layer/b"), expected[_i].b);
    for (int i = 0; i < expected[_i].params; i++)
        ck_assert_int_eq(wg_dtype_of(wg_nn_param_at(m, NULL, i)), WG_F32);
    wg_nn_free(m);
}
END_TEST

START_TEST(a_layer_finds_its_parameters_again_and_gives_the_same) {
    const layer_case *c = &layer_cases[_i];
    wg_nn *m = wg_nn_new(1), *n = wg_nn_new(1);
    wg_tensor *x[2];
    inputs_of(c, WG_F64, x);
    wg_tensor *y = c->layer(m, x);
    int params = wg_nn_params(m, NULL);
    wg_nn_seal(m);
    ck_assert(wg_equal(c->layer(m, x), y));
    ck_assert_int_eq(wg_nn_params(m, NULL), params);
    ck_assert(wg_equal(c->layer(n, x), y));  // by seed and path alone
    wg_nn_free(m), wg_nn_free(n);
}
END_TEST

// The share of largest |w| in `bound`, which uniform draws come close to and never pass.
static void expect_uniform(const wg_tensor *w, double bound) {
    double largest = 0;
    for (int64_t k = 0; k < wg_numel(w); k++) largest = fmax(largest, fabs(element(w, k)));
    ck_assert_double_le(largest, bound);
    ck_assert_double_gt(largest, 0.95 * bound);  // of 200 draws and more: missed once in 28,000
}

START_TEST(convolutions_begin_by_the_fans_of_what_they_compute) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F64, WG_SHAPE(1, 8, 6, 6));
    wg_nn_conv2d(m, "plain", x, 16, 3);
    expect_uniform(wg_nn_find(m, "plain/w"), sqrt(6.0 / (8 * 9 + 16 * 9)));
    wg_nn_conv2d_with(m, "grouped", x, 16, 3, CONV(.groups = 4));
    expect_uniform(wg_nn_find(m, "grouped/w"), sqrt(6.0 / (2 * 9 + 4 * 9)));
    wg_init he = { .kind = WG_INIT_HE_UNIFORM };
    wg_nn_conv_transpose2d_with(m, "up", x, 16, 2, CONV(.w = he));
    expect_uniform(wg_nn_find(m, "up/w"), sqrt(6.0 / (8 * 4)));
    he.fan_in = 100;
    wg_nn_conv_transpose2d_with(m, "mine", x, 16, 2, CONV(.w = he));
    expect_uniform(wg_nn_find(m, "mine/w"), sqrt(6.0 / 100));
    for (int64_t k = 0; k < 16; k++) ck_assert_double_eq(element(wg_nn_find(m, "plain/b"), k), 0);
    wg_nn_free(m);
}
END_TEST

START_TEST(norms_begin_at_one_and_zero_unless_told_otherwise) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(4, 3), 1);
    wg_nn_layer_norm(m, "a", x);
    EXPECT_VALUES(wg_nn_find(m, "a/w"), 1, 1, 1);
    EXPECT_VALUES(wg_nn_find(m, "a/b"), 0, 0, 0);
    wg_nn_batch_norm_with(
        m, "b", x, NORM(.w = { .kind = WG_INIT_ZEROS }, .b = { .kind = WG_INIT_CONSTANT, .a = 2 }));
    EXPECT_VALUES(wg_nn_find(m, "b/w"), 0, 0, 0);
    EXPECT_VALUES(wg_nn_find(m, "b/b"), 2, 2, 2);
    wg_nn_layer_norm_with(m, "c", x, NORM(.no_bias = true));
    ck_assert_ptr_null(wg_nn_find(m, "c/b"));
    wg_nn_free(m);
}
END_TEST

/* ---- embedding ------------------------------------------------------------------------------- */

START_TEST(an_embeddings_padding_row_is_zero_and_stays_so) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *index = wg_from(WG_I32, WG_SHAPE(4), (int32_t[]){ 4, 0, 2, 4 });
    wg_embedding_layer_options o = { .padding = true, .padding_index = -1 };
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 0.1 });
    for (int step = 0; step < 3; step++) {
        wg_tensor *y = wg_nn_embedding_with(m, "token", index, 5, 2, o);  // (4, 2)
        ck_assert_msg(wg_optim_minimize(adam, wg_sum(wg_square(wg_sub(y, wg_num(1))))), "%s",
                      wg_error_message());
    }
    wg_tensor *w = wg_nn_find(m, "token/w");  // (5, 2)
    for (int64_t k = 0; k < 10; k++) ck_assert((element(w, k) == 0) == (k >= 8));
    wg_write(w, (float[]){ 1, 1, 1, 1, 1, 1, 1, 1, 3, 3 }, 10);
    wg_tensor *y = wg_nn_embedding_with(m, "token", index, 5, 2, o);  // what is there is left alone
    EXPECT_VALUES(y, 3, 3, 1, 1, 1, 1, 3, 3);
    wg_optim_free(adam);
    wg_nn_free(m);
}
END_TEST

START_TEST(an_index_may_be_of_any_integers) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *a =
        wg_nn_embedding(m, "token", wg_from(WG_U8, WG_SHAPE(2), (uint8_t[]){ 0, 3 }), 4, 2);
    wg_tensor *b =
        wg_nn_embedding(m, "token", wg_from(WG_I64, WG_SHAPE(2), (int64_t[]){ 0, 3 }), 4, 2);
    ck_assert(wg_equal(a, b));
    wg_nn_free(m);
}
END_TEST

START_TEST(an_embedding_begins_normal_or_as_it_is_told) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *index = wg_zeros(WG_I64, WG_SHAPE(1));
    wg_nn_embedding(m, "a", index, 1000, 10);
    wg_nn_embedding_with(m, "b", index, 1000, 10,
                         (wg_embedding_layer_options){
                             .dtype = WG_F64, .w = { .kind = WG_INIT_NORMAL, .b = 0.02 } });
    // Five standard errors of a deviation, sigma / sqrt(2 n).
    expect_close(wg_item(wg_std(wg_nn_find(m, "a/w"), 0)), 1, 5 / sqrt(2e4), "deviation");
    expect_close(wg_item(wg_std(wg_nn_find(m, "b/w"), 0)), 0.02, 0.1 / sqrt(2e4), "deviation");
    ck_assert_int_eq(wg_dtype_of(wg_nn_find(m, "b/w")), WG_F64);
    wg_nn_free(m);
}
END_TEST

/* ---- batch normalisation --------------------------------------------------------------------- */

// Mean 2 and 20, variance 2 / 3 and 200 / 3, unbiased 1 and 100.
static wg_tensor *two_channels(void) {
    return wg_from_f64(WG_F64, WG_SHAPE(3, 2), (double[]){ 1, 10, 2, 20, 3, 30 });
}

START_TEST(running_statistics_move_by_the_momentum_while_training_alone) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = two_channels();
    wg_norm_options half = NORM(.momentum = 0.5);
    ck_assert_ptr_nonnull(wg_nn_batch_norm_with(m, "norm", x, half));
    const wg_tensor *mean = wg_nn_find(m, "norm/running_mean");
    const wg_tensor *var = wg_nn_find(m, "norm/running_var");
    ck_assert_int_eq(wg_nn_params(m, NULL), 2);  // buffers are none
    EXPECT_VALUES(mean, 1, 10);
    EXPECT_VALUES(var, 1, 50.5);
    ck_assert_ptr_nonnull(wg_nn_batch_norm_with(m, "norm", x, half));
    EXPECT_VALUES(mean, 1.5, 15);
    wg_nn_train(m, false);
    wg_tensor *y = wg_nn_batch_norm_with(m, "norm", x, half);
    EXPECT_VALUES(mean, 1.5, 15);
    EXPECT_VALUES(var, 1, 75.25);
    // (x - running mean) / sqrt(running var + epsilon), a rounding or two off
    expect_close(element(y, 0), -0.5 / sqrt(1 + 1e-5), 1e-15, "y");
    expect_close(element(y, 5), 15 / sqrt(75.25 + 1e-5), 1e-15, "y");
    ck_assert_ptr_nonnull(wg_nn_batch_norm(m, "norm", wg_slice(x, 0, 0, 1, 1)));  // one sample
    wg_nn_free(m);
}
END_TEST

START_TEST(a_model_first_seen_evaluating_normalises_by_mean_0_and_variance_1) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = two_channels();
    wg_nn_train(m, false);
    wg_tensor *y = wg_nn_batch_norm(m, "norm", x);
    for (int64_t k = 0; k < 6; k++)  // two roundings
        expect_close(element(y, k), element(x, k) / sqrt(1 + 1e-5), 1e-14, "y");
    wg_nn_free(m);
}
END_TEST

START_TEST(without_running_statistics_the_batch_counts_always) {
    wg_nn *m = wg_nn_new(1);
    wg_norm_options o = NORM(.no_running = true);
    wg_tensor *y = wg_nn_batch_norm_with(m, "norm", two_channels(), o);
    wg_nn_train(m, false);
    ck_assert(wg_equal(wg_nn_batch_norm_with(m, "norm", two_channels(), o), y));
    ck_assert_ptr_null(wg_nn_find(m, "norm/running_mean"));
    wg_nn_free(m);
}
END_TEST

static wg_tensor *normed(void *user, wg_tensor *const x[], int n) {
    (void)n;
    return wg_tanh(wg_nn_batch_norm(user, "norm", wg_nn_linear(user, "in", x[0], 3)));
}

START_TEST(a_checkpoint_notes_its_batch_once) {
    wg_nn *m = wg_nn_new(1), *plain = wg_nn_new(1);
    wg_tensor *x = wg_variable(normal(WG_F64, WG_SHAPE(5, 4), 1));
    for (int step = 0; step < 2; step++) {
        ck_assert(wg_backward(wg_sum(normed(plain, &x, 1))));
        ck_assert_msg(wg_backward(wg_sum(wg_checkpoint(normed, m, &x, 1))), "%s",
                      wg_error_message());
    }
    static const char *const buffer[] = { "norm/running_mean", "norm/running_var" };
    for (int i = 0; i < 2; i++)
        ck_assert(wg_equal(wg_nn_find(m, buffer[i]), wg_nn_find(plain, buffer[i])));
    wg_nn_free(m), wg_nn_free(plain);
}
END_TEST

START_TEST(frozen_weights_do_not_stop_the_statistics) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_nonnull(wg_nn_batch_norm(m, "norm", two_channels()));
    ck_assert_int_eq(wg_nn_freeze(m, "norm/*"), 2);
    ck_assert(!wg_is_tracked(wg_nn_batch_norm(m, "norm", two_channels())));
    // 0.1 2 + 0.9 0.1 2, a few roundings off
    expect_close(element(wg_nn_find(m, "norm/running_mean"), 0), 0.38, 1e-15, "mean");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_result_keeps_its_gradient_when_the_statistics_move_on) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(two_channels()), *gx;
    wg_nn_batch_norm(m, "norm", x);
    wg_nn_train(m, false);
    wg_tensor *y = wg_nn_batch_norm(m, "norm", x);  // by a running variance of 1 and 10.9
    wg_nn_train(m, true);
    wg_nn_batch_norm(m, "norm", x);  // writes to it
    ck_assert_msg(wg_grad(y, &x, 1, &gx, (wg_grad_options){ 0 }), "%s", wg_error_message());
    expect_close(element(gx, 0), 1 / sqrt(1 + 1e-5), 1e-15, "gx");
    expect_close(element(gx, 1), 1 / sqrt(0.9 + 10 + 1e-5), 1e-15, "gx");
    wg_nn_free(m);
}
END_TEST

START_TEST(a_batch_that_is_refused_is_not_noted) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(wg_nn_batch_norm(m, "norm", wg_zeros(WG_F32, WG_SHAPE(1, 3))));
    expect_error(WG_ERROR_SHAPE, "norm: nn_batch_norm: x is [1,3], 1 values to a channel: while "
                                 "training wanted are two at least");
    ck_assert_ptr_null(wg_nn_batch_norm(m, "norm", wg_zeros(WG_F32, WG_SHAPE(0, 3))));
    expect_error(WG_ERROR_SHAPE, "[0,3], 0 values");
    ck_assert_ptr_nonnull(wg_nn_batch_norm(m, "norm", wg_ones(WG_F32, WG_SHAPE(1, 3, 2))));
    const double mean = (float)0.1;  // of ones, and their variance is 0
    EXPECT_VALUES(wg_nn_find(m, "norm/running_mean"), mean, mean, mean);
    wg_nn_free(m);
}
END_TEST

START_TEST(statistics_are_copied_with_a_model) {
    wg_nn *m = wg_nn_new(1), *copy = wg_nn_new(2);
    wg_tensor *x = two_channels();
    wg_nn_batch_norm(m, "norm", x);
    ck_assert(wg_nn_copy(copy, m));
    wg_nn_train(m, false), wg_nn_train(copy, false);
    ck_assert(wg_equal(wg_nn_batch_norm(m, "norm", x), wg_nn_batch_norm(copy, "norm", x)));
    wg_nn_free(m), wg_nn_free(copy);
}
END_TEST

/* ---- pooling and same ------------------------------------------------------------------------ */

START_TEST(pools_are_their_windows) {
    wg_tensor *x = wg_reshape(wg_arange(WG_F64, 0, 24, 1), WG_SHAPE(1, 2, 3, 4));
    wg_tensor *lines = wg_reshape(x, WG_SHAPE(1, 2, 12));
    EXPECT_VALUES(wg_nn_max_pool2d(x, 2), 5, 7, 17, 19);
    EXPECT_VALUES(wg_nn_avg_pool2d(x, 2), 2.5, 4.5, 14.5, 16.5);
    EXPECT_VALUES(wg_nn_max_pool1d(lines, 5), 4, 9, 16, 21);
    EXPECT_VALUES(wg_nn_avg_pool1d(lines, 5), 2, 7, 14, 19);
    EXPECT_VALUES(wg_nn_global_avg_pool(x), 5.5, 17.5);
    EXPECT_VALUES(wg_nn_global_max_pool(lines), 11, 23);
    expect_shape(wg_nn_global_max_pool(x), WG_SHAPE(1, 2));
}
END_TEST

START_TEST(same_keeps_the_size_for_any_kernel_and_dilation) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_zeros(WG_F32, WG_SHAPE(2, 2, 5, 6));
    for (int64_t size = 1; size <= 4; size++)
        for (int64_t width = 1; width <= 4; width++)
            for (int64_t dilation = 0; dilation <= 3; dilation++) {
                wg_nn *part = wg_nn_sub(m, "%d.%d.%d", (int)size, (int)width, (int)dilation);
                wg_tensor *y = wg_nn_conv2d_with(
                    part, "conv", x, 3, size,
                    CONV(.same = true, .width = width, .dilation = { dilation, 1 }));
                expect_shape(y, WG_SHAPE(2, 3, 5, 6));
            }
    wg_nn_free(m);
}
END_TEST

/* ---- dropout --------------------------------------------------------------------------------- */

START_TEST(channel_dropout_leaves_out_whole_channels) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = wg_variable(wg_ones(WG_F64, WG_SHAPE(100, 50, 2, 3)));
    wg_tensor *y = wg_nn_channel_dropout(m, "drop", x, 0.25);
    double dropped = 0;
    for (int64_t k = 0; k < 5000; k++) {
        const double first = element(y, 6 * k);
        ck_assert(first == 0 || first == 1 / 0.75);
        for (int64_t i = 1; i < 6; i++) ck_assert_double_eq(element(y, 6 * k + i), first);
        dropped += first == 0;
    }
    // Five standard errors of a share.
    expect_close(dropped / 5000, 0.25, 5 * sqrt(0.25 * 0.75 / 5000), "share");
    ck_assert(wg_backward(wg_sum(y)));
    ck_assert(wg_equal(wg_gradient(x), y));  // of ones
    ck_assert(!wg_equal(wg_nn_channel_dropout(m, "drop", x, 0.25), y));
    wg_nn_train(m, false);
    ck_assert_ptr_eq(wg_nn_channel_dropout(m, "drop", x, 0.25), x);
    wg_nn_free(m);
}
END_TEST

START_TEST(alpha_dropout_keeps_mean_and_variance) {
    enum { MANY = 40000 };
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F64, WG_SHAPE(MANY), 3);
    wg_tensor *y = wg_nn_alpha_dropout(m, "drop", x, 0.3);
    // Five standard errors, with room for a fourth moment of up to 4.
    expect_close(wg_item(wg_mean(y)), 0, 5 / sqrt(MANY), "mean");
    expect_close(wg_item(wg_var(y, 0)), 1, 5 * sqrt(3.0 / MANY), "variance");
    // What is dropped is one number, k low + c with low = -1.758, and the rest k x + c.
    const double low = -1.7580993408473766, k = 1 / sqrt(0.7 * (1 + 0.3 * low * low));
    double dropped = 0;
    for (int64_t i = 0; i < MANY; i++) {
        double from = (element(y, i) + k * 0.3 * low) / k;
        bool kept = fabs(from - element(x, i)) <= 1e-14;  // a few roundings of numbers up to 5
        if (!kept) expect_close(from, low, 1e-14, "dropped");
        dropped += !kept;
    }
    expect_close(dropped / MANY, 0.3, 5 * sqrt(0.3 * 0.7 / MANY), "share");
    wg_nn_train(m, false);
    ck_assert_ptr_eq(wg_nn_alpha_dropout(m, "drop", x, 0.3), x);
    wg_nn_free(m);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

static wg_tensor *floats(int rank) {
    static const wg_shape shape = { WG_MAX_RANK, { 2, 4, 3, 3, 1, 1, 1, 1 } };
    wg_shape s = shape;
    s.rank = rank;
    return wg_zeros(WG_F32, s);
}

typedef struct refusal {
    wg_tensor *(*call)(wg_nn *m);
    wg_status status;
    const char *words;
} refusal;

#define CALL(name, call)                                                                           \
    static wg_tensor *name(wg_nn *m) { return call; }
CALL(bilinear_null, wg_nn_bilinear(m, "bad", floats(2), NULL, 3))
CALL(bilinear_rows, wg_nn_bilinear(m, "bad", floats(2), wg_zeros(WG_F32, WG_SHAPE(3, 4)), 3))
CALL(bilinear_dtypes, wg_nn_bilinear(m, "bad", floats(2), wg_zeros(WG_F64, WG_SHAPE(2, 4)), 3))
CALL(bilinear_units, wg_nn_bilinear(m, "bad", floats(2), floats(2), 0))
static wg_tensor *number(int64_t n) { return wg_full(WG_I64, WG_SHAPE(2, 1), (double)n); }
CALL(embedding_null, wg_nn_embedding(m, "bad", NULL, 3, 2))
CALL(embedding_float, wg_nn_embedding(m, "bad", floats(1), 3, 2))
CALL(embedding_size, wg_nn_embedding(m, "bad", number(0), 0, 2))
CALL(embedding_pad, wg_nn_embedding_with(m, "bad", number(0), 3, 2,
                                         EMBEDDING(.padding = true, .padding_index = -4)))
CALL(layer_norm_rank, wg_nn_layer_norm(m, "bad", wg_zeros(WG_F32, WG_SCALAR)))
CALL(layer_norm_many, wg_nn_layer_norm_with(m, "bad", floats(2), NORM(.axes = 3)))
CALL(layer_norm_none, wg_nn_layer_norm_with(m, "bad", floats(2), NORM(.axes = -1)))
CALL(layer_norm_epsilon, wg_nn_layer_norm_with(m, "bad", floats(2), NORM(.epsilon = -1e-5)))
CALL(layer_norm_momentum, wg_nn_layer_norm_with(m, "bad", floats(2), NORM(.momentum = 0.5)))
CALL(rms_norm_ints, wg_nn_rms_norm(m, "bad", number(1)))
CALL(rms_norm_running, wg_nn_rms_norm_with(m, "bad", floats(2), NORM(.no_running = true)))
CALL(group_norm_three, wg_nn_group_norm(m, "bad", floats(3), 3))
CALL(group_norm_rank, wg_nn_group_norm(m, "bad", floats(1), 1))
CALL(group_norm_axes, wg_nn_group_norm_with(m, "bad", floats(3), 2, NORM(.axes = 1)))
CALL(instance_norm_rank, wg_nn_instance_norm(m, "bad", floats(2)))
CALL(batch_norm_null, wg_nn_batch_norm(m, "bad", NULL))
CALL(batch_norm_rank, wg_nn_batch_norm(m, "bad", floats(1)))
CALL(batch_norm_momentum, wg_nn_batch_norm_with(m, "bad", floats(2), NORM(.momentum = 1.5)))
CALL(batch_norm_nan, wg_nn_batch_norm_with(m, "bad", floats(2), NORM(.epsilon = NAN)))
CALL(conv1d_rank, wg_nn_conv1d(m, "bad", floats(4), 3, 3))
CALL(conv1d_width, wg_nn_conv1d_with(m, "bad", floats(3), 3, 3, CONV(.width = 2)))
CALL(conv2d_rank, wg_nn_conv2d(m, "bad", floats(3), 3, 3))
CALL(conv2d_null, wg_nn_conv2d(m, "bad", NULL, 3, 3))
CALL(conv2d_channels, wg_nn_conv2d(m, "bad", floats(4), 0, 3))
CALL(conv2d_kernel, wg_nn_conv2d(m, "bad", floats(4), 3, 0))
CALL(conv2d_groups, wg_nn_conv2d_with(m, "bad", floats(4), 3, 3, CONV(.groups = 2)))
CALL(conv2d_negative, wg_nn_conv2d_with(m, "bad", floats(4), 4, 3, CONV(.groups = -2)))
CALL(conv2d_strided,
     wg_nn_conv2d_with(m, "bad", floats(4), 3, 3, CONV(.same = true, .stride = { 2, 1 })))
CALL(conv2d_padded,
     wg_nn_conv2d_with(m, "bad", floats(4), 3, 3, CONV(.same = true, .padding = { 0, 1 })))
CALL(transpose_same, wg_nn_conv_transpose2d_with(m, "bad", floats(4), 3, 3, CONV(.same = true)))
CALL(transpose_mode,
     wg_nn_conv_transpose2d_with(m, "bad", floats(4), 3, 3, CONV(.padding_mode = WG_PAD_REFLECT)))
CALL(conv2d_mode,
     wg_nn_conv2d_with(m, "bad", floats(4), 3, 3, CONV(.padding_mode = (wg_pad_mode)9)))
CALL(transpose1d_rank, wg_nn_conv_transpose1d(m, "bad", floats(2), 3, 3))
CALL(channel_dropout_rank, wg_nn_channel_dropout(m, "bad", floats(1), 0.5))
CALL(channel_dropout_p, wg_nn_channel_dropout(m, "bad", floats(3), 1))
CALL(alpha_dropout_p, wg_nn_alpha_dropout(m, "bad", floats(3), NAN))
CALL(alpha_dropout_null, wg_nn_alpha_dropout(m, "bad", NULL, 0.5))

static const refusal refusals[] = {
    { bilinear_null, WG_ERROR_ARGUMENT, "nn_bilinear: b is NULL" },
    { bilinear_rows, WG_ERROR_SHAPE, "nn_bilinear: a is f32 [2,4] and b f32 [3,4]" },
    { bilinear_dtypes, WG_ERROR_DTYPE, "nn_bilinear: a is f32 [2,4] and b f64 [2,4]" },
    { bilinear_units, WG_ERROR_ARGUMENT, "nn_bilinear: 0 units" },
    { embedding_null, WG_ERROR_ARGUMENT, "nn_embedding: the index is NULL" },
    { embedding_float, WG_ERROR_DTYPE, "nn_embedding: the index is f32" },
    { embedding_size, WG_ERROR_ARGUMENT, "nn_embedding: 0 rows of width 2" },
    { embedding_pad, WG_ERROR_INDEX, "nn_embedding: padding_index -4 is out of range for 3 rows" },
    { layer_norm_rank, WG_ERROR_SHAPE,
      "nn_layer_norm: x is f32 [], wanted is f32 or f64 (..., C)" },
    { layer_norm_many, WG_ERROR_SHAPE, "nn_layer_norm: the last 3 of 2 axes" },
    { layer_norm_none, WG_ERROR_SHAPE, "nn_layer_norm: the last -1 of 2 axes" },
    { layer_norm_epsilon, WG_ERROR_ARGUMENT, "nn_layer_norm: epsilon -1e-05" },
    { layer_norm_momentum, WG_ERROR_ARGUMENT, "nn_layer_norm: momentum = 0.5" },
    { rms_norm_ints, WG_ERROR_DTYPE, "nn_rms_norm: x is i64 [2,1]" },
    { rms_norm_running, WG_ERROR_ARGUMENT, "no_running = 1 are for batch_norm" },
    { group_norm_three, WG_ERROR_ARGUMENT, "nn_group_norm: 4 channels do not make 3 groups" },
    { group_norm_rank, WG_ERROR_SHAPE, "nn_group_norm: x is f32 [2], wanted is f32 or f64 (B, C" },
    { group_norm_axes, WG_ERROR_ARGUMENT, "nn_group_norm: axes = 1 is for layer_norm" },
    { instance_norm_rank, WG_ERROR_SHAPE, "nn_instance_norm: x is f32 [2,4]" },
    { batch_norm_null, WG_ERROR_ARGUMENT, "nn_batch_norm: x is NULL" },
    { batch_norm_rank, WG_ERROR_SHAPE, "nn_batch_norm: x is f32 [2]" },
    { batch_norm_momentum, WG_ERROR_ARGUMENT, "nn_batch_norm: momentum 1.5 is not within (0, 1]" },
    { batch_norm_nan, WG_ERROR_ARGUMENT, "nn_batch_norm: epsilon nan" },
    { conv1d_rank, WG_ERROR_SHAPE,
      "nn_conv1d: x is f32 [2,4,3,3], wanted is f32 or f64 (B, C, L)" },
    { conv1d_width, WG_ERROR_ARGUMENT, "nn_conv1d: a kernel of width 2" },
    { conv2d_rank, WG_ERROR_SHAPE,
      "nn_conv2d: x is f32 [2,4,3], wanted is f32 or f64 (B, C, H, W)" },
    { conv2d_null, WG_ERROR_ARGUMENT, "nn_conv2d: x is NULL" },
    { conv2d_channels, WG_ERROR_ARGUMENT, "nn_conv2d: 0 channels" },
    { conv2d_kernel, WG_ERROR_ARGUMENT, "nn_conv2d: a kernel of 0 by 0" },
    { conv2d_groups, WG_ERROR_ARGUMENT,
      "nn_conv2d: 2 groups do not divide 4 channels in and 3 out" },
    { conv2d_negative, WG_ERROR_ARGUMENT, "nn_conv2d: -2 groups" },
    { conv2d_strided, WG_ERROR_ARGUMENT, "nn_conv2d: same with a stride of [2,1]" },
    { conv2d_padded, WG_ERROR_ARGUMENT, "nn_conv2d: same and a padding of [0,1]" },
    { transpose_same, WG_ERROR_ARGUMENT, "nn_conv_transpose2d: same is for convolutions" },
    { transpose_mode, WG_ERROR_ARGUMENT,
      "nn_conv_transpose2d: a padding_mode is for convolutions" },
    { conv2d_mode, WG_ERROR_ARGUMENT, "nn_conv2d: there is no padding_mode 9" },
    { transpose1d_rank, WG_ERROR_SHAPE, "nn_conv_transpose1d: x is f32 [2,4]" },
    { channel_dropout_rank, WG_ERROR_SHAPE, "nn_channel_dropout: x is f32 [2]" },
    { channel_dropout_p, WG_ERROR_ARGUMENT, "nn_channel_dropout: the probability 1 is not in [0" },
    { alpha_dropout_p, WG_ERROR_ARGUMENT,
      "nn_alpha_dropout: the probability nan is not in [0, 1)" },
    { alpha_dropout_null, WG_ERROR_ARGUMENT, "nn_alpha_dropout: x is NULL" },
};

START_TEST(a_layer_that_refuses_names_its_path_and_makes_nothing) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(refusals[_i].call(wg_nn_sub(m, "block3")));
    static const char begins[] = "block3/bad: ";
    ck_assert_msg(strncmp(wg_error_message(), begins, strlen(begins)) == 0, "'%s'",
                  wg_error_message());
    expect_error(refusals[_i].status, refusals[_i].words);
    ck_assert_int_eq(wg_nn_params(m, NULL), 0);
    wg_nn_free(m);
}
END_TEST

/* What only the operation sees. */
CALL(embedding_beyond,
     wg_nn_embedding(m, "bad", wg_from(WG_I64, WG_SHAPE(2), (int64_t[]){ 2, 7 }), 3, 2))
CALL(embedding_negative, wg_nn_embedding(m, "bad", number(-1), 3, 2))
CALL(conv2d_large, wg_nn_conv2d(m, "bad", floats(4), 2, 5))
CALL(conv2d_stride, wg_nn_conv2d_with(m, "bad", floats(4), 2, 2, CONV(.stride = { -1, 1 })))
CALL(conv2d_output_padding,
     wg_nn_conv2d_with(m, "bad", floats(4), 2, 2, CONV(.output_padding = { 1, 0 })))
CALL(conv1d_pair, wg_nn_conv1d_with(m, "bad", floats(3), 2, 2, CONV(.stride = { 1, 2 })))
CALL(conv2d_far,
     wg_nn_conv2d_with(m, "bad", floats(4), 2, 2, CONV(.same = true, .dilation = { INT64_MAX, 1 })))
CALL(conv2d_mirror, wg_nn_conv2d_with(m, "bad", floats(4), 2, 1,
                                      CONV(.padding = { 3, 0 }, .padding_mode = WG_PAD_REFLECT)))
CALL(conv2d_huge, wg_nn_conv2d(m, "bad", floats(4), INT64_MAX, INT64_MAX))

static const refusal by_operation[] = {
    { embedding_beyond, WG_ERROR_INDEX, "index 7 at position 1 is out of range for size 3" },
    { embedding_negative, WG_ERROR_INDEX, "index -1 at position 0 is out of range for size 3" },
    { conv2d_large, WG_ERROR_SHAPE, "conv2d: " },
    { conv2d_stride, WG_ERROR_ARGUMENT, "conv2d: " },
    { conv2d_output_padding, WG_ERROR_ARGUMENT, "output_padding is for the transpose" },
    { conv1d_pair, WG_ERROR_ARGUMENT, "stride[1] is 2: a line has one axis" },
    { conv2d_far, WG_ERROR_SHAPE, "conv2d: " },
    { conv2d_mirror, WG_ERROR_SHAPE, "pad: " },
    { conv2d_huge, WG_ERROR_SHAPE, "9223372036854775807" },
};

START_TEST(what_an_operation_refuses_has_the_layers_path) {
    wg_nn *m = wg_nn_new(1);
    ck_assert_ptr_null(by_operation[_i].call(wg_nn_sub(m, "block3")));
    static const char begins[] = "block3/bad: ";
    ck_assert_msg(strncmp(wg_error_message(), begins, strlen(begins)) == 0, "'%s'",
                  wg_error_message());
    expect_error(by_operation[_i].status, by_operation[_i].words);
    wg_nn_free(m);
}
END_TEST

START_TEST(pools_refuse_what_has_no_places) {
    ck_assert_ptr_null(wg_nn_global_avg_pool(floats(2)));
    expect_error(WG_ERROR_SHAPE, "nn_global_avg_pool: x is f32 [2,4], wanted is f32 or f64 (B, C");
    ck_assert_ptr_null(wg_nn_global_max_pool(NULL));
    expect_error(WG_ERROR_ARGUMENT, "nn_global_max_pool: x is NULL");
    ck_assert_ptr_null(wg_nn_max_pool2d(floats(4), 4));
    expect_error(WG_ERROR_SHAPE, "max_pool2d: ");
    ck_assert_ptr_null(wg_nn_avg_pool1d(floats(3), 0));
    expect_error(WG_ERROR_SHAPE, "avg_pool1d: [2,4,1,3]: the kernel is 1x0");
}
END_TEST

START_TEST(a_layer_in_another_dtype_is_refused_by_its_parameters) {
    wg_nn *m = wg_nn_new(1);
    wg_nn_conv2d(m, "conv", floats(4), 3, 3);
    ck_assert_ptr_null(wg_nn_conv2d(m, "conv", wg_zeros(WG_F64, WG_SHAPE(2, 4, 3, 3)), 3, 3));
    expect_error(WG_ERROR_DTYPE,
                 "conv: the parameter \"conv/w\" is f32 [3,4,3,3], asked for as f64");
    ck_assert_ptr_null(wg_nn_conv2d(m, "conv", floats(4), 3, 2));
    expect_error(WG_ERROR_SHAPE, "asked for as f32 [3,4,2,2]");
    wg_nn_free(m);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

static wg_tensor *every_layer(wg_nn *m, wg_tensor *x) {             // x (2, 2, 4, 4)
    x = wg_nn_conv2d_with(m, "conv", x, 4, 2, CONV(.same = true));  // (2, 4, 4, 4)
    x = wg_nn_channel_dropout(m, "drop", wg_nn_batch_norm(m, "bn", x), 0.5);
    x = wg_nn_instance_norm(m, "in", wg_nn_group_norm(m, "gn", x, 2));
    x = wg_nn_conv_transpose2d(m, "up", wg_nn_max_pool2d(x, 2), 3, 2);  // (2, 3, 3, 3)
    x = wg_nn_layer_norm(m, "ln", wg_nn_global_avg_pool(x));            // (2, 3)
    x = wg_nn_alpha_dropout(m, "alpha", wg_nn_rms_norm(m, "rms", x), 0.2);
    wg_tensor *index = wg_zeros(WG_U8, WG_SHAPE(2));
    wg_embedding_layer_options o = { .padding = true };
    return wg_nn_bilinear(m, "pair", x, wg_nn_embedding_with(m, "token", index, 3, 2, o), 2);
}

static bool use_every_layer(void) {
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = normal(WG_F32, WG_SHAPE(2, 2, 4, 4), 1);
    bool done = m && wg_backward(wg_sum(every_layer(m, x)));
    wg_nn_free(m);
    return done && wg_error() == WG_OK;
}

START_TEST(every_allocation_may_fail) { fail_every_allocation(use_every_layer); }
END_TEST

/* A batch is noted in both buffers, or in none where memory fails. */
static bool note_a_batch(void) {
    static const double before[] = { 0, 1 }, after[] = { 0.1 * 2 + 0, 0.9 + 0.1 };
    wg_nn *m = wg_nn_new(1);
    wg_tensor *x = two_channels();
    bool done = m && wg_nn_batch_norm(m, "norm", x);
    const wg_tensor *buffer[] = { wg_nn_find(m, "norm/running_mean"),
                                  wg_nn_find(m, "norm/running_var") };
    for (int i = 0; i < 2; i++)
        if (buffer[i])  // the first channel; an exact product of halves is not asked for
            ck_assert(fabs(wg_at(buffer[i], (int64_t[]){ 0 }) - (done ? after : before)[i]) <=
                      1e-15);
    wg_nn_free(m);
    return done;
}

START_TEST(a_batch_is_noted_whole_or_not_at_all) { fail_every_allocation(note_a_batch); }
END_TEST

int main(void) {
    Suite *suite = suite_create("layers_use");
    TCase *t = add_cases(suite, "use");
    ADD_TABLE(t, a_layers_parameters_are_w_and_b_below_its_name, expected);
    ADD_TABLE(t, a_layer_finds_its_parameters_again_and_gives_the_same, layer_cases);
    tcase_add_test(t, convolutions_begin_by_the_fans_of_what_they_compute);
    tcase_add_test(t, norms_begin_at_one_and_zero_unless_told_otherwise);
    tcase_add_test(t, an_embeddings_padding_row_is_zero_and_stays_so);
    tcase_add_test(t, an_index_may_be_of_any_integers);
    tcase_add_test(t, an_embedding_begins_normal_or_as_it_is_told);
    tcase_add_test(t, running_statistics_move_by_the_momentum_while_training_alone);
    tcase_add_test(t, a_model_first_seen_evaluating_normalises_by_mean_0_and_variance_1);
    tcase_add_test(t, without_running_statistics_the_batch_counts_always);
    tcase_add_test(t, a_checkpoint_notes_its_batch_once);
    tcase_add_test(t, frozen_weights_do_not_stop_the_statistics);
    tcase_add_test(t, a_result_keeps_its_gradient_when_the_statistics_move_on);
    tcase_add_test(t, a_batch_that_is_refused_is_not_noted);
    tcase_add_test(t, statistics_are_copied_with_a_model);
    tcase_add_test(t, pools_are_their_windows);
    tcase_add_test(t, same_keeps_the_size_for_any_kernel_and_dilation);
    tcase_add_test(t, channel_dropout_leaves_out_whole_channels);
    tcase_add_test(t, alpha_dropout_keeps_mean_and_variance);
    ADD_TABLE(t, a_layer_that_refuses_names_its_path_and_makes_nothing, refusals);
    ADD_TABLE(t, what_an_operation_refuses_has_the_layers_path, by_operation);
    tcase_add_test(t, pools_refuse_what_has_no_places);
    tcase_add_test(t, a_layer_in_another_dtype_is_refused_by_its_parameters);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, a_batch_is_noted_whole_or_not_at_all);
    return run_suite(suite);
}
